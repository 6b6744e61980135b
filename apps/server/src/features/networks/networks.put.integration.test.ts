import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { callNetworks, freshSubnet, type NetworkCalls } from './network-calls.fixture.ts';
import { carryOut } from './reports.fixture.ts';

let server: TestServer;
let call: NetworkCalls;
let docker01: TestAgent;

beforeAll(async () => {
  server = await createTestServer();
  call = callNetworks(server);
  docker01 = await server.joinHost('docker01');
});
afterAll(() => server?.close());

const get = (name: string) => server.request('GET', `/v1/networks/${name}`);
const put = (name: string, body: unknown, headers: Record<string, string> = {}, query = '') =>
  server.request('PUT', `/v1/networks/${name}${query}`, body, headers);

test('PUT creates what is not there, changes what is, and repeated changes nothing', async () => {
  const body = { name: 'upsert', parent: 'ens33', subnets: [freshSubnet()] };
  const made = await put('upsert', body, { 'if-none-match': '*' });
  expect(made.status).toBe(201);
  expect(made.headers['location']).toBe('/v1/networks/upsert');
  expect(made.body).toMatchObject({ generation: 1, status: { hosts: { total: 1 } } });
  const at = await call.revision();
  const again = await put('upsert', body);
  expect([again.status, again.headers['etag']]).toEqual([200, made.headers['etag']]);
  expect(await call.revision()).toBe(at);
  const changed = await put('upsert', { ...body, labels: { a: '1' } }, { 'if-match': made.headers['etag']! });
  expect([changed.status, changed.body.generation]).toEqual([200, 2]);
});

test('a network of another server is created from what that one answered', async () => {
  const { body } = await call.make('moved', { labels: { a: '1' } });
  await call.remove('moved');
  await carryOut(docker01);
  expect((await get('moved')).status).toBe(404);
  const made = await put('moved', body);
  expect([made.status, made.body.generation, made.body.labels]).toEqual([201, 1, { a: '1' }]);
  expect(made.body.id).not.toBe(body.id);
});

test('nobody overwrites what he has not seen, and nothing is made by whoever meant to change', async () => {
  const body = { name: 'guarded', subnets: [freshSubnet()] };
  expect((await put('guarded', body, { 'if-match': '*' })).body).toMatchObject({
    status: 412,
    code: 'precondition_failed',
    detail: expect.stringContaining('leave it out to create it'),
  });
  expect((await put('guarded', body)).status).toBe(201);
  expect((await put('guarded', body, { 'if-none-match': '*' })).body).toMatchObject({
    status: 412,
    data: { etag: expect.any(String) },
  });
  const other = { ...body, vlan: 7 };
  expect((await put('guarded', other)).body).toMatchObject({ status: 428, code: 'precondition_required' });
  expect((await put('guarded', other, { 'if-match': '"9.000000000000"' })).status).toBe(412);
  expect((await get('guarded')).body).toMatchObject({ vlan: null, generation: 1 });
});

test('of two who create at once one creates and the other finds it', async () => {
  const body = { name: 'raced', subnets: [freshSubnet()] };
  const both = await Promise.all([put('raced', body), put('raced', body)]);
  expect(new Set(both.map(({ status }) => status))).toEqual(new Set([200, 201]));
});

test('what GET answers is sent back unchanged and changes nothing, also when its hosts reported meanwhile', async () => {
  await put('same', {
    name: 'same',
    parent: 'ens33',
    subnets: [{ ...freshSubnet(), ranges: [] }, { cidr: 'fd00:0:77::/64' }],
    labels: { a: '1' },
  });
  const { body } = await get('same');
  await carryOut(docker01);
  const at = await call.revision();
  expect((await put('same', body)).status).toBe(200);
  const now = (await get('same')).body;
  expect(now.status.ready).toBe(true);
  expect((await put('same', now, { 'if-match': '*' })).status).toBe(200);
  expect(await call.revision()).toBe(at);
});

test.each([
  ['/id', { id: '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11' }],
  ['/generation', { generation: 7 }],
  ['/createdAt', { createdAt: '2026-11-24T09:30:00.000Z' }],
  ['/updatedAt', { updatedAt: '2026-11-24T09:30:00.000Z' }],
  ['/deletingSince', { deletingSince: '2026-11-24T09:30:00.000Z' }],
  ['/space', { space: 'other' }],
  ['/name', { name: 'other' }],
])('%s is refused when it is changed, by name', async (pointer, changed) => {
  if ((await get('fixed')).status === 404) await call.make('fixed');
  const { body } = await get('fixed');
  const refused = await put('fixed', { ...body, ...changed }, { 'if-match': '*' });
  expect(refused.body).toMatchObject({ status: 400, code: 'invalid_request', errors: [{ pointer }] });
});

test('the id of a subnet is refused when it is that of another', async () => {
  const { body } = await call.make('ids', { subnets: [freshSubnet(), freshSubnet()] });
  const [one, other] = body.subnets;
  const swapped = { ...body, subnets: [{ ...one, id: other.id }, other] };
  expect((await put('ids', swapped, { 'if-match': '*' })).body.errors).toMatchObject([
    { pointer: '/subnets/0/id', message: expect.stringContaining(one.id) },
  ]);
  const more = { ...body, subnets: [...body.subnets, freshSubnet()] };
  expect((await put('ids', more, { 'if-match': '*' })).body.subnets).toHaveLength(3);
});

test('a dry run of a creation answers what would be', async () => {
  const body = { name: 'dry', subnets: [freshSubnet()] };
  const dry = await put('dry', body, {}, '?dryRun=true&wait=0s');
  expect([dry.status, dry.headers['location']]).toEqual([200, undefined]);
  expect(dry.body).toMatchObject({ name: 'dry', preflight: [{ host: 'docker01' }] });
  expect((await get('dry')).status).toBe(404);
});

test('with wait the answer comes when the network is in place', async () => {
  const asked = put('waited', { name: 'waited', subnets: [freshSubnet()] }, {}, '?wait=20s');
  await expect.poll(async () => (await get('waited')).status).toBe(200);
  await carryOut(docker01);
  expect(await asked).toMatchObject({ status: 201, body: { status: { ready: true } } });
});
