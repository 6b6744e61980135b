import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { callNetworks, freshSubnet, type NetworkCalls } from './network-calls.fixture.ts';
import { carryOut, placementDone, placementFailed } from './reports.fixture.ts';

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

const desiredOn = async (agent: TestAgent, network: string) =>
  (await agent.document()).networks.find(({ name }) => name === network)!;
const updates = async (network: string) =>
  (await server.request('GET', `/v1/events?network=${network}&limit=1000`)).body.items.filter(
    ({ type }: { type: string }) => type === 'network.updated',
  );

/** A network with a container on docker01, real on both hosts. */
async function inUse(name: string, more: Record<string, unknown> = {}): Promise<void> {
  await call.make(name, more);
  expect((await call.runOn('docker01', `${name}-1`, name)).status).toBe(201);
  await carryOut(docker01);
  await carryOut(docker02);
}

test('what Docker cannot change is refused while containers are attached, and the refusal says what force does', async () => {
  await inUse('refused');
  const { status, body } = await call.patch('refused', { vlan: 5 });
  expect([status, body.code]).toEqual([409, 'network_in_use']);
  expect(body.detail).toMatch(
    /refused-1 on docker01; .*\?force=true: they are disconnected, .* replaced, .* connected again with the same addresses/,
  );
  expect(body.data.containers).toEqual(['/v1/containers/refused-1']);
});

test('with force it is taken, hosts may disconnect containers until it is real there, and the event says who forced what', async () => {
  await inUse('forced');
  const operator = await server.as('operator');
  const answer = await server.request(
    'PATCH',
    '/v1/networks/forced?force=true',
    { vlan: 5 },
    { 'if-match': '*', ...operator },
  );
  expect(answer.body).toMatchObject({ vlan: 5, generation: 2 });
  expect(await desiredOn(docker01, 'forced')).toMatchObject({ vlan: 5, generation: 2, force: true });
  expect((await updates('forced')).at(-1)).toMatchObject({
    actor: expect.stringMatching(/^token:operator-/),
    data: {
      generation: 2,
      fields: ['vlan'],
      forced: { hosts: ['docker01', 'docker02'], containers: ['/v1/containers/forced-1'] },
    },
  });

  // The agent woke for the change, wakes to report once more that it is real, and again when force is taken back.
  for (const force of [true, false]) {
    const { revision } = await docker01.document();
    const waiting = docker01.desired(`?after=${revision}&wait=20`);
    await carryOut(docker01);
    const after = (await waiting).body.networks.find(({ name }: { name: string }) => name === 'forced');
    expect(after).toMatchObject({ vlan: 5, generation: 2, force });
  }
  expect((await desiredOn(docker02, 'forced')).force).toBe(true);
  const address = await server.request('GET', '/v1/networks/forced/addresses');
  expect(address.body.items).toMatchObject([{ owner: 'container:forced-1' }]);
});

test('a try that failed does not end force: what it left disconnected needs the next one', async () => {
  await inUse('failing');
  await call.patch('failing', { mode: 'private' }, '*', '?force=true');
  const network = await desiredOn(docker01, 'failing');
  await docker01.report({ placements: [placementFailed(network, 'CreateRefused')] });
  expect((await desiredOn(docker01, 'failing')).force).toBe(true);
  // Real, but of the form before: it was seen before the change came.
  await docker01.report({ placements: [placementDone(network, { generation: 1 })] });
  expect((await desiredOn(docker01, 'failing')).force).toBe(true);
  await docker01.report({ placements: [placementDone(network)] });
  expect((await desiredOn(docker01, 'failing')).force).toBe(true);
  await docker01.report({ placements: [placementDone(network)] });
  expect((await desiredOn(docker01, 'failing')).force).toBe(false);
});

test('a report that was on its way while the host undid the change does not end force', async () => {
  await inUse('undone');
  await call.patch('undone', { parent: 'ens34' }, '*', '?force=true');
  const network = await desiredOn(docker01, 'undone');
  await docker01.report({ placements: [placementDone(network)] });
  await docker01.report({ placements: [placementFailed(network, 'RolledBack')] });
  await call.patch('undone', { labels: { again: 'yes' } });
  expect(await desiredOn(docker01, 'undone')).toMatchObject({ generation: 3, force: true });
});

test('a host where the network is real but still gives addresses of its own is forced with a change that changes nothing', async () => {
  await inUse('moving');
  const network = await desiredOn(docker01, 'moving');
  const done = placementDone(network);
  const moves = {
    ...done.conditions[0]!,
    type: 'AddressPool' as const,
    status: 'False' as const,
    reason: 'MovesWhenFree' as const,
  };
  const waiting = { ...done, conditions: [...done.conditions, moves] };
  await docker01.report({ placements: [waiting] });
  const { status } = await call.patch('moving', { vlan: null }, '*', '?force=true');
  expect(status).toBe(200);
  expect(await desiredOn(docker01, 'moving')).toMatchObject({ generation: 1, force: true });
  expect((await desiredOn(docker02, 'moving')).force).toBe(false);
  // The same heartbeat again, from before the agent knew of it, ends nothing.
  await docker01.report({ placements: [waiting] });
  expect((await desiredOn(docker01, 'moving')).force).toBe(true);
  await docker01.report({ placements: [done] });
  expect((await desiredOn(docker01, 'moving')).force).toBe(false);
});

test('a host that was silent may still force when it is back, also after a later change; one that joins later may not', async () => {
  await inUse('patient');
  await call.patch('patient', { vlan: 6 }, '*', '?force=true');
  await carryOut(docker01);
  await carryOut(docker01);
  await call.patch('patient', { mtu: 1400 });
  expect(await desiredOn(docker01, 'patient')).toMatchObject({ generation: 3, force: false });
  expect(await desiredOn(docker02, 'patient')).toMatchObject({ generation: 3, force: true });
  const docker03 = await server.joinHost('docker03');
  expect(await desiredOn(docker03, 'patient')).toMatchObject({ generation: 3, force: false });
});

test('another parent on one host is forced on that host only', async () => {
  await inUse('reparented', { parents: { docker02: 'eno1' } });
  await call.patch('reparented', { parent: 'ens34' }, '*', '?force=true');
  expect((await desiredOn(docker01, 'reparented')).force).toBe(true);
  expect((await desiredOn(docker02, 'reparented')).force).toBe(false);
});

test('a host that refused an earlier change for containers that only it knows is forced with the same change again', async () => {
  await call.make('unknown', { hosts: { names: ['docker01', 'docker02'] } });
  await carryOut(docker01);
  await carryOut(docker02);
  const changed = await call.patch('unknown', { vlan: 8 });
  expect(changed.status).toBe(200);
  await carryOut(docker02);
  await docker01.report({
    placements: [placementFailed(await desiredOn(docker01, 'unknown'), 'ReplaceBlocked')],
  });
  const before = await call.revision();
  expect((await call.patch('unknown', { vlan: 8 })).headers['etag']).toBe(changed.headers['etag']);
  expect(await call.revision()).toBe(before);

  const again = await call.patch('unknown', { vlan: 8 }, changed.headers['etag'], '?force=true');
  expect(again.headers['etag']).toBe(changed.headers['etag']);
  expect(await desiredOn(docker01, 'unknown')).toMatchObject({ generation: 2, force: true });
  expect((await desiredOn(docker02, 'unknown')).force).toBe(false);
  expect((await updates('unknown')).at(-1).data).toMatchObject({
    fields: [],
    forced: { hosts: ['docker01'] },
  });
  const forced = await call.revision();
  await call.patch('unknown', { vlan: 8 }, '*', '?force=true');
  expect(await call.revision()).toBe(forced);
});

test('force neither takes a subnet that holds addresses, nor a network off a host where containers are attached', async () => {
  const [first, second] = [freshSubnet(), freshSubnet()];
  await inUse('kept', { subnets: [first, second] });
  const held = await call.patch('kept', { subnets: [second] }, '*', '?force=true');
  expect([held.status, held.body.code]).toEqual([409, 'subnet_holds_addresses']);
  const leaving = await call.patch('kept', { hosts: { names: ['docker02'] } }, '*', '?force=true');
  expect([leaving.status, leaving.body.code]).toEqual([409, 'network_in_use']);
  expect(leaving.body.detail).not.toContain('force');
  // The other one holds none, so it may leave, and the gateway may move.
  const subnets = [{ ...first, gateway: null }];
  expect((await call.patch('kept', { subnets }, '*', '?force=true')).body.subnets).toMatchObject(subnets);
  expect(await desiredOn(docker01, 'kept')).toMatchObject({ force: true, subnets: [{ gateway: null }] });
});

test('force is said of PUT too, and of nothing that does not take it', async () => {
  const subnets = [freshSubnet()];
  await inUse('put', { subnets });
  const body = { name: 'put', parent: 'ens34', subnets };
  const forced = await server.request('PUT', '/v1/networks/put?force=true', body, { 'if-match': '*' });
  expect(forced.body).toMatchObject({ parent: 'ens34', generation: 2 });
  expect((await desiredOn(docker01, 'put')).force).toBe(true);
  const created = await server.request('POST', '/v1/networks?force=true', {
    name: 'x1',
    subnets: [freshSubnet()],
  });
  expect(created.status).toBe(400);
});
