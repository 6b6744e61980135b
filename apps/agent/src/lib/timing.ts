/** Time and chance, so that tests control both. */
export interface Timing {
  /** Milliseconds since 1970; never goes back. */
  readonly now: () => number;
  /** When the clock was set forward last, see `SteadyClock`; never, where it is left out. */
  readonly setForwardAt?: () => number;
  /** Resolves after so many milliseconds, and at once when aborted. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
  /** 0 to 1. */
  readonly random: () => number;
}

/** Bounds of a backoff, in milliseconds. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait after the n-th failure in a row (n from 1): anything from nothing to the first bound doubled n-1
 * times, so that many agents that failed together do not come back together ("full jitter",
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export function backoffMs(failures: number, { firstMs, maxMs }: Backoff, random: () => number): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(ceiling * random());
}

/** What a promise gives; null when that is not within the time. */
export async function within<T>(
  promise: Promise<T>,
  ms: number,
  { delay }: Pick<Timing, 'delay'>,
): Promise<T | null> {
  const over = new AbortController();
  try {
    return await Promise.race([promise, delay(ms, over.signal).then(() => null)]);
  } finally {
    over.abort();
  }
}
