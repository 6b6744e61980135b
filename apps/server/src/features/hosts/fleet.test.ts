import { expect, test } from 'vitest';
import { createFleet, heartbeatFor, isAwaited, isHeard } from './fleet.ts';

test('agents report every 10 s up to 300 hosts, then about 30 a second in all, and every 5 minutes at least', () => {
  expect([0, 1, 300, 301, 3_000, 9_000, 100_000].map(heartbeatFor)).toEqual([10, 10, 10, 11, 100, 300, 300]);
});

test('a host is heard for three heartbeats and not a moment longer', () => {
  const seen = new Date(1_000_000);
  const at = (seconds: number) => new Date(seen.getTime() + seconds * 1000);
  expect(isHeard(seen, at(30), 10)).toBe(true);
  expect(isHeard(seen, at(30.001), 10)).toBe(false);
  expect(isHeard(null, seen, 10)).toBe(false);
});

test('after an outage of the server a host is awaited until the server has listened for three heartbeats', () => {
  const start = new Date(1_000_000_000);
  const at = (seconds: number) => new Date(start.getTime() + seconds * 1000);
  const awaited = (lastSeen: Date | null, seconds: number) => isAwaited(lastSeen, start, at(seconds), 10);
  expect([awaited(at(-600), 0), awaited(at(-600), 30), awaited(at(-600), 31)]).toEqual([true, true, false]);
  expect([awaited(at(100), 130), awaited(at(100), 131)]).toEqual([true, false]);
  expect(awaited(null, 0), 'one that was never heard').toBe(false);
});

test('the fleet is counted once for many who ask, and a count that fails leaves the one before', async () => {
  let counts = 0;
  let now = 0;
  let failing = false;
  const fleet = createFleet({
    count: async () => {
      counts += 1;
      if (failing) throw new Error('no database');
      return 3_000;
    },
    now: () => new Date(now),
  });
  await Promise.all([fleet.refresh(), fleet.refresh(), fleet.refresh()]);
  expect([counts, fleet.heartbeatSeconds()]).toEqual([1, 100]);
  now = 60_000;
  failing = true;
  await fleet.refresh();
  expect([counts, fleet.heartbeatSeconds()]).toEqual([2, 100]);
});
