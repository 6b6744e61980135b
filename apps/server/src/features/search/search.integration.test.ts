import type { SearchHit } from '@trunkline/contracts';
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import { beforeAll, expect, test } from 'vitest';
import { carryOut } from '../networks/reports.fixture.ts';

const at = useTwoHosts();
const find = async (q: string): Promise<SearchHit[]> => {
  const { status, body } = await at.server.request('GET', `/v1/search?q=${encodeURIComponent(q)}`);
  expect(status).toBe(200);
  return body.items;
};
const paths = async (q: string) => (await find(q)).map(({ path }) => path);

beforeAll(async () => {
  await at.call.make('lan_1', {
    subnets: [{ cidr: '10.31.0.0/24' }, { cidr: 'fd00:31::/64' }],
    labels: { team: 'Core' },
  });
  await at.call.make('lanX1', { subnets: [{ cidr: '10.32.0.0/24' }] });
  await at.call.label('docker02', { rack: 'a3' });
  await at.server.request('PUT', '/v1/networks/lan_1/addresses/by-owner/printer', {
    address: '10.31.0.77',
    mac: '02:42:AB:00:00:77',
    labels: { room: '12' },
  });
  await carryOut(at.one);
  await at.call.runOn('docker01', 'box1', 'lan_1', { image: 'registry.example/app:1' });
  await carryOut(at.one);
});

test('names, whatever their case, and every character as itself', async () => {
  expect(await paths('DOCKER0')).toEqual(['/v1/hosts/docker01', '/v1/hosts/docker02']);
  expect(await paths('n_1')).toContain('/v1/networks/lan_1');
  expect(await paths('n_1')).not.toContain('/v1/networks/lanX1');
  expect(await paths('%')).toEqual([]);
});

test('addresses, however they are written, with the networks that they are of', async () => {
  expect(await paths('10.31.0.77')).toEqual([
    '/v1/networks/lan_1/addresses/10.31.0.77',
    '/v1/networks/lan_1',
  ]);
  expect(await paths('FD00:31:0::9')).toEqual(['/v1/networks/lan_1']);
  expect(await paths('10.32.')).toEqual(['/v1/networks/lanX1']);
});

test('MACs, also in part and with dashes; owners, images and labels', async () => {
  for (const q of ['02-42-ab-00', '02:42:ab:00:00:77', 'printer', 'room=12'])
    expect(await paths(q)).toContain('/v1/networks/lan_1/addresses/10.31.0.77');
  expect(await find('registry.example')).toMatchObject([
    { kind: 'container', path: '/v1/containers/box1', host: 'docker01', matched: 'image' },
  ]);
  expect(await paths('rack=a3')).toEqual(['/v1/hosts/docker02']);
  expect(await paths('team=core')).toEqual(['/v1/networks/lan_1']);
});

test('what is equal comes first, and each thing once', async () => {
  await at.call.runOn('docker01', 'box11', 'lan_1');
  const hits = await find('box1');
  expect(hits[0]).toMatchObject({ kind: 'container', name: 'box1', matched: 'name' });
  expect(hits[1]).toMatchObject({ kind: 'address', matched: 'container', value: 'box1' });
  const keys = hits.map(({ kind, name, network, host }) => JSON.stringify([kind, name, network, host]));
  expect(new Set(keys).size).toBe(keys.length);
  expect(hits.findIndex(({ name }) => name === 'box11')).toBeGreaterThan(1);
});

test('there may be more than fits', async () => {
  await at.server.request('POST', '/v1/networks/lanX1/addresses', { count: 150 });
  const { body } = await at.server.request('GET', '/v1/search?q=10.32.0');
  expect(body).toMatchObject({ more: true });
  expect(body.items).toHaveLength(100);
});

test('no text is refused, and so is who has no token', async () => {
  expect((await at.server.request('GET', '/v1/search')).status).toBe(400);
  expect((await at.server.request('GET', '/v1/search?q=%20')).status).toBe(400);
  expect((await at.server.request('GET', '/v1/search?q=a', undefined, { authorization: '' })).status).toBe(
    401,
  );
});
