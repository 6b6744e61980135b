/** Places that are taken for as long as something is held: so many for each key, and so many in all. */
export interface Places {
  /** Takes one; answers how to leave it, or whose places are all taken. Leaving twice is leaving once. */
  take(key: string): (() => void) | 'key' | 'all';
  /** How many are taken. */
  taken(): number;
}

export function createPlaces(most: { perKey: number; inAll: number }): Places {
  const byKey = new Map<string, number>();
  let all = 0;
  return {
    take(key) {
      const own = byKey.get(key) ?? 0;
      if (own >= most.perKey) return 'key';
      if (all >= most.inAll) return 'all';
      byKey.set(key, own + 1);
      all += 1;
      let left = false;
      return () => {
        if (left) return;
        left = true;
        all -= 1;
        const now = (byKey.get(key) ?? 1) - 1;
        if (now === 0) byKey.delete(key);
        else byKey.set(key, now);
      };
    },
    taken: () => all,
  };
}

/** How often something may happen for each key: `burst` at once, and `perSecond` in the long run. */
export interface Rate {
  /** Seconds until it may happen again; 0: now. */
  waitSeconds(key: string): number;
  /** It happened. */
  count(key: string): void;
}

/** Keys that are kept; beyond, the one that was idle longest is forgotten. */
const maxKeys = 10_000;

export function createRate(
  { burst, perSecond }: { burst: number; perSecond: number },
  now: () => number,
): Rate {
  const kept = new Map<string, { left: number; at: number }>();
  const leftOf = (key: string): number => {
    const entry = kept.get(key);
    return entry === undefined
      ? burst
      : Math.min(burst, entry.left + (Math.max(0, now() - entry.at) / 1000) * perSecond);
  };
  return {
    waitSeconds(key) {
      const left = leftOf(key);
      return left >= 1 ? 0 : Math.ceil((1 - left) / perSecond);
    },
    count(key) {
      const left = leftOf(key) - 1;
      kept.delete(key);
      kept.set(key, { left, at: now() });
      const [oldest] = kept.keys();
      if (kept.size > maxKeys && oldest !== undefined) kept.delete(oldest);
    },
  };
}
