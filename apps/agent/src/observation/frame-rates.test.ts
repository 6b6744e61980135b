import { expect, test } from 'vitest';
import { framesBetween, type FrameCounters } from './frame-rates.ts';

const box1 = { key: 'endpoint-1', name: 'box1', flooded: 500 };
const first: FrameCounters = { at: 1_000, link: 'ens33', multicast: 100, container: box1 };
const later: FrameCounters = {
  at: 11_000,
  link: 'ens33',
  multicast: 125,
  container: { ...box1, flooded: 642 },
};
const none = { multicastPerSecond: null, floodedPerSecond: null };

test.each<[string, FrameCounters | null, FrameCounters, object]>([
  [
    'two readings',
    first,
    later,
    { multicastPerSecond: 2.5, floodedPerSecond: 14.2, container: 'box1', seconds: 10 },
  ],
  ['the first reading', null, first, { ...none, container: 'box1', seconds: 0 }],
  ['another interface', { ...first, link: 'ens34' }, later, { ...none, seconds: 0 }],
  ['a reading of long ago', { ...first, at: -600_000 }, later, { ...none, seconds: 0 }],
  ['a clock that did not move', { ...first, at: 11_000 }, later, { ...none, seconds: 0 }],
  [
    'a counter that began again',
    { ...first, multicast: 126 },
    later,
    { multicastPerSecond: null, floodedPerSecond: 14.2 },
  ],
  [
    'a container that started again',
    { ...first, container: { ...box1, key: 'endpoint-0' } },
    later,
    { multicastPerSecond: 2.5, floodedPerSecond: null, container: 'box1' },
  ],
  [
    'no container any more',
    first,
    { ...later, container: null },
    { multicastPerSecond: 2.5, floodedPerSecond: null, container: null },
  ],
  [
    'no container at all',
    { ...first, container: null },
    { ...later, container: null },
    { floodedPerSecond: null },
  ],
  ['an interface without a counter', first, { ...later, multicast: null }, { multicastPerSecond: null }],
])('%s', (_, before, now, rates) => {
  expect(framesBetween(before, now)).toMatchObject({ link: 'ens33', ...rates });
});
