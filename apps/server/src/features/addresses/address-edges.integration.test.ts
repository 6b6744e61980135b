/** What becomes of an address, by its state and by who asks: the table of docs/decisions/0028-what-becomes-of-an-address.md. */
import type { ContainerReport, InventoryItem, Lease } from '@trunkline/contracts';
import { describe, expect, test } from 'vitest';
import type { TestAgent } from '@trunkline/test/integration/server.ts';
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import { containerDone } from '../networks/reports.fixture.ts';
import {
  claimLease,
  held,
  reportInventory,
  returning,
  seenContainer,
  syncLeases,
  takeLeases,
} from '../leases/lease-calls.fixture.ts';

const at = useTwoHosts();

interface OfNetwork {
  id: string;
  name: string;
  cidr: string;
  ip(last: number): string;
}

async function network(name: string, more: Record<string, unknown> = {}): Promise<OfNetwork> {
  const { body } = await at.call.make(name, { hosts: { names: ['docker01', 'docker02'] }, ...more });
  const cidr = body.subnets[0].cidr as string;
  return { id: body.id, name, cidr, ip: (last) => cidr.replace('.0/24', `.${last}`) };
}

const path = ({ name }: OfNetwork, ip = '') => `/v1/networks/${name}/addresses${ip === '' ? '' : `/${ip}`}`;
const address = async (net: OfNetwork, ip: string) => (await at.server.request('GET', path(net, ip))).body;
const reserve = (net: OfNetwork, body: unknown) => at.server.request('POST', path(net), body);
const release = (net: OfNetwork, ip: string, query = '') =>
  at.server.request('DELETE', `${path(net, ip)}${query}`);
const macOf = (last: number): string => `02:42:ac:10:00:${last.toString(16).padStart(2, '0')}`;
const seen = (net: OfNetwork, name: string, last: number, mac = macOf(last)): InventoryItem => ({
  ...seenContainer(net.id, name, net.ip(last)),
  mac,
});
async function run(agent: TestAgent, net: OfNetwork, name: string, last: number): Promise<Lease> {
  const { body } = await claimLease(agent, net.id, { ip: net.ip(last), mac: macOf(last) });
  await reportInventory(agent, [seen(net, name, last)]);
  return body.lease as Lease;
}
const revocationsOf = async (agent: TestAgent, net: OfNetwork) =>
  (await agent.document()).revocations?.filter(({ networkId }) => networkId === net.id);
const placement = async (net: OfNetwork, host: string) =>
  (await at.server.request('GET', `/v1/networks/${net.name}/placements/${host}`)).body;

async function returnsWhenAsked(agent: TestAgent, leases: Lease[]): Promise<void> {
  const [{ networkId } = { networkId: '' }] = leases;
  await expect
    .poll(async () => (await agent.document()).recalls)
    .toContainEqual({ networkId, family: 'ipv4' });
  await syncLeases(agent, { returns: returning(leases, 'unused') });
}

describe('an address that is taken away from a host', () => {
  test('is given to nobody before the host confirms, then to whom asks, and never by the old hold (A5)', async () => {
    const net = await network('fenced');
    const lease = await run(at.two, net, 'svc', 150);
    const releasing = release(net, lease.ip, '?force=true');
    await expect
      .poll(() => revocationsOf(at.two, net))
      .toEqual([{ networkId: net.id, ip: lease.ip, generation: lease.generation }]);
    expect(await address(net, lease.ip)).toMatchObject({
      state: 'quarantined',
      host: null,
      awaitingHost: 'docker02',
    });
    for (const agent of [at.one, at.two])
      expect((await claimLease(agent, net.id, { ip: lease.ip })).body.status).toBe(409);
    expect((await reserve(net, { address: lease.ip })).body).toMatchObject({
      code: 'address_quarantined',
      detail: expect.stringContaining('docker02, which has not confirmed it'),
    });
    await syncLeases(at.two, { confirms: held([lease]) });
    expect((await releasing).status).toBe(204);
    expect(await revocationsOf(at.two, net)).toEqual([]);

    // The container runs on: that is a conflict, and no reason to have it back.
    await reportInventory(at.two, [seen(net, 'svc', 150)]);
    expect((await claimLease(at.two, net.id, { ip: lease.ip, mac: macOf(150) })).body).toMatchObject({
      code: 'address_taken',
      detail: expect.stringContaining('was revoked from docker02'),
    });
    const taken = await claimLease(at.one, net.id, { ip: lease.ip, mac: macOf(1) });
    expect(taken.body.lease).toMatchObject({ ip: lease.ip });
    await reportInventory(at.two, [seen(net, 'svc', 150)]);
    expect((await placement(net, 'docker02')).conditions).toContainEqual(
      expect.objectContaining({
        type: 'AddressesAgree',
        status: 'False',
        reason: 'AddressTakenAway',
        message: expect.stringContaining(`svc still uses ${lease.ip}`),
      }),
    );
    expect((await claimLease(at.two, net.id, { ip: lease.ip, mac: macOf(150) })).body).toMatchObject({
      code: 'address_taken',
      data: { host: 'docker01' },
    });
    await syncLeases(at.two, { returns: returning([lease], 'released') });
    expect(await address(net, lease.ip)).toMatchObject({ state: 'leased', host: 'docker01' });
    await reportInventory(at.two, []);
    await syncLeases(at.one, { returns: returning([taken.body.lease], 'released') });
    expect((await placement(net, 'docker02')).conditions).not.toContainEqual(
      expect.objectContaining({ type: 'AddressesAgree' }),
    );
    expect((await claimLease(at.two, net.id, { ip: lease.ip, mac: macOf(150) })).status).toBe(200);
    await reportInventory(at.two, []);
  });

  test('of a host that cannot be heard stays with nobody until an operator insists, and shows it then (A5)', async () => {
    const net = await network('deaf');
    const lease = await run(at.two, net, 'svc', 9);
    const refused = await release(net, lease.ip, '?force=true');
    expect(refused.body).toMatchObject({
      status: 409,
      code: 'release_unconfirmed',
      detail: expect.stringContaining('unconfirmed=true'),
      data: { awaitingHost: 'docker02' },
    });
    expect((await claimLease(at.one, net.id, { ip: lease.ip })).body.code).toBe('address_quarantined');
    expect((await release(net, lease.ip, '?force=true&unconfirmed=true')).status).toBe(204);
    const { body } = await reserve(net, { address: lease.ip, owner: 'db' });
    expect(body).toMatchObject({ state: 'reserved', awaitingHost: 'docker02' });
    expect(await revocationsOf(at.two, net)).toHaveLength(1);
    await syncLeases(at.two, { confirms: held([lease]) });
    expect(await address(net, lease.ip)).toMatchObject({
      state: 'reserved',
      owner: 'db',
      awaitingHost: null,
    });
    await reportInventory(at.two, []);
  });

  test('of a stopped container that Trunkline runs is taken away from its host first, and promised to it no more (A5)', async () => {
    const net = await network('stopped');
    const ip = net.ip(10);
    await at.call.runOn('docker02', 'box1', net.name, { attachments: [{ network: net.name, address: ip }] });
    const { lease } = (await claimLease(at.two, net.id, { ip })).body as { lease: Lease };
    const box = async () => (await at.two.document()).containers.find(({ name }) => name === 'box1');
    const made = await box();
    if (made === undefined) throw new Error('docker02 has no box1');
    const report = (more: Partial<ContainerReport>) =>
      at.two.report({ observedRevision: '1', containers: [containerDone(made, more)] });
    await report({});
    expect(await address(net, ip)).toMatchObject({ state: 'bound', host: 'docker02' });
    await report({ state: 'exited', endpoints: [], exitCode: 0 });
    expect(await address(net, ip)).toMatchObject({ state: 'reserved', host: null, container: 'box1' });

    const releasing = release(net, ip, '?force=true');
    await expect.poll(() => revocationsOf(at.two, net)).toMatchObject([{ networkId: net.id, ip }]);
    const [revocation] = (await revocationsOf(at.two, net)) ?? [];
    expect(revocation?.generation).toBeGreaterThan(lease.generation);
    expect((await box())?.attachments).toMatchObject([{ address: ip, withdrawn: [ip] }]);
    expect((await claimLease(at.one, net.id, { ip })).body.code).toBe('address_quarantined');
    await syncLeases(at.two, { confirms: revocation === undefined ? [] : [revocation] });
    expect((await releasing).status).toBe(204);
    expect((await claimLease(at.one, net.id, { ip })).status).toBe(200);
    expect((await box())?.attachments).toMatchObject([{ address: ip, withdrawn: [ip] }]);
  });

  test('is promised to the container that it is reserved for while nobody took it away', async () => {
    const net = await network('again');
    await at.call.runOn('docker02', 'box2', net.name, {
      attachments: [{ network: net.name, address: net.ip(11) }],
    });
    const box = (await at.two.document()).containers.find(({ name }) => name === 'box2');
    expect(box?.attachments).toMatchObject([{ address: net.ip(11) }]);
    expect(box?.attachments[0]).not.toHaveProperty('withdrawn');
  });

  test('with its subnet is kept from everybody when the same addresses come back in another one (B2)', async () => {
    const net = await network('moved');
    const [lease] = (await takeLeases(at.two, net.id, 1)).granted as [Lease];
    const cidr = net.cidr.replace('.0/24', '.0/25');
    const subnets = [{ cidr, gateway: net.ip(1) }];
    expect((await at.call.patch('moved', { subnets })).status).toBe(200);
    expect(await revocationsOf(at.two, net)).toEqual([
      { networkId: net.id, ip: lease.ip, generation: lease.generation },
    ]);
    expect((await claimLease(at.one, net.id, { ip: lease.ip })).body.code).toBe('address_quarantined');
    await syncLeases(at.two, { confirms: held([lease]) });
    await reportInventory(at.two, []);
    expect((await claimLease(at.one, net.id, { ip: lease.ip })).status).toBe(200);
  });

  test('with its subnet is given to nobody while a container that started unseen runs on it (promise 4, A9)', async () => {
    const net = await network('unseen');
    const [lease] = (await takeLeases(at.two, net.id, 1)).granted as [Lease];
    const subnets = [{ cidr: net.cidr.replace('.0/24', '.0/25'), gateway: net.ip(1) }];
    expect((await at.call.patch('unseen', { subnets })).status).toBe(200);
    await syncLeases(at.two, { confirms: held([lease]) });
    const refused = async () => {
      expect((await reserve(net, { address: lease.ip })).body.code).toBe('address_quarantined');
      expect((await claimLease(at.one, net.id, { ip: lease.ip })).body.code).toBe('address_quarantined');
    };
    await refused();
    const web = { ...seenContainer(net.id, 'web', lease.ip), mac: macOf(77) };
    for (let n = 0; n < 2; n += 1) {
      await reportInventory(at.two, [web]);
      await refused();
    }
    expect(await address(net, lease.ip)).toMatchObject({ awaitingHost: 'docker02' });
    expect((await placement(net, 'docker02')).conditions).toContainEqual(
      expect.objectContaining({ type: 'AddressesAgree', status: 'False', reason: 'AddressTakenAway' }),
    );
    await reportInventory(at.two, []);
    expect((await reserve(net, { address: lease.ip })).status).toBe(201);
  });
});

describe('an address that a host holds unused', () => {
  test('is called back when the gateway moves onto it, and only then refused, as what it is (B3)', async () => {
    const net = await network('gateway');
    const [lease, other] = (await takeLeases(at.two, net.id, 2)).granted as [Lease, Lease];
    const subnets = [{ cidr: net.cidr, gateway: lease.ip }];
    const moving = at.call.patch('gateway', { subnets });
    await returnsWhenAsked(at.two, [lease]);
    expect((await moving).body).toMatchObject({ subnets: [{ gateway: lease.ip }] });

    const refused = await at.call.patch('gateway', { subnets: [{ cidr: net.cidr, gateway: other.ip }] });
    expect(refused.body).toMatchObject({
      code: 'subnet_holds_addresses',
      detail: expect.stringContaining('leased to docker02, which does not use it'),
    });
  });

  test('is called back when it is released, and only then refused, as what it is', async () => {
    const net = await network('unused');
    const leases = (await takeLeases(at.two, net.id, 2)).granted as [Lease, Lease];
    const releasing = release(net, leases[0].ip);
    await returnsWhenAsked(at.two, [leases[0]]);
    expect((await releasing).status).toBe(204);
    expect((await release(net, leases[1].ip)).body).toMatchObject({
      code: 'address_taken',
      detail: expect.stringMatching(/leased to host docker02, whose reports show no container on it/),
    });
  });

  test('is not given by its name when it is excluded, and stays with a container that runs on it (B1)', async () => {
    const net = await network('narrow');
    const [spare] = (await takeLeases(at.one, net.id, 1)).granted as [Lease];
    const used = await run(at.two, net, 'web', 9);
    const exclude = [spare.ip, used.ip];
    await at.call.patch('narrow', { subnets: [{ cidr: net.cidr, gateway: net.ip(1), exclude }] });
    const desired = (await at.one.document()).networks.find(({ id }) => id === net.id);
    expect(desired?.subnets).toMatchObject([{ ranges: [], exclude }]);
    for (const agent of [at.one, at.two])
      expect((await claimLease(agent, net.id, { ip: spare.ip })).body).toMatchObject({
        code: 'address_not_allocatable',
        detail: expect.stringContaining('excluded'),
      });
    expect(await address(net, used.ip)).toMatchObject({
      state: 'bound',
      container: 'web',
      allocatable: false,
    });
    await syncLeases(at.two, { returns: returning([used], 'released') });
    await reportInventory(at.two, []);
    expect((await claimLease(at.two, net.id, { ip: used.ip })).body.code).toBe('address_not_allocatable');
  });
});

describe('what a report shows in use', () => {
  test('and is nobody’s is in the book: bound there, given to nobody, free again when it is gone (A9)', async () => {
    const net = await network('adopted');
    const ip = net.ip(50);
    await reportInventory(at.two, [seen(net, 'old2', 50)]);
    expect(await address(net, ip)).toMatchObject({ state: 'bound', host: 'docker02', container: 'old2' });
    expect((await reserve(net, { address: ip })).body).toMatchObject({
      code: 'address_taken',
      detail: expect.stringContaining('bound to container old2 on host docker02'),
    });
    expect((await claimLease(at.one, net.id, { ip })).body.code).toBe('address_taken');
    // Its agent has no lease of it: that is nothing to compare.
    expect((await syncLeases(at.two, { held: [] })).unlisted.filter((one) => one.ip === ip)).toEqual([]);
    const check = await at.server.request('POST', '/v1/checks', { kind: 'addresses', network: net.name });
    expect(check.body.result).toMatchObject({ consistent: true });
    await reportInventory(at.two, []);
    expect(await address(net, ip)).toMatchObject({ state: 'quarantined' });
    expect((await claimLease(at.one, net.id, { ip, mac: macOf(50) })).status).toBe(200);
  });

  test.each(['reported before it answers', 'answers before it is reported'])(
    'and that answers on the wire is bound there, and no foreign station: %s (A9)',
    async (order) => {
      const net = await network(order.startsWith('reported') ? 'reported-first' : 'answered-first');
      const [lease] = (await takeLeases(at.one, net.id, 1)).granted;
      const container = { ...seenContainer(net.id, 'old', lease!.ip), mac: macOf(51) };
      const conflicted = () => syncLeases(at.one, { returns: returning([lease!], 'conflicted', macOf(51)) });
      if (order.startsWith('reported')) {
        await reportInventory(at.two, [container]);
        await conflicted();
      } else {
        await conflicted();
        expect(await address(net, lease!.ip)).toMatchObject({ state: 'conflicted', host: null });
        await reportInventory(at.two, [container]);
      }
      const bound = { state: 'bound', host: 'docker02', container: 'old' };
      expect(await address(net, lease!.ip)).toMatchObject(bound);
      // It is the container's own: it may be connected again.
      expect((await claimLease(at.two, net.id, { ip: lease!.ip, mac: macOf(51) })).status).toBe(200);
    },
  );

  test('and whose MAC is not the one that answered stays in conflict', async () => {
    const net = await network('not-explained');
    const [lease] = (await takeLeases(at.one, net.id, 1)).granted;
    await syncLeases(at.one, { returns: returning([lease!], 'conflicted', macOf(52)) });
    await reportInventory(at.two, [{ ...seenContainer(net.id, 'old', lease!.ip), mac: macOf(53) }]);
    expect(await address(net, lease!.ip)).toMatchObject({ state: 'conflicted', host: null });
  });

  test('and is reserved for somebody, or held elsewhere, is a conflict that is shown', async () => {
    const net = await network('disputed');
    await reserve(net, { address: net.ip(60), owner: 'db' });
    await run(at.one, net, 'first', 61);
    await reportInventory(at.two, [seen(net, 'thief', 60), seen(net, 'second', 61, macOf(99))]);
    expect(await address(net, net.ip(60))).toMatchObject({ state: 'reserved', owner: 'db', host: null });
    const { conditions } = await placement(net, 'docker02');
    expect(conditions.find(({ type }: { type: string }) => type === 'AddressesAgree')).toMatchObject({
      status: 'False',
      message: expect.stringMatching(/second uses .*61, which is held by first on docker01.*thief uses .*60/),
    });
    const events = (await at.server.request('GET', `/v1/events?network=${net.name}&limit=1000`)).body.items;
    expect(events.filter(({ type }: { type: string }) => type === 'address.disputed')).toHaveLength(2);
    for (const agent of [at.one, at.two]) await reportInventory(agent, []);
  });
});

describe('a MAC is one station of a network (A10)', () => {
  const mac = '02:42:ac:10:64:aa';

  test('of two hosts that start with it at once one has it, and the other hears who', async () => {
    const net = await network('twins');
    for (const ask of [{}, { ip: net.ip(10) }]) {
      const answers = await Promise.all([
        claimLease(at.one, net.id, { mac, ...ask }),
        claimLease(at.two, net.id, { mac, ...(ask.ip === undefined ? {} : { ip: net.ip(11) }) }),
      ]);
      const lost = answers.find(({ status }) => status !== 200);
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(lost?.body).toMatchObject({
        status: 409,
        code: 'mac_in_use',
        detail: expect.stringContaining(mac),
        data: { host: expect.stringMatching(/docker0[12]/), mac },
      });
    }
  });

  test('that a running container has is had by no claim, container or reservation elsewhere, and free when it is gone', async () => {
    const net = await network('live');
    const elsewhere = await network('live2');
    await reportInventory(at.one, [seen(net, 'web', 20, mac)]);
    const refusals = [
      await claimLease(at.two, net.id, { mac }),
      await claimLease(at.two, net.id, { ip: net.ip(30), mac }),
      await reserve(net, { owner: 'printer', mac }),
      await reserve(net, { address: net.ip(31), mac }),
      await at.call.runOn('docker02', 'box', net.name, { attachments: [{ network: net.name, mac }] }),
    ];
    for (const { body } of refusals)
      expect(body).toMatchObject({
        code: 'mac_in_use',
        detail: expect.stringContaining('container web on host docker01'),
      });
    expect((await reserve(elsewhere, { owner: 'printer', mac })).status).toBe(201);
    await reportInventory(at.one, []);
    expect((await claimLease(at.two, net.id, { mac })).body).toEqual({ lease: null });
  });

  test('promise 4: of a host that is silent since it claimed it is free to nobody, however long that is, until it reports', async () => {
    const net = await network('claimed');
    await reportInventory(at.one, []);
    expect((await claimLease(at.one, net.id, { mac })).body).toEqual({ lease: null });
    // Two minutes go by, and a container of docker01 may run with it.
    await at.server.platform.database.pool.query('UPDATE station SET until = now() WHERE mac = $1', [mac]);
    const refused = await claimLease(at.two, net.id, { mac });
    expect(refused.body).toMatchObject({ code: 'mac_in_use', data: { host: 'docker01' } });
    await reportInventory(at.one, []);
    expect((await claimLease(at.two, net.id, { mac })).body).toEqual({ lease: null });
  });

  test('that two hosts run all the same is found by the check, and shown', async () => {
    const net = await network('equal');
    await reportInventory(at.one, [seen(net, 'a', 40, mac)]);
    await reportInventory(at.two, [seen(net, 'b', 41, mac)]);
    const check = await at.server.request('POST', '/v1/checks', { kind: 'addresses', network: net.name });
    expect(check.body.result.findings).toMatchObject([
      { kind: 'two-macs', mac, holders: [{ container: 'a' }, { container: 'b' }] },
    ]);
    expect((await placement(net, 'docker02')).conditions).toContainEqual(
      expect.objectContaining({ type: 'AddressesAgree', reason: 'MacInUse' }),
    );
    for (const agent of [at.one, at.two]) await reportInventory(agent, []);
  });

  test('of a reservation is that of both IP versions of one owner', async () => {
    const net = await network('dual', {
      subnets: [{ cidr: '10.90.0.0/24' }, { cidr: 'fd90::/64' }],
    });
    expect((await reserve(net, { owner: 'web', mac, family: 'ipv4' })).status).toBe(201);
    expect((await reserve(net, { owner: 'web', mac, family: 'ipv6' })).status).toBe(201);
  });
});

describe('who may take a reservation (B8)', () => {
  const ask = async (
    reservation: Record<string, unknown>,
    agent: TestAgent,
    claim: Record<string, unknown>,
  ) => {
    const net = await network(`who${(names += 1)}`);
    const { body } = await reserve(net, { address: net.ip(77), ...reservation });
    return claimLease(agent, net.id, { ip: body.ip, mac: macOf(names), ...claim });
  };
  let names = 0;

  test.each<[string, Record<string, unknown>, 'one' | 'two', Record<string, unknown>, number]>([
    ['its owner by name', { owner: 'web-1' }, 'two', { name: 'web-1' }, 200],
    ['not another name', { owner: 'web-1' }, 'two', { name: 'web-2' }, 409],
    ['not one that Docker does not name', { owner: 'web-1' }, 'two', {}, 409],
    ['nobody where it has no owner', {}, 'one', { name: 'web' }, 409],
    ['anybody where it says so', { owner: 'web-1', claim: 'anyone' }, 'two', {}, 200],
    ['a container of its host', { owner: 'web-1', forHost: 'docker01' }, 'one', {}, 200],
    ['not of another host', { owner: 'web-1', forHost: 'docker01' }, 'two', { name: 'web-1' }, 409],
    ['its MAC', { owner: 'web-1', mac: '02:42:ac:10:64:0a' }, 'two', { mac: '02:42:ac:10:64:0a' }, 200],
    ['not another MAC', { owner: 'web-1', mac: '02:42:ac:10:64:0a', claim: 'anyone' }, 'two', {}, 409],
  ])('%s', async (_, reservation, host, claim, status) => {
    const answer = await ask(reservation, at[host], claim);
    expect(answer.status).toBe(status);
    if (status === 409)
      expect(answer.body).toMatchObject({
        code: 'address_taken',
        detail: expect.stringContaining('reserved for'),
      });
  });

  test('reaches the host that holds the address when it is changed', async () => {
    const net = await network('rights');
    const { ip } = (await reserve(net, { address: net.ip(70), owner: 'db', claim: 'anyone' })).body;
    const { lease } = (await claimLease(at.one, net.id, { ip })).body as { lease: Lease };
    expect(lease).toMatchObject({ owner: 'db', claim: 'anyone', mac: null });
    const put = async (body: unknown) => {
      const { body: shown } = await at.server.request('PUT', `${path(net)}/by-owner/db`, body);
      return shown as { generation: number };
    };
    const compared = async (one: Lease) => {
      const { unlisted, unknown } = await syncLeases(at.one, { held: held([one]) });
      return {
        unlisted: unlisted.filter(({ networkId }) => networkId === net.id),
        unknown: unknown.filter(({ networkId }) => networkId === net.id),
      };
    };
    expect((await put({ labels: { tier: 'data' } })).generation).toBe(lease.generation);
    expect(await compared(lease)).toEqual({ unlisted: [], unknown: [] });

    const { generation } = await put({ claim: 'owner', mac: macOf(70) });
    expect(generation).toBeGreaterThan(lease.generation);
    const news = await compared(lease);
    expect(news).toMatchObject({
      unlisted: [{ ip, generation, owner: 'db', mac: macOf(70) }],
      unknown: [{ ip }],
    });
    const moved = await put({ forHost: 'docker02' });
    expect(moved.generation).toBeGreaterThan(generation);
    expect((await compared({ ...lease, generation })).unlisted).toMatchObject([{ ip, claim: 'owner' }]);
  });

  test('is changed and shown by PUT', async () => {
    const net = await network('put');
    const put = async (body: unknown) =>
      (await at.server.request('PUT', `${path(net)}/by-owner/web-1`, body)).body;
    expect(await put({})).toMatchObject({ claim: 'owner', forHost: null });
    const changed = await put({ claim: 'anyone', forHost: 'docker02' });
    expect(changed).toMatchObject({ claim: 'anyone', forHost: 'docker02' });
    expect((await claimLease(at.one, net.id, { ip: changed.ip })).status).toBe(409);
    expect(await put({ forHost: 'nobody' })).toMatchObject({ code: 'host_not_found' });
  });
});

describe('an owner that asks again', () => {
  test('has the address that it had before its network got IPv4 beside IPv6 (promise 2)', async () => {
    const [v4, v6] = [{ cidr: '10.97.7.0/24' }, { cidr: 'fd97:7::/64' }];
    const net = await network('both', { subnets: [v6] });
    const put = (owner: string, body = {}) =>
      at.server.request('PUT', `${path(net)}/by-owner/${owner}`, body);
    const had = (await put('db')).body as { ip: string };
    expect((await at.call.patch('both', { subnets: [v6, v4] })).status).toBe(200);
    const answers = [
      await put('db'),
      await put('db', { labels: { tier: 'data' } }),
      await reserve(net, { owner: 'db' }),
      await at.server.request('PUT', `${path(net)}/by-owner/db?dryRun=true`, {}),
    ];
    for (const { status, body } of answers) expect([status, body.ip]).toEqual([200, had.ip]);
    // Who names the IP version, or had none, is given what it asks for.
    expect((await put('web')).body.ip).toBe('10.97.7.1');
    const second = (await put('db', { family: 'ipv4' })).body as { ip: string };
    expect(second.ip).toMatch(/^10\.97\.7\./);
    expect((await put('db')).body.ip).toBe(second.ip);
    expect((await put('db', { family: 'ipv6' })).body.ip).toBe(had.ip);
  });
});

describe('quarantine (B9)', () => {
  test('ends for whom names the address once its host has returned it, not while a report shows it', async () => {
    const net = await network('rest');
    const lease = await run(at.one, net, 'web', 12);
    await syncLeases(at.one, { returns: returning([lease], 'released') });
    expect((await claimLease(at.two, net.id, { ip: lease.ip })).body.code).toBe('address_quarantined');
    await reportInventory(at.one, []);
    expect((await claimLease(at.two, net.id, { ip: lease.ip, mac: macOf(12) })).status).toBe(200);
  });

  test('is shortened by a PATCH of the network, also where it runs', async () => {
    const net = await network('shorter');
    const { ip } = (await reserve(net, { owner: 'a' })).body;
    await release(net, ip);
    expect((await reserve(net, { address: ip, owner: 'b' })).body.code).toBe('address_quarantined');
    await at.call.patch('shorter', { quarantineSeconds: 0 });
    expect((await reserve(net, { address: ip, owner: 'b' })).status).toBe(201);
  });
});
