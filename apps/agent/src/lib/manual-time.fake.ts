import type { Timing } from './timing.ts';

/** Time that stands still until a test moves it. */
export type ManualTime = Timing & {
  /** Moves time on; whoever waited for it is woken in order. */
  readonly advance: (ms: number) => Promise<void>;
  /** The waits that stand, in milliseconds from now. */
  readonly waits: () => readonly number[];
};

interface Wait {
  readonly at: number;
  readonly resolve: () => void;
}

/** Starts at 2026-11-24T09:30:00Z; chance always answers `chance`. */
export function createManualTime(chance = 1): ManualTime {
  let now = Date.parse('2026-11-24T09:30:00.000Z');
  let waits: Wait[] = [];
  return {
    now: () => now,
    random: () => chance,
    delay: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const wait = {
          at: now + ms,
          resolve: () => {
            waits = waits.filter((other) => other !== wait);
            resolve();
          },
        };
        waits.push(wait);
        signal.addEventListener('abort', wait.resolve, { once: true });
      }),
    advance: async (ms) => {
      const until = now + ms;
      for (;;) {
        const next = waits.filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        now = Math.max(now, next.at);
        next.resolve();
        await turns();
      }
      now = until;
      await turns();
    },
    waits: () => waits.map(({ at }) => at - now),
  };
}

/** Lets everything that can go on without time or the outside go on. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
