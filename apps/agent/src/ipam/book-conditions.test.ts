/** Condition of a network's addresses on a host: the worst first. */
import { expect, test } from 'vitest';
import { id, network } from '../reconcile/subjects.fixture.ts';
import { bookCondition, type BookState } from './book-conditions.ts';

const quiet: BookState = {
  notServing: null,
  unconfirmed: null,
  unwritable: null,
  away: null,
  records: [],
  shortages: new Map(),
  blind: new Map(),
  unheld: [],
  notStarted: [],
};
const dead = (name: string, networkId = id(1)) => ({
  networkId,
  name,
  why: '172.16.100.9 is on container b',
});

test.each<[string, Partial<BookState>, string, string]>([
  ['all is well', {}, 'Ready', 'containers get their addresses'],
  [
    'a container does not start',
    { notStarted: [dead('fixed')] },
    'ContainerNotStarted',
    'container fixed should run',
  ],
  [
    'two do not',
    { notStarted: [dead('a'), dead('b')] },
    'ContainerNotStarted',
    'container a, b should run and could not be started',
  ],
  ['one of another network does not', { notStarted: [dead('a', id(2))] }, 'Ready', ''],
  [
    'the disk is full',
    { unwritable: 'ENOSPC: no space left on device, write', notStarted: [dead('fixed')] },
    'LeasesNotWritable',
    'cannot be written (ENOSPC: no space left on device, write): free space on its disk',
  ],
  ['nobody could ask the wire', { blind: new Map([[id(1), 'no probe']]) }, 'NotProbed', 'no probe'],
])('%s', (_, change, reason, message) => {
  const condition = bookCondition(network(), { ...quiet, ...change });
  expect(condition).toMatchObject({ type: 'AddressPool', reason });
  expect(condition.message).toContain(message);
});
