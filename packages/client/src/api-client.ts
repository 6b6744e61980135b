import { createRequester } from './request.ts';
import { createAddresses } from './resources/addresses.ts';
import { createChecks } from './resources/checks.ts';
import { createContainers } from './resources/containers.ts';
import { createEndpoints } from './resources/endpoints.ts';
import { createEvents } from './resources/events.ts';
import { createHealth } from './resources/health.ts';
import { createHosts } from './resources/hosts.ts';
import { createJoinTokens } from './resources/join-tokens.ts';
import { createNetworks } from './resources/networks.ts';
import { createRecovery } from './resources/recovery.ts';
import { createTokens } from './resources/tokens.ts';
import { createTransport, type ServerLocation } from './transport.ts';

/** Where the server is and who asks. */
export type ApiClientOptions = ServerLocation & {
  /** API token (`tl_…`), sent as `Authorization: Bearer`; left out: only the open routes answer. */
  readonly token?: string;
};

/**
 * A client of the public API, one group of methods a resource. Every method fails with `ApiError` (the server refused,
 * `code` is why) or `ServerUnreachable` (no answer).
 */
export function createApiClient(options: ApiClientOptions) {
  const transport = createTransport(options);
  const requester = createRequester(transport, options.token);
  return {
    /** Any route, also one that this client has no method for. */
    request: requester.call,
    hosts: createHosts(requester),
    joinTokens: createJoinTokens(requester),
    networks: createNetworks(requester),
    addresses: createAddresses(requester),
    containers: createContainers(requester),
    endpoints: createEndpoints(requester),
    checks: createChecks(requester),
    events: createEvents(requester),
    tokens: createTokens(requester),
    health: createHealth(requester),
    recovery: createRecovery(requester),
    /** Closes the connections; running calls fail. */
    close: transport.close,
  };
}

/** What {@link createApiClient} gives. */
export type ApiClient = ReturnType<typeof createApiClient>;
