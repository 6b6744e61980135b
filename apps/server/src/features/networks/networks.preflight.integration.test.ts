import type { Condition, DesiredNetwork, PreflightResult } from '@trunkline/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestAgent } from '@trunkline/test/integration/agent-stub.ts';
import { createTestDatabase } from '@trunkline/test/integration/database.ts';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { callNetworks, freshSubnet, type NetworkCalls } from './network-calls.fixture.ts';
import { carryOut } from './reports.fixture.ts';

let server: TestServer;
let call: NetworkCalls;
let docker01: TestAgent;
let docker02: TestAgent;

beforeAll(async () => {
  server = await createTestServer();
  call = callNetworks(server);
  docker01 = await server.joinHost('docker01');
  docker02 = await server.joinHost('docker02');
});
afterAll(() => server?.close());

/** What an agent would do, said so that a test can tell what it was asked. */
const findings = (network: DesiredNetwork): PreflightResult => ({
  observedAt: '2026-11-24T09:30:00.000Z',
  actions: [`${network.state} ${network.name} on ${network.parent}, VLAN ${network.vlan}`],
  conditions: [
    {
      type: 'Ready',
      status: 'False',
      reason: 'Preflight',
      message: 'would be made',
      observedGeneration: network.generation,
      lastTransitionTime: '2026-11-24T09:30:00.000Z',
    },
  ],
});

/** Waits until a host is asked, and answers; gives what it was asked. */
async function answer(agent: TestAgent, result = findings): Promise<DesiredNetwork> {
  const question = async () => (await agent.document()).checks.find(({ kind }) => kind === 'preflight');
  await expect.poll(question, { timeout: 10_000 }).toBeDefined();
  const asked = await question();
  if (asked?.kind !== 'preflight') throw new Error('no preflight');
  await agent.checkResult(asked.id, { state: 'running', result: null, error: null });
  const sent = await agent.checkResult(asked.id, {
    state: 'done',
    result: result(asked.network),
    error: null,
  });
  expect(sent.status).toBe(204);
  return asked.network;
}

const ready = (host: { conditions: Condition[] }) => host.conditions.find(({ type }) => type === 'Ready');
const eventTypes = async (query: string): Promise<string[]> =>
  (await server.request('GET', `/v1/events?limit=1000${query}`)).body.items.map(
    ({ type }: { type: string }) => type,
  );

test('a dry run asks the agents themselves, host by host, and makes nothing', async () => {
  const asked = server.request('POST', '/v1/networks?dryRun=true', {
    name: 'planned',
    parent: 'ens33',
    parents: { docker02: 'eno1' },
    vlan: 10,
    subnets: [freshSubnet()],
  });
  const [first, second] = await Promise.all([answer(docker01), answer(docker02)]);
  const { status, body } = await asked;
  expect(status).toBe(200);
  expect(body.preflight).toEqual([
    { host: 'docker01', answered: true, ...findings(first) },
    { host: 'docker02', answered: true, ...findings(second) },
  ]);
  expect(first).toMatchObject({ id: body.id, state: 'present', parent: 'ens33', vlan: 10, generation: 1 });
  expect(second).toMatchObject({ id: body.id, state: 'present', parent: 'eno1', vlan: 10, force: false });

  expect((await server.request('GET', '/v1/networks/planned')).status).toBe(404);
  for (const agent of [docker01, docker02]) {
    const { networks, checks } = await agent.document();
    expect(networks.map(({ name }) => name)).not.toContain('planned');
    // What was answered is not asked again.
    expect(checks).toEqual([]);
  }
  const events = await eventTypes('&network=planned');
  expect(events).toEqual(['preflight.asked', 'preflight.done', 'preflight.done']);
  expect((await server.request('GET', '/v1/checks')).body.items).toEqual([]);
});

test('a change is asked about as it would be: the next generation, with force, and hosts that it would leave', async () => {
  const subnets = [freshSubnet()];
  await call.make('changing', { subnets });
  await carryOut(docker01);
  await carryOut(docker02);
  const { body: before } = await server.request('GET', '/v1/networks/changing');

  const patch = { vlan: 20, hosts: { names: ['docker01'] } };
  const asked = call.patch('changing', patch, '*', '?dryRun=true&force=true');
  const [stays, leaves] = await Promise.all([answer(docker01), answer(docker02)]);
  expect(stays).toMatchObject({
    id: before.id,
    generation: 2,
    state: 'present',
    vlan: 20,
    force: true,
  });
  expect(leaves).toMatchObject({ id: before.id, generation: 2, state: 'absent', force: false });
  expect((await asked).body).toMatchObject({
    vlan: 20,
    generation: 2,
    preflight: [{ host: 'docker01' }, { host: 'docker02' }],
  });

  const whole = { name: 'changing', parent: 'ens34', subnets };
  const put = server.request('PUT', '/v1/networks/changing?dryRun=true', whole, { 'if-match': '*' });
  expect((await Promise.all([answer(docker01), answer(docker02)])).map(({ parent }) => parent)).toEqual([
    'ens34',
    'ens34',
  ]);
  expect((await put).body.preflight).toHaveLength(2);

  const removed = call.remove('changing', '*', '?dryRun=true');
  await Promise.all([answer(docker01), answer(docker02)]);
  expect((await removed).body.preflight[0].actions).toEqual(['absent changing on ens33, VLAN null']);

  const { body: after } = await server.request('GET', '/v1/networks/changing');
  expect(after).toEqual(before);
  expect('preflight' in after).toBe(false);
});

test('what changes nothing is still asked about: the host may have drifted', async () => {
  await call.make('drifted', { hosts: { names: ['docker01'] } });
  const asked = call.patch('drifted', { vlan: null }, '*', '?dryRun=true');
  expect(await answer(docker01)).toMatchObject({ generation: 1, state: 'present' });
  expect((await asked).body).toMatchObject({ generation: 1, preflight: [{ answered: true }] });
});

test('what is refused is refused in a dry run too, and no agent is asked', async () => {
  await call.make('occupied', { hosts: { names: ['docker01'] } });
  await call.runOn('docker01', 'occupied-1', 'occupied');
  const before = await call.revision();
  expect((await call.patch('occupied', { vlan: 9 }, '*', '?dryRun=true')).body.code).toBe('network_in_use');
  expect(await call.revision()).toBe(before);
});

test('a host that is silent is not asked nor waited for, one that does not answer is waited for as long as the caller says', async () => {
  const own = await createTestServer();
  try {
    await own.joinHost('gone');
    own.clock.advance(60_000);
    await own.joinHost('mute');
    const failing = await own.joinHost('failing');
    const began = performance.now();
    const asked = own.request('POST', '/v1/networks?dryRun=true&wait=1s', {
      name: 'partly',
      subnets: [freshSubnet()],
    });
    await expect.poll(async () => (await failing.document()).checks.length).toBe(1);
    const { id } = (await failing.document()).checks[0]!;
    await failing.checkResult(id, { state: 'failed', result: null, error: 'Docker does not answer' });
    const { status, body } = await asked;
    expect(status).toBe(200);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(
      body.preflight.map((one: { host: string; answered: boolean; conditions: Condition[] }) => [
        one.host,
        one.answered,
        ready(one)?.reason,
      ]),
    ).toEqual([
      ['failing', false, 'PreflightFailed'],
      ['gone', false, 'HostSilent'],
      ['mute', false, 'NoAnswer'],
    ]);
    expect(ready(body.preflight[0])?.message).toContain('Docker does not answer');
    expect(ready(body.preflight[2])?.message).toContain('within 1 s');

    const { body: unasked } = await own.request('POST', '/v1/networks?dryRun=true&wait=0s', {
      name: 'partly',
      subnets: [freshSubnet()],
    });
    expect(ready(unasked.preflight[2])?.reason).toBe('NotAsked');
  } finally {
    await own.close();
  }
});

test('a host that is retired while it is asked is not waited for, and nothing fails', async () => {
  await server.joinHost('leaving');
  await call.make('elsewhere', { hosts: { names: [] } });
  const asked = call.patch('elsewhere', { hosts: { names: ['leaving'] } }, '*', '?dryRun=true&wait=25s');
  await expect.poll(() => eventTypes('&network=elsewhere')).toContain('preflight.asked');
  await server.request('DELETE', '/v1/hosts/leaving', undefined, { 'if-match': '*' });
  const { status, body } = await asked;
  expect(status).toBe(200);
  expect(ready(body.preflight[0])?.reason).toBe('NoAnswer');
});

test('questions that nobody answered expire, and leave the document of their host', async () => {
  const own = await createTestServer();
  try {
    const agent = await own.joinHost('mute');
    const body = { name: 'ignored', subnets: [freshSubnet()] };
    await own.request('POST', '/v1/networks?dryRun=true&wait=1s', body);
    const { revision } = await agent.document();
    own.clock.advance(2_000);
    expect((await agent.document()).checks).toEqual([]);
    own.startSweeps();
    const woken = await agent.desired(`?after=${revision}&wait=20`);
    expect([woken.status, woken.body.checks]).toEqual([200, []]);
    const { body: events } = await own.request('GET', '/v1/events?network=ignored');
    expect(events.items.at(-1)).toMatchObject({ type: 'preflight.expired', actor: 'server' });
  } finally {
    await own.close();
  }
});

test('a dry run is not kept as the answer to an Idempotency-Key', async () => {
  const body = { name: 'keyed', hosts: { names: [] }, subnets: [freshSubnet()] };
  const key = { 'idempotency-key': 'dry-then-real' };
  const dry = await server.request('POST', '/v1/networks?dryRun=true', body, key);
  expect([dry.status, dry.body.preflight]).toEqual([200, []]);
  const real = await server.request('POST', '/v1/networks', body, key);
  expect([real.status, real.headers['idempotency-replayed']]).toEqual([201, undefined]);
  expect('preflight' in real.body).toBe(false);
  const again = await server.request('POST', '/v1/networks', body, key);
  expect([again.status, again.headers['idempotency-replayed']]).toEqual([201, 'true']);
});

test('agents answer whichever server they reach: the one that asked reads it from the database', async () => {
  const database = await createTestDatabase();
  const one = await createTestServer({ connectionString: database.connectionString });
  const other = await createTestServer({ connectionString: database.connectionString });
  try {
    const { name, hostId, privateKey } = await one.joinHost('docker01');
    const elsewhere = createTestAgent(
      { name, hostId, privateKey },
      { send: (...request) => other.send(...request), now: () => other.clock.now() },
    );
    const asked = one.request('POST', '/v1/networks?dryRun=true', {
      name: 'shared',
      subnets: [freshSubnet()],
    });
    await answer(elsewhere);
    expect((await asked).body.preflight).toMatchObject([{ host: 'docker01', answered: true }]);
  } finally {
    await other.close();
    await one.close();
    await database.drop();
  }
});

test('a result of another kind is refused by name, and the question stays open', async () => {
  const asked = server.request('POST', '/v1/networks?dryRun=true', {
    name: 'confused',
    hosts: { names: ['docker01'] },
    subnets: [freshSubnet()],
  });
  await expect.poll(async () => (await docker01.document()).checks.length).toBe(1);
  const { id } = (await docker01.document()).checks[0]!;
  const reached = {
    reachable: true,
    byAddress: [],
    byName: { name: 'box2', resolved: [], reachable: false, message: 'no' },
    message: 'yes',
  };
  for (const result of [reached, null]) {
    const wrong = await docker01.checkResult(id, { state: 'done', result, error: null });
    expect([wrong.status, wrong.body.errors[0].pointer]).toEqual([400, '/result']);
  }
  // Another host has no say in it (promise 8).
  const foreign = { state: 'failed', result: null, error: 'not mine' } as const;
  expect((await docker02.checkResult(id, foreign)).status).toBe(204);
  await answer(docker01);
  expect((await asked).body.preflight).toMatchObject([{ answered: true }]);
  // It is a part of the dry run, not a check that anybody can read.
  expect((await server.request('GET', `/v1/checks/${id}`)).body.code).toBe('check_not_found');
});
