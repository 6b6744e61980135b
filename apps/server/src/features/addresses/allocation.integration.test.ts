import type { Address } from '@trunkline/contracts';
import { formatIp, parseIp } from '@trunkline/netaddr';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '@trunkline/test/integration/database.ts';
import { openReplica, seedNetwork, type Replica } from '@trunkline/test/integration/seeded-network.ts';
import type { ApiError } from '../../platform/errors.ts';

let shared: TestDatabase;
let one: Replica;
let two: Replica;
const context = { actor: 'token:test' };

beforeAll(async () => {
  shared = await createTestDatabase();
  one = openReplica(shared.connectionString);
  two = openReplica(shared.connectionString);
});

afterAll(async () => {
  await Promise.all([one?.close(), two?.close()]);
  await shared?.drop();
});

const next = async (
  replica: Replica,
  network: string,
  request: Parameters<Replica['addresses']['reserve']>[1] = {},
): Promise<Address> => (await replica.addresses.reserve(network, request, context)).body as Address;

const codeOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: ApiError) => error.code,
  );

describe('promise 1: no address is given to two owners at once', () => {
  test('two servers asked 120 times at once give 120 different addresses', async () => {
    await seedNetwork(one, { name: 'p1', subnets: [{ cidr: '10.1.0.0/24', gateway: '10.1.0.1' }] });
    const got = await Promise.all(Array.from({ length: 120 }, (_, n) => next(n % 2 === 0 ? one : two, 'p1')));
    expect(new Set(got.map((address) => address.ip)).size).toBe(120);
  });

  test('the same address asked for by 20 at once goes to one of them', async () => {
    await seedNetwork(one, { name: 'p1same', subnets: [{ cidr: '10.1.1.0/24' }] });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        codeOf(next(n % 2 === 0 ? one : two, 'p1same', { address: '10.1.1.7', owner: `o${n}` })),
      ),
    );
    expect(answers.filter((code) => code === 'no error')).toHaveLength(1);
    expect(answers.filter((code) => code === 'address_taken')).toHaveLength(19);
  });

  test('the database itself refuses a second holder, an address outside its subnet, a host prefix and a mapped address', async () => {
    const id = await seedNetwork(one, { name: 'proof', subnets: [{ cidr: '10.1.2.0/24' }] });
    await next(one, 'proof', { address: '10.1.2.9' });
    const subnet = await one.database.prisma.subnet.findFirstOrThrow({ where: { networkId: id } });
    const insert = (ip: string, cidr = '10.1.2.0/24'): Promise<string> =>
      one.database.pool
        .query(
          `INSERT INTO address (space, ip, subnet_id, network_id, cidr, state) VALUES ('proof', $1, $2, $3, $4, 'reserved')`,
          [ip, subnet.id, id, cidr],
        )
        .then(
          () => 'taken',
          (error: { constraint: string }) => error.constraint,
        );
    expect(await insert('10.1.2.9')).toBe('address_pkey');
    expect(await insert('10.1.3.9')).toBe('address_inside_subnet');
    expect(await insert('10.1.3.9', '10.1.0.0/16')).toBe('address_subnet_fkey');
    expect(await insert('10.1.2.10/24')).toBe('address_full_mask');
    expect(await insert('::ffff:10.1.2.10', '::ffff:10.1.2.0/120')).toBe('address_not_mapped');
  });

  test('subnets of one space cannot overlap, whoever writes them', async () => {
    await seedNetwork(one, { name: 'overlap', space: 'shared', subnets: [{ cidr: '10.1.4.0/24' }] });
    await expect(
      seedNetwork(two, { name: 'overlap2', space: 'shared', subnets: [{ cidr: '10.1.4.128/25' }] }),
    ).rejects.toThrow(/subnet_no_overlap/);
    await seedNetwork(two, { name: 'overlap3', space: 'elsewhere', subnets: [{ cidr: '10.1.4.128/25' }] });
  });
});

describe('promise 2: the same owner asking again gets the same address', () => {
  test('until it is released, from any server, also when it asks many times at once', async () => {
    await seedNetwork(one, { name: 'p2', subnets: [{ cidr: '10.2.0.0/24' }], quarantineSeconds: 0 });
    const got = await Promise.all(
      Array.from({ length: 30 }, (_, n) => next(n % 2 === 0 ? one : two, 'p2', { owner: 'web' })),
    );
    expect(new Set(got.map((address) => address.ip)).size).toBe(1);
    await one.addresses.release('p2', got[0]!.ip, false, context);
    const later = await next(one, 'p2', { owner: 'web' });
    expect(later.ip).not.toBe(got[0]!.ip);
  });

  test('an owner that asks for another address than it has gets to know which one it has', async () => {
    await seedNetwork(one, { name: 'p2other', subnets: [{ cidr: '10.2.1.0/24' }] });
    await next(one, 'p2other', { owner: 'web', address: '10.2.1.5' });
    await expect(next(one, 'p2other', { owner: 'web', address: '10.2.1.6' })).rejects.toMatchObject({
      code: 'owner_has_address',
      message: expect.stringContaining('10.2.1.5'),
    });
  });

  test('one address of each IP version', async () => {
    await seedNetwork(one, { name: 'dual', subnets: [{ cidr: '10.2.2.0/24' }, { cidr: 'fd00:2:2::/64' }] });
    const v4 = await next(one, 'dual', { owner: 'web' });
    const v6 = await next(one, 'dual', { owner: 'web', family: 'ipv6' });
    expect([v4.ip, v6.ip]).toEqual(['10.2.2.1', 'fd00:2:2::1']);
    expect((await one.addresses.byOwner('dual', 'web')).map((address) => address.ip)).toEqual([
      '10.2.2.1',
      'fd00:2:2::1',
    ]);
  });
});

describe('promise 3: exact exhaustion', () => {
  test('253 askers on the 253 free addresses of a /24 all succeed; the 254th gets to know which subnet is full', async () => {
    await seedNetwork(one, { name: 'p3', subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }] });
    const got = await Promise.all(Array.from({ length: 253 }, (_, n) => next(n % 2 === 0 ? one : two, 'p3')));
    expect(new Set(got.map((address) => address.ip)).size).toBe(253);
    await expect(next(two, 'p3')).rejects.toMatchObject({
      code: 'subnet_full',
      message: expect.stringContaining('subnet 172.16.100.0/24 (253 of 253 in use) is full'),
    });
  });

  test('askers over two subnets get every address of both', async () => {
    await seedNetwork(one, {
      name: 'two',
      subnets: [{ cidr: '10.3.0.0/29', gateway: '10.3.0.1' }, { cidr: '10.3.0.8/29' }],
    });
    const got = await Promise.all(Array.from({ length: 11 }, () => next(one, 'two')));
    expect(new Set(got.map((address) => address.ip)).size).toBe(11);
    expect(await codeOf(next(one, 'two'))).toBe('subnet_full');
  });

  test('several at once are given all or none, and a refused lot leaves room for others', async () => {
    await seedNetwork(one, { name: 'lots', subnets: [{ cidr: '10.3.1.0/29' }] });
    const answers = await Promise.all([
      one.addresses.reserve('lots', { count: 4 }, context),
      codeOf(next(one, 'lots', { count: 4 })),
      next(one, 'lots'),
      next(one, 'lots'),
    ]);
    expect((answers[0].body as { items: Address[] }).items).toHaveLength(4);
    expect(answers[1]).toBe('subnet_full');
    expect(await codeOf(next(one, 'lots'))).toBe('subnet_full');
    const free = await one.addresses.free('lots', { limit: 10 });
    expect(free.items).toEqual([]);
  });

  test('an IPv6 /64 gives addresses as fast as it is asked, and says how many are free', async () => {
    await seedNetwork(one, { name: 'six', subnets: [{ cidr: 'fd00:3::/64', gateway: 'fd00:3::1' }] });
    await Promise.all(Array.from({ length: 100 }, () => next(one, 'six')));
    await next(one, 'six', { address: 'fd00:3::ffff:ffff:ffff:fffe' });
    const { items } = await one.addresses.free('six', { limit: 10 });
    expect(items.map((item) => item.count)).toEqual([(2n ** 64n - 2n - 100n - 2n).toString(), '1']);
  });
});

describe('requests that are answered together', () => {
  test('each gets its own answer: what it has, one of the last free addresses, or that there are none', async () => {
    await seedNetwork(one, { name: 'together', subnets: [{ cidr: '10.3.2.0/29' }] });
    const had = await Promise.all(['a', 'b'].map((owner) => next(one, 'together', { owner })));
    const answers = await Promise.all(
      ['c', 'a', 'd', 'e', 'b', 'f', 'g', 'h'].map((owner) =>
        next(one, 'together', { owner }).then(
          (address) => `${owner} ${address.owner} ${address.ip}`,
          (error: ApiError) => `${owner} ${error.code}`,
        ),
      ),
    );
    expect(answers).toEqual([
      'c c 10.3.2.3',
      `a a ${had[0]!.ip}`,
      'd d 10.3.2.4',
      'e e 10.3.2.5',
      `b b ${had[1]!.ip}`,
      'f f 10.3.2.6',
      'g subnet_full',
      'h subnet_full',
    ]);
  });

  test('every address given has one event that says who got it, asked by whom', async () => {
    await seedNetwork(one, { name: 'noted', subnets: [{ cidr: '10.3.3.0/24' }] });
    const got = await Promise.all([
      ...Array.from({ length: 20 }, async (_, n) =>
        one.addresses.reserve('noted', { owner: `o${n}` }, { actor: `token:t${n}`, requestId: `req-${n}` }),
      ),
      one.addresses.reserve(
        'noted',
        { owner: 'o20', labels: { a: 'b' } },
        { actor: 'token:t20', requestId: 'req-20' },
      ),
    ]);
    const events = await one.database.prisma.event.findMany({
      where: { network: 'noted', type: 'address.reserved' },
      orderBy: { revision: 'asc' },
    });
    const stored = await one.database.prisma.address.findMany({ where: { cidr: '10.3.3.0/24' } });
    const expected = got.map(({ body }, n) => {
      const { ip, owner, generation } = body as Address;
      expect(stored.find((row) => row.ip === ip)).toMatchObject({ owner, generation: BigInt(generation) });
      return {
        subject: `/v1/networks/noted/addresses/${ip}`,
        actor: `token:t${n}`,
        requestId: `req-${n}`,
        data: { owner, generation },
      };
    });
    const seen = events.map(({ subject, actor, requestId, data }) => ({ subject, actor, requestId, data }));
    expect(seen).toHaveLength(expected.length);
    expect(seen).toEqual(expect.arrayContaining(expected));
  });
});

describe('quarantine', () => {
  test('a freed address comes last: first what was never used, then what left quarantine, then what is in it', async () => {
    await seedNetwork(one, { name: 'rest', subnets: [{ cidr: '10.4.0.0/29' }] });
    const first = await next(one, 'rest');
    const second = await next(one, 'rest');
    await one.addresses.release('rest', first.ip, false, context);
    await one.addresses.release('rest', second.ip, false, context);
    const fresh = await Promise.all(Array.from({ length: 4 }, () => next(one, 'rest')));
    expect(fresh.map((address) => address.ip)).not.toContain(first.ip);
    const reused = await next(one, 'rest');
    expect(reused.ip).toBe(first.ip);
    expect(reused.generation).toBeGreaterThan(first.generation);
  });

  test('a quarantined address asked for by name is refused with the time it is quarantined until, but its last owner may have it back', async () => {
    await seedNetwork(one, { name: 'back', subnets: [{ cidr: '10.4.1.0/24' }] });
    await next(one, 'back', { owner: 'web', address: '10.4.1.9' });
    await one.addresses.release('back', '10.4.1.9', false, context);
    await expect(next(one, 'back', { owner: 'db', address: '10.4.1.9' })).rejects.toMatchObject({
      code: 'address_quarantined',
      data: { quarantinedUntil: expect.stringMatching(/^20/) },
    });
    expect((await next(one, 'back', { owner: 'web', address: '10.4.1.9' })).state).toBe('reserved');
  });

  test("a quarantined address that nobody owned is nobody's to have back: asked for without an owner it is refused too", async () => {
    await seedNetwork(one, { name: 'nobody', subnets: [{ cidr: '10.4.3.0/24' }] });
    await next(one, 'nobody', { address: '10.4.3.9' });
    await one.addresses.release('nobody', '10.4.3.9', false, context);
    for (const request of [{}, { owner: 'db' }])
      expect(await codeOf(next(one, 'nobody', { address: '10.4.3.9', ...request }))).toBe(
        'address_quarantined',
      );
    // Once it has rested it is anybody's.
    await one.database.pool.query(`UPDATE address SET quarantined_until = now() WHERE ip = '10.4.3.9'`);
    expect((await next(one, 'nobody', { address: '10.4.3.9' })).state).toBe('reserved');
    expect(await codeOf(next(one, 'nobody', { address: '10.4.3.9' }))).toBe('address_taken');
  });

  test('force ends the rest at once', async () => {
    await seedNetwork(one, { name: 'force', subnets: [{ cidr: '10.4.2.0/24' }] });
    await next(one, 'force', { owner: 'web', address: '10.4.2.9' });
    await one.addresses.release('force', '10.4.2.9', false, context);
    await one.addresses.release('force', '10.4.2.9', true, context);
    expect((await next(one, 'force', { owner: 'db', address: '10.4.2.9' })).owner).toBe('db');
  });
});

describe('the free space stays what ranges and addresses say, whatever the history', () => {
  type Step =
    | { kind: 'next'; owner: number }
    | { kind: 'claim'; offset: number }
    | { kind: 'release'; nth: number }
    | { kind: 'release several'; which: boolean[] }
    | { kind: 'lot'; count: number };
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('next' as const), owner: fc.integer({ min: 0, max: 40 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('claim' as const), offset: fc.integer({ min: 0, max: 35 }) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('release' as const), nth: fc.nat(40) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('release several' as const),
        which: fc.array(fc.boolean(), { minLength: 26, maxLength: 26 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('lot' as const), count: fc.integer({ min: 2, max: 12 }) }),
    },
  );

  test('against a plain model of the subnet', { timeout: 120_000 }, async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        run += 1;
        const name = `model${run}`;
        const base = parseIp('10.9.0.0').value;
        const at = (offset: number): string => formatIp({ family: 4, value: base + BigInt(offset) });
        await seedNetwork(one, {
          name,
          quarantineSeconds: 0,
          subnets: [{ cidr: '10.9.0.0/27', gateway: '10.9.0.1', exclude: ['10.9.0.20-10.9.0.22'] }],
        });
        const givable = new Set(
          Array.from({ length: 32 }, (_, n) => at(n)).filter((_, n) => n > 1 && n < 31 && (n < 20 || n > 22)),
        );
        const held = new Map<string, string | null>();
        const freeNow = (): number => [...givable].filter((ip) => !held.has(ip)).length;
        for (const step_taken of steps) {
          if (step_taken.kind === 'next') {
            const owner = `o${step_taken.owner}`;
            const already = [...held].find(([, holder]) => holder === owner)?.[0];
            const answer = await next(one, name, { owner }).catch((error: ApiError) => error.code);
            if (already !== undefined) expect(answer).toMatchObject({ ip: already });
            else if (freeNow() === 0) expect(answer).toBe('subnet_full');
            else {
              const { ip } = answer as Address;
              expect(givable.has(ip) && !held.has(ip)).toBe(true);
              held.set(ip, owner);
            }
          } else if (step_taken.kind === 'claim') {
            const ip = at(step_taken.offset);
            const answer = await next(one, name, { address: ip }).catch((error: ApiError) => error.code);
            if (!givable.has(ip)) expect(answer).toBe('address_not_allocatable');
            else if (held.has(ip)) expect(answer).toBe('address_taken');
            else {
              expect(answer).toMatchObject({ ip });
              held.set(ip, null);
            }
          } else if (step_taken.kind === 'lot') {
            const enough = freeNow() >= step_taken.count;
            const answer = await one.addresses
              .reserve(name, { count: step_taken.count }, context)
              .catch((error: ApiError) => error.code);
            if (!enough) expect(answer).toBe('subnet_full');
            else
              for (const { ip } of (answer as { body: { items: Address[] } }).body.items) held.set(ip, null);
          } else if (step_taken.kind === 'release several') {
            const ips = [...held.keys()].filter((_, n) => step_taken.which[n]);
            await one.database.pool.query(
              'SELECT release_addresses(id, $2::inet[], false) FROM network WHERE name = $1',
              [name, ips],
            );
            for (const ip of ips) held.delete(ip);
          } else {
            const ip = [...held.keys()][step_taken.nth % Math.max(1, held.size)];
            if (ip === undefined) continue;
            await one.addresses.release(name, ip, false, context);
            held.delete(ip);
          }
        }
        const { items } = await one.addresses.free(name, { limit: 1000 });
        const runs = items.map(({ range }) => {
          const [first = '', last = first] = range.split('-');
          return { from: parseIp(first).value, to: parseIp(last).value };
        });
        const listed = runs.flatMap(({ from, to }) =>
          Array.from({ length: Number(to - from) + 1 }, (_, n) =>
            formatIp({ family: 4, value: from + BigInt(n) }),
          ),
        );
        const begins = new Set(runs.map(({ from }) => from));
        for (const { to } of runs) expect(begins, 'runs are as long as can be').not.toContain(to + 1n);
        expect(new Set(listed)).toEqual(new Set([...givable].filter((ip) => !held.has(ip))));
        const [row] = (
          await one.database.pool.query(
            `SELECT s.free::int AS free FROM subnet s JOIN network n ON n.id = s.network_id WHERE n.name = $1`,
            [name],
          )
        ).rows as { free: number }[];
        expect(row?.free).toBe(freeNow());
      }),
      { numRuns: 25 },
    );
  });
});
