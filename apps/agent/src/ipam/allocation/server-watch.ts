import type { Reachability } from '../leases/reachability.ts';

/** What a call is watched with. */
export interface ServerWatchDeps {
  readonly reachability: Pick<Reachability, 'away'>;
  /** Asks the server for nothing, and notes it as away where no answer comes. Never fails. */
  readonly probe: () => Promise<void>;
}

/** A call without an answer for so long is doubted, in milliseconds. */
const doubtMs = 500;

/**
 * Makes a call that the server may hold for seconds, for instance until another host has returned an address. It ends after `timeoutMs`,
 * and before that when the server does not answer another call either.
 */
export async function whileServerAnswers<T>(
  { reachability, probe }: ServerWatchDeps,
  timeoutMs: number,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const bound = AbortSignal.timeout(timeoutMs);
  // How long a server may take that was away is bounded already.
  if (reachability.away() !== null || timeoutMs <= doubtMs) return await call(bound);
  const silent = new AbortController();
  const askAgain = async (): Promise<void> => {
    await probe();
    if (reachability.away() !== null) silent.abort(new DOMException('no answer', 'TimeoutError'));
  };
  const doubt = setTimeout(() => void askAgain(), doubtMs);
  try {
    return await call(AbortSignal.any([bound, silent.signal]));
  } finally {
    clearTimeout(doubt);
  }
}
