import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { callNetworks, type NetworkCalls } from '../networks/network-calls.fixture.ts';
import { carryOut } from '../networks/reports.fixture.ts';

let server: TestServer;
let call: NetworkCalls;
beforeAll(async () => {
  server = await createTestServer();
  call = callNetworks(server);
});
afterAll(() => server?.close());

const retire = (name: string, query = '') =>
  server.request('DELETE', `/v1/hosts/${name}${query}`, undefined, { 'if-match': '*' });

/** A host with a network of its own and two containers on it: one that runs, and one that has yet to. */
async function busyHost(name: string): Promise<{ agent: TestAgent; running: string; reserved: string }> {
  const agent = await server.joinHost(name);
  const { body } = await call.make(`net-${name}`, { hosts: { names: [name] } });
  const at = (last: number): string => body.subnets[0].cidr.replace('.0/24', `.${last}`);
  const attachments = (address: string) => ({ attachments: [{ network: `net-${name}`, address }] });
  expect((await call.runOn(name, `${name}-1`, '', attachments(at(10)))).status).toBe(201);
  await carryOut(agent);
  expect((await call.runOn(name, `${name}-2`, '', attachments(at(20)))).status).toBe(201);
  return { agent, running: at(10), reserved: at(20) };
}

const address = async (name: string, ip: string) =>
  (await server.request('GET', `/v1/networks/net-${name}/addresses/${ip}`)).body;

test('a host is not retired by accident: the refusal lists its containers and addresses, and how to go on', async () => {
  const { running, reserved } = await busyHost('busy');
  const refused = await retire('busy');
  expect(refused.body).toMatchObject({
    status: 409,
    code: 'host_in_use',
    detail: expect.stringMatching(/still holds 2 containers and 2 addresses: .*\?force=true/),
    data: {
      containers: ['/v1/containers/busy-1', '/v1/containers/busy-2'],
      addresses: [running, reserved].map((ip) => `/v1/networks/net-busy/addresses/${ip}`),
    },
  });
  const before = await call.revision();
  expect((await retire('busy', '?force=true&dryRun=true')).status).toBe(204);
  expect(await call.revision()).toBe(before);
  expect(await address('busy', running)).toMatchObject({ state: 'bound', container: 'busy-1' });
});

test('by force it is: containers are forgotten, bound and reserved addresses rest, and the event says what it held', async () => {
  const { running, reserved } = await busyHost('dead');
  expect((await retire('dead', '?force=true')).status).toBe(204);
  expect((await server.request('GET', '/v1/containers?host=dead')).body.items).toEqual([]);
  for (const ip of [running, reserved])
    expect(await address('dead', ip)).toMatchObject({ state: 'quarantined', owner: null, host: null });
  const { body } = await server.request('GET', '/v1/events?host=dead&limit=1000');
  expect(body.items.at(-1)).toMatchObject({
    type: 'host.retired',
    data: {
      forced: true,
      containers: ['/v1/containers/dead-1', '/v1/containers/dead-2'],
      addresses: [running, reserved].map((ip) => `/v1/networks/net-dead/addresses/${ip}`),
    },
  });
  // No document asks for its removal there any more, so the network is free to go.
  expect((await call.remove('net-dead')).status).toBe(204);
});

test('the agent of a retired host that comes back is refused, and changes nothing', async () => {
  const { agent } = await busyHost('back');
  const check = (await agent.document()).revision;
  await retire('back', '?force=true');
  const before = await call.revision();
  for (const answer of [
    await agent.desired(),
    await agent.desired(`?after=${check}`),
    await agent.report(),
    await agent.checkResult('0198c0de-0000-7000-8000-000000000000', {
      state: 'failed',
      result: null,
      error: 'late',
    }),
    await agent.restarted().report(),
  ]) {
    expect([answer.status, answer.body.code]).toEqual([401, 'host_not_joined']);
    expect(answer.body.detail).toMatch(/it was retired.*a new join token and an empty state directory/);
  }
  expect(await call.revision()).toBe(before);
  expect((await server.request('GET', '/v1/hosts/back')).status).toBe(404);
});

test('an agent that waits for news while its host is retired gets no empty document, but the same error', async () => {
  const agent = await server.joinHost('waiting');
  const { revision } = await agent.document();
  const poll = agent.desired(`?after=${revision}&wait=2`);
  await expect
    .poll(async () => (await server.request('GET', '/metrics')).body)
    .toContain('trunkline_agent_polls 1');
  expect((await retire('waiting')).status).toBe(204);
  const answer = await poll;
  expect([answer.status, answer.body.code]).toEqual([401, 'host_not_joined']);
});

test('the name of a retired host can join again, as another host: it gets its networks, and nothing of what it held', async () => {
  const { agent } = await busyHost('again');
  await retire('again', '?force=true');
  const joined = await server.joinHost('again');
  expect(joined.hostId).not.toBe(agent.hostId);
  const { networks, containers } = await joined.document();
  expect(networks).toMatchObject([{ name: 'net-again', state: 'present' }]);
  expect(containers).toEqual([]);
  expect((await agent.desired()).status).toBe(401);
});

test('a deletion is finished when every host reported it, and a retired one is not waited for', async () => {
  const [first, second, third] = [
    await server.joinHost('one'),
    await server.joinHost('two'),
    await server.joinHost('three'),
  ];
  await call.make('shared', { hosts: { names: ['one', 'two', 'three'] } });
  for (const agent of [first, second, third]) await carryOut(agent);
  expect((await call.remove('shared')).status).toBe(202);
  const there = async () => (await server.request('GET', '/v1/networks/shared')).status;
  await carryOut(first);
  expect(await there()).toBe(200);
  await carryOut(second);
  expect(await there()).toBe(200);
  const { body } = await server.request('GET', '/v1/networks/shared/placements');
  expect(body.items.map(({ host }: { host: string }) => host)).toEqual(['three']);
  server.clock.advance(3_600_000);
  expect(await there()).toBe(200);
  expect((await retire('three')).status).toBe(204);
  expect(await there()).toBe(404);
});
