/** What a look at Docker changes: nothing live is freed, nothing that leaked stays. */
import { describe, expect, test } from 'vitest';
import { id } from '../../reconcile/subjects.fixture.ts';
import {
  planBindings,
  planClaimed,
  vagueKey,
  type BindingsPlan,
  type Memory,
  type SeenAddress,
} from './bindings-plan.ts';
import { keyOf, type LeaseKey, type LeaseRecord } from '../leases/lease-record.ts';

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
    grants: 1,
    seen: true,
    pinned: false,
    lastName: null,
    returnAs: null,
    ...change,
  };
}

const has = (container = 'c1'): SeenAddress => ({ networkId: id(1), ip, container, name: 'box1', mac: null });
const key = keyOf(record({}));

/** What a look shows. */
interface Shown {
  /** A container has the address: as Docker and the kernel show it, one of them alone, or Docker where nobody asked the kernel. */
  readonly by?: 'both' | 'kernel' | 'docker' | 'docker-only';
  /** A container asks for it by name. */
  readonly asked?: boolean;
  /** It is an address of a Docker network itself. */
  readonly own?: boolean;
  /** A Docker network has a gateway that Docker does not tell: made before the address was granted, or since. */
  readonly undescribed?: 'since' | 'before';
  readonly vague?: readonly string[];
}

function look(
  at: number,
  records: readonly LeaseRecord[],
  shown: Shown = {},
  more: { memory?: ReadonlyMap<LeaseKey, Memory>; graceMs?: number; countsFrom?: number } = {},
): BindingsPlan {
  const { by, asked = false, own = false, undescribed } = shown;
  return planBindings({
    held: new Map(records.map((one) => [keyOf(one), one])),
    seen: {
      at,
      live: by === undefined ? [] : [has()],
      kernel: by === 'docker-only' ? null : new Set(by === 'both' || by === 'kernel' ? [key] : []),
      asked: new Map(asked ? [[key, has()]] : []),
      own: new Set(own ? [key] : []),
      undescribed: new Map(undescribed === undefined ? [] : [[id(1), undescribed === 'before' ? 0 : at]]),
      vague: new Set(shown.vague),
    },
    memory: more.memory ?? new Map(),
    graceMs: more.graceMs ?? graceMs,
    countsFrom: more.countsFrom ?? 0,
    now: at + 1,
  });
}

const unseenFrom = (at: number, container: string | null = null): ReadonlyMap<LeaseKey, Memory> =>
  new Map([[key, { container, unseenSince: at }]]);

describe('one look', () => {
  const open = { seen: false } as const;
  const kept = { use: 'kept', pinned: true, cleared: true } as const;
  test.each<[string, Partial<LeaseRecord>, Shown, object | null]>([
    ['a used one that a container has stays', {}, { by: 'both' }, null],
    ['a used one that nobody is seen on waits for its grace', {}, {}, null],
    [
      'an open one that a container has is seen',
      open,
      { by: 'both' },
      { use: 'used', seen: true, grants: 1 },
    ],
    ['an open one that only the kernel shows is seen', open, { by: 'kernel' }, { seen: true }],
    ['an open one that the kernel does not show yet is open', open, { by: 'docker' }, null],
    [
      'an open one is seen on the word of Docker where the kernel could not be asked',
      open,
      { by: 'docker-only' },
      { seen: true },
    ],
    [
      'grants whose releases were lost count no more',
      { grants: 3 },
      { by: 'both' },
      { grants: 1, seen: true },
    ],
    [
      'a released one that a container has is used',
      { use: 'released' },
      { by: 'both' },
      { use: 'used', seen: true },
    ],
    [
      'a kept one that a container has is used',
      kept,
      { by: 'kernel', asked: true },
      { use: 'used', pinned: true },
    ],
    [
      'a free one that a container has is used',
      { use: 'free' },
      { by: 'both' },
      { use: 'used', touched: true },
    ],
    [
      'a released one that nobody has may go back',
      { use: 'released' },
      {},
      { use: 'released', cleared: true },
    ],
    [
      'a released one that a container asks for is kept',
      { use: 'released' },
      { asked: true },
      { use: 'kept', pinned: true, cleared: true },
    ],
    [
      'a free one that a container asks for is kept',
      { use: 'free' },
      { asked: true },
      { use: 'kept', pinned: true },
    ],
    [
      'one that is being probed and that a container asks for is kept',
      { use: 'probing' },
      { asked: true },
      { use: 'kept' },
    ],
    [
      'a used one that its container asks for by name is pinned',
      {},
      { by: 'both', asked: true },
      { use: 'used', pinned: true },
    ],
    [
      'a used one that nobody asks for any more is not pinned',
      { pinned: true },
      { by: 'both' },
      { use: 'used', pinned: false },
    ],
    ['a kept one stays while the container is there', kept, { asked: true }, null],
    [
      'a kept one that was released a moment ago is seen to be over',
      { ...kept, cleared: false },
      { asked: true },
      { use: 'kept', cleared: true },
    ],
    [
      'a kept one goes back when the container is gone',
      kept,
      {},
      { use: 'released', cleared: true, pinned: false },
    ],
    ['a suspect that a container has is used', { use: 'suspect' }, { by: 'both' }, { use: 'used' }],
    ['a suspect that nobody has waits for its grace', { use: 'suspect' }, {}, null],
    [
      'a stand-in for no gateway, from an earlier agent, is seen on nobody',
      { lastName: '(gateway)', seen: false },
      { undescribed: 'before' },
      null,
    ],
    [
      'a stand-in for no gateway that Docker tells',
      { lastName: '(gateway)', seen: false },
      { own: true },
      null,
    ],
    [
      'an auxiliary address of a Docker network stays',
      { lastName: '(aux)', seen: false },
      { own: true },
      null,
    ],
    ['one on its way back is left alone', { use: 'returning' }, { by: 'both' }, null],
  ])('%s', (_, change, shown, expected) => {
    const { changes } = look(100_000, [record(change)], shown);
    if (expected === null) expect(changes).toEqual([]);
    else expect(changes).toMatchObject([expected]);
  });

  test.each(['used', 'released', 'kept', 'suspect', 'free'] as const)(
    'that began before the last change of a %s one says nothing of it',
    (use) => {
      const late = record({ use, since: 100_000, seen: false });
      expect(look(100_000, [late]).changes).toEqual([]);
      expect(look(100_000, [late], { by: 'both' }).changes).toEqual([]);
      expect(look(100_000, [{ ...late, pinned: true }]).changes).toEqual([]);
    },
  );
});

describe('a released one that Docker still shows', () => {
  const freed = record({ use: 'released', since: 95_000 });

  test('and the kernel does not is looked at again, and believed only when Docker goes on showing it', () => {
    expect(look(94_000, [freed], { by: 'docker' }).changes).toEqual([]);
    expect(look(100_000, [freed], { by: 'docker' })).toMatchObject({ changes: [], nextAt: 105_000 });
    expect(look(105_000, [freed], { by: 'docker' }).changes).toMatchObject([{ use: 'used' }]);
  });

  test('and the kernel shows too is in use at once: the release was for another container', () => {
    expect(look(95_001, [freed], { by: 'both' }).changes).toMatchObject([{ use: 'used', seen: true }]);
  });
});

describe('over time', () => {
  test.each<[LeaseRecord['use'], object]>([
    ['used', { use: 'returning', returnAs: { reason: 'released', mac: null } }],
    ['suspect', { use: 'returning', returnAs: { reason: 'released', mac: null } }],
  ])('a %s one that nobody was seen on for the whole grace is given back', (use, expected) => {
    const first = look(100_000, [record({ use })]);
    expect(first.nextAt).toBe(100_000 + graceMs);
    const early = look(100_000 + graceMs - 1, [record({ use })], {}, { memory: first.memory });
    expect(early.reclaims).toEqual([]);
    const due = look(100_000 + graceMs, [record({ use })], {}, { memory: early.memory });
    expect(due.changes).toEqual([]);
    expect(due.reclaims).toMatchObject([{ held: { use }, next: expected }]);
    expect(due.nextAt).toBeNull();
  });

  test('one that is reserved for an owner waits no longer than 10 s, and a shorter grace is shorter for it too', () => {
    const owned = record({ use: 'suspect', owner: 'container:box1' });
    const first = look(100_000, [owned]);
    expect(first.nextAt).toBe(110_000);
    const due = look(110_000, [owned], {}, { memory: first.memory });
    expect(due.reclaims).toMatchObject([{ next: { use: 'returning' } }]);
    expect(look(100_000, [owned], {}, { graceMs: 2000 }).nextAt).toBe(102_000);
  });

  test('one that was seen in between begins its grace again', () => {
    const seenAgain = look(150_000, [record({})], { by: 'both' }, { memory: unseenFrom(100_000) });
    expect(look(170_000, [record({})], {}, { memory: seenAgain.memory }).reclaims).toEqual([]);
  });

  test('one that was given a moment ago has its whole grace, however long nobody was on it before', () => {
    const given = record({ since: 150_000 });
    expect(look(200_000, [given], {}, { memory: unseenFrom(100_000) }).reclaims).toEqual([]);
  });

  test('nothing of a container that Docker does not tell in full is taken for unused', () => {
    const vague = [vagueKey('c1', id(1), 'ipv4')];
    const memory = unseenFrom(100_000, 'c1');
    expect(look(900_000, [record({})], { vague }, { memory }).reclaims).toEqual([]);
    const others = [vagueKey('c2', id(1), 'ipv4')];
    expect(look(900_000, [record({})], { vague: others }, { memory }).reclaims).toHaveLength(1);
  });

  test('one that leaked and that a stopped container asks for is kept for it', () => {
    const { reclaims } = look(200_000, [record({})], { asked: true }, { memory: unseenFrom(100_000) });
    expect(reclaims).toMatchObject([{ next: { use: 'kept' } }]);
  });

  test('a grant that never appeared is over after its grace, also that of a Docker network which is not there', () => {
    for (const lastName of [null, '(aux)', '(gateway)']) {
      const granted = record({ lastName, seen: false, since: 100_000 });
      expect(look(100_001, [granted]).nextAt).toBe(100_001 + graceMs);
      const due = look(100_001 + graceMs, [granted], {}, { memory: unseenFrom(100_001) });
      expect(due.reclaims).toMatchObject([{ next: { use: 'returning' } }]);
    }
  });
});

test('what a container has and this host does not hold is to be claimed', () => {
  expect(look(1, [], { by: 'both' }).unheld).toEqual([has()]);
  expect(look(1, [], { asked: true }).unheld).toEqual([]);
  expect(look(1, [record({ generation: 0 })], { by: 'both' }).unheld).toEqual([has()]);
  expect(look(1, [record({})], { by: 'both' }).unheld).toEqual([]);
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
      { use: 'released', generation: 4, cleared: true },
      { use: 'released', generation: 5, cleared: true },
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

test('promise 4: no grace is over since the clock was set forward', () => {
  const hour = 3_600_000;
  const open = record({ since: 1000, seen: false });
  const late = look(hour + 5000, [open], {}, { memory: unseenFrom(2000), countsFrom: hour });
  expect(late.reclaims).toEqual([]);
  expect(late.nextAt).toBe(hour + graceMs);
  // A look that began before.
  expect(look(3000, [open], {}, { memory: unseenFrom(2000), countsFrom: hour }).reclaims).toEqual([]);
  const over = look(hour + graceMs, [open], {}, { memory: late.memory, countsFrom: hour });
  expect(over.reclaims).toMatchObject([{ next: { use: 'returning' } }]);
});
