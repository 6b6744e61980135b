import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { callNetworks, type NetworkCalls } from '../networks/network-calls.fixture.ts';
import { carryOut, containerDone } from '../networks/reports.fixture.ts';

let server: TestServer;
let call: NetworkCalls;
let docker01: TestAgent;
let docker02: TestAgent;

beforeAll(async () => {
  server = await createTestServer();
  call = callNetworks(server);
  docker01 = await server.joinHost('docker01');
  docker02 = await server.joinHost('docker02');
  await call.make('mac_net1', { subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }] });
  await call.make('dual', {
    subnets: [
      { cidr: '10.70.0.0/24', gateway: '10.70.0.1' },
      { cidr: 'fd00:70::/64', gateway: 'fd00:70::1' },
    ],
  });
  await call.make('only1', { hosts: { names: ['docker01'] } });
  await carryOut(docker01);
  await carryOut(docker02);
});
afterAll(() => server?.close());

const run = (body: Record<string, unknown>, query = '', headers?: Record<string, string>) =>
  server.request('POST', `/v1/containers${query}`, { host: 'docker01', image: 'busybox', ...body }, headers);
const get = (name: string) => server.request('GET', `/v1/containers/${name}`);
const remove = (name: string, query = '', headers?: Record<string, string>) =>
  server.request('DELETE', `/v1/containers/${name}${query}`, undefined, headers);
const address = (network: string, ip: string) =>
  server.request('GET', `/v1/networks/${network}/addresses/${ip}`);
const desiredOn = async (agent: TestAgent, name: string) =>
  (await agent.document()).containers.find((container) => container.name === name)!;
const onMacNet1 = (name: string, more: Record<string, unknown> = {}) => ({
  name,
  attachments: [{ network: 'mac_net1', ...more }],
});

describe('S1 through the API', () => {
  test('a container runs with its address, and the answer comes when it was seen running', async () => {
    const asked = run(
      { ...onMacNet1('box1', { address: '172.16.100.10' }), tty: true, stdinOpen: true },
      '?wait=20s',
    );
    await expect.poll(() => desiredOn(docker01, 'box1')).toBeDefined();
    expect(await desiredOn(docker01, 'box1')).toMatchObject({
      state: 'present',
      image: 'busybox',
      tty: true,
      stdinOpen: true,
      restart: 'unless-stopped',
      networkMode: null,
      attachments: [{ network: 'mac_net1', address: '172.16.100.10', address6: null, mac: null }],
    });
    expect((await address('mac_net1', '172.16.100.10')).body).toMatchObject({
      state: 'reserved',
      owner: 'container:box1',
      container: 'box1',
      host: null,
    });
    await carryOut(docker01);
    const { status, headers, body } = await asked;
    expect(status).toBe(201);
    expect(headers['location']).toBe('/v1/containers/box1');
    expect(body).toMatchObject({
      running: true,
      observed: { state: 'running', dockerId: 'docker-box1' },
      attachments: [{ network: 'mac_net1', address: '172.16.100.10', observedMac: '02:42:ac:10:64:00' }],
    });
    expect((await address('mac_net1', '172.16.100.10')).body).toMatchObject({
      state: 'bound',
      host: 'docker01',
      mac: '02:42:ac:10:64:00',
    });
  });

  test('without an address it gets the next free one, and on a network of both IP versions one of each', async () => {
    const { status, body } = await run({
      name: 'both',
      attachments: [{ network: 'dual' }, { network: 'mac_net1' }],
    });
    expect(status).toBe(201);
    expect(body.attachments).toMatchObject([
      {
        network: 'dual',
        address: expect.stringMatching(/^10\.70\.0\./),
        address6: expect.stringMatching(/^fd00:70::/),
      },
      { network: 'mac_net1', address: expect.stringMatching(/^172\.16\.100\./), address6: null },
    ]);
    const asked = [{ network: 'dual', address: '10.70.0.99', address6: 'FD00:70:0::0099' }];
    expect((await run({ name: 'both2', attachments: asked })).body.attachments).toMatchObject([
      { address: '10.70.0.99', address6: 'fd00:70::99' },
    ]);
  });
});

describe('bad input', () => {
  test.each([
    ['an address outside the subnet', { address: '172.16.101.10' }, 422, 'address_not_allocatable'],
    ['the gateway', { address: '172.16.100.1' }, 422, 'address_not_allocatable'],
    ['the network address', { address: '172.16.100.0' }, 422, 'address_not_allocatable'],
    ['the broadcast address', { address: '172.16.100.255' }, 422, 'address_not_allocatable'],
    ['one already taken', { address: '172.16.100.10' }, 409, 'address_taken'],
    ['IPv6 where there is none', { address6: 'fd00::5' }, 400, 'invalid_request'],
    ['a multicast MAC', { mac: '01:00:5e:00:00:01' }, 400, 'invalid_request'],
    ['an unknown field', { ip: '172.16.100.7' }, 400, 'invalid_request'],
    ['null for the address', { address: null }, 400, 'invalid_request'],
  ])('%s is refused, and nothing is left behind', async (_name, wrong, status, code) => {
    const before = await call.revision();
    expect((await run(onMacNet1('bad', wrong))).body).toMatchObject({ status, code });
    expect((await get('bad')).status).toBe(404);
    expect(await call.revision()).toBe(before);
  });

  test('an address that is taken is answered with its holder', async () => {
    const { body } = await run(onMacNet1('bad', { address: '172.16.100.10' }));
    expect(body.data).toMatchObject({
      holder: '/v1/networks/mac_net1/addresses/172.16.100.10',
      container: 'box1',
    });
  });

  test.each([
    [
      'a host that has not joined',
      { host: 'docker77', attachments: [{ network: 'mac_net1' }] },
      404,
      'host_not_found',
    ],
    ['a network that does not exist', { attachments: [{ network: 'nope' }] }, 404, 'network_not_found'],
    [
      'a network that is not on the host',
      { host: 'docker02', attachments: [{ network: 'only1' }] },
      409,
      'network_not_placed',
    ],
    ['no network at all', {}, 400, 'invalid_request'],
    ['a number as text', { ...onMacNet1('x'), tty: 'true' }, 400, 'invalid_request'],
    [
      'a zero character in the environment',
      { ...onMacNet1('x'), env: { A: '\u0000' } },
      400,
      'invalid_request',
    ],
  ])('%s is refused', async (_name, wrong, status, code) => {
    expect((await run({ ...wrong, name: 'bad' })).body).toMatchObject({ status, code });
    expect((await get('bad')).status).toBe(404);
  });

  test('a full subnet is named, with how full it is', async () => {
    await call.make('tiny', { subnets: [{ cidr: '10.71.0.0/30', gateway: '10.71.0.1' }] });
    await carryOut(docker01);
    expect((await run({ name: 'last', attachments: [{ network: 'tiny' }] })).status).toBe(201);
    expect((await run({ name: 'bad', attachments: [{ network: 'tiny' }] })).body).toMatchObject({
      status: 409,
      code: 'subnet_full',
      detail: expect.stringContaining('10.71.0.0/30'),
    });
  });

  test('names are unique in the fleet, and so is a MAC on a network, also when two ask at once', async () => {
    expect((await run({ ...onMacNet1('box1'), host: 'docker02' })).body).toMatchObject({
      status: 409,
      code: 'container_exists',
      data: { container: '/v1/containers/box1' },
    });
    const mac = '02:42:AC:00:00:77';
    const both = await Promise.all([run(onMacNet1('mac1', { mac })), run(onMacNet1('mac2', { mac }))]);
    expect(new Set(both.map(({ status }) => status))).toEqual(new Set([201, 409]));
    expect((await run(onMacNet1('mac3', { mac }))).body).toMatchObject({
      status: 409,
      code: 'mac_in_use',
      data: { holder: expect.stringMatching(/^\/v1\/containers\/mac[12]$/) },
      errors: [{ pointer: '/attachments/0/mac' }],
    });
  });
});

describe('conventions', () => {
  test('a dry run answers what would be and changes nothing', async () => {
    const before = await call.revision();
    const answer = await run(onMacNet1('dry', { address: '172.16.100.77' }), '?dryRun=true');
    expect(answer.status).toBe(200);
    expect(answer.body.attachments).toMatchObject([{ address: '172.16.100.77' }]);
    expect((await get('dry')).status).toBe(404);
    expect((await address('mac_net1', '172.16.100.77')).status).toBe(404);
    expect((await remove('box1', '?dryRun=true')).body).toMatchObject({ deletingSince: expect.any(String) });
    expect((await get('box1')).body.deletingSince).toBeNull();
    expect(await call.revision()).toBe(before);
  });

  test('the same Idempotency-Key runs the container once and answers the same, also when asked at once', async () => {
    const key = { 'idempotency-key': 'box-1' };
    const [first, again] = await Promise.all([
      run(onMacNet1('keyed'), '', key),
      run(onMacNet1('keyed'), '', key),
    ]);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    expect((await run(onMacNet1('other'), '', key)).body).toMatchObject({ code: 'idempotency_key_reused' });
  });

  test('lists come in pages, of one host or network where asked', async () => {
    const { body } = await server.request('GET', '/v1/containers?network=dual&limit=1');
    expect(body.items).toMatchObject([{ name: 'both' }]);
    const next = await server.request('GET', `/v1/containers?network=dual&cursor=${body.nextCursor}`);
    expect(next.body).toMatchObject({ items: [{ name: 'both2' }], nextCursor: null });
    expect((await server.request('GET', '/v1/containers?host=docker02')).body.items).toEqual([]);
  });

  test('If-Match is checked on removal when it is given', async () => {
    expect((await remove('both2', '', { 'if-match': '"9.000000000000"' })).status).toBe(412);
    expect((await remove('both2', '', { 'if-match': (await get('both2')).headers['etag']! })).status).toBe(
      202,
    );
  });

  test('a viewer sees containers and runs none', async () => {
    const viewer = await server.as('viewer');
    expect((await server.request('GET', '/v1/containers', undefined, viewer)).status).toBe(200);
    expect((await run(onMacNet1('nope'), '', viewer)).status).toBe(403);
  });
});

describe('a shared network stack (S3)', () => {
  test('is shared with a container of the same host, whose addresses count, and which cannot be removed before', async () => {
    await run(onMacNet1('t1'));
    const shared = await run({ name: 't2', networkMode: 'container:t1' });
    expect(shared.status).toBe(201);
    expect(shared.body).toMatchObject({ networkMode: 'container:t1', attachments: [] });
    expect(await desiredOn(docker01, 't2')).toMatchObject({ networkMode: 'container:t1', attachments: [] });
    expect((await remove('t1')).body).toMatchObject({
      status: 409,
      code: 'container_in_use',
      data: { containers: ['/v1/containers/t2'] },
    });
    await carryOut(docker01);
    expect((await remove('t2')).status).toBe(202);
    await carryOut(docker01);
    expect((await remove('t1')).status).toBe(202);
    expect((await run({ name: 't3', networkMode: 'container:t1' })).body).toMatchObject({
      code: 'container_not_found',
    });
  });

  test('is not taken from a plain docker run either: the refusal names it, and force goes on', async () => {
    await run(onMacNet1('t4', { address: '172.16.100.74' }));
    await carryOut(docker01);
    const t4 = await desiredOn(docker01, 't4');
    const seen = (sharedBy: string[]) => docker01.report({ containers: [containerDone(t4, { sharedBy })] });
    await seen(['sidecar']);
    expect((await get('t4')).body.observed).toMatchObject({ sharedBy: ['sidecar'] });
    const refused = await remove('t4');
    expect(refused.body).toMatchObject({
      status: 409,
      code: 'container_in_use',
      detail: expect.stringContaining('sidecar shares the network stack of t4'),
      data: { containers: [], others: ['sidecar'] },
    });
    expect((await get('t4')).body.deletingSince).toBeNull();
    expect((await remove('t4', '?dryRun=true&force=true')).status).toBe(200);
    expect((await remove('t4', '?force=true')).status).toBe(202);
    await carryOut(docker01);
    expect((await get('t4')).status).toBe(404);
    await run(onMacNet1('t4'));
    await carryOut(docker01);
    // The sharer is gone: nothing is in the way any more.
    expect((await remove('t4')).status).toBe(202);
    await carryOut(docker01);
  });

  test('with force goes with those of the API that share it, and only after them', async () => {
    await run(onMacNet1('t5', { address: '172.16.100.75' }));
    await run({ name: 't6', networkMode: 'container:t5' });
    await carryOut(docker01);
    await docker01.report({
      containers: [containerDone(await desiredOn(docker01, 't5'), { sharedBy: ['sidecar', 't6'] })],
    });
    expect((await remove('t5')).body).toMatchObject({
      detail: expect.stringContaining('?force=true, which removes t6 too; sidecar was not made by Trunkline'),
      data: { containers: ['/v1/containers/t6'], others: ['sidecar'] },
    });
    expect((await remove('t5', '?force=true')).status).toBe(202);
    const [t5, t6] = [await desiredOn(docker01, 't5'), await desiredOn(docker01, 't6')];
    expect([t5.state, t6.state]).toEqual(['absent', 'absent']);
    // Somebody else removed t5 meanwhile: it is still there for the API until t6 is gone.
    await docker01.report({
      containers: [containerDone(t5), containerDone(t6, { state: 'running', dockerId: 'docker-t6' })],
    });
    expect((await get('t5')).status).toBe(200);
    await docker01.report({ containers: [containerDone(t5), containerDone(t6)] });
    expect([(await get('t5')).status, (await get('t6')).status]).toEqual([404, 404]);
    expect((await address('mac_net1', '172.16.100.75')).body).toMatchObject({ state: 'quarantined' });
  });

  test.each([
    ['of another host', { host: 'docker02', networkMode: 'container:box1' }, 400],
    ['that does not exist', { networkMode: 'container:nobody' }, 404],
    [
      'and networks of its own',
      { networkMode: 'container:box1', attachments: [{ network: 'mac_net1' }] },
      400,
    ],
  ])('a stack %s is refused', async (_name, wrong, status) => {
    const { body } = await run({ ...wrong, name: 'bad' });
    expect(body).toMatchObject({ status, errors: [{ pointer: '/networkMode' }] });
  });

  test('a stack that is itself shared is refused', async () => {
    await run({ name: 'sharer', networkMode: 'container:box1' });
    expect((await run({ name: 'bad', networkMode: 'container:sharer' })).body).toMatchObject({
      status: 400,
      errors: [{ pointer: '/networkMode', message: expect.stringContaining('box1') }],
    });
    await remove('sharer');
    await carryOut(docker01);
  });
});

describe('removal', () => {
  test('promise 4: addresses are freed when the host says the container is gone, not before', async () => {
    const { body } = await run(onMacNet1('leaving', { address: '172.16.100.50' }));
    await carryOut(docker01);
    expect((await remove('leaving')).status).toBe(202);
    // A report from before it was notified of the removal.
    await docker01.report({
      containers: [containerDone(await desiredOn(docker01, 'leaving'), { generation: body.generation })],
    });
    expect((await address('mac_net1', '172.16.100.50')).body).toMatchObject({ owner: 'container:leaving' });
    const waiting = remove('leaving', '?wait=20s');
    await carryOut(docker01);
    expect((await waiting).status).toBe(204);
    expect((await get('leaving')).status).toBe(404);
    expect((await address('mac_net1', '172.16.100.50')).body).toMatchObject({
      state: 'quarantined',
      owner: null,
    });
    // Promise 2: who had it may have it back.
    expect((await run(onMacNet1('leaving', { address: '172.16.100.50' }))).status).toBe(201);
  });

  test('promise 8: another host cannot say that a container is gone', async () => {
    await run(onMacNet1('mine', { address: '172.16.100.60' }));
    await remove('mine');
    await docker02.report({ containers: [containerDone(await desiredOn(docker01, 'mine'))] });
    expect((await get('mine')).body).toMatchObject({ deletingSince: expect.any(String), observed: null });
  });

  test('a container that ended keeps its address reserved', async () => {
    await run(onMacNet1('ended', { address: '172.16.100.61' }));
    await carryOut(docker01);
    const container = await desiredOn(docker01, 'ended');
    await docker01.report({
      containers: [containerDone(container, { state: 'exited', exitCode: 137, endpoints: [] })],
    });
    expect((await get('ended')).body).toMatchObject({
      running: false,
      observed: { state: 'exited', exitCode: 137 },
      attachments: [{ address: '172.16.100.61', observedMac: null }],
    });
    expect((await address('mac_net1', '172.16.100.61')).body).toMatchObject({
      state: 'reserved',
      owner: 'container:ended',
      host: null,
    });
    const { body } = await server.request('GET', '/v1/events?limit=1000');
    const happened = body.items.filter(
      ({ subject }: { subject: string }) => subject === '/v1/containers/ended',
    );
    expect(happened.map(({ type }: { type: string }) => type)).toEqual([
      'container.created',
      'container.started',
      'container.stopped',
    ]);
  });

  test('a report that says nothing new makes no event, but says when the agent looked', async () => {
    await carryOut(docker01);
    const before = await call.revision();
    const { observedAt } = (await get('box1')).body.observed;
    server.clock.advance(1_000);
    await carryOut(docker01);
    expect(await call.revision()).toBe(before);
    expect(Date.parse((await get('box1')).body.observed.observedAt)).toBeGreaterThan(Date.parse(observedAt));
  });
});

describe('a host that is offline', () => {
  test('promise 9: what it last said is Unknown now; a removal waits for it, and nobody waits for the removal', async () => {
    server.clock.advance(3_600_000);
    await carryOut(docker02);
    const { body } = await get('box1');
    expect(body).toMatchObject({
      running: false,
      observed: { state: 'running' },
      conditions: [{ type: 'Ready', status: 'Unknown', reason: 'HostOffline' }],
    });
    const asked = Date.now();
    expect((await run(onMacNet1('late'), '?wait=20s')).body).toMatchObject({
      running: false,
      observed: null,
    });
    expect((await remove('box1', '?wait=20s')).status).toBe(202);
    expect(Date.now() - asked).toBeLessThan(10_000);
    expect((await address('mac_net1', '172.16.100.10')).body).toMatchObject({ state: 'bound' });
    await carryOut(docker01);
    expect((await get('box1')).status).toBe(404);
    expect((await get('late')).body.running).toBe(true);
  });
});
