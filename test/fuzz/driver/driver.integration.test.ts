/** The driver's socket under whatever may be sent to it: an answer in Docker's form, in time; no address twice, none lost. */
import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestServer, type TestServer } from '../../integration/server.ts';
import { startAgentProcess, type AgentProcess } from './agent-process.ts';
import type { DriverCall, DriverSubjects } from './calls.ts';
import { callMs, fuzzDriver, sendCall } from './run.ts';

const seed = Number(process.env['TRUNKLINE_FUZZ_SEED'] ?? 1);
const asked = process.env['TRUNKLINE_FUZZ_COUNT'];
const share = Number(process.env['TRUNKLINE_FUZZ_SHARE'] ?? 3);
const count = asked === undefined ? 1_200 : Math.ceil(Number(asked) / share);
const timeout = 60_000 + count * 100;
/** How long an address stays granted that nobody is seen on. */
const graceMs = 12_000;
const warm = 2;
/** A body is 64 KiB at most, and so many connections have one. */
const maxGrowthMiB = 160;

let server: TestServer;
let agent: AgentProcess;
let subjects: DriverSubjects;
let host: string;

beforeAll(async () => {
  server = await createTestServer();
  const baseUrl = await server.app.listen({ host: '127.0.0.1', port: 0 });
  const networks: { id: string; name: string; subnets: string[] }[] = [];
  for (const [name, subnets] of [
    ['drv0', [{ cidr: '10.61.0.0/28', gateway: '10.61.0.1' }]],
    ['drv1', [{ cidr: '10.61.1.0/24', gateway: '10.61.1.1' }, { cidr: 'fd61::/64' }]],
  ] as const) {
    const made = await server.request('POST', '/v1/networks', {
      name,
      hosts: { all: true },
      subnets,
      warm,
      quarantineSeconds: 0,
    });
    networks.push({ id: made.body.id as string, name, subnets: subnets.map(({ cidr }) => cidr) });
  }
  const other = await server.request('POST', '/v1/networks', {
    name: 'other',
    hosts: { names: ['elsewhere'] },
    subnets: [{ cidr: '10.61.2.0/28' }],
  });
  subjects = { networks, strangers: [other.body.id as string, randomUUID()] };
  host = 'docker01';
  agent = await startAgentProcess(await server.joinHost(host), { server: baseUrl, graceMs });
});
afterAll(async () => {
  await agent?.stop();
  await server?.close();
});

const call = (path: string, body: unknown): DriverCall => ({
  method: 'POST',
  path: `/IpamDriver.${path}`,
  headers: {},
  body: JSON.stringify(body),
  leaveMs: undefined,
});

/** What a container's start asks, and its end. */
async function runContainer(n: number): Promise<{ ms: number }> {
  const [, network] = subjects.networks;
  const poolId = `${network?.id}/10.61.1.0/24`;
  const mac = `02:42:0a:3d:ff:${n.toString(16).padStart(2, '0')}`;
  const answer = await sendCall(
    agent.socket,
    call('RequestAddress', {
      PoolID: poolId,
      Address: '',
      Options: { 'com.docker.network.endpoint.macaddress': mac },
    }),
  );
  expect(JSON.parse(answer?.text ?? '')).toMatchObject({ Address: expect.stringMatching(/\/24$/) });
  const { Address } = JSON.parse(answer?.text ?? '') as { Address: string };
  await sendCall(agent.socket, call('ReleaseAddress', { PoolID: poolId, Address: Address.split('/')[0] }));
  return { ms: answer?.ms ?? Infinity };
}

/** Addresses that the server has for somebody, with their states. */
async function held(): Promise<string[]> {
  const rows: string[] = [];
  for (const { name } of subjects.networks) {
    const { body } = await server.request('GET', `/v1/networks/${name}/addresses?limit=200`);
    rows.push(...(body.items as { state: string; ip: string }[]).map(({ state, ip }) => `${ip} ${state}`));
  }
  return rows.filter((row) => !row.endsWith(' quarantined'));
}

describe('whatever Docker, or somebody who says that he is, sends to the driver', () => {
  test(
    'is answered in the form of the protocol and in time; no address is granted twice',
    { timeout, retry: 0 },
    async () => {
      const before = agent.rssMiB();
      const { faults, open, ...counts } = await fuzzDriver(agent, {
        seed,
        count,
        subjects,
        graceMs: graceMs - 1000,
      });
      if (asked !== undefined) console.log(`driver, seed ${seed}: ${JSON.stringify(counts)}`);
      expect(faults, `seed ${seed}`).toEqual([]);
      expect(agent.isAlive()).toBe(true);
      // Some of it has to be taken, or nothing was tried.
      expect(counts.granted).toBeGreaterThan(count / 50);
      expect(counts.maxRssMiB - before).toBeLessThan(maxGrowthMiB);
      for (const ip of open) {
        const network = subjects.networks[ip.startsWith('10.61.0.') ? 0 : 1];
        const PoolID = `${network?.id}/${network?.subnets[0]}`;
        await sendCall(agent.socket, call('ReleaseAddress', { PoolID, Address: ip }));
      }
    },
  );

  test(
    'loses no address for ever: what nobody uses goes back to the server',
    { timeout: 90_000 },
    async () => {
      // A warm pool for each subnet of each network.
      await expect
        .poll(held, { timeout: 80_000, interval: 500 })
        .toSatisfy(
          (rows: string[]) => rows.length <= 3 * warm && rows.every((row) => row.endsWith(' leased')),
        );
    },
  );
});

/** Connections that send something slowly, or nothing; answers how many of them are still open. */
function openSlowly(amount: number, first: string, more: string): { open: () => number; end: () => void } {
  const sockets = new Set<Socket>();
  for (let n = 0; n < amount; n += 1) {
    const socket = connect(agent.socket);
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('end', () => socket.end());
    socket.resume();
    if (first !== '') socket.write(first);
  }
  const drip = setInterval(() => {
    if (more !== '') for (const socket of sockets) socket.write(more);
  }, 200);
  return {
    open: () => sockets.size,
    end: () => {
      clearInterval(drip);
      for (const socket of sockets) socket.destroy();
    },
  };
}

describe('slow clients of the driver', () => {
  test.each<[string, string, string]>([
    ['that send nothing', '', ''],
    ['whose head never ends', 'POST /IpamDriver.RequestAddress HTTP/1.1\r\nHost:\r\n', 'X-A: b\r\n'],
    [
      'whose body never ends',
      'POST /IpamDriver.RequestAddress HTTP/1.1\r\nHost:\r\nContent-Length: 60000\r\n\r\n{"PoolID":"',
      'x',
    ],
    [
      'that send one call after the other without waiting',
      'POST /IpamDriver.GetCapabilities HTTP/1.1\r\nHost:\r\nContent-Length: 0\r\n\r\n'.repeat(50),
      '',
    ],
  ])('%s are shown out, and containers start meanwhile', async (_, first, more) => {
    const before = agent.sockets();
    const slow = openSlowly(150, first, more);
    try {
      for (let n = 0; n < 5; n += 1) expect((await runContainer(n)).ms).toBeLessThan(2_000);
      await expect.poll(slow.open, { timeout: 12_000, interval: 100 }).toBe(0);
      await expect.poll(() => agent.sockets(), { timeout: 5_000 }).toBeLessThan(before + 20);
    } finally {
      slow.end();
    }
  });

  test('however many, do not make the agent hold more than its bound, and Docker gets through when it tries again', async () => {
    const before = agent.sockets();
    const slow = openSlowly(1_000, 'POST / HTTP/1.1\r\n', '');
    try {
      await expect.poll(() => agent.sockets(), { timeout: 5_000 }).toBeGreaterThan(before + 100);
      expect(agent.sockets()).toBeLessThan(before + 300);
      // As Docker does: again after 1, 2, 4 and 8 s.
      const began = performance.now();
      for (let pause = 1000; ; pause *= 2) {
        const done = await runContainer(9).catch(() => null);
        if (done !== null) break;
        if (pause > 8000) throw new Error('Docker would have given up');
        await delay(pause);
      }
      expect(performance.now() - began).toBeLessThan(callMs + 4_000);
    } finally {
      slow.end();
    }
  });
});
