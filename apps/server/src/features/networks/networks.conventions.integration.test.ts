import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';
import { callNetworks, freshSubnet, type NetworkCalls } from './network-calls.fixture.ts';

let server: TestServer;
let call: NetworkCalls;

beforeAll(async () => {
  server = await createTestServer();
  call = callNetworks(server);
  await server.joinHost('docker01');
  await server.joinHost('docker02');
  await call.make('mac_net1');
});
afterAll(() => server?.close());

describe('conventions', () => {
  test('If-Match is required on a change, and must name the present form', async () => {
    const { headers } = await call.make('tagged');
    const without = await server.request('PATCH', '/v1/networks/tagged', { labels: { a: '1' } });
    expect(without.body).toMatchObject({ status: 428, code: 'precondition_required' });
    expect((await server.request('DELETE', '/v1/networks/tagged')).status).toBe(428);
    const changed = await call.patch('tagged', { labels: { a: '1' } }, headers['etag']);
    expect(changed.status).toBe(200);
    expect(changed.body.generation).toBe(2);
    expect(changed.headers['etag']).not.toBe(headers['etag']);
    expect((await call.patch('tagged', { labels: { a: '2' } }, headers['etag'])).body).toMatchObject({
      status: 412,
      code: 'precondition_failed',
      data: { etag: changed.headers['etag'] },
    });
    expect((await call.remove('tagged', headers['etag'])).status).toBe(412);
    // A GET has what was answered behind the version.
    const { headers: read } = await server.request('GET', '/v1/networks/tagged');
    expect(read['etag']).toMatch(changed.headers['etag']!.slice(0, -1));
  });

  test('a change to what it already is raises nothing', async () => {
    const subnets = [freshSubnet()];
    const { headers } = await call.make('still', { subnets, labels: { a: '1', b: '2' } });
    const before = await call.revision();
    expect((await call.patch('still', { labels: { b: '2' }, subnets })).headers['etag']).toBe(
      headers['etag'],
    );
    const whole = { name: 'still', parent: 'ens33', subnets, labels: { b: '2', a: '1' } };
    expect((await call.put('still', whole)).headers['etag']).toBe(headers['etag']);
    expect(await call.revision()).toBe(before);
  });

  test('PUT says the network whole: what is left out takes its default, name and space stay', async () => {
    const subnets = [freshSubnet()];
    await call.make('whole', { subnets, space: 'lab', vlan: 7, labels: { a: '1' }, quarantineSeconds: 5 });
    expect((await call.put('whole', { name: 'whole', subnets })).body).toMatchObject({
      parent: null,
      vlan: null,
      labels: {},
      quarantineSeconds: 300,
      space: 'lab',
      generation: 2,
    });
    expect((await call.put('whole', { name: 'other', subnets })).body).toMatchObject({
      status: 400,
      errors: [{ pointer: '/name' }],
    });
    expect((await call.put('whole', { name: 'whole', space: 'default', subnets })).body).toMatchObject({
      status: 400,
      errors: [{ pointer: '/space' }],
    });
  });

  test('PATCH is a merge patch: null clears, absent keeps; as merge-patch and as plain JSON', async () => {
    await call.make('merged', { vlan: 7, parents: { docker02: 'eno1' }, labels: { a: '1', b: '2' } });
    expect((await call.patch('merged', { vlan: null, labels: { a: null, c: '3' } })).body).toMatchObject({
      vlan: null,
      parent: 'ens33',
      parents: { docker02: 'eno1' },
      labels: { b: '2', c: '3' },
    });
    const plain = await server.request(
      'PATCH',
      '/v1/networks/merged',
      { parents: null },
      { 'if-match': '*' },
    );
    expect(plain.body).toMatchObject({ parents: {}, labels: { b: '2', c: '3' } });
    expect((await call.patch('merged', {})).status).toBe(400);
    expect((await call.patch('merged', { space: 'x' })).status).toBe(400);
  });

  test('a dry run answers what would be and changes nothing', async () => {
    // Silent hosts are not asked what they would do, so that not even a question is left behind.
    server.clock.advance(60_000);
    const before = await call.revision();
    const made = await server.request('POST', '/v1/networks?dryRun=true', {
      name: 'dry',
      subnets: [freshSubnet()],
    });
    expect(made.status).toBe(200);
    expect(made.body).toMatchObject({ name: 'dry', generation: 1, status: { hosts: { total: 2 } } });
    expect((await server.request('GET', '/v1/networks/dry')).status).toBe(404);
    expect((await call.patch('mac_net1', { vlan: 9 }, '*', '?dryRun=true')).body).toMatchObject({
      vlan: 9,
      generation: 2,
    });
    expect((await call.remove('mac_net1', '*', '?dryRun=true')).body).toMatchObject({
      name: 'mac_net1',
      deletingSince: expect.any(String),
    });
    expect((await server.request('GET', '/v1/networks/mac_net1')).body).toMatchObject({
      vlan: null,
      generation: 1,
      deletingSince: null,
    });
    expect(await call.revision()).toBe(before);
  });

  test('the same Idempotency-Key makes the network once and answers the same', async () => {
    const body = { name: 'keyed', subnets: [freshSubnet()] };
    const key = { 'idempotency-key': 'net-1' };
    const first = await call.create(body, key);
    const again = await call.create(body, key);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect((await call.create({ ...body, vlan: 3 }, key)).body).toMatchObject({
      status: 422,
      code: 'idempotency_key_reused',
    });
  });

  test('lists come in pages, and a cursor is good for its list only', async () => {
    const names: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body } = await server.request(
        'GET',
        `/v1/networks?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      expect(body.items.length).toBeLessThanOrEqual(2);
      names.push(...body.items.map(({ name }: { name: string }) => name));
      cursor = body.nextCursor;
    }
    const { body } = await server.request('GET', '/v1/networks?limit=1000');
    expect(names).toEqual(body.items.map(({ name }: { name: string }) => name));
    const placements = await server.request('GET', '/v1/networks/mac_net1/placements?limit=1');
    expect(placements.body.items).toMatchObject([{ host: 'docker01' }]);
    const next = await server.request(
      'GET',
      `/v1/networks/mac_net1/placements?cursor=${placements.body.nextCursor}`,
    );
    expect(next.body).toMatchObject({ items: [{ host: 'docker02' }], nextCursor: null });
    expect(
      (await server.request('GET', `/v1/networks?cursor=${placements.body.nextCursor}`)).body,
    ).toMatchObject({ status: 400, code: 'invalid_cursor' });
  });

  test('a viewer reads and does not write', async () => {
    const viewer = await server.as('viewer');
    expect((await server.request('GET', '/v1/networks', undefined, viewer)).status).toBe(200);
    expect(
      (await server.request('POST', '/v1/networks', { name: 'nope', subnets: [freshSubnet()] }, viewer))
        .status,
    ).toBe(403);
  });
});

test('numbers of addresses are exact, however large: a /64 has more than a double can tell apart', async () => {
  const subnets = [freshSubnet(), { cidr: 'fd00:64::/64', gateway: 'fd00:64::1' }];
  const made = await call.make('wide', { subnets });
  const one = await server.request('POST', '/v1/networks/wide/addresses', { family: 'ipv6' });
  expect(one.status).toBe(201);
  const read = (await server.request('GET', '/v1/networks/wide')).body;
  const listed = (await server.request('GET', '/v1/networks')).body.items.find(
    ({ name }: { name: string }) => name === 'wide',
  );
  // All but the gateway and the anycast address of routers (RFC 4291 section 2.6.1).
  const all = 2n ** 64n - 2n;
  expect(made.body.subnets[1].allocatable).toBe(String(all));
  for (const { subnets: shown, status } of [read, listed]) {
    expect(shown[1]).toMatchObject({ allocatable: String(all), free: String(all - 1n) });
    expect(status.addresses).toEqual({ allocatable: String(all + 253n), free: String(all + 252n) });
  }
});
