import type { ErrorCode } from '@trunkline/contracts';
import { ApiError } from '../errors.ts';

/** PostgreSQL's error, whichever way it came: from `pg`, or wrapped by Prisma's adapter. */
export interface DatabaseFault {
  /** SQLSTATE, or a Node error code such as ECONNREFUSED. */
  code: string;
  constraint: string | undefined;
  detail: string;
}

/**
 * Constraints whose violation is the caller's to solve. Services look first and answer with more detail; this is the
 * answer when two requests meet.
 */
const constraintErrors: Record<string, { code: ErrorCode; detail: string }> = {
  address_mac_once: {
    code: 'mac_in_use',
    detail:
      'another address of the network is reserved for this Ethernet address: GET …/addresses shows its owner; release that address, or use another MAC',
  },
  station_pkey: {
    code: 'mac_in_use',
    detail:
      'another station on the network has this Ethernet address: use another MAC, or stop that station first',
  },
  network_name_key: { code: 'network_exists', detail: 'a network with this name exists' },
  subnet_no_overlap: {
    code: 'subnet_overlaps',
    detail: 'the subnet overlaps another one in the same space: choose another CIDR or another space',
  },
  address_pkey: { code: 'address_taken', detail: 'the address is taken' },
  address_owner_key: {
    code: 'owner_has_address',
    detail: 'the owner already has an address on this network',
  },
  address_subnet_fkey: {
    code: 'subnet_holds_addresses',
    detail: 'addresses of the subnet are in use: release them first',
  },
  attachment_network_fkey: {
    code: 'network_in_use',
    detail: 'containers are attached to the network: remove them first',
  },
  container_name_key: { code: 'container_exists', detail: 'a container with this name exists' },
  attachment_mac_once: {
    code: 'mac_in_use',
    detail: 'another container on the network has this MAC: use another one',
  },
  container_host_fkey: { code: 'host_in_use', detail: 'containers run on the host: remove them first' },
  container_shares_stack_fkey: {
    code: 'container_in_use',
    detail: 'another container shares its network stack: remove that container first',
  },
  host_name_key: {
    code: 'host_exists',
    detail: 'a host with this name has joined: retire it first, or join under another name',
  },
  host_public_key_key: {
    code: 'host_exists',
    detail: 'a host with this key has joined: give the agent a state directory of its own',
  },
  address_host_id_fkey: { code: 'host_in_use', detail: 'the host holds addresses: release them first' },
  webhook_name_key: { code: 'webhook_exists', detail: 'a webhook with this name exists' },
  api_token_name_key: { code: 'token_exists', detail: 'a token with this name exists' },
};

/** SQLSTATE of `assert_past`: PostgreSQL was started, or the database made again, since a server looked. */
export const pastUnchecked = 'TL002';

/**
 * SQLSTATEs of a database that cannot serve now (https://www.postgresql.org/docs/current/errcodes-appendix.html): class
 * 08 connection exceptions, 53 except a full disk, 57P01 to 57P05 a backend that is ended or a server that starts or stops,
 * 58 its disk or files, 28 and 3D000 a user or database that is not there (again), 25006 a standby, 25P03 and 25P04 a
 * transaction that was cut.
 */
const unavailableState = /^(?:08...|53[0234]..|57P0[1-5]|58...|28...|3D000|25006|25P0[34])$/;

/** Prisma gave a transaction up at its time limit (database.ts), or waited that long for a connection. */
const tookTooLong = 'P2028';

/** Codes of Node's sockets and of Prisma (https://www.prisma.io/docs/orm/reference/error-reference) for the same. */
const unavailableCodes = new Set([
  'EACCES',
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOENT',
  'ENOTCONN',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'ERR_SOCKET_CLOSED',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_WRITE_AFTER_END',
  'P1000',
  'P1001',
  'P1002',
  'P1003',
  'P1008',
  'P1010',
  'P1011',
  'P1017',
  'P2024',
  tookTooLong,
  'P2037',
]);

/** Messages of pg and pg-pool about a broken connection; these errors have no code. */
const unavailableMessages = [
  'Connection terminated',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'Cannot use a pool after calling end on the pool',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Query read timeout',
  'message from backend',
  'The server does not support SSL connections',
  'There was an error establishing an SSL connection',
];

/** How Prisma's adapter names a connection that does not come about; it keeps no code of the cause. */
const unreachableKinds = new Set([
  'AuthenticationFailed',
  'DatabaseAccessDenied',
  'DatabaseDoesNotExist',
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TlsConnectionError',
  'TooManyConnections',
]);

const isUnavailable = (code: string): boolean => unavailableCodes.has(code) || unavailableState.test(code);

interface Candidate {
  code?: unknown;
  errorCode?: unknown;
  originalCode?: unknown;
  constraint?: unknown;
  detail?: unknown;
  message?: unknown;
  originalMessage?: unknown;
  meta?: { driverAdapterError?: { cause?: unknown } };
  cause?: unknown;
  kind?: unknown;
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Finds the fault in an error of `pg` or of Prisma (adapter-pg keeps the original under `meta.driverAdapterError.cause`). */
export function databaseFault(error: unknown): DatabaseFault | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const e = error as Candidate;
  const inner = e.meta?.driverAdapterError?.cause;
  if (inner !== undefined) {
    const found = databaseFault(inner);
    if (found !== undefined) return found;
  }
  const code = text(e.originalCode) ?? text(e.code) ?? text(e.errorCode);
  if (code !== undefined && (/^[0-9A-Z]{5}$/.test(code) || unavailableCodes.has(code))) {
    return {
      code,
      constraint: constraintOf(e),
      detail: text(e.originalMessage) ?? text(e.detail) ?? text(e.message) ?? code,
    };
  }
  const message = text(e.message) ?? '';
  if (unavailableMessages.some((known) => message.includes(known)))
    return { code: 'ECONNRESET', constraint: undefined, detail: message };
  const kind = text(e.kind);
  if (kind !== undefined && unreachableKinds.has(kind)) {
    return { code: 'ECONNREFUSED', constraint: undefined, detail: message === '' ? kind : message };
  }
  return e.cause === undefined ? undefined : databaseFault(e.cause);
}

function constraintOf(e: Candidate): string | undefined {
  const direct = e.constraint;
  if (typeof direct === 'string') return direct;
  if (typeof direct === 'object' && direct !== null && 'index' in direct) return text(direct.index);
  return /constraint "([^"]+)"/.exec(text(e.originalMessage) ?? text(e.message) ?? '')?.[1];
}

/** The answer to a database error, or undefined when the caller cannot do anything about it (a bug of ours). */
export function apiErrorFromDatabase(error: unknown): ApiError | undefined {
  const fault = databaseFault(error);
  if (fault === undefined) return undefined;
  const known = fault.constraint === undefined ? undefined : constraintErrors[fault.constraint];
  if (known !== undefined) return new ApiError(known.code, known.detail, { cause: error });
  if (isUnavailable(fault.code)) {
    return new ApiError(
      'database_unavailable',
      fault.code === tookTooLong
        ? 'the database is too slow: what was asked for was given up after 15 s, and nothing was changed; running containers keep running; try again shortly'
        : 'the database does not answer: running containers keep running; try again shortly',
      {
        retryAfterSeconds: 2,
        cause: error,
      },
    );
  }
  switch (fault.code) {
    case '53100': // disk_full
      return new ApiError(
        'storage_full',
        'the disk of the database is full: free space there; nothing was changed',
        { retryAfterSeconds: 30, cause: error },
      );
    case '55P03': // lock_not_available
    case '57014': // query_canceled: statement_timeout
      return new ApiError(
        'allocator_busy',
        'too many requests are waiting for the same rows: try again shortly',
        {
          retryAfterSeconds: 1,
          cause: error,
        },
      );
    case '22021': // character_not_in_repertoire
    case '22P05': // untranslatable_character
      return new ApiError(
        'invalid_request',
        'a text of the request contains the character U+0000, which cannot be stored: leave it out',
        { cause: error },
      );
    case 'TL001': // assert_past in prisma/functions/recovery.sql
    case pastUnchecked:
      return new ApiError(
        'recovering',
        'no address is given out while the database is recovering from a backup',
        {
          retryAfterSeconds: 5,
          cause: error,
        },
      );
    case '23503': // foreign_key_violation: what it refers to went in the same moment, such as a host that is retired
    case 'P2003':
    case 'P2025':
      return new ApiError(
        'conflict',
        'something that the request refers to was removed at the same time: try again',
        {
          retryAfterSeconds: 1,
          cause: error,
        },
      );
    case '40001': // serialization_failure
    case '40P01': // deadlock_detected
    case 'P2034':
      return new ApiError('conflict', 'the change conflicted with another one: try again', {
        retryAfterSeconds: 1,
        cause: error,
      });
    default:
      return undefined;
  }
}
