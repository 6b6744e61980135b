import type { FleetNames, InventoryItem } from '@trunkline/contracts';
import { afterEach, describe, expect, test } from 'vitest';
import type { TestAgent } from '@trunkline/test/integration/server.ts';
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import { reportInventory, seenContainer } from '../leases/lease-calls.fixture.ts';

const at = useTwoHosts();
let made = 0;

afterEach(async () => {
  await reportInventory(at.one, []);
  await reportInventory(at.two, []);
  for (let n = 1; n <= made; n += 1) await at.call.patch(`named${n}`, { names: false });
});

/** A network with names on both hosts, its id and its addresses. */
async function make(more: Record<string, unknown> = {}) {
  made += 1;
  const name = `named${made}`;
  const { body } = await at.call.make(name, { hosts: { all: true }, names: true, ...more });
  const ip = (host: number): string =>
    `${(body.subnets[0].cidr as string).split('.').slice(0, 3).join('.')}.${host}`;
  return { id: body.id as string, name, ip };
}

const ask = (agent: TestAgent, query = '') => agent.send('GET', `/agent/v1/names${query}`);
const namesOf = async (agent: TestAgent): Promise<FleetNames> => (await ask(agent)).body as FleetNames;
const containersOf = async (agent: TestAgent, id: string) =>
  (await namesOf(agent)).networks.find(({ networkId }) => networkId === id)?.containers;
const withAliases = (item: InventoryItem, ...aliases: string[]): InventoryItem => ({ ...item, aliases });

describe('the names of a host', () => {
  test('are those of running containers on the other hosts of its networks with names', async () => {
    const { id, name, ip } = await make();
    await reportInventory(at.one, [seenContainer(id, 'box1', ip(10))]);
    await reportInventory(at.two, [
      withAliases(seenContainer(id, 'box2', ip(20)), 'web', 'api'),
      seenContainer(id, 'stopped', ip(21), 'exited'),
    ]);
    expect((await namesOf(at.one)).networks).toMatchObject([
      {
        networkId: id,
        network: name,
        truncated: false,
        containers: [{ host: 'docker02', name: 'box2', aliases: ['web', 'api'], ipv4: ip(20), ipv6: null }],
      },
    ]);
    expect(await containersOf(at.two, id)).toMatchObject([{ host: 'docker01', name: 'box1' }]);
  });

  test('are of no network that it does not have, and of none without names (promise 8)', async () => {
    const elsewhere = await make({ hosts: { names: ['docker02'] } });
    const without = await make({ names: false });
    await reportInventory(at.two, [
      seenContainer(elsewhere.id, 'secret', elsewhere.ip(20)),
      seenContainer(without.id, 'nameless', without.ip(20)),
    ]);
    expect((await namesOf(at.one)).networks).toEqual([]);
    expect((await namesOf(at.two)).networks.map(({ networkId }) => networkId)).toEqual([elsewhere.id]);
  });

  test('raise no revision, whatever starts and stops', async () => {
    const { id } = await make();
    await reportInventory(at.two, []);
    const before = await at.call.revision();
    const { version } = await namesOf(at.one);
    await reportInventory(at.two, [seenContainer(id, 'unaddressed', null)]);
    expect((await namesOf(at.one)).version).not.toBe(version);
    expect(await at.call.revision()).toBe(before);
  });

  test('stay while a host is silent: silence is no evidence that something is gone (promise 4)', async () => {
    const { id, ip } = await make();
    await reportInventory(at.two, [seenContainer(id, 'box2', ip(20))]);
    at.server.clock.advance(3_600_000);
    expect(await containersOf(at.one, id)).toMatchObject([{ name: 'box2' }]);
  });

  test('have only addresses of the network: no host names anything else', async () => {
    const { id, ip } = await make();
    await reportInventory(at.two, [
      seenContainer(id, 'outside', '8.8.8.8'),
      { ...seenContainer(id, 'half', ip(22)), ipv6: '2001:db8::1' },
    ]);
    expect(await containersOf(at.one, id)).toMatchObject([{ name: 'half', ipv4: ip(22), ipv6: null }]);
  });

  test('have nothing that is no host name, whatever a host reports', async () => {
    const { id, ip } = await make();
    await reportInventory(at.two, [
      seenContainer(id, 'a b', ip(20)),
      seenContainer(id, 'c\n1.2.3.4 bank', ip(21)),
      seenContainer(id, 'localhost', ip(22)),
      seenContainer(id, 'good', ip(23)),
    ]);
    expect(await containersOf(at.one, id)).toMatchObject([{ name: 'good' }]);
    const bad = withAliases(seenContainer(id, 'good', ip(23)), 'x\n1.2.3.4 bank');
    expect((await at.two.report({ observedRevision: '1', inventory: [bad] })).status).toBe(400);
  });

  test('keep the aliases of a container that its agent did not look at again', async () => {
    const { id, ip } = await make();
    const box2 = seenContainer(id, 'box2', ip(20));
    await reportInventory(at.two, [withAliases(box2, 'web')]);
    const { version } = await namesOf(at.one);
    await reportInventory(at.two, [box2]);
    expect((await namesOf(at.one)).version).toBe(version);
    expect(await containersOf(at.one, id)).toMatchObject([{ aliases: ['web'] }]);
    await reportInventory(at.two, [withAliases(box2)]);
    expect(await containersOf(at.one, id)).toMatchObject([{ aliases: [] }]);
  });

  test('are answered only to the agent of a host', async () => {
    expect((await at.server.request('GET', '/agent/v1/names')).status).toBe(401);
  });
});

describe('the poll for names', () => {
  test('is answered at once with what is new, and with 304 when nothing is', async () => {
    const { id, ip } = await make();
    const { version } = await namesOf(at.one);
    expect((await ask(at.one, `?version=${version}`)).status).toBe(304);
    await reportInventory(at.two, [seenContainer(id, 'box2', ip(20))]);
    const answer = await ask(at.one, `?version=${version}&wait=30`);
    expect(answer.status).toBe(200);
    expect(answer.body.version).not.toBe(version);
  });

  test.each([
    ['starts', (id: string, ip: string) => [seenContainer(id, 'box2', ip), seenContainer(id, 'new', null)]],
    ['is renamed', (id: string, ip: string) => [{ ...seenContainer(id, 'box2', ip), name: 'other' }]],
    ['stops', (id: string, ip: string) => [seenContainer(id, 'box2', ip, 'exited')]],
    ['is gone', () => []],
    ['gets an alias', (id: string, ip: string) => [withAliases(seenContainer(id, 'box2', ip), 'web')]],
  ])('is woken when a container of another host %s', async (_, change) => {
    const { id, ip } = await make();
    await reportInventory(at.two, [seenContainer(id, 'box2', ip(20))]);
    const { version } = await namesOf(at.one);
    const began = performance.now();
    const poll = ask(at.one, `?version=${version}&wait=30`);
    await reportInventory(at.two, change(id, ip(20)));
    expect((await poll).status).toBe(200);
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  test('is not woken by a report that shows nothing new, nor by what happens on a network without names', async () => {
    const { id, ip } = await make();
    const without = await make({ names: false });
    await reportInventory(at.two, [seenContainer(id, 'box2', ip(20))]);
    const { version } = await namesOf(at.one);
    const poll = ask(at.one, `?version=${version}&wait=2`);
    await reportInventory(at.two, [seenContainer(id, 'box2', ip(20))]);
    await reportInventory(at.two, [seenContainer(id, 'box2', ip(20)), seenContainer(without.id, 'x', null)]);
    expect((await poll).status).toBe(304);
    const { rows } = await at.server.platform.database.pool.query(
      'SELECT 1 FROM network_names WHERE network_id = $1',
      [without.id],
    );
    expect(rows).toEqual([]);
  });

  test('is woken when names are switched on or off, and when the network leaves the host', async () => {
    const { id, name } = await make({ names: false });
    const woken = async (change: object): Promise<FleetNames> => {
      const poll = ask(at.one, `?version=${(await namesOf(at.one)).version}&wait=30`);
      await at.call.patch(name, change);
      const answer = await poll;
      expect(answer.status).toBe(200);
      return answer.body as FleetNames;
    };
    expect((await woken({ names: true })).networks.map(({ networkId }) => networkId)).toEqual([id]);
    expect((await woken({ names: false })).networks).toEqual([]);
    await woken({ names: true });
    expect((await woken({ hosts: { names: ['docker02'] } })).networks).toEqual([]);
  });

  test('is woken when the host of a container is retired, whose names end with it', async () => {
    const { id, ip } = await make();
    const three = await at.server.joinHost('docker03');
    await reportInventory(three, [seenContainer(id, 'box3', ip(30))]);
    const { version } = await namesOf(at.one);
    expect(await containersOf(at.one, id)).toMatchObject([{ host: 'docker03' }]);
    const poll = ask(at.one, `?version=${version}&wait=30`);
    const gone = await at.server.request('DELETE', '/v1/hosts/docker03?force=true', undefined, {
      'if-match': '*',
    });
    expect(gone.status).toBeLessThan(300);
    expect((await poll).status).toBe(200);
    expect(await containersOf(at.one, id)).toEqual([]);
  });
});
