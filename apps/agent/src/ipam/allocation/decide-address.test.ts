/** Which address a container gets, and when the server is asked. */
import { describe, expect, test } from 'vitest';
import type { DesiredDocument } from '@trunkline/contracts';
import { container, id, network } from '../../reconcile/subjects.fixture.ts';
import { decide, type AllocationState, type Decision } from './decide-address.ts';
import { auxiliary, keyOf, namelessGateway, type LeaseRecord } from '../leases/lease-record.ts';
import type { Pool } from './pools.ts';

const now = 1_000_000;
const pool: Pool = { networkId: id(1), subnet: '172.16.100.0/24', family: 'ipv4' };
const nobody = { mac: null, name: null };
const mac = '02:42:00:00:00:01';

function record(last: number, change: Partial<LeaseRecord> = {}): LeaseRecord {
  return {
    networkId: id(1),
    ip: `172.16.100.${last}`,
    subnet: '172.16.100.0/24',
    generation: last,
    owner: null,
    mac: null,
    use: 'free',
    since: 1000 + last,
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

const document: DesiredDocument = {
  hostId: id(999),
  revision: '1',
  heartbeatSeconds: 10,
  networks: [network()],
  containers: [container()],
  recalls: [],
  checks: [],
};

function asked(
  held: readonly LeaseRecord[],
  change: Partial<AllocationState> = {},
  request: { ip?: string; mac?: string; name?: string } = {},
): Decision {
  return decide(
    {
      pool,
      ip: request.ip ?? null,
      endpoint: { mac: request.mac ?? null, name: request.name ?? null },
    },
    {
      held: new Map(held.map((one) => [keyOf(one), one])),
      desired: document,
      now,
      evidence: null,
      serverAway: null,
      tried: {},
      ...change,
    },
  );
}

const given = (decision: Decision): string | object =>
  decision.do === 'grant' ? decision.record.ip : decision;
const away = { serverAway: 'the server is away' };
const reservationTried = { tried: { reservation: true } };

describe('a reservation without an Ethernet address that this host holds, asked for by its address', () => {
  const ip = '172.16.100.50';
  const uses = ['free', 'released', 'kept'] as const;
  const of = (change: Partial<LeaseRecord>, use: (typeof uses)[number] = 'kept') => [
    record(50, { owner: 'web', claim: 'owner', cleared: true, use, ...change }),
  ];
  const other = { ip, mac, name: 'other' };
  const refused = { do: 'refuse', reason: expect.stringContaining(`${ip} is reserved for web`) };

  test.each(uses)('%s: goes to its owner', (use) => {
    expect(given(asked(of({}, use), reservationTried, { ip, mac, name: 'web' }))).toBe(ip);
  });
  test.each(uses)('%s: for another one the server is asked, whatever this disk says', (use) => {
    expect(asked(of({}, use), {}, other)).toEqual({ do: 'claim', ip });
    expect(asked(of({}, use), {}, { ip, mac })).toEqual({ do: 'claim', ip });
  });
  test.each(uses)('%s: another one is refused while the server is away, or does not answer', (use) => {
    expect(asked(of({}, use), away, other)).toEqual(refused);
    expect(asked(of({}, use), { tried: { claim: 'it does not answer' } }, other)).toEqual(refused);
  });
  test.each(uses)('%s: anyone gets it where the reservation says so', (use) => {
    expect(given(asked(of({ claim: 'anyone' }, use), reservationTried, other))).toBe(ip);
  });
  test.each(uses)('%s: where an older agent did not write down who may, the server says it', (use) => {
    expect(asked(of({ claim: undefined }, use), {}, other)).toEqual({ do: 'claim', ip });
    expect(given(asked(of({ claim: undefined }, use), away, other))).toBe(ip);
  });
  test('without an owner it is for nobody that only names it', () => {
    const reason = expect.stringContaining('it names no container');
    expect(asked(of({ owner: ip }), away, { ip, mac, name: 'web' })).toEqual({ do: 'refuse', reason });
  });
});

describe('any address', () => {
  test.each<[string, LeaseRecord[], Partial<AllocationState>, string | object]>([
    [
      'the one that was free for longest',
      [record(9, { since: 5 }), record(8, { since: 3 })],
      {},
      '172.16.100.8',
    ],
    [
      'a free one before one that is being probed',
      [record(8, { use: 'probing', since: 1 }), record(9)],
      {},
      '172.16.100.9',
    ],
    [
      'one that is being probed before asking the server',
      [record(8, { use: 'probing' })],
      {},
      '172.16.100.8',
    ],
    [
      'never one that is used, kept, suspect or on its way back',
      (['used', 'kept', 'suspect', 'returning'] as const).map((use, n) => record(n + 10, { use })),
      {},
      { do: 'ask' },
    ],
    [
      'never one of another network or subnet',
      [record(8, { networkId: id(2) }), record(9, { subnet: '172.16.101.0/24' })],
      {},
      { do: 'ask' },
    ],
    ['never one that is reserved for somebody', [record(8, { owner: 'web-1', mac })], {}, { do: 'ask' }],
    [
      'the server is asked before a released one is taken again',
      [record(8, { use: 'released', cleared: true })],
      {},
      { do: 'ask' },
    ],
    [
      'a released one when the server has none',
      [record(8, { use: 'released', cleared: true })],
      { tried: { onDemand: 'full' } },
      '172.16.100.8',
    ],
    [
      'with the server away, one past its quarantine before one that rested longer but was not looked at',
      [
        record(8, { use: 'released', since: 1 }),
        record(9, { use: 'released', since: now - 400_000, cleared: true }),
        record(10, { use: 'released', since: now - 200_000, cleared: true }),
      ],
      away,
      '172.16.100.9',
    ],
    [
      'with the server away, one in quarantine when nothing else is left',
      [record(8, { use: 'released', since: now - 10, cleared: true })],
      away,
      '172.16.100.8',
    ],
    [
      'with the server away and nothing left, it is tried all the same',
      [record(8, { use: 'used' })],
      away,
      { do: 'ask' },
    ],
  ])('%s', (_, held, change, expected) => {
    expect(given(asked(held, change))).toEqual(expected);
  });

  test('a full pool is refused with the words of the server', () => {
    const decision = asked([record(8, { use: 'used' })], {
      tried: { onDemand: '172.16.100.0/24 is full: 253 held by docker01' },
    });
    expect(decision).toEqual({
      do: 'refuse',
      reason:
        'no address is left on this host in 172.16.100.0/24 (1 in use): 172.16.100.0/24 is full: 253 held by docker01',
    });
  });
});

describe('a container that something may be reserved for', () => {
  test('is asked about before the pool is used, and not while the server is away', () => {
    expect(asked([record(8)], {}, { mac })).toEqual({ do: 'claim', ip: null });
    expect(asked([record(8)], {}, { name: 'web-1' })).toEqual({ do: 'claim', ip: null });
    expect(given(asked([record(8)], away, { mac }))).toBe('172.16.100.8');
    expect(given(asked([record(8)], reservationTried, { mac }))).toBe('172.16.100.8');
  });

  test.each<[string, Partial<LeaseRecord>, { mac?: string; name?: string }]>([
    ['by its Ethernet address', { owner: 'web-1', mac, use: 'released' }, { mac }],
    ['by the name of its owner', { owner: 'web-1', use: 'free' }, { name: 'web-1' }],
    ['by its name, where Trunkline runs it', { owner: 'container:box1', use: 'kept' }, { name: 'box1' }],
  ])('gets it from this host, %s', (_, change, endpoint) => {
    expect(given(asked([record(8), record(20, change)], away, endpoint))).toBe('172.16.100.20');
  });

  test('waits for its reservation that is on its way back, once', () => {
    const leaving = record(20, { owner: 'web-1', mac, use: 'returning' });
    expect(asked([record(8), leaving], {}, { mac })).toEqual({ do: 'await-return' });
    expect(asked([record(8), leaving], { tried: { awaited: true } }, { mac })).toEqual({
      do: 'claim',
      ip: null,
    });
  });

  test('gets what it had before it was stopped, where this host still has it', () => {
    const before = record(30, { use: 'released', lastMac: mac });
    expect(given(asked([record(8), before], reservationTried, { mac }))).toBe('172.16.100.30');
    expect(given(asked([record(8), before], reservationTried, { mac: '02:42:00:00:00:02' }))).toBe(
      '172.16.100.8',
    );
  });
});

describe('an address that is asked for', () => {
  const ip = '172.16.100.20';
  test.each<[string, LeaseRecord[], Partial<AllocationState>, object | string]>([
    ['is claimed where this host does not hold it', [], {}, { do: 'claim', ip }],
    ['is claimed also where the server was away at the last call', [], away, { do: 'claim', ip }],
    ['is given from the pool', [record(20)], away, ip],
    ['is given after its release', [record(20, { use: 'released' })], away, ip],
    ['is given to the container that it was kept for', [record(20, { use: 'kept' })], away, ip],
    ['waits for its return', [record(20, { use: 'returning' })], {}, { do: 'await-return' }],
  ])('%s', (_, held, change, expected) => {
    expect(given(asked(held, change, { ip }))).toEqual(expected);
  });

  test.each<[string, LeaseRecord[], Partial<AllocationState>, string]>([
    [
      'a container was granted',
      [record(20, { use: 'used', lastMac: '02:42:00:00:00:09' })],
      {},
      'to a container of this host (Ethernet address 02:42:00:00:00:09) that has not appeared yet',
    ],
    ['may be in use', [record(20, { use: 'suspect' })], {}, 'not known yet whether a container uses it'],
    [
      'is reserved for another Ethernet address',
      [record(20, { owner: 'web-1', mac: '02:42:00:00:00:09' })],
      {},
      'is reserved for web-1',
    ],
    [
      'cannot be proven free',
      [],
      { tried: { claim: 'the server is away' } },
      'cannot be proven free, the server is away',
    ],
    [
      'was not confirmed to be back',
      [record(20, { use: 'returning' })],
      { tried: { awaited: true } },
      'the server has not confirmed it',
    ],
  ])('is refused when it %s', (_, held, change, reason) => {
    const decision = asked(held, change, { ip, mac });
    expect(decision).toMatchObject({ do: 'refuse' });
    expect(decision.do === 'refuse' && decision.reason).toContain(reason);
  });

  test('is refused when it is the gateway', () => {
    expect(asked([], {}, { ip: '172.16.100.1' })).toMatchObject({ do: 'refuse' });
  });

  test('that Trunkline promised to a container of this host is given although its return has no end', () => {
    const promised = { ip: '172.16.100.10', mac };
    const leaving = [record(10, { use: 'returning', owner: 'container:box1' })];
    expect(asked(leaving, {}, promised)).toEqual({ do: 'await-return' });
    expect(asked(leaving, { tried: { awaited: true } }, promised)).toEqual({ do: 'claim', ip: promised.ip });
    expect(asked(leaving, away, promised)).toMatchObject({
      do: 'grant',
      record: { ip: promised.ip, generation: 0 },
    });
  });

  test('that Trunkline promised to a container of this host is given while the server is away, and claimed later', () => {
    const promised = { ip: '172.16.100.10', mac };
    expect(asked([], {}, promised)).toEqual({ do: 'claim', ip: promised.ip });
    const decision = asked([], away, promised);
    expect(decision).toMatchObject({ do: 'grant', record: { generation: 0, owner: 'container:box1' } });
    const elsewhere = { ...away, desired: { ...document, containers: [] } };
    expect(asked([], elsewhere, promised)).toEqual({ do: 'claim', ip: promised.ip });
  });
});

test('promise 2: one that Trunkline promised to a container is given to no other that Docker names, also without the server', () => {
  for (const state of [{}, away]) {
    const decision = asked([], state, { ip: '172.16.100.10', mac, name: 'thief' });
    expect(decision).toMatchObject({
      do: 'refuse',
      reason: expect.stringContaining('reserved for container:box1'),
    });
    expect(asked([], state, { ip: '172.16.100.10', mac, name: 'box1' })).not.toMatchObject({ do: 'refuse' });
  }
});

test('an address that was taken away from a container of this host is not given on the word of the document', () => {
  const withdrawn = ['172.16.100.10'];
  const [attachment] = container().attachments;
  if (attachment === undefined) throw new Error('the container has no place');
  const desired = { ...document, containers: [container({ attachments: [{ ...attachment, withdrawn }] })] };
  const request = { ip: '172.16.100.10', mac };
  expect(asked([], { ...away, desired }, request)).toEqual({ do: 'claim', ip: request.ip });
  // Given on that word before: the server never gave it.
  const word = [record(10, { generation: 0, owner: 'container:box1', use: 'kept', cleared: true })];
  const failed = { ...away, desired, tried: { reservation: true, claim: 'the server is away' } };
  for (const held of [[], word])
    expect(asked(held, failed, request)).toMatchObject({
      do: 'refuse',
      reason: expect.stringContaining('cannot be proven free'),
    });
});

describe('what a container of this host asks for by name', () => {
  const pinned = record(8, { pinned: true, since: 1 });

  test.each(['free', 'probing', 'released', 'kept'] as const)(
    'is given to no other that names none: %s',
    (use) => {
      const one = { ...pinned, use, cleared: true };
      expect(given(asked([one, record(9)], reservationTried, { mac }))).toBe('172.16.100.9');
      const none = { ...away, tried: { onDemand: 'full' } };
      expect(asked([one], none, { mac })).toMatchObject({ do: 'refuse' });
      expect(asked([{ ...one, lastMac: mac }], none, { mac })).toMatchObject({ do: 'refuse' });
    },
  );

  test('is given to who names it, and to no Docker network', () => {
    const request = { ip: pinned.ip };
    expect(given(asked([{ ...pinned, use: 'kept' }], away, { ...request, mac }))).toBe(pinned.ip);
    const aux = asked([{ ...pinned, use: 'kept' }], {}, { ...request, name: auxiliary.name ?? '' });
    expect(aux).toMatchObject({ do: 'refuse', reason: expect.stringContaining('is kept for a container') });
  });
});

describe('the MAC of a container', () => {
  test.each<[string, LeaseRecord, { ip?: string; mac: string }]>([
    ['an address that this host holds', record(8), { ip: '172.16.100.8', mac }],
    ['one that is kept for it', record(8, { use: 'kept', pinned: true }), { ip: '172.16.100.8', mac }],
    ['one that is reserved for it', record(8, { owner: 'web-1', mac }), { mac }],
  ])('is asked about before %s is given, where the server can be asked (A10)', (_, held, request) => {
    expect(asked([held], {}, request)).toEqual({ do: 'claim', ip: request.ip ?? null });
    expect(given(asked([held], reservationTried, request))).toBe(held.ip);
    expect(given(asked([held], away, request))).toBe(held.ip);
  });

  test("is asked about also where the address was given on the document's word, once the server can be asked (A10)", () => {
    const request = { ip: '172.16.100.10', mac };
    const onWord = record(10, { generation: 0, owner: 'container:box1', use: 'kept', cleared: true });
    expect(asked([onWord], {}, request)).toEqual({ do: 'claim', ip: request.ip });
    expect(given(asked([onWord], { tried: { claim: 'no answer' } }, request))).toBe(request.ip);
    expect(given(asked([onWord], away, request))).toBe(request.ip);
  });
});

describe('what somebody has', () => {
  const ip = '172.16.100.20';
  const evidence = { kernel: { name: 'a1', mac: '02:42:00:00:00:09' }, docker: null };

  test.each<[string, LeaseRecord[]]>([
    ['held', [record(20)]],
    ['released', [record(20, { use: 'released', cleared: true })]],
    ['not held', []],
    ['on its way back', [record(20, { use: 'returning' })]],
  ])('is refused and not claimed, where it is %s', (_, held) => {
    const decision = asked(held, { evidence }, { ip, mac });
    expect(decision).toMatchObject({
      do: 'refuse',
      reason: expect.stringContaining(`${ip} is on container a1`),
    });
  });

  test('is not chosen again by a request that found out', () => {
    const tried = { reservation: true, onDemand: 'full', passed: new Set([keyOf(record(8))]) };
    expect(given(asked([record(8), record(9)], { tried }, { mac }))).toBe('172.16.100.9');
    expect(asked([record(8)], { tried }, { mac })).toMatchObject({ do: 'refuse' });
  });
});

describe('what the server does not know that this host holds', () => {
  const unknown = record(10, { generation: 0, use: 'released', cleared: true });

  test('is given to nobody who names none', () => {
    expect(asked([unknown], { tried: { reservation: true, onDemand: 'full' } }, { mac })).toMatchObject({
      do: 'refuse',
    });
    const reserved = { ...unknown, owner: 'web-1', mac };
    expect(asked([reserved], away, { mac })).toEqual({ do: 'ask' });
  });

  test('is claimed by who names it, unless the document promises it to a container of this host', () => {
    const elsewhere = { desired: { ...document, containers: [] } };
    expect(asked([unknown], elsewhere, { ip: unknown.ip, mac })).toEqual({ do: 'claim', ip: unknown.ip });
    expect(
      asked([unknown], { ...elsewhere, tried: { claim: 'the server is away' } }, { ip: unknown.ip, mac }),
    ).toMatchObject({ do: 'refuse' });
    expect(given(asked([unknown], away, { ip: unknown.ip, mac }))).toBe(unknown.ip);
  });
});

test('without a desired document the leases of the disk are given all the same', () => {
  expect(
    given(
      decide(
        { pool, ip: null, endpoint: nobody },
        {
          held: new Map([[keyOf(record(8)), record(8)]]),
          desired: null,
          now,
          evidence: null,
          serverAway: 'this host has not joined',
          tried: {},
        },
      ),
    ),
  ).toBe('172.16.100.8');
});

const other = (last: number) => record(last, { ip: `172.16.101.${last}`, subnet: '172.16.101.0/24' });

const wide: DesiredDocument = {
  ...document,
  networks: [
    network({
      subnets: [
        { cidr: '172.16.100.0/24', gateway: '172.16.100.1' },
        { cidr: '172.16.101.0/24', gateway: '172.16.101.1' },
      ],
    }),
  ],
};

describe('what does not fit the network any more', () => {
  const narrow: DesiredDocument = {
    ...document,
    networks: [
      network({
        subnets: [
          {
            cidr: '172.16.100.0/24',
            gateway: '172.16.100.1',
            ranges: ['172.16.100.30-172.16.100.40'],
            exclude: ['172.16.100.35'],
          },
        ],
      }),
    ],
  };
  const desired = narrow;

  test('is given to no container by itself: outside the ranges, excluded', () => {
    expect(asked([record(7), record(35)], { desired }, {})).toEqual({ do: 'ask' });
    expect(given(asked([record(7), record(31)], { desired }, {}))).toBe('172.16.100.31');
    const rested = [record(7, { use: 'released', cleared: true })];
    expect(asked(rested, { desired, tried: { onDemand: 'full' } }, {})).toMatchObject({ do: 'refuse' });
  });

  test('is refused by name where it is excluded, also when this host holds it, and had outside the ranges', () => {
    expect(asked([record(35)], { desired }, { ip: '172.16.100.35' })).toMatchObject({
      do: 'refuse',
      reason: expect.stringContaining('is excluded from 172.16.100.0/24'),
    });
    expect(asked([], { desired }, { ip: '172.16.100.7' })).toEqual({ do: 'claim', ip: '172.16.100.7' });
  });

  test('is refused of a subnet that only the Docker network has: what is, and what to do', () => {
    const moved = { ...document, networks: [network({ subnets: [{ cidr: '10.9.0.0/24', gateway: null }] })] };
    const reason = expect.stringMatching(
      /^172\.16\.100\.0\/24 is not a subnet of network mac_net1, which has 10\.9\.0\.0\/24, .*add it again with PATCH \/v1\/networks\/mac_net1.*GET \/v1\/networks\/mac_net1\/placements/,
    );
    const refused = { do: 'refuse', reason };
    expect(asked([record(9)], { desired: moved }, { ip: '172.16.100.9' })).toEqual(refused);
    // Without a name the server is asked first: it may have the subnet again.
    expect(asked([record(9)], { desired: moved }, {})).toEqual({ do: 'ask' });
    const tried = { onDemand: 'network mac_net1 has no IPv4 subnet 172.16.100.0/24' };
    expect(asked([record(9)], { desired: moved, tried }, {})).toEqual(refused);
    expect(asked([], { tried: { onDemand: 'it is full' } }, {})).toMatchObject({
      do: 'refuse',
      reason: expect.stringContaining('no address is left'),
    });
  });
});

describe('what was taken away from this host (generation 0)', () => {
  test.each(['released', 'kept'] as const)(
    'is not given again while %s: the server says whose it is',
    (use) => {
      const lost = record(9, { generation: 0, use, lastMac: mac });
      expect(asked([lost], {}, { ip: '172.16.100.9', mac })).toEqual({ do: 'claim', ip: '172.16.100.9' });
      expect(asked([lost], { tried: { reservation: true } }, { mac })).toEqual({ do: 'ask' });
      expect(asked([lost], away, { ip: '172.16.100.9', mac })).toMatchObject({ do: 'claim' });
    },
  );
});

describe('a network with several subnets', () => {
  const tried = { reservation: true };

  test('a container gets one of the subnet that Docker asked for first, then one of another', () => {
    expect(given(asked([other(10), record(11)], { tried }, { mac }))).toBe('172.16.100.11');
    expect(given(asked([other(10), record(11, { use: 'used' })], { tried, desired: wide }, { mac }))).toBe(
      '172.16.101.10',
    );
  });

  test('a container gets none of a subnet that its Docker network does not have, or the network no longer has', () => {
    const only = new Set(['172.16.100.0/24']);
    const held = [other(10), record(11, { use: 'used' })];
    expect(asked(held, { tried, desired: wide, subnets: only }, { mac })).toEqual({ do: 'ask' });
    expect(asked(held, { tried }, { mac })).toEqual({ do: 'ask' });
  });

  test.each([{}, { name: namelessGateway.name ?? '' }])(
    'a gateway is never of another subnet: %o',
    (endpoint) => {
      expect(asked([other(10)], { tried }, endpoint)).toMatchObject({ do: 'ask' });
      expect(given(asked([other(10), record(11)], { tried }, endpoint))).toBe('172.16.100.11');
    },
  );
});
