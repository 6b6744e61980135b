import { setTimeout as delay } from 'node:timers/promises';

/** How long what a look saw is shown, in milliseconds: so long, or this many times what the look took, up to a minute. */
const keep = { minMs: 5_000, timesItTook: 20, maxMs: 60_000 };

/**
 * A look at the database for a scrape. What it saw is shown for some seconds: scraping often costs nothing, and slow looks take a twentieth
 * of the time. Undefined when it fails, or is not done after `patienceMs`. No look is made twice at once.
 */
export function keptLook<T>(
  look: () => Promise<T>,
  { now, patienceMs }: { now: () => Date; patienceMs: number },
): () => Promise<T | undefined> {
  let kept: { seen: T; from: number; until: number } | undefined;
  let running: Promise<T | undefined> | undefined;

  const lookNow = async (): Promise<T | undefined> => {
    const from = now().getTime();
    try {
      const seen = await look();
      const at = now().getTime();
      const keepMs = Math.min(keep.maxMs, Math.max(keep.minMs, (at - from) * keep.timesItTook));
      kept = { seen, from, until: at + keepMs };
      return seen;
    } catch {
      return undefined;
    }
  };

  return async () => {
    const at = now().getTime();
    // A clock that was set back makes nothing last longer.
    if (kept !== undefined && at >= kept.from && at < kept.until) return kept.seen;
    running ??= lookNow().finally(() => {
      running = undefined;
    });
    return Promise.race([running, delay(patienceMs, undefined, { ref: false })]);
  };
}
