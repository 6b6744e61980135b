/** The address of an owner is one resource: PUT, GET and DELETE. */
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import { beforeAll, expect, test } from 'vitest';

const at = useTwoHosts();
const of = (owner: string, query = '', network = 'lan') =>
  `/v1/networks/${network}/addresses/by-owner/${owner}${query}`;
const put = (owner: string, body: object = {}, network = 'lan') =>
  at.server.request('PUT', of(owner, '', network), body);
const get = (owner: string, query = '', network = 'lan') =>
  at.server.request('GET', of(owner, query, network));
const release = (owner: string, query = '', network = 'lan') =>
  at.server.request('DELETE', of(owner, query, network));

beforeAll(async () => {
  await at.call.make('lan', { subnets: [{ cidr: '10.9.0.0/24' }] });
  await at.call.make('dual', { subnets: [{ cidr: '10.9.1.0/24' }, { cidr: 'fd00:9::/64' }] });
  await at.call.make('quick', { subnets: [{ cidr: '10.9.2.0/24' }], quarantineSeconds: 0 });
});

test('what PUT answers GET answers, and after DELETE there is nothing', async () => {
  expect((await get('web')).body).toMatchObject({ status: 404, code: 'address_not_found' });
  const made = await put('web', { labels: { tier: 'one' } });
  expect(made.status).toBe(201);
  expect(await get('web')).toMatchObject({ status: 200, body: made.body });
  const changed = await put('web', { labels: { tier: 'two' } });
  expect((await get('web')).body).toEqual(changed.body);
  expect((await release('web')).status).toBe(204);
  expect((await get('web')).status).toBe(404);
  expect((await release('web')).body).toMatchObject({ status: 404, code: 'address_not_found' });
  const { body } = await at.server.request('GET', `/v1/networks/lan/addresses/${made.body.ip}`);
  expect(body).toMatchObject({ state: 'quarantined', owner: null });
});

test('of an owner with both IP versions each is had by itself, and both are released together', async () => {
  const v4 = (await put('both', {}, 'dual')).body;
  const v6 = (await put('both', { family: 'ipv6' }, 'dual')).body;
  expect((await get('both', '', 'dual')).body).toEqual(v4);
  expect((await get('both', '?family=ipv6', 'dual')).body).toEqual(v6);
  expect((await release('both', '?family=ipv6', 'dual')).status).toBe(204);
  expect((await get('both', '?family=ipv6', 'dual')).status).toBe(404);
  expect((await get('both', '', 'dual')).body).toEqual(v4);
  await put('both', { family: 'ipv6' }, 'dual');
  expect((await release('both', '', 'dual')).status).toBe(204);
  expect((await get('both', '', 'dual')).status).toBe(404);
});

test('a dry run releases nothing, and what a container has is refused without force', async () => {
  await put('kept');
  expect((await release('kept', '?dryRun=true')).status).toBe(204);
  expect((await get('kept')).status).toBe(200);
  await at.call.runOn('docker01', 'box1', 'lan');
  expect((await release('container:box1')).body).toMatchObject({ status: 409, code: 'address_in_use' });
});

test('only the address of this owner is released, also when others get addresses meanwhile', async () => {
  for (let round = 0; round < 10; round += 1) {
    const { ip } = (await put('first', {}, 'quick')).body as { ip: string };
    const [one, two, other] = await Promise.all([
      release('first', '', 'quick'),
      release('first', '', 'quick'),
      at.server.request('PUT', of(`other-${round}`, '', 'quick'), {}),
    ]);
    expect([one.status, two.status].toSorted((a, b) => a - b)).toContain(204);
    expect(other.status).toBe(201);
    expect((await get(`other-${round}`, '', 'quick')).body.ip).toBe(other.body.ip);
    expect((await at.server.request('GET', `/v1/networks/quick/addresses/${ip}`)).body.owner).not.toBe(
      'first',
    );
  }
});

test('a viewer releases nothing', async () => {
  await put('seen');
  const viewer = await at.server.as('viewer');
  expect((await at.server.request('DELETE', of('seen'), undefined, viewer)).status).toBe(403);
  expect((await at.server.request('GET', of('seen'), undefined, viewer)).status).toBe(200);
});
