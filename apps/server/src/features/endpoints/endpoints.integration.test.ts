import type { Lease } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import {
  reportInventory,
  returning,
  seenContainer,
  syncLeases,
  takeLeases,
} from '../leases/lease-calls.fixture.ts';

const at = useTwoHosts();

const make = async (name: string): Promise<string> =>
  (await at.call.make(name, { hosts: { all: true } })).body.id as string;
const endpoints = async (query: string) => (await at.server.request('GET', `/v1/endpoints${query}`)).body;
const address = async (name: string, ip: string) =>
  (await at.server.request('GET', `/v1/networks/${name}/addresses/${ip}`)).body;
const eventsOf = async (type: string) =>
  ((await at.server.request('GET', '/v1/events?limit=1000')).body.items as { type: string }[]).filter(
    (event) => event.type === type,
  );

test('every container on a network is listed with its address, whoever started it, and how old that is', async () => {
  const id = await make('seen');
  const other = await make('other');
  await reportInventory(at.one, [
    seenContainer(id, 'compose-web-1', '10.50.1.10'),
    seenContainer(id, 'stopped', null, 'exited'),
    seenContainer(other, 'compose-web-1', '10.50.2.10'),
  ]);
  await reportInventory(at.two, [seenContainer(id, 'portainer', '10.50.1.11')]);
  const { items } = await endpoints('?network=seen');
  expect(items).toMatchObject([
    { host: 'docker01', container: 'compose-web-1', ipv4: '10.50.1.10', managed: false, state: 'running' },
    { host: 'docker01', container: 'stopped', ipv4: null, state: 'exited' },
    { host: 'docker02', container: 'portainer', mac: '02:42:ac:10:64:99' },
  ]);
  const { observedAt } = (await at.server.request('GET', '/v1/hosts/docker01')).body;
  expect(items[0]).toMatchObject({ since: observedAt, observedAt });
  expect((await endpoints('?container=compose-web-1')).items).toHaveLength(2);
  expect((await endpoints('?host=docker02')).items).toHaveLength(1);
  const first = await endpoints('?limit=3');
  const rest = await endpoints(`?limit=3&cursor=${first.nextCursor as string}`);
  expect([...first.items, ...rest.items]).toHaveLength(4);
  expect(rest.nextCursor).toBeNull();
});

test('a report replaces what was seen before; only one that could not look leaves it', async () => {
  const id = await make('level');
  await reportInventory(at.one, [seenContainer(id, 'a', '10.50.3.10'), seenContainer(id, 'b', '10.50.3.11')]);
  const [{ since }] = (await endpoints('?network=level&container=a')).items;
  at.server.clock.advance(1_000);
  await reportInventory(at.one, [seenContainer(id, 'a', '10.50.3.10')]);
  const { items } = await endpoints('?network=level');
  expect(items).toMatchObject([{ container: 'a', since }]);
  expect(items[0].observedAt > since).toBe(true);
  const { facts } = (await at.server.request('GET', '/v1/hosts/docker01')).body;
  await at.one.report({
    observedRevision: '1',
    inventory: [],
    facts: { ...facts, docker: { reachable: false, version: null, apiVersion: null } },
  });
  expect((await endpoints('?network=level')).items).toHaveLength(1);
  const stale = new Date(at.server.clock.now().getTime() - 60_000).toISOString();
  await at.one.report({ observedRevision: '1', observedAt: stale, inventory: [] });
  expect((await endpoints('?network=level')).items).toHaveLength(1);
});

test('a leased address is bound to the running container seen on it, and stays so until it is returned (promise 4)', async () => {
  const id = await make('binding');
  const [lease, spare] = (await takeLeases(at.one, id, 2)).granted as [Lease, Lease];
  await reportInventory(at.one, [
    seenContainer(id, 'web', lease.ip),
    // Made with --ip, but not running: nothing is bound by a request.
    seenContainer(id, 'later', spare.ip, 'created'),
  ]);
  const bound = await address('binding', lease.ip);
  expect(bound).toMatchObject({
    state: 'bound',
    host: 'docker01',
    container: 'web',
    dockerId: 'docker-web',
    mac: '02:42:ac:10:64:99',
    generation: lease.generation,
  });
  expect(bound.since).toBe((await at.server.request('GET', '/v1/hosts/docker01')).body.observedAt);
  expect(await address('binding', spare.ip)).toMatchObject({ state: 'leased', container: null });
  expect((await eventsOf('address.bound')).at(-1)).toMatchObject({
    subject: `/v1/networks/binding/addresses/${lease.ip}`,
    host: 'docker01',
    data: { container: 'web', dockerId: 'docker-web' },
  });
  const before = (await eventsOf('address.bound')).length;
  await reportInventory(at.one, [seenContainer(id, 'web', lease.ip)]);
  await reportInventory(at.one, []);
  expect((await eventsOf('address.bound')).length).toBe(before);
  expect(await address('binding', lease.ip)).toMatchObject({ state: 'bound', container: 'web' });
  const filtered = await at.server.request('GET', '/v1/networks/binding/addresses?state=bound&container=web');
  expect(filtered.body.items).toHaveLength(1);
  await syncLeases(at.one, { returns: returning([lease], 'released') });
  expect(await address('binding', lease.ip)).toMatchObject({
    state: 'quarantined',
    container: null,
    dockerId: null,
    since: null,
  });
});

test('what a host sees on an address that it does not hold binds nothing (promise 8)', async () => {
  const id = await make('notmine');
  const [lease] = (await takeLeases(at.two, id, 1)).granted as [Lease];
  await reportInventory(at.one, [seenContainer(id, 'thief', lease.ip)]);
  expect(await address('notmine', lease.ip)).toMatchObject({
    state: 'leased',
    host: 'docker02',
    container: null,
  });
});

test('each address of a container on two Docker networks of one network is seen by itself (promises 1 and 4)', async () => {
  const id = await make('twice');
  const [first, second] = (await takeLeases(at.one, id, 2)).granted as [Lease, Lease];
  // Of an adopted network, whose addresses nobody gave.
  const adopted = first.ip.replace(/\d+$/, '200');
  const both = [
    seenContainer(id, 'web', first.ip),
    { ...seenContainer(id, 'web', second.ip), mac: '02:42:ac:10:64:98' },
    { ...seenContainer(id, 'web', adopted), mac: '02:42:ac:10:64:97' },
  ];
  for (const inventory of [both, both.toReversed()]) {
    await reportInventory(at.one, inventory);
    for (const { ip, generation } of [first, second])
      expect(await address('twice', ip)).toMatchObject({ state: 'bound', container: 'web', generation });
    expect(await address('twice', adopted)).toMatchObject({
      state: 'bound',
      container: 'web',
      host: 'docker01',
    });
  }
  expect((await endpoints('?network=twice')).items).toHaveLength(3);
  const pages = await endpoints('?network=twice&limit=2');
  expect((await endpoints(`?network=twice&limit=2&cursor=${pages.nextCursor as string}`)).items).toHaveLength(
    1,
  );
  // What one Docker network no longer shows goes; the others stay.
  await reportInventory(at.one, both.slice(0, 2));
  expect((await at.server.request('GET', `/v1/networks/twice/addresses/${adopted}`)).body.state).not.toBe(
    'bound',
  );
  expect(await address('twice', second.ip)).toMatchObject({ state: 'bound', container: 'web' });
});

test('an address names the containers that share the stack of the one on it, also a stopped one, until they are gone (S3)', async () => {
  const id = await make('shared');
  const [lease] = (await takeLeases(at.one, id, 1)).granted as [Lease];
  const t1 = seenContainer(id, 't1', lease.ip);
  await reportInventory(at.one, [{ ...t1, sharedBy: ['t2', 't3'] }]);
  expect(await address('shared', lease.ip)).toMatchObject({ container: 't1', sharedBy: ['t2', 't3'] });
  expect((await endpoints('?network=shared')).items).toMatchObject([
    { container: 't1', sharedBy: ['t2', 't3'] },
  ]);
  const list = await at.server.request('GET', '/v1/networks/shared/addresses?state=bound');
  expect(list.body.items).toMatchObject([{ ip: lease.ip, sharedBy: ['t2', 't3'] }]);
  await reportInventory(at.one, [{ ...t1, state: 'exited', sharedBy: ['t3'] }]);
  expect(await address('shared', lease.ip)).toMatchObject({ sharedBy: ['t3'] });
  // An agent of an earlier version reports none.
  await reportInventory(at.one, [t1]);
  expect(await address('shared', lease.ip)).toMatchObject({ sharedBy: [] });
});
