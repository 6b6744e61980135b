/** Questions that are answered in a second. */
export interface Rates {
  readonly perSource: number;
  readonly inTotal: number;
}

/** Counts questions. */
export interface RateLimit {
  /** Whether one more question of this source may be answered in this second. */
  readonly take: (source: string) => boolean;
}

/**
 * A limit by source and in total. What is counted is forgotten each second, so that the table never has more sources than are
 * answered in a second, whatever addresses somebody makes up.
 */
export function createRateLimit({ perSource, inTotal }: Rates, now: () => number): RateLimit {
  let second = -1;
  let total = 0;
  const counts = new Map<string, number>();
  return {
    take: (source) => {
      const current = Math.floor(now() / 1000);
      if (current !== second) {
        second = current;
        total = 0;
        counts.clear();
      }
      const count = counts.get(source) ?? 0;
      if (count >= perSource || total >= inTotal) return false;
      total += 1;
      counts.set(source, count + 1);
      return true;
    },
  };
}
