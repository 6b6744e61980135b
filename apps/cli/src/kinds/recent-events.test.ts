import fc from 'fast-check';
import type { Event } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { recentEvents, type EventLog } from './recent-events.ts';

const event = (revision: number): Event => ({ revision: String(revision), type: revision % 7 }) as never;

/** A log with these revisions, of which the first ones were deleted up to `forgotten`. */
function logWith(revisions: readonly number[], end: number, forgotten = 0): EventLog {
  const kept = revisions.filter((one) => one > forgotten);
  return {
    end: async () => BigInt(end),
    after: async (revision, limit) => {
      const first = kept[0];
      if (first !== undefined && revision + 1n < BigInt(first) && forgotten > 0)
        return { beginsAfter: BigInt(first) - 1n };
      return kept
        .filter((one) => BigInt(one) > revision)
        .slice(0, limit)
        .map(event);
    },
  };
}

test('the last events of any log, in their order, each once', async () => {
  const gaps = fc.array(fc.integer({ min: 1, max: 500 }), { maxLength: 400 });
  await fc.assert(
    fc.asyncProperty(
      gaps,
      fc.integer({ min: 0, max: 30 }),
      fc.nat({ max: 5000 }),
      async (all, last, gone) => {
        let at = 0;
        const revisions = all.map((gap) => (at += gap));
        const { events } = await recentEvents(logWith(revisions, at + 3, gone), last);
        const kept = revisions.filter((one) => one > gone);
        expect(events.map(({ revision }) => Number(revision))).toEqual(last === 0 ? [] : kept.slice(-last));
      },
    ),
  );
});

test('events that were recorded meanwhile are left to who follows from the end', async () => {
  const { events, end } = await recentEvents(logWith([1, 2, 3, 4], 3), 10);
  expect([events.map(({ revision }) => revision), end]).toEqual([['1', '2', '3'], 3n]);
});

test('a log that a restore raised by a billion is read in a few pages', async () => {
  const log = logWith([1, 2, 1_000_000_005], 1_000_000_005);
  const { events } = await recentEvents(log, 3);
  expect(events.map(({ revision }) => revision)).toEqual(['1', '2', '1000000005']);
});
