/** What a code of the API means. `retryable`: the same request may succeed later without a change by the caller. */
export interface ErrorKind {
  status: number;
  title: string;
  retryable: boolean;
}

/**
 * Every error code of the API, once. `code` is stable: programs may depend on it. What happened this time is in
 * `detail`, facts for programs in `data`.
 */
export const errorTable = {
  // The request
  invalid_request: { status: 400, title: 'The request is not valid', retryable: false },
  invalid_json: { status: 400, title: 'The body is not valid JSON', retryable: false },
  invalid_cursor: { status: 400, title: 'The cursor is not valid', retryable: false },
  unsupported_media_type: {
    status: 415,
    title: 'The media type of the body is not supported here',
    retryable: false,
  },
  body_too_large: { status: 413, title: 'The body is too large', retryable: false },
  request_head_too_large: {
    status: 431,
    title: 'The request line and headers are too large',
    retryable: false,
  },
  https_required: { status: 400, title: 'The server is reached over https', retryable: false },
  request_timeout: { status: 408, title: 'The request did not arrive in time', retryable: true },
  not_found: { status: 404, title: 'There is no such route', retryable: false },
  method_not_allowed: { status: 405, title: 'The resource does not support this method', retryable: false },
  precondition_required: { status: 428, title: 'If-Match is required', retryable: false },
  precondition_failed: {
    status: 412,
    title: 'A precondition of the request does not hold',
    retryable: false,
  },
  idempotency_key_reused: {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
    retryable: false,
  },
  idempotency_key_invalid: { status: 400, title: 'The Idempotency-Key is not valid', retryable: false },
  secret_already_shown: { status: 409, title: 'The secret was shown once and is not kept', retryable: false },

  // Who asks
  unauthenticated: { status: 401, title: 'No valid token', retryable: false },
  forbidden: { status: 403, title: 'The role of the token is too low', retryable: false },
  signature_invalid: { status: 401, title: 'The signature of the agent is not valid', retryable: false },
  signature_replayed: { status: 401, title: 'The signed request was already used', retryable: false },
  signature_expired: {
    status: 401,
    title: 'The signed request is too old or from the future',
    retryable: true,
  },
  host_not_joined: { status: 401, title: 'No such host has joined', retryable: false },
  agent_superseded: { status: 409, title: 'Another agent is active for this host', retryable: false },
  identity_copied: {
    status: 409,
    title: 'The identity of the agent belongs to another machine',
    retryable: false,
  },
  join_token_invalid: { status: 401, title: 'The join token cannot be used', retryable: false },
  agent_too_old: { status: 426, title: 'The agent is too old for this server', retryable: false },

  // Hosts
  host_not_found: { status: 404, title: 'There is no such host', retryable: false },
  host_exists: { status: 409, title: 'A host with this name exists', retryable: false },
  host_in_use: { status: 409, title: 'The host still holds containers or addresses', retryable: false },
  join_token_not_found: { status: 404, title: 'There is no such join token', retryable: false },

  // Networks
  network_not_found: { status: 404, title: 'There is no such network', retryable: false },
  network_exists: { status: 409, title: 'A network with this name exists', retryable: false },
  network_in_use: { status: 409, title: 'The network is in use', retryable: false },
  network_deleting: { status: 409, title: 'The network is being removed', retryable: false },
  network_not_placed: { status: 409, title: 'The network is not on this host', retryable: false },
  subnet_overlaps: {
    status: 409,
    title: 'The subnet overlaps another one in the same space',
    retryable: false,
  },
  subnet_holds_addresses: { status: 409, title: 'Addresses of the subnet are in use', retryable: false },

  // Addresses
  address_not_found: { status: 404, title: 'There is no such address', retryable: false },
  address_taken: { status: 409, title: 'The address is taken', retryable: false },
  address_quarantined: { status: 409, title: 'The address is quarantined', retryable: true },
  address_not_allocatable: { status: 422, title: 'The address cannot be given out', retryable: false },
  address_in_use: { status: 409, title: 'A container uses the address', retryable: false },
  owner_has_address: { status: 409, title: 'The owner already has another address', retryable: false },
  mac_in_use: {
    status: 409,
    title: 'Another station on the network has the Ethernet address',
    retryable: false,
  },
  release_unconfirmed: {
    status: 409,
    title: 'The host has not confirmed the release of the address',
    retryable: true,
  },
  subnet_full: { status: 409, title: 'The subnet is full', retryable: true },
  allocator_busy: { status: 503, title: 'The subnet is busy', retryable: true },

  // Containers
  container_not_found: { status: 404, title: 'There is no such container', retryable: false },
  container_exists: { status: 409, title: 'A container with this name exists', retryable: false },
  container_deleting: { status: 409, title: 'The container is being removed', retryable: false },
  container_in_use: { status: 409, title: 'Another container shares its network stack', retryable: false },

  // Checks, events, tokens
  check_not_found: { status: 404, title: 'There is no such check', retryable: false },
  event_log_truncated: {
    status: 410,
    title: 'The event log no longer reaches back that far',
    retryable: false,
  },
  token_not_found: { status: 404, title: 'There is no such token', retryable: false },
  token_exists: { status: 409, title: 'A token with this name exists', retryable: false },
  last_admin_token: { status: 409, title: 'The last admin token cannot be revoked', retryable: false },

  // Webhooks
  webhook_not_found: { status: 404, title: 'There is no such webhook', retryable: false },
  webhook_exists: { status: 409, title: 'A webhook with this name exists', retryable: false },
  delivery_not_found: { status: 404, title: 'The webhook has no such delivery', retryable: false },

  // The server
  recovering: { status: 503, title: 'The database is recovering from a backup', retryable: true },
  host_not_waited_for: { status: 409, title: 'No recovery is waiting for this host', retryable: false },
  database_unavailable: { status: 503, title: 'The database cannot be reached', retryable: true },
  storage_full: { status: 507, title: 'The disk of the server is full', retryable: true },
  conflict: { status: 409, title: 'The change conflicted with another one', retryable: true },
  limit_reached: {
    status: 429,
    title: 'The caller has reached a limit on concurrent requests',
    retryable: true,
  },
  overloaded: { status: 503, title: 'The server is overloaded', retryable: true },
  internal: { status: 500, title: 'The server failed', retryable: true },
} as const satisfies Record<string, ErrorKind>;

/** A stable identifier of an error. */
export type ErrorCode = keyof typeof errorTable;
