/** C7: what one host may hold and not use has a bound; what its containers need has none but the subnet (promise 3). */
import type { Lease } from '@trunkline/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { carryOut } from '../networks/reports.fixture.ts';
import {
  claimLease,
  reportInventory,
  returning,
  seenContainer,
  syncLeases,
  takeLeases,
} from './lease-calls.fixture.ts';

const most = 16;
const warm = 4;
let server: TestServer;
let agent: TestAgent;
let other: TestAgent;
let networks = 0;

beforeAll(async () => {
  server = await createTestServer({ unusedLeases: most });
  agent = await server.joinHost('docker01');
  other = await server.joinHost('docker02');
});
afterAll(() => server?.close());

async function network(prefix = 24): Promise<{ id: string; ip: (n: number) => string }> {
  networks += 1;
  const cidr = `10.77.${networks}.0/${prefix}`;
  const { body } = await server.request('POST', '/v1/networks', {
    name: `net${networks}`,
    hosts: { all: true },
    subnets: [{ cidr, gateway: `10.77.${networks}.1` }],
    warm,
  });
  await carryOut(agent);
  const base = `10.77.${networks}`;
  return { id: body.id as string, ip: (n) => `${base}.${n}` };
}

const send = (by: TestAgent, networkId: string, count: number, onDemand: boolean) =>
  by.send('POST', '/agent/v1/leases', {
    held: null,
    returns: [],
    wants: [{ networkId, family: 'ipv4', count, onDemand }],
  });
const seen = (id: string, leases: readonly Lease[]) =>
  leases.map(({ ip }, n) => ({
    ...seenContainer(id, `box${n}`, ip),
    dockerId: `docker-${ip}`,
    mac: `02:42:0a:4d:${networks.toString(16).padStart(2, '0')}:${n.toString(16).padStart(2, '0')}`,
  }));

describe('what a host holds that no container was seen on', () => {
  test('is its warm pool and a bound beside it, in however many requests at once it asks', async () => {
    const { id } = await network();
    const answers = await Promise.all(Array.from({ length: 12 }, () => send(agent, id, 8, false)));
    const granted = answers.flatMap(({ body }) => (body.granted as Lease[] | undefined) ?? []);
    expect(granted).toHaveLength(most + warm);
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const { status, headers, body } of refused) {
      expect([status, body.code]).toEqual([429, 'limit_reached']);
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    // Others are given what they need meanwhile.
    expect((await takeLeases(other, id, 4)).granted).toHaveLength(4);
  });

  test('is bounded for addresses that it names as well', { timeout: 60_000 }, async () => {
    const { id, ip } = await network();
    expect((await takeLeases(agent, id, 256)).granted).toHaveLength(most + warm);
    const refused = await claimLease(agent, id, { ip: ip(200) });
    expect([refused.status, refused.body.code]).toEqual([429, 'limit_reached']);
    expect((await claimLease(other, id, { ip: ip(200) })).status).toBe(200);
  });

  test('is shown as a condition of the host after a minute, and no more once it went back', async () => {
    const { id } = await network();
    const leases = (await takeLeases(agent, id, most + warm)).granted;
    const condition = async () =>
      (await server.request('GET', '/v1/hosts/docker01')).body.conditions.find(
        ({ type }: { type: string }) => type === 'LeasesUsed',
      );
    expect((await condition())?.message ?? '').not.toContain(`of net${networks}`);
    await server.platform.database.pool.query(
      `UPDATE address SET updated_at = now() - interval '2 minutes' WHERE network_id = $1`,
      [id],
    );
    expect(await condition()).toMatchObject({
      status: 'False',
      reason: 'ManyUnused',
      message: expect.stringContaining(`${most + warm} of net${networks} (warm: ${warm})`),
    });
    await syncLeases(agent, { returns: returning(leases, 'unused') });
    expect((await condition())?.message ?? '').not.toContain(`of net${networks}`);
  });
});

describe('what containers need', () => {
  test(
    'is given to the last address of the subnet where the host says what runs (promise 3)',
    { timeout: 60_000 },
    async () => {
      const { id } = await network(26);
      const got: Lease[] = [];
      for (let round = 0; round < 30 && got.length < 61; round += 1) {
        got.push(...(await takeLeases(agent, id, 4, true)).granted);
        await reportInventory(agent, seen(id, got));
      }
      expect(got).toHaveLength(61);
      const full = await takeLeases(agent, id, 1, true);
      expect(full.granted).toEqual([]);
      expect(full.shortages[0]?.detail).toContain('is full');
    },
  );

  test('waits for the report of what runs, and is not refused for it', { timeout: 60_000 }, async () => {
    const { id } = await network();
    const held = (await takeLeases(agent, id, most + warm, true)).granted;
    const waiting = send(agent, id, 1, true);
    await reportInventory(agent, seen(id, held));
    const { status, body } = await waiting;
    expect([status, body.granted?.length]).toEqual([200, 1]);
  });
});

test(
  'a host whose agent says that it is another process each time is bounded in what is kept of it',
  { timeout: 60_000 },
  async () => {
    const host = await server.joinHost('docker03');
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => host.restarted(`instance-${n}`).desired()),
    );
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(20);
    expect(Number(refused[0]?.headers['retry-after'])).toBeGreaterThan(0);
    const { rows } = await server.platform.database.pool.query<{ count: string }>(
      'SELECT count(*) FROM agent_instance WHERE host_id = $1',
      [host.hostId],
    );
    expect(Number(rows[0]?.count)).toBeLessThan(180);
  },
);
