/** What is said to the server, and what its answer changes. */
import { describe, expect, test } from 'vitest';
import type { DesiredDocument, Lease } from '@trunkline/contracts';
import { id, network } from '../../reconcile/subjects.fixture.ts';
import { changesOf, planExchange, warmKey } from './exchange-plan.ts';
import { keyOf, type LeaseKey, type LeaseRecord } from './lease-record.ts';

function record(last: number, change: Partial<LeaseRecord> = {}): LeaseRecord {
  return {
    networkId: id(1),
    ip: `172.16.100.${last}`,
    subnet: '172.16.100.0/24',
    generation: 5,
    owner: null,
    mac: null,
    use: 'free',
    since: last,
    touched: false,
    cleared: false,
    lastMac: null,
    grants: 0,
    seen: false,
    pinned: false,
    lastName: null,
    returnAs: null,
    ...change,
  };
}

const lease = (last: number, generation = 6): Lease => ({
  networkId: id(1),
  ip: `172.16.100.${last}`,
  subnet: '172.16.100.0/24',
  generation,
  owner: null,
  mac: null,
  bound: false,
});

function held(...records: readonly LeaseRecord[]): ReadonlyMap<LeaseKey, LeaseRecord> {
  return new Map(records.map((one) => [keyOf(one), one]));
}

const wants4 = network({ warm: 2 });

function plan(
  records: readonly LeaseRecord[],
  change: Partial<DesiredDocument> = {},
  { backingOff = [], isPlaced = true }: { backingOff?: string[]; isPlaced?: boolean } = {},
) {
  const desired: DesiredDocument = {
    hostId: id(999),
    revision: '1',
    heartbeatSeconds: 10,
    networks: [wants4],
    containers: [],
    recalls: [],
    checks: [],
    ...change,
  };
  const { returns, drops, wants } = planExchange({
    held: held(...records),
    desired,
    isPlaced: () => isPlaced,
    backingOff: new Set(backingOff),
    now: 9,
  });
  return {
    returns: returns.map(({ ip, returnAs }) => `${ip} ${returnAs?.reason}`),
    drops,
    wants: wants.map(({ family, count, onDemand }) => `${family} ${count} ${onDemand}`),
  };
}

const nothing = { returns: [], drops: [], wants: [] };
const recall = { recalls: [{ networkId: id(1), family: 'ipv4' as const }] };

describe('to the server', () => {
  test.each<[string, LeaseRecord[], Partial<DesiredDocument>, Partial<typeof nothing> | object]>([
    ['an empty pool is filled', [], {}, { wants: ['ipv4 2 false'] }],
    [
      'what is outside the ranges, excluded, or of a subnet that is gone goes back, and the pool is filled with what fits',
      [
        record(2),
        record(35),
        record(3, { ip: '10.9.0.3', subnet: '10.9.0.0/24' }),
        record(7, { use: 'used' }),
      ],
      {
        networks: [
          {
            ...wants4,
            subnets: [
              {
                cidr: '172.16.100.0/24',
                gateway: '172.16.100.1',
                ranges: ['172.16.100.30-172.16.100.40'],
                exclude: ['172.16.100.35'],
              },
            ],
          },
        ],
      },
      {
        returns: ['172.16.100.2 unused', '172.16.100.35 unused', '10.9.0.3 unused'],
        wants: ['ipv4 2 false'],
      },
    ],
    [
      'a reservation outside the ranges stays its owner’s',
      [record(2, { owner: 'db' }), record(31), record(32)],
      {
        networks: [
          {
            ...wants4,
            warm: 3,
            subnets: [{ cidr: '172.16.100.0/24', gateway: null, ranges: ['172.16.100.30-172.16.100.40'] }],
          },
        ],
      },
      nothing,
    ],
    [
      'what is probed counts as in the pool, what is used does not',
      [record(2, { use: 'probing' }), record(3, { use: 'used' })],
      {},
      { wants: ['ipv4 1 false'] },
    ],
    ['a full pool wants nothing', [record(2), record(3)], {}, {}],
    [
      'each IP version has a pool',
      [record(2), record(3)],
      {
        networks: [network({ warm: 2, subnets: [...wants4.subnets, { cidr: 'fd00::/64', gateway: null }] })],
      },
      { wants: ['ipv6 2 false'] },
    ],
    [
      'more than the pool needs goes back, the youngest first',
      [record(2), record(3), record(4)],
      {},
      { returns: ['172.16.100.4 unused'] },
    ],
    [
      'what was called back goes at once, and no more is wanted',
      [record(2), record(3, { use: 'probing' })],
      recall,
      { returns: ['172.16.100.2 unused', '172.16.100.3 unused'] },
    ],
    [
      'what is used, kept or not looked at is not called back',
      [
        record(2, { use: 'used' }),
        record(3, { use: 'kept' }),
        record(4, { use: 'released' }),
        record(5, { use: 'suspect' }),
      ],
      recall,
      {},
    ],
    [
      'what a container had goes back once somebody looked',
      [record(2), record(3), record(4, { use: 'released', cleared: true, touched: true })],
      {},
      { returns: ['172.16.100.4 released'] },
    ],
    [
      'what was said before without an answer is said again',
      [
        record(2),
        record(3),
        record(4, { use: 'returning', returnAs: { reason: 'conflicted', mac: '02:42:00:00:00:01' } }),
      ],
      {},
      { returns: ['172.16.100.4 conflicted'] },
    ],
    [
      'what the server never gave is forgotten',
      [
        record(2),
        record(3),
        record(4, { use: 'released', generation: 0 }),
        record(5, { use: 'returning', generation: 0 }),
      ],
      {},
      { drops: [keyOf(record(4)), keyOf(record(5))] },
    ],
    [
      'a network that leaves this host gives its pool back',
      [record(2)],
      { networks: [network({ state: 'absent' })] },
      { returns: ['172.16.100.2 unused'] },
    ],
    [
      'silence about a network gives nothing back',
      [record(2), record(3, { use: 'used' })],
      { networks: [] },
      {},
    ],
  ])('%s', (_, records, desired, expected) => {
    expect(plan(records, desired)).toEqual({ ...nothing, ...expected });
  });

  test('a pool that the server had nothing for is not wanted again at once', () => {
    expect(plan([], {}, { backingOff: [warmKey(id(1), 'ipv4')] })).toEqual(nothing);
  });

  test('a network that Docker does not have takes nothing in advance, and keeps what it has', () => {
    expect(plan([record(2)], {}, { isPlaced: false })).toEqual(nothing);
    expect(plan([record(2)])).toEqual({ ...nothing, wants: ['ipv4 1 false'] });
  });
});

const where = ({ networkId, ip }: LeaseRecord) => ({ networkId, ip });
const said = (...records: readonly LeaseRecord[]) => ({ returns: [], held: held(...records) });

describe('from the server', () => {
  const none = { granted: [], unlisted: [], unknown: [] };

  test('what is granted is to be probed, and once more makes no difference', () => {
    const answer = { ...none, granted: [lease(2)] };
    expect(changesOf(answer, said(), held(), 9)).toMatchObject([{ use: 'probing', generation: 6 }]);
    const known = record(2, { generation: 6, use: 'used' });
    expect(changesOf(answer, said(), held(known), 9)).toEqual([]);
  });

  test('what is unlisted is kept apart, unless it is here by now', () => {
    const answer = { ...none, unlisted: [lease(2)] };
    expect(changesOf(answer, said(), held(), 9)).toMatchObject([{ use: 'suspect' }]);
    expect(changesOf(answer, said(), held(record(2, { generation: 6, use: 'used' })), 9)).toEqual([]);
  });

  test('what was taken on the word of the document gets its generation', () => {
    const promised = record(2, { generation: 0, use: 'used' });
    const answer = { ...none, unlisted: [lease(2)] };
    expect(changesOf(answer, said(), held(promised), 9)).toMatchObject([{ use: 'used', generation: 6 }]);
  });

  test('what came back is forgotten, but not what was granted to this host again meanwhile', () => {
    const back = record(2, { use: 'returning' });
    const answered = { returns: [back], held: held() };
    expect(changesOf(none, answered, held(back), 9)).toEqual([{ drop: keyOf(back) }]);
    const again = record(2, { use: 'used', generation: 7 });
    expect(changesOf(none, answered, held(again), 9)).toEqual([]);
  });

  test('what the server does not know is given to nobody, and is claimed again where a container has it', () => {
    const free = record(2);
    const used = record(3, { use: 'used' });
    const answer = { ...none, unknown: [where(free), where(used)] };
    expect(changesOf(answer, said(free, used), held(free, used), 9)).toEqual([
      { drop: keyOf(free) },
      { ...used, generation: 0 },
    ]);
    const again = record(2, { generation: 8 });
    expect(changesOf({ ...none, unknown: [where(free)] }, said(free), held(again), 9)).toEqual([]);
  });
});
