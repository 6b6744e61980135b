import type { NetworkLimits } from '@trunkline/contracts';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  reportInventory,
  seenContainer,
  syncLeases,
  takeLeases,
  returning,
} from '../leases/lease-calls.fixture.ts';
import { callNetworks, type NetworkCalls } from '../networks/network-calls.fixture.ts';
import { registerLimitGauges } from './limit-gauges.ts';
import { sampledForMs } from './limit-facts.ts';
import { sampleEveryMs } from './sample-times.ts';
import { samplePools } from './limits.store.ts';
import { createMetrics } from '../../platform/metrics.ts';

const thresholds = { poolLowPercent: 10, poolLowDays: 7, manyStations: 3 };
let server: TestServer;
let call: NetworkCalls;
let one: TestAgent;
let two: TestAgent;

beforeAll(async () => {
  server = await createTestServer({ thresholds });
  call = callNetworks(server);
  one = await server.joinHost('docker01');
  two = await server.joinHost('docker02');
});
afterAll(() => server?.close());

const limitsOf = async (name: string): Promise<NetworkLimits> =>
  (await server.request('GET', `/v1/networks/${name}/limits`)).body as NetworkLimits;
const reserve = async (name: string, count: number): Promise<void> => {
  const answer = await server.request('POST', `/v1/networks/${name}/addresses`, { count });
  expect(answer.status).toBe(201);
};
/** Takes the samples of so many periods from now on, with `each` before each of them. */
const samples = async (count: number, each: () => Promise<void>): Promise<void> => {
  for (let n = 0; n < count; n += 1) {
    await each();
    const at = server.clock.now();
    await samplePools(server.platform.database.prisma, at, new Date(at.getTime() - sampledForMs));
    server.clock.advance(sampleEveryMs);
  }
};
const station = (networkId: string, name: string, ip: string, mac: string) => ({
  ...seenContainer(networkId, name, ip),
  mac,
});
const many = (item: { conditions: { type: string }[] }) =>
  item.conditions.filter(({ type }) => type === 'ManyStations');
/** A scrape that shows nothing of what an earlier one saw. */
const scrape = async (target = server): Promise<string[]> => {
  target.clock.advance(60_000);
  return ((await target.request('GET', '/metrics')).body as string).split('\n');
};

test('what is left of a subnet is what a container can still get, and each range has a count of its own', async () => {
  const { body } = await call.make('left', {
    subnets: [
      {
        cidr: '10.60.0.0/24',
        gateway: '10.60.0.1',
        ranges: ['10.60.0.1-10.60.0.20', '10.60.0.100-10.60.0.109'],
        exclude: ['10.60.0.5'],
      },
    ],
    hosts: { all: true },
  });
  const { granted } = await takeLeases(one, body.id, 3);
  await syncLeases(one, { returns: returning(granted.slice(0, 1), 'unused') });
  await reserve('left', 2);
  // By name, and in no range: it takes nothing from what is given out.
  expect(
    (await server.request('POST', '/v1/networks/left/addresses', { address: '10.60.0.200' })).status,
  ).toBe(201);
  const [subnet] = (await limitsOf('left')).subnets;
  expect(subnet).toMatchObject({ cidr: '10.60.0.0/24', allocatable: '28', leased: '2', left: '26' });
  expect(Number(subnet?.free) + Number(subnet?.quarantined)).toBe(24);
  expect(subnet?.ranges).toEqual([
    { range: '10.60.0.1-10.60.0.20', allocatable: '18', left: '16' },
    { range: '10.60.0.100-10.60.0.109', allocatable: '10', left: '10' },
  ]);
});

test('days until full come from samples, and are null without a trend', async () => {
  await call.make('rising');
  await call.make('steady');
  await samples(3, () => reserve('rising', 10));
  expect((await limitsOf('rising')).subnets[0]?.trend).toMatchObject({
    samples: 3,
    perDay: null,
    daysUntilFull: null,
  });
  await samples(5, () => reserve('rising', 10));
  const { subnets, pools, conditions } = await limitsOf('rising');
  // 10 in three hours are 80 a day; 173 of 253 are left.
  expect(subnets[0]).toMatchObject({
    left: '173',
    trend: { samples: 8, perDay: 80, daysUntilFull: 2.2 },
  });
  expect(pools).toEqual([{ family: 4, allocatable: '253', left: '173', perDay: 80, daysUntilFull: 2.2 }]);
  expect(conditions).toMatchObject([{ type: 'PoolNearlyFull', status: 'True', reason: 'FullSoon' }]);
  const network = await server.request('GET', '/v1/networks/rising');
  expect(network.body.status.conditions).toEqual(expect.arrayContaining(conditions));
  expect((await limitsOf('steady')).subnets[0]?.trend).toMatchObject({ perDay: 0, daysUntilFull: null });
  expect((await limitsOf('steady')).conditions).toEqual([]);
  const { cidr } = subnets[0] ?? { cidr: '' };
  expect(await scrape()).toEqual(
    expect.arrayContaining([
      'trunkline_network_pool_nearly_full{network="rising"} 1',
      'trunkline_network_pool_nearly_full{network="steady"} 0',
      'trunkline_network_pool_days_until_full{network="rising",family="4"} 2.2',
      `trunkline_subnet_addresses{network="rising",subnet="${cidr}",family="4"} 253`,
      `trunkline_subnet_addresses_left{network="rising",subnet="${cidr}",family="4"} 173`,
      `trunkline_subnet_addresses_per_day{network="rising",subnet="${cidr}",family="4"} 80`,
      `trunkline_subnet_days_until_full{network="rising",subnet="${cidr}",family="4"} 2.2`,
    ]),
  );
  expect((await scrape()).join()).not.toContain('trunkline_subnet_days_until_full{network="steady"');
  expect((await scrape()).join()).not.toContain('trunkline_network_pool_days_until_full{network="steady"');
});

test('a change of ranges makes another pool: samples of before say nothing of it', async () => {
  await call.make('widened', { subnets: [{ cidr: '10.61.0.0/24', ranges: ['10.61.0.10-10.61.0.99'] }] });
  await samples(5, () => reserve('widened', 4));
  expect((await limitsOf('widened')).subnets[0]?.trend).toMatchObject({ samples: 5, perDay: 32 });
  await call.patch('widened', { subnets: [{ cidr: '10.61.0.0/24' }] });
  expect((await limitsOf('widened')).subnets[0]?.trend).toEqual({
    from: null,
    to: null,
    samples: 0,
    perDay: null,
    daysUntilFull: null,
  });
});

test('samples are taken once for a time, and go after 7 days and with their subnet', async () => {
  const { prisma, pool } = server.platform.database;
  const { body } = await call.make('sampled', { hosts: { names: ['elsewhere'] } });
  const subnet = body.subnets[0].id as string;
  const count = async (): Promise<number> =>
    (await pool.query('SELECT 1 FROM pool_sample WHERE subnet_id = $1', [subnet])).rows.length;
  const at = server.clock.now();
  const long = new Date(at.getTime() - sampledForMs);
  await Promise.all([samplePools(prisma, at, long), samplePools(prisma, at, long)]);
  expect(await count()).toBe(1);
  await samplePools(prisma, new Date(at.getTime() + sampleEveryMs), new Date(at.getTime() + 1));
  expect(await count()).toBe(1);
  await call.remove('sampled');
  await samplePools(prisma, new Date(at.getTime() + 2 * sampleEveryMs), new Date(at.getTime() + 1));
  expect(await count()).toBe(0);
});

test('a sample waits for no allocation, and no allocation waits for it', async () => {
  const { prisma, pool } = server.platform.database;
  const { body } = await call.make('busy');
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT lock_subnets($1, 4)', [body.id]);
    const at = new Date(server.clock.now().getTime() + 60_000);
    await samplePools(prisma, at, new Date(0));
    const { rows } = await pool.query('SELECT 1 FROM pool_sample WHERE subnet_id = $1 AND at = $2', [
      body.subnets[0].id,
      at,
    ]);
    expect(rows).toHaveLength(1);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});

test('stations and MACs are counted by network and by host, and many of them are a condition', async () => {
  const { body } = await call.make('stations', { hosts: { all: true } });
  const ip = (n: number): string => (body.subnets[0].cidr as string).replace(/0\/24$/, String(n));
  await reportInventory(one, [
    station(body.id, 's1', ip(10), '02:42:00:00:00:01'),
    station(body.id, 's2', ip(11), '02:42:00:00:00:02'),
    station(body.id, 's3', ip(12), '02:42:00:00:00:03'),
    seenContainer(body.id, 'stopped', ip(13), 'exited'),
    { ...seenContainer(body.id, 'unaddressed', null), mac: null },
  ]);
  await reportInventory(two, [
    station(body.id, 's4', ip(20), '02:42:00:00:00:04'),
    // A clone of a machine reports the MAC of another one.
    station(body.id, 's5', ip(21), '02:42:00:00:00:04'),
  ]);
  expect((await limitsOf('stations')).stations).toEqual({ containers: 5, macs: 4 });
  const shown = await server.request('GET', '/v1/networks/stations');
  expect(shown.body.status.stations).toEqual({ containers: 5, macs: 4 });
  const { body: page } = await server.request('GET', '/v1/networks/stations/placements');
  expect(page.items).toMatchObject([
    { host: 'docker01', stations: { containers: 3, macs: 3 }, frames: null },
    { host: 'docker02', stations: { containers: 2, macs: 1 }, frames: null },
  ]);
  expect(many(page.items[0])).toMatchObject([{ status: 'True', reason: 'ManyMacs' }]);
  expect(many(page.items[1])).toEqual([]);
  const { body: single } = await server.request('GET', '/v1/networks/stations/placements/docker01');
  expect(many(single)).toHaveLength(1);

  const lines = await scrape();
  expect(lines).toEqual(
    expect.arrayContaining([
      'trunkline_network_containers{network="stations"} 5',
      'trunkline_network_macs{network="stations"} 4',
      'trunkline_placement_macs{network="stations",host="docker01"} 3',
      'trunkline_placement_many_stations{network="stations",host="docker01"} 1',
      'trunkline_placement_many_stations{network="stations",host="docker02"} 0',
      'trunkline_limits_left_out{of="network"} 0',
    ]),
  );
  await reportInventory(one, []);
  await reportInventory(two, []);
});

test('frames are shown as the host reported them, and are no metric once it is silent', async () => {
  const own = await createTestServer();
  try {
    const host = await own.joinHost('docker01');
    const { body } = await callNetworks(own).make('frames', { hosts: { all: true } });
    const frames = {
      link: 'ens33',
      multicastPerSecond: 2.5,
      floodedPerSecond: null,
      container: null,
      seconds: 10,
    };
    const placement = {
      networkId: body.id,
      generation: 1,
      removed: false,
      dockerNetworkId: null,
      link: 'ens33',
      lastAction: null,
      conditions: [],
    };
    const report = async (more: object): Promise<void> => {
      const answer = await host.report({ observedRevision: '1', placements: [{ ...placement, ...more }] });
      expect(answer.status).toBe(200);
    };
    const shown = async (): Promise<unknown> =>
      (await own.request('GET', '/v1/networks/frames/placements/docker01')).body.frames;
    const series =
      'trunkline_placement_multicast_frames_per_second{network="frames",host="docker01",link="ens33"} 2.5';
    await report({ frames });
    expect(await shown()).toEqual(frames);
    expect(await scrape(own)).toContain(series);
    expect((await scrape(own)).join('\n')).not.toContain('flooded_frames_per_second{');
    await own.platform.database.pool.query(
      `UPDATE host SET conditions = '[{"type": "AgentConnected", "status": "False"}]'`,
    );
    expect(await scrape(own)).not.toContain(series);
    expect(await shown()).toEqual(frames);
    await report({});
    expect(await shown()).toBeNull();
  } finally {
    await own.close();
  }
});

test('a scrape has no more series than its bound, and says how many it left out', async () => {
  const metrics = createMetrics();
  registerLimitGauges({ ...server.platform, metrics }, thresholds, { networks: 2, placements: 1 });
  const text = await metrics.registry.metrics();
  expect(text.match(/^trunkline_network_macs\{/gm)).toHaveLength(2);
  expect(text.match(/^trunkline_placement_macs\{/gm)).toHaveLength(1);
  const { rows } = await server.platform.database.pool.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM network',
  );
  expect(text).toContain(`trunkline_limits_left_out{of="network"} ${(rows[0]?.n ?? 0) - 2}`);
});

test('one look at the database fills all gauges of a scrape, and of those within 5 s', async () => {
  const metrics = createMetrics();
  let looks = 0;
  const { prisma } = server.platform.database;
  const counted = new Proxy(prisma, {
    get: (target, name) => {
      if (name === '$queryRaw') looks += 1;
      return Reflect.get(target, name) as unknown;
    },
  });
  const database = { ...server.platform.database, prisma: counted };
  registerLimitGauges({ ...server.platform, database, metrics }, thresholds);
  await metrics.registry.metrics();
  expect(looks).toBe(1);
  await metrics.registry.metrics();
  expect(looks).toBe(1);
  server.clock.advance(60_000);
  await metrics.registry.metrics();
  expect(looks).toBe(2);
});

test('a network that is not there has no limits', async () => {
  expect((await server.request('GET', '/v1/networks/nowhere/limits')).status).toBe(404);
});
