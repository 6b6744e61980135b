import type { Lease } from '@trunkline/contracts';
import { describe, expect, test } from 'vitest';
import type { TestServer } from '@trunkline/test/integration/server.ts';
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import {
  claimLease,
  reportInventory,
  returning,
  seenContainer,
  syncLeases,
} from '../leases/lease-calls.fixture.ts';

const at = useTwoHosts();

/** Of a network on both hosts. */
interface Calls {
  id: string;
  get(ip: string): Promise<unknown>;
  post(body: unknown): ReturnType<TestServer['request']>;
  put(owner: string, body?: unknown): ReturnType<TestServer['request']>;
}

async function network(name: string): Promise<Calls> {
  const { body } = await at.call.make(name, { hosts: { names: ['docker01', 'docker02'] } });
  const path = `/v1/networks/${name}/addresses`;
  return {
    id: body.id as string,
    get: async (ip) => (await at.server.request('GET', `${path}/${ip}`)).body as unknown,
    post: (asked) => at.server.request('POST', path, asked),
    put: (owner, asked = {}) => at.server.request('PUT', `${path}/by-owner/${owner}`, asked),
  };
}

describe('POST, PUT by-owner and GET show the same address alike', () => {
  test('that is new, also to the millisecond', async () => {
    const net = await network('new');
    const made = [
      await net.post({ mac: '02:42:ac:10:64:0b', labels: { a: 'b' } }),
      await net.put('db', { labels: { a: 'b' } }),
    ];
    // One transaction each, so that some fall into the second half of a millisecond.
    for (let n = 0; n < 20; n += 1) made.push(await net.post({ owner: `o${n}` }));
    for (const { status, body } of made) {
      expect(status).toBe(201);
      expect(await net.get(body.ip)).toEqual(body);
    }
  });

  test('that came with others in one answer, which is JSON like that for one', async () => {
    const net = await network('lot');
    const [one, several] = [await net.post({}), await net.post({ count: 2, labels: { a: 'b' } })];
    for (const { status, headers } of [one, several])
      expect([status, headers['content-type']]).toEqual([201, 'application/json; charset=utf-8']);
    const { items } = several.body as { items: { ip: string }[] };
    expect(items).toHaveLength(2);
    for (const item of items) expect(await net.get(item.ip)).toEqual(item);
  });

  test('that a container is on while its reservation gets another MAC: the requested one, and the one seen', async () => {
    const net = await network('remac');
    const [seen, requested] = ['02:42:ac:10:64:99', '02:42:ac:10:64:0c'];
    const { ip } = (await net.put('web', { claim: 'anyone' })).body as { ip: string };
    expect(await net.get(ip)).toMatchObject({ mac: null, requestedMac: null });
    await claimLease(at.one, net.id, { ip });
    await reportInventory(at.one, [seenContainer(net.id, 'web-1', ip)]);
    const changed = await net.put('web', { mac: requested });
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({ state: 'bound', mac: seen, requestedMac: requested });
    expect(await net.get(ip)).toEqual(changed.body);
    expect((await net.post({ owner: 'web' })).body).toEqual(changed.body);
    const other = (await net.post({ mac: '02:42:ac:10:64:0d' })).body;
    expect(other).toMatchObject({ mac: '02:42:ac:10:64:0d', requestedMac: '02:42:ac:10:64:0d' });
  });

  test('that a container is on: its name, Docker id, MAC and since when', async () => {
    const net = await network('bound');
    const { ip } = (await net.put('web', { claim: 'anyone' })).body as { ip: string };
    await claimLease(at.one, net.id, { ip });
    await reportInventory(at.one, [seenContainer(net.id, 'web-1', ip)]);
    const shown = await net.get(ip);
    expect(shown).toMatchObject({
      state: 'bound',
      host: 'docker01',
      container: 'web-1',
      dockerId: 'docker-web-1',
      mac: '02:42:ac:10:64:99',
      since: expect.any(String),
    });
    for (const again of [
      await net.post({ owner: 'web' }),
      await net.post({ owner: 'web', address: ip }),
      await net.put('web'),
    ]) {
      expect(again.status).toBe(200);
      expect(again.body).toEqual(shown);
    }
    const changed = await net.put('web', { labels: { tier: 'front' } });
    expect(changed.body).toMatchObject({ container: 'web-1', labels: { tier: 'front' } });
    expect(await net.get(ip)).toEqual(changed.body);
  });

  test('that is in the way of another owner: the refusal names the container on it', async () => {
    const net = await network('refused');
    const { ip } = (await net.put('web', { claim: 'anyone' })).body as { ip: string };
    await claimLease(at.one, net.id, { ip });
    await reportInventory(at.one, [seenContainer(net.id, 'web-1', ip)]);
    expect((await net.post({ owner: 'db', address: ip })).body).toMatchObject({
      code: 'address_taken',
      data: { owner: 'web', state: 'bound', container: 'web-1' },
    });
  });
});

describe('the MAC that is seen on an address', () => {
  test('does not become that of its reservation when something else of it is changed', async () => {
    const net = await network('seen');
    const { ip } = (await net.put('web', { claim: 'anyone' })).body as { ip: string };
    const { lease } = (await claimLease(at.one, net.id, { ip })).body as { lease: Lease };
    await reportInventory(at.one, [seenContainer(net.id, 'web-1', ip)]);
    expect((await net.put('web', { labels: { tier: 'front' } })).body).toMatchObject({
      mac: '02:42:ac:10:64:99',
    });
    await syncLeases(at.one, { returns: returning([lease], 'released') });
    expect(await net.get(ip)).toMatchObject({ state: 'reserved', mac: null, labels: { tier: 'front' } });
  });

  test('becomes it when it is asked for, and the reservation is then for no other', async () => {
    const net = await network('asked');
    const { ip } = (await net.put('web', { claim: 'anyone' })).body as { ip: string };
    const { lease } = (await claimLease(at.one, net.id, { ip })).body as { lease: Lease };
    await reportInventory(at.one, [seenContainer(net.id, 'web-1', ip)]);
    const asked = { mac: '02:42:ac:10:64:99' };
    expect((await net.put('web', asked)).status).toBe(200);
    const revision = await at.call.revision();
    expect((await net.put('web', asked)).status).toBe(200);
    expect(await at.call.revision()).toBe(revision);
    await syncLeases(at.one, { returns: returning([lease], 'released') });
    expect((await claimLease(at.two, net.id, { ip, mac: '02:42:ac:10:64:0d' })).body.code).toBe(
      'address_taken',
    );
  });
});

test('a MAC is one station: what asks for one that is reserved gets to know by whom, and repeats of the same owner are answered', async () => {
  const net = await network('station');
  const mac = '02:00:5e:00:00:07';
  const first = await net.post({ owner: 'm1', mac });
  expect(first.status).toBe(201);
  expect((await net.post({ owner: 'm1', mac })).status).toBe(200);
  await net.put('m2');
  for (const refused of [
    await net.post({ owner: 'm3', mac }),
    await net.post({ mac }),
    await net.put('m2', { mac }),
    await net.put('m4', { mac }),
  ])
    expect(refused.body).toMatchObject({
      status: 409,
      code: 'mac_in_use',
      detail: expect.stringContaining(`${first.body.ip} of station is reserved for ${mac} (m1)`),
      data: { holder: `/v1/networks/station/addresses/${first.body.ip}` },
    });
  expect((await net.post({ owner: 'm3' })).status).toBe(201);
});
