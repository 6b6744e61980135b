/** `?wait` is answered when the outcome is known, also when it is "no" and only a person can change it. */
import type { Condition, Reason } from '@trunkline/contracts';
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import type { TestAgent } from '@trunkline/test/integration/server.ts';
import { expect, test } from 'vitest';
import { freshSubnet } from './network-calls.fixture.ts';
import { carryOut, containerDone, placementDone, placementFailed } from './reports.fixture.ts';

const at = useTwoHosts();

/** Longer than a test may take: an answer that waits for the time to be up fails it. */
const wait = '?wait=300s';
const put = (path: string, body: unknown) =>
  at.server.request('PUT', `${path}${wait}`, body, { 'if-match': '*' });
const networkOf = async (agent: TestAgent, name: string) => {
  await expect
    .poll(async () => (await agent.document()).networks.find((one) => one.name === name))
    .toBeDefined();
  return (await agent.document()).networks.find((one) => one.name === name)!;
};
const containerOf = async (name: string) => {
  await expect
    .poll(async () => (await at.one.document()).containers.find((one) => one.name === name))
    .toBeDefined();
  return (await at.one.document()).containers.find((one) => one.name === name)!;
};
const failing = async (agent: TestAgent, name: string, reason: Reason) =>
  agent.report({ placements: [placementFailed(await networkOf(agent, name), reason)] });
const isDone = async (answer: Promise<unknown>): Promise<boolean> => {
  const nothing = Symbol('nothing');
  return (await Promise.race([answer, Promise.resolve(nothing)])) !== nothing;
};

test('a network whose parent is missing on one host is answered when the others are ready', async () => {
  const asked = at.server.request('POST', `/v1/networks${wait}`, {
    name: 'missing',
    subnets: [freshSubnet()],
  });
  await failing(at.two, 'missing', 'ParentMissing');
  expect(await isDone(asked)).toBe(false);
  await at.one.report({ placements: [placementDone(await networkOf(at.one, 'missing'))] });
  const { status, body } = await asked;
  expect(status).toBe(201);
  expect(body.status).toMatchObject({ ready: false, hosts: { ready: 1, notReady: 1 } });
  expect(JSON.stringify(body.status.conditions)).toContain('ParentMissing');

  // What was said of the network before the change is not the outcome of the change.
  const changed = put('/v1/networks/missing', { name: 'missing', subnets: body.subnets, vlan: 7 });
  await expect.poll(async () => (await networkOf(at.two, 'missing')).generation).toBe(2);
  await at.two.report({
    placements: [placementFailed(await networkOf(at.two, 'missing'), 'VlanUnsupported')],
  });
  expect(await isDone(changed)).toBe(false);
  await failing(at.one, 'missing', 'ParentUnusable');
  expect((await changed).body.status).toMatchObject({ hosts: { ready: 0, notReady: 2 } });
});

test('what the agent tries again is waited for', async () => {
  const asked = at.server.request('POST', `/v1/networks${wait}`, {
    name: 'retried',
    subnets: [freshSubnet()],
    hosts: { names: ['docker01'] },
  });
  await failing(at.one, 'retried', 'CreateRefused');
  await failing(at.one, 'retried', 'ParentNoCarrier');
  expect(await isDone(asked)).toBe(false);
  await carryOut(at.one);
  expect((await asked).body.status.ready).toBe(true);
});

test('a container is answered when its image is missing, or when its network waits for a person', async () => {
  await at.call.make('lan');
  await carryOut(at.one);
  const run = (name: string, network: string) =>
    at.server.request('POST', `/v1/containers${wait}`, {
      name,
      host: 'docker01',
      image: 'nowhere',
      pull: 'never',
      attachments: [{ network }],
    });
  const says = async (name: string, reason: Reason) => {
    const container = await containerOf(name);
    const [condition] = containerDone(container).conditions;
    return at.one.report({
      containers: [
        containerDone(container, {
          state: 'absent',
          dockerId: null,
          endpoints: [],
          conditions: [{ ...condition!, status: 'False', reason } as Condition],
        }),
      ],
    });
  };
  const missing = run('box1', 'lan');
  await says('box1', 'Missing');
  expect(await isDone(missing)).toBe(false);
  await says('box1', 'ImageMissing');
  expect(await missing).toMatchObject({ status: 201, body: { running: false } });

  await at.call.make('bad');
  await failing(at.one, 'bad', 'ParentMissing');
  const waiting = run('box2', 'bad');
  await says('box2', 'NetworkNotReady');
  expect(await waiting).toMatchObject({ status: 201, body: { running: false } });

  const other = run('box3', 'lan');
  await says('box3', 'NetworkNotReady');
  expect(await isDone(other)).toBe(false);
  await carryOut(at.one);
  expect((await other).body.running).toBe(true);
});

test('a removal is answered when containers of others are in the way', async () => {
  await at.call.make('leaving', { hosts: { names: ['docker01'] } });
  await carryOut(at.one);
  const asked = at.call.remove('leaving', '*', wait);
  await expect.poll(async () => (await networkOf(at.one, 'leaving')).state).toBe('absent');
  const network = await networkOf(at.one, 'leaving');
  await at.one.report({
    placements: [{ ...placementFailed(network, 'RemovalBlocked'), removed: false, dockerNetworkId: 'd' }],
  });
  expect((await asked).status).toBe(202);
});
