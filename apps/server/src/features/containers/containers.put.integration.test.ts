import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { callNetworks, type NetworkCalls } from '../networks/network-calls.fixture.ts';
import { carryOut, containerDone } from '../networks/reports.fixture.ts';

let server: TestServer;
let call: NetworkCalls;
let docker01: TestAgent;

beforeAll(async () => {
  server = await createTestServer();
  call = callNetworks(server);
  docker01 = await server.joinHost('docker01');
  await server.joinHost('docker02');
  await call.make('mac_net1', { subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }] });
  await call.make('six', { space: 'six', subnets: [{ cidr: 'fd00:6::/64' }] });
  await carryOut(docker01);
});
afterAll(() => server?.close());

const get = (name: string) => server.request('GET', `/v1/containers/${name}`);
const put = (name: string, body: unknown, headers: Record<string, string> = {}, query = '') =>
  server.request('PUT', `/v1/containers/${name}${query}`, body, headers);
const whole = (name: string, more: Record<string, unknown> = {}) => ({
  name,
  host: 'docker01',
  image: 'busybox',
  attachments: [{ network: 'mac_net1' }],
  ...more,
});
const any = { 'if-match': '*' };
const desiredOn = async (name: string) =>
  (await docker01.document()).containers.find((container) => container.name === name)!;
/** A container that runs. */
const running = async (name: string, more: Record<string, unknown> = {}) => {
  const made = await put(name, whole(name, more));
  expect(made.status).toBe(201);
  await carryOut(docker01);
  return (await get(name)).body;
};

test('PUT runs what is not there, changes what is, and repeated changes nothing', async () => {
  const made = await put('upsert', whole('upsert'), { 'if-none-match': '*' });
  expect([made.status, made.headers['location']]).toEqual([201, '/v1/containers/upsert']);
  const at = await call.revision();
  expect(await put('upsert', whole('upsert'))).toMatchObject({ status: 200, body: { generation: 1 } });
  expect(await call.revision()).toBe(at);
  const changed = await put('upsert', whole('upsert', { image: 'nginx' }), {
    'if-match': made.headers['etag']!,
  });
  expect(changed).toMatchObject({ status: 200, body: { image: 'nginx', generation: 2 } });
  expect(changed.body.attachments).toEqual(made.body.attachments);
});

test('preconditions are those of networks', async () => {
  expect((await put('guarded', whole('guarded'), any)).status).toBe(412);
  expect((await put('guarded', whole('guarded'))).status).toBe(201);
  expect((await put('guarded', whole('guarded'), { 'if-none-match': '*' })).status).toBe(412);
  expect((await put('guarded', whole('guarded', { image: 'nginx' }))).status).toBe(428);
  const stale = { 'if-match': '"9.000000000000"' };
  expect((await put('guarded', whole('guarded', { image: 'nginx' }), stale)).status).toBe(412);
  expect((await put('guarded', whole('another'))).body.errors).toMatchObject([{ pointer: '/name' }]);
  const both = await Promise.all([put('raced', whole('raced')), put('raced', whole('raced'))]);
  expect(new Set(both.map(({ status }) => status))).toEqual(new Set([200, 201]));
});

test('what GET answers is sent back unchanged and changes nothing, and makes the container where it is gone', async () => {
  await running('same', { env: { A: '1' }, attachments: [{ network: 'mac_net1' }, { network: 'six' }] });
  const { body } = await get('same');
  expect(body.attachments[1]).toMatchObject({ address: null, address6: expect.stringMatching(/^fd00:6::/) });
  await carryOut(docker01);
  const at = await call.revision();
  expect((await put('same', body)).status).toBe(200);
  expect(await call.revision()).toBe(at);
  await server.request('DELETE', '/v1/containers/same?force=true');
  expect((await put('same', body)).body).toMatchObject({ status: 409, code: 'container_deleting' });
  await carryOut(docker01);
  // Its addresses are quarantined, which does not keep its own owner from them for ever.
  server.clock.advance(400_000);
  await docker01.report();
  const again = await put('same', body);
  expect(again.status).toBe(201);
  expect(
    again.body.attachments.map(({ address, address6 }: Record<string, string>) => [address, address6]),
  ).toEqual(body.attachments.map(({ address, address6 }: Record<string, string>) => [address, address6]));
  await carryOut(docker01);
});

describe('how a change reaches the host', () => {
  test.each([
    ['image', { image: 'nginx' }, 'replace'],
    ['command', { command: ['sleep', '1'] }, 'replace'],
    ['env', { env: { A: '1' } }, 'replace'],
    ['labels', { labels: { a: '1' } }, 'replace'],
    ['hostname', { hostname: 'other' }, 'replace'],
    ['restart', { restart: 'always' }, 'inPlace'],
    ['pull', { pull: 'always' }, 'inPlace'],
  ])('%s: a dry run says it, and it is so', async (field, more, how) => {
    const name = `change-${field}`;
    await running(name);
    const dry = await put(name, whole(name, more), any, '?dryRun=true');
    expect(dry).toMatchObject({ status: 200, body: { change: { how, fields: [field] }, generation: 2 } });
    expect((await get(name)).body).toMatchObject({ generation: 1 });
    const done = await put(name, whole(name, more), any);
    expect(done.body).toMatchObject({ ...more, generation: 2, running: false });
    expect(done.body).not.toHaveProperty('change');
    const desired = await desiredOn(name);
    expect(desired).toMatchObject({ ...more, generation: 2 });
    expect(desired.sameAs).toEqual(how === 'inPlace' ? [1] : undefined);
    await carryOut(docker01);
    expect((await get(name)).body.running).toBe(true);
  });

  test('a change in place after one that replaces is the same as that one only', async () => {
    await running('twice');
    await put('twice', whole('twice', { image: 'nginx' }), any);
    await put('twice', whole('twice', { image: 'nginx', restart: 'always' }), any);
    expect(await desiredOn('twice')).toMatchObject({ generation: 3, sameAs: [2] });
  });

  test('a dry run of nothing and of a creation say so', async () => {
    await running('dry');
    expect((await put('dry', whole('dry'), {}, '?dryRun=true')).body.change).toEqual({
      how: 'none',
      fields: [],
    });
    const made = await put('dry2', whole('dry2'), {}, '?dryRun=true');
    expect(made).toMatchObject({ status: 200, body: { change: { how: 'create' } } });
    expect((await get('dry2')).status).toBe(404);
  });

  test('with wait the answer comes when it was seen in its new form', async () => {
    await running('waited');
    const asked = put('waited', whole('waited', { image: 'nginx' }), any, '?wait=20s');
    await expect.poll(async () => (await desiredOn('waited')).generation).toBe(2);
    await carryOut(docker01);
    expect(await asked).toMatchObject({
      status: 200,
      body: { running: true, image: 'nginx', generation: 2 },
    });
  });

  test('the log of events says what changed and how', async () => {
    await running('logged');
    await put('logged', whole('logged', { image: 'nginx', restart: 'no' }), any);
    const { rows } = await server.platform.database.pool.query<{ data: unknown }>(
      "SELECT data FROM event WHERE type = 'container.updated' AND subject = '/v1/containers/logged'",
    );
    expect(rows).toEqual([{ data: { generation: 2, fields: ['image', 'restart'], how: 'replace' } }]);
  });
});

test.each([
  ['/id', { id: '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11' }],
  ['/generation', { generation: 7 }],
  ['/createdAt', { createdAt: '2026-11-24T09:30:00.000Z' }],
  ['/deletingSince', { deletingSince: '2026-11-24T09:30:00.000Z' }],
  ['/host', { host: 'docker02' }],
  ['/networkMode', { networkMode: 'container:upsert' }],
  ['/attachments', { attachments: [] }],
  ['/attachments', { attachments: [{ network: 'six' }] }],
  ['/attachments/0/address', { attachments: [{ network: 'mac_net1', address: '172.16.100.250' }] }],
  ['/attachments/0/address6', { attachments: [{ network: 'mac_net1', address6: 'fd00::1' }] }],
  ['/attachments/0/mac', { attachments: [{ network: 'mac_net1', mac: '02:42:00:00:00:01' }] }],
])('%s is refused when it is changed, by name', async (pointer, changed) => {
  if ((await get('fixed')).status === 404) await running('fixed');
  const { body } = await get('fixed');
  const refused = await put('fixed', { ...body, ...changed }, any);
  expect(refused.body).toMatchObject({ status: 400, code: 'invalid_request', errors: [{ pointer }] });
});

describe('a shared network stack', () => {
  test('is kept, and whose stack others share that Trunkline did not make is replaced with force only', async () => {
    await running('t1');
    expect(
      (await put('t2', { name: 't2', host: 'docker01', image: 'busybox', networkMode: 'container:t1' }))
        .status,
    ).toBe(201);
    await carryOut(docker01);
    const t2 = (await get('t2')).body;
    expect((await put('t2', { ...t2, image: 'nginx' }, any)).body).toMatchObject({
      networkMode: 'container:t1',
      image: 'nginx',
    });
    expect((await put('t2', { ...t2, generation: 2, hostname: 'x' }, any)).body.errors).toMatchObject([
      { pointer: '/hostname' },
    ]);
    await docker01.report({
      containers: [containerDone(await desiredOn('t1'), { sharedBy: ['sidecar', 't2'] })],
    });
    const changed = whole('t1', { image: 'nginx' });
    expect((await put('t1', changed, any)).body).toMatchObject({
      status: 409,
      code: 'container_in_use',
      detail: expect.stringContaining('sidecar shares the network stack of t1'),
      data: { others: ['sidecar'] },
    });
    expect((await put('t1', whole('t1', { restart: 'always' }), any)).status).toBe(200);
    expect((await put('t1', changed, any, '?force=true')).status).toBe(200);
  });
});

test('a viewer changes nothing', async () => {
  const viewer = await server.as('viewer');
  expect((await put('upsert', whole('upsert'), viewer)).status).toBe(403);
});
