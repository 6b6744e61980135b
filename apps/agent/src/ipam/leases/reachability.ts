import { messageOf } from '@trunkline/log';
import { ApiError } from '@trunkline/client';

/** Whether the server can be asked, as the last call to it showed. */
export interface Reachability {
  /** Null: as far as is known it can; else why not, in a clause, and since when, milliseconds since 1970. */
  readonly away: () => { readonly since: number; readonly why: string } | null;
  readonly answered: () => void;
  /** A call failed: notes whether the server can be asked. */
  readonly failed: (error: unknown) => void;
}

/**
 * Begins with `why` it cannot be asked yet. `onChange`: whether it can has changed. `isRecovering`: the server waits for its hosts
 * after a restored backup, as far as this host knows.
 */
export function createReachability(
  why: string,
  now: () => number,
  onChange: () => void,
  isRecovering: () => boolean = () => false,
): Reachability {
  let away: { readonly since: number; readonly why: string } | null = { since: now(), why };
  return {
    away: () => away,
    answered: () => {
      if (away === null) return;
      away = null;
      onChange();
    },
    failed: (error) => {
      if (!isAway(error)) return;
      const began = away === null;
      away = { since: away?.since ?? now(), why: clauseOf(error, isRecovering()) };
      if (began) onChange();
    },
  };
}

/** Whether a failure means that the server cannot be asked, and not that it refused. */
export function isAway(error: unknown): boolean {
  if (isOfThisHost(error)) return false;
  if (!(error instanceof ApiError)) return true;
  // It answers, and names the time of the next try.
  if (error.code === 'recovering') return false;
  return error.status >= 500 || error.code === 'unknown';
}

/** Whether a failure is one of the machine, such as a full disk, and says nothing of the server: a system call of Node failed. */
export function isOfThisHost(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

function clauseOf(error: unknown, isRecovering: boolean): string {
  if (error instanceof ApiError) {
    return `the server reports that it is out of order (${error.problem?.detail ?? `status ${error.status}`})`;
  }
  if (error instanceof Error && error.name === 'TimeoutError')
    return isRecovering
      ? 'the server was restored from a backup and waits for its hosts (GET /v1/recovery)'
      : 'the server did not answer in time';
  return `the server cannot be reached (${messageOf(error)})`;
}

/**
 * Whether a request that failed was never sent, so that nothing of it can have been carried out: no connection came to
 * be (connect(2), getaddrinfo(3)).
 */
export function wasNeverSent(error: unknown): boolean {
  const reason = error instanceof Error && 'reason' in error ? error.reason : null;
  return typeof reason === 'string' && unsent.has(reason);
}

const unsent = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);
