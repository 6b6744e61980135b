/** What a look at Docker changes: nothing live is freed, nothing that leaked stays. */
import { describe, expect, test } from 'vitest';
import { id } from '../reconcile/test-subjects.ts';
import {
  planBindings,
  planClaimed,
  vagueKey,
  type BindingsPlan,
  type Memory,
  type SeenAddress,
} from './bindings-plan.ts';
import { keyOf, type LeaseKey, type LeaseRecord } from './lease-record.ts';

const graceMs = 60_000;
const ip = '172.16.100.8';

function record(change: Partial<LeaseRecord>): LeaseRecord {
  return {
    networkId: id(1),
    ip,
    subnet: '172.16.100.0/24',
    generation: 3,
    owner: null,
    mac: null,
    use: 'used',
    since: 0,
    touched: true,
    cleared: false,
    lastMac: null,
    lastName: null,
    returnAs: null,
    ...change,
  };
}

function seen(live: boolean, container = 'c1'): SeenAddress {
  return { networkId: id(1), ip, container, name: 'box1', mac: null, live };
}

function look(
  at: number,
  records: readonly LeaseRecord[],
  addresses: readonly SeenAddress[] = [],
  more: { memory?: ReadonlyMap<LeaseKey, Memory>; vague?: readonly string[]; graceMs?: number } = {},
): BindingsPlan {
  return planBindings({
    held: new Map(records.map((one) => [keyOf(one), one])),
    seen: { at, addresses, vague: new Set(more.vague) },
    memory: more.memory ?? new Map(),
    graceMs: more.graceMs ?? graceMs,
    now: at + 1,
  });
}

const unseenFrom = (at: number, container: string | null = null): ReadonlyMap<LeaseKey, Memory> =>
  new Map([[keyOf(record({})), { container, unseenSince: at }]]);

describe('one look', () => {
  test.each<[string, Partial<LeaseRecord>, SeenAddress[], object | null]>([
    ['a used one that a container has stays', {}, [seen(true)], null],
    ['a used one that nobody is seen on waits for its grace', {}, [], null],
    ['a released one that a container has is used', { use: 'resting' }, [seen(true)], { use: 'used' }],
    [
      'a free one that a container has is used',
      { use: 'free' },
      [seen(true)],
      { use: 'used', touched: true },
    ],
    ['a released one that nobody has may go back', { use: 'resting' }, [], { use: 'resting', cleared: true }],
    [
      'a released one that a stopped container asks for is kept',
      { use: 'resting' },
      [seen(false)],
      { use: 'kept' },
    ],
    ['a kept one stays while the stopped container is there', { use: 'kept' }, [seen(false)], null],
    [
      'a kept one goes back when the container is gone',
      { use: 'kept' },
      [],
      { use: 'resting', cleared: true },
    ],
    ['a suspect that a container has is used', { use: 'suspect' }, [seen(true)], { use: 'used' }],
    ['a suspect that nobody has waits for its grace', { use: 'suspect' }, [], null],
    ['the gateway that Docker made up is seen on nobody', { lastName: '(gateway)' }, [], null],
    ['one on its way back is left alone', { use: 'returning' }, [seen(true)], null],
  ])('%s', (_, change, addresses, expected) => {
    const { changes } = look(100_000, [record(change)], addresses);
    if (expected === null) expect(changes).toEqual([]);
    else expect(changes).toMatchObject([expected]);
  });

  test.each(['used', 'resting', 'kept', 'suspect'] as const)(
    'older than the last change of a %s one says nothing of it',
    (use) => {
      expect(look(100_000, [record({ use, since: 100_000 })]).changes).toEqual([]);
    },
  );
});

test('a released one that Docker still shows for a moment is neither taken for used nor cleared, and looked at again', () => {
  const resting = record({ use: 'resting', since: 95_000 });
  expect(look(94_000, [resting], [seen(true)]).changes).toEqual([]);
  const during = look(100_000, [resting], [seen(true)]);
  expect(during).toMatchObject({ changes: [], nextAt: 105_000 });
  expect(look(105_000, [resting], [seen(true)]).changes).toMatchObject([{ use: 'used' }]);
});

describe('over time', () => {
  test.each<[LeaseRecord['use'], object]>([
    ['used', { use: 'returning', returnAs: { reason: 'released', mac: null } }],
    ['suspect', { use: 'returning', returnAs: { reason: 'released', mac: null } }],
  ])('a %s one that nobody was seen on for the whole grace is given back', (use, expected) => {
    const first = look(100_000, [record({ use })]);
    expect(first.nextAt).toBe(100_000 + graceMs);
    const early = look(100_000 + graceMs - 1, [record({ use })], [], { memory: first.memory });
    expect(early.changes).toEqual([]);
    const due = look(100_000 + graceMs, [record({ use })], [], { memory: early.memory });
    expect(due.changes).toMatchObject([expected]);
    expect(due.nextAt).toBeNull();
  });

  test('one that is reserved for an owner waits no longer than 10 s, and a shorter grace is shorter for it too', () => {
    const owned = record({ use: 'suspect', owner: 'container:box1' });
    const first = look(100_000, [owned]);
    expect(first.nextAt).toBe(110_000);
    const due = look(110_000, [owned], [], { memory: first.memory });
    expect(due.changes).toMatchObject([{ use: 'returning' }]);
    expect(look(100_000, [owned], [], { graceMs: 2000 }).nextAt).toBe(102_000);
  });

  test('one that was seen in between begins its grace anew', () => {
    const seenAgain = look(150_000, [record({})], [seen(true)], { memory: unseenFrom(100_000) });
    expect(look(170_000, [record({})], [], { memory: seenAgain.memory }).changes).toEqual([]);
  });

  test('one that was given a moment ago has its whole grace, however long nobody was on it before', () => {
    const given = record({ since: 150_000 });
    expect(look(200_000, [given], [], { memory: unseenFrom(100_000) }).changes).toEqual([]);
  });

  test('nothing of a container that Docker does not tell in full is taken for unused', () => {
    const vague = [vagueKey('c1', id(1), 'ipv4')];
    const memory = unseenFrom(100_000, 'c1');
    expect(look(900_000, [record({})], [], { memory, vague }).changes).toEqual([]);
    expect(
      look(900_000, [record({})], [], { memory, vague: [vagueKey('c2', id(1), 'ipv4')] }).changes,
    ).toHaveLength(1);
  });

  test('one that leaked and that a stopped container asks for is kept for it', () => {
    const { changes } = look(200_000, [record({})], [seen(false)], { memory: unseenFrom(100_000) });
    expect(changes).toMatchObject([{ use: 'kept' }]);
  });
});

test('what a container has and this host does not hold is to be claimed', () => {
  expect(look(1, [], [seen(true)]).unheld).toEqual([seen(true)]);
  expect(look(1, [], [seen(false)]).unheld).toEqual([]);
  expect(look(1, [record({ generation: 0 })], [seen(true)]).unheld).toEqual([seen(true)]);
  expect(look(1, [record({})], [seen(true)]).unheld).toEqual([]);
});

describe('an address in use that was claimed', () => {
  const lease = {
    networkId: id(1),
    ip,
    subnet: '172.16.100.0/24',
    generation: 5,
    owner: 'db',
    mac: null,
    bound: true,
  };
  test.each<[string, Partial<LeaseRecord> | null, object | null]>([
    ['is used where this disk knew nothing of it', null, { use: 'used', generation: 5, lastName: 'box1' }],
    [
      'is used where it was taken on the word of the document',
      { generation: 0 },
      { use: 'used', generation: 5 },
    ],
    ['is used where it was suspect', { use: 'suspect' }, { use: 'used', generation: 5 }],
    [
      'has its new generation where it became known meanwhile: a return of the old one would free nothing',
      { generation: 4 },
      { use: 'used', generation: 5, owner: 'db' },
    ],
    [
      'has its new generation also where it was released meanwhile',
      { use: 'resting', generation: 4, cleared: true },
      { use: 'resting', generation: 5, cleared: true },
    ],
    ['is left alone on its way back', { use: 'returning', generation: 4 }, null],
    ['is left alone where this disk knows more', { generation: 6 }, null],
  ])('%s', (_, current, expected) => {
    const before = current === null ? undefined : record(current);
    const planned = planClaimed(before, lease, { mac: null, name: 'box1' }, 100);
    if (expected === null) expect(planned).toBeNull();
    else expect(planned).toMatchObject(expected);
  });
});
