import { expect, test } from 'vitest';
import type { AllocationRequest } from './allocation-batch.ts';
import { nextFreeGroup } from './next-free.ts';

const none = new Set<number>();
const plain = (owner?: string): AllocationRequest => ({
  network: 'net',
  family: null,
  item: { count: 1, ...(owner === undefined ? {} : { owner }) },
  actor: 'token:t',
});

test('requests for the next free address of one network make a group, with those left out left out', () => {
  expect(nextFreeGroup([plain('a'), plain('b'), { ...plain(), requestId: 'r' }], new Set([1]))).toEqual({
    network: 'net',
    family: null,
    items: [
      { pos: 0, owner: 'a', actor: 'token:t', requestId: null, origin: null },
      { pos: 2, owner: null, actor: 'token:t', requestId: 'r', origin: null },
    ],
  });
});

const { actor: _, ...ofLargerChange } = plain();
test.each<[string, Parameters<typeof nextFreeGroup>[0][number]]>([
  ['another network', { ...plain(), network: 'other' }],
  ['another family', { ...plain(), family: 6 }],
  ['several addresses', { ...plain(), item: { count: 2 } }],
  ['a named address', { ...plain(), item: { count: 1, address: '10.0.0.1' } }],
  ['an Ethernet address', { ...plain(), item: { count: 1, mac: '02:00:00:00:00:01' } }],
  ['labels', { ...plain(), item: { count: 1, labels: {} } }],
  ['a container', { ...plain(), item: { count: 1, containerId: 'c' } }],
  ['a larger change that records its own events', ofLargerChange],
])('%s among them is asked the long way', (_what, request) => {
  expect(nextFreeGroup([plain('a'), request], none)).toBeUndefined();
});

test('no requests make no group', () => {
  expect(nextFreeGroup([], none)).toBeUndefined();
});
