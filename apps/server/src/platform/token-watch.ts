import type { FindCaller } from './auth.ts';

/** Notifies when a token stops being valid while a request with it is still open. */
export interface TokenWatch {
  /** The signal fires once the token is revoked or has expired; `release` when it does not matter any more. */
  watch(secretHash: string): { signal: AbortSignal; release: () => void };
}

interface Watched {
  controller: AbortController;
  holders: number;
}

const lookEveryMs = 1_000;

/**
 * Event streams and waits are checked when they begin, and may stay open for long after. Every token behind one is looked
 * up again once a second, through the same cache as every request: a token that was revoked on another replica, or
 * that expired, ends them within seconds.
 */
export function createTokenWatch(find: FindCaller, everyMs = lookEveryMs): TokenWatch {
  const watched = new Map<string, Watched>();
  let timer: NodeJS.Timeout | undefined;

  const look = async (): Promise<void> => {
    for (const [hash, { controller }] of watched) {
      // While the database is away, nothing is known about a token.
      const valid = await find(hash).then(
        (caller) => caller !== undefined,
        () => true,
      );
      if (valid) continue;
      watched.delete(hash);
      controller.abort();
    }
    timer = undefined;
    schedule();
  };
  const schedule = (): void => {
    if (timer !== undefined || watched.size === 0) return;
    timer = setTimeout(() => void look(), everyMs);
    timer.unref();
  };

  return {
    watch(hash) {
      const entry = watched.get(hash) ?? { controller: new AbortController(), holders: 0 };
      entry.holders += 1;
      watched.set(hash, entry);
      schedule();
      let held = true;
      return {
        signal: entry.controller.signal,
        release() {
          if (!held) return;
          held = false;
          entry.holders -= 1;
          if (entry.holders === 0 && watched.get(hash) === entry) watched.delete(hash);
        },
      };
    },
  };
}
