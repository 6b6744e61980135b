import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { AuditInput } from '../../platform/audit.ts';
import { createDenials, intervalMs, maxKinds, type NotDone } from './denials.ts';

const denied = (change: Partial<NotDone> = {}): NotDone => ({
  actor: null,
  tokenId: null,
  source: '192.0.2.1',
  requestId: 'req-1',
  operation: 'listHosts',
  subject: '/v1/hosts',
  outcome: 'denied',
  code: 'unauthenticated',
  ...change,
});

let written: AuditInput[];
const write = async (entries: readonly AuditInput[]): Promise<void> => void written.push(...entries);
const times = (): number => written.reduce((sum, entry) => sum + entry.times, 0);

beforeEach(() => {
  vi.useFakeTimers();
  written = [];
});
afterEach(() => vi.useRealTimers());

test('the first refusal of a kind is written at once, the like of it once a minute, with how many there were', async () => {
  const denials = createDenials({ write, onFailure: () => undefined });
  denials.note(denied());
  await vi.advanceTimersByTimeAsync(1_000);
  expect(written).toEqual([{ ...denied(), times: 1, before: null, after: null }]);
  for (let n = 0; n < 500; n += 1) denials.note(denied({ requestId: `req-${n}` }));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(written).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(intervalMs);
  expect(written).toHaveLength(2);
  expect(written[1]).toMatchObject({ times: 500, requestId: 'req-499' });
});

test('a flood from everywhere is a bounded number of entries, and every request of it is counted', async () => {
  const denials = createDenials({ write, onFailure: () => undefined });
  for (let minute = 0; minute < 3; minute += 1) {
    for (let n = 0; n < 10_000; n += 1) denials.note(denied({ source: `10.${minute}.${n >> 8}.${n & 255}` }));
    await vi.advanceTimersByTimeAsync(intervalMs);
  }
  await denials.close();
  expect(written.length).toBeLessThanOrEqual(3 * (2 * maxKinds + 1) + 1);
  expect(times()).toBe(30_000);
});

test('what is only counted is written when the server stops', async () => {
  const denials = createDenials({ write, onFailure: () => undefined });
  for (let n = 0; n < 7; n += 1) denials.note(denied());
  await denials.close();
  expect(written.map((entry) => entry.times)).toEqual([1, 6]);
});

test('entries that the database did not take are written later, and none is lost', async () => {
  let isAway = true;
  const failures: unknown[] = [];
  const denials = createDenials({
    write: async (entries) => {
      if (isAway) throw new Error('away');
      await write(entries);
    },
    onFailure: (error) => failures.push(error),
  });
  for (let n = 0; n < 15; n += 1) denials.note(denied({ source: `192.0.2.${n}` }));
  await vi.advanceTimersByTimeAsync(intervalMs / 2);
  expect([written.length, failures.length]).toEqual([0, 1]);
  isAway = false;
  await vi.advanceTimersByTimeAsync(intervalMs);
  expect(times()).toBe(15);
});
