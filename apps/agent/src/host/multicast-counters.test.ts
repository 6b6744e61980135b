import { expect, test } from 'vitest';
import { multicastCounters } from './multicast-counters.ts';

const dev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1296     12    0    0    0     0          0         0     1296      12    0    0    0     0       0          0
 ens33:981234567 1234567    0    1    0     0          0      4321  5678   99    0    0    0     0       0          0
ens33.10: 100 2 0 0 0 0 0 7 0 0 0 0 0 0 0 0
  sit0: 0 0 0 0 0 0 0 5 0 0 0 0 0 0 0 0
`;

test('the eighth counter of each interface is its received multicast, without what the kernel makes itself', () => {
  expect([...multicastCounters(dev)]).toEqual([
    ['ens33', 4321],
    ['ens33.10', 7],
  ]);
});

test.each(['', 'head\nhead\n', 'head\nhead\nens33: 1 2 3\n'])('%j has no counter', (text) => {
  expect(multicastCounters(text).size).toBe(0);
});
