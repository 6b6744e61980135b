import { expect, test } from 'vitest';
import { createDesiredWaits } from './desired-waits.ts';

/** Waits over a database in the small. */
function setup() {
  const documents = new Map<string, bigint>();
  let revision = 0n;
  const listeners: (() => void)[] = [];
  let queries = 0;
  let failing = false;
  const waits = createDesiredWaits({
    changesAfter: async (after) => {
      queries += 1;
      if (failing) throw new Error('no database');
      const from = revision < after ? 0n : after;
      return {
        revision,
        hosts: [...documents].flatMap(([hostId, at]) => (at > from ? [{ hostId, revision: at }] : [])),
      };
    },
    subscribe: (callback) => {
      listeners.push(callback);
      return () => undefined;
    },
    warn: () => undefined,
  });
  return {
    waits,
    queries: () => queries,
    fail: (value: boolean) => void (failing = value),
    change: (hostId: string, at: bigint) => {
      revision = at;
      documents.set(hostId, at);
      for (const listener of listeners) listener();
    },
  };
}

const never = new AbortController().signal;
const settled = async (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([
    promise.then(() => true),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 20)),
  ]);

test('a change wakes the waits of its host only', async () => {
  const { waits, change } = setup();
  const [mine, others] = [waits.start('a', 0n, 60_000, never), waits.start('b', 0n, 60_000, never)];
  change('a', 5n);
  expect(await mine.changed).toBe(true);
  expect(await settled(others.changed)).toBe(false);
  expect(waits.size()).toBe(1);
  others.cancel();
  expect(waits.size()).toBe(0);
});

test('a thousand waits cost one query a change, and changes that come together share one', async () => {
  const { waits, change, queries } = setup();
  const all = Array.from({ length: 1_000 }, (_, n) => waits.start(`host${n}`, 0n, 60_000, never));
  for (let n = 1; n <= 50; n += 1) change('host7', BigInt(n));
  await all[7]!.changed;
  await settled(all[0]!.changed);
  expect(queries()).toBeLessThanOrEqual(2);
  for (const wait of all) wait.cancel();
});

test('a change that came while nobody waited is seen by the next one who waits for it', async () => {
  const { waits, change } = setup();
  change('a', 5n);
  const wait = waits.start('a', 4n, 60_000, never);
  expect(await settled(wait.changed)).toBe(true);
});

test('a database that was restored to an older state wakes those who have more than it', async () => {
  const { waits, change } = setup();
  const first = waits.start('a', 0n, 60_000, never);
  change('a', 100n);
  await first.changed;
  const ahead = waits.start('a', 100n, 60_000, never);
  change('a', 40n);
  expect(await settled(ahead.changed)).toBe(true);
});

test('a wait ends by its time, by its signal, or because it was aborted before it began', async () => {
  const { waits } = setup();
  expect(await waits.start('a', 0n, 1, never).changed).toBe(false);
  const controller = new AbortController();
  const wait = waits.start('a', 0n, 60_000, controller.signal);
  controller.abort();
  await wait.changed;
  expect(await waits.start('a', 0n, 60_000, AbortSignal.abort()).changed).toBe(false);
  expect(waits.size()).toBe(0);
});

test('a query that fails is asked again', async () => {
  const { waits, change, fail } = setup();
  const wait = waits.start('a', 0n, 60_000, never);
  fail(true);
  change('a', 5n);
  fail(false);
  await expect(wait.changed).resolves.toBe(true);
});
