import type { Lease } from '@trunkline/contracts';
import { describe, expect, test } from 'vitest';
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import { freshSubnet } from '../networks/network-calls.fixture.ts';
import { carryOut, containerDone, placementDone } from '../networks/reports.fixture.ts';
import {
  claimLease,
  held,
  reportInventory,
  returning,
  seenContainer,
  syncLeases,
  takeLeases,
} from './lease-calls.fixture.ts';

const at = useTwoHosts();

interface OfNetwork {
  id: string;
  name: string;
  ip(last: number): string;
}

async function network(name: string, more: Record<string, unknown> = {}): Promise<OfNetwork> {
  const { body } = await at.call.make(name, { hosts: { names: ['docker01', 'docker02'] }, ...more });
  const base = (body.subnets[0].cidr as string).replace('.0/24', '');
  return { id: body.id as string, name, ip: (last) => `${base}.${last}` };
}

const address = async ({ name }: OfNetwork, ip: string) =>
  (await at.server.request('GET', `/v1/networks/${name}/addresses/${ip}`)).body;
const reserve = async ({ name }: OfNetwork, body: unknown) => {
  const answer = await at.server.request('POST', `/v1/networks/${name}/addresses`, body);
  expect(answer.status).toBe(201);
  return answer.body;
};
const mac = '02:42:ac:10:64:0a';

describe('a claimed address', () => {
  test('that is free goes to one of the hosts that claim it at once', async () => {
    const net = await network('race');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        claimLease(n % 2 === 0 ? at.one : at.two, net.id, { ip: net.ip(77) }),
      ),
    );
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(10);
    const lost = answers.find(({ status }) => status !== 200);
    expect(lost?.body).toMatchObject({
      status: 409,
      code: 'address_taken',
      data: { host: expect.stringMatching(/docker0[12]/) },
    });
  });

  test('that is claimed again has a new generation: a return of before, still on its way, ends nothing (promise 4)', async () => {
    const net = await network('again');
    const claim = async () => (await claimLease(at.one, net.id, { ip: net.ip(10) })).body.lease as Lease;
    const first = await claim();
    const second = await claim();
    await syncLeases(at.one, { returns: returning([first], 'released') });
    expect(await address(net, first.ip)).toMatchObject({ state: 'leased', generation: second.generation });
  });

  test('that a container of another host uses is refused, and the holder named', async () => {
    const net = await network('used');
    const { lease } = (await claimLease(at.two, net.id, { ip: net.ip(10) })).body as { lease: Lease };
    await reportInventory(at.two, [seenContainer(net.id, 'web', lease.ip)]);
    const refused = await claimLease(at.one, net.id, { ip: lease.ip });
    expect(refused.body).toMatchObject({
      status: 409,
      code: 'address_taken',
      detail: expect.stringContaining('bound to container web on host docker02'),
      data: { host: 'docker02', container: 'web', state: 'bound' },
    });
  });

  test('that lies unused in the warm pool of another host is asked for there', async () => {
    const net = await network('unused');
    const [lease] = (await takeLeases(at.two, net.id, 1)).granted as [Lease];
    const claiming = claimLease(at.one, net.id, { ip: lease.ip });
    await expect
      .poll(async () => (await at.two.document()).recalls)
      .toEqual(expect.arrayContaining([{ networkId: net.id, family: 'ipv4' }]));
    await syncLeases(at.two, { returns: returning([lease], 'unused') });
    expect((await claiming).body.lease).toMatchObject({ ip: lease.ip });
    expect(await address(net, lease.ip)).toMatchObject({ state: 'leased', host: 'docker01' });
  });

  test('that was just freed may be had again on the same host, and on another one once it is gone', async () => {
    const net = await network('freed');
    const { lease } = (await claimLease(at.one, net.id, { ip: net.ip(10) })).body as { lease: Lease };
    await syncLeases(at.one, { returns: returning([lease], 'released') });
    const { lease: again } = (await claimLease(at.one, net.id, { ip: lease.ip })).body as { lease: Lease };
    await syncLeases(at.one, { returns: returning([again], 'released') });
    expect((await claimLease(at.two, net.id, { ip: lease.ip })).body.lease).toMatchObject({ ip: lease.ip });
  });

  test.each([
    ['the gateway', 1, 'address_not_allocatable'],
    ['the broadcast address', 255, 'address_not_allocatable'],
  ])('cannot be %s', async (_, last, code) => {
    const net = await network(`cannot-${last}`);
    expect((await claimLease(at.one, net.id, { ip: net.ip(last) })).body.code).toBe(code);
  });

  test('cannot be outside the subnets, of a network that is not on the host, or is being removed', async () => {
    const net = await network('refusing');
    expect((await claimLease(at.one, net.id, { ip: '192.0.2.1' })).body.code).toBe('address_not_allocatable');
    const { body } = await at.call.make('only-two', { hosts: { names: ['docker02'] } });
    expect((await claimLease(at.one, body.id, { ip: '10.50.200.9' })).body.code).toBe('network_not_placed');
    await carryOut(at.one);
    expect((await at.call.remove(net.name)).status).toBe(202);
    expect((await claimLease(at.one, net.id, { ip: net.ip(9) })).body.code).toBe('network_deleting');
    const nothing = await claimLease(at.one, net.id, {});
    expect([nothing.status, nothing.body.code]).toEqual([400, 'invalid_request']);
  });

  test('in conflict is refused with the MAC that answers', async () => {
    const net = await network('foreign');
    const { lease } = (await claimLease(at.one, net.id, { ip: net.ip(10) })).body as { lease: Lease };
    await syncLeases(at.one, { returns: returning([lease], 'conflicted', '00:0c:29:00:00:01') });
    expect((await claimLease(at.one, net.id, { ip: lease.ip })).body).toMatchObject({
      code: 'address_taken',
      detail: expect.stringContaining('00:0c:29:00:00:01'),
    });
  });
});

describe('promise 2: a reservation', () => {
  test('for anyone is had by its address on any host, and is reserved again when it is returned', async () => {
    const net = await network('owned');
    const { ip } = await reserve(net, { owner: 'db', address: net.ip(50), claim: 'anyone' });
    const { lease } = (await claimLease(at.two, net.id, { ip })).body as { lease: Lease };
    expect(lease).toMatchObject({ ip, owner: 'db', bound: false });
    expect(await address(net, ip)).toMatchObject({ state: 'leased', owner: 'db', host: 'docker02' });
    await reportInventory(at.two, [seenContainer(net.id, 'anything', ip)]);
    expect(await address(net, ip)).toMatchObject({ state: 'bound', owner: 'db', container: 'anything' });
    await syncLeases(at.two, { returns: returning([lease], 'released') });
    expect(await address(net, ip)).toMatchObject({
      state: 'reserved',
      owner: 'db',
      host: null,
      container: null,
    });
    expect((await claimLease(at.one, net.id, { ip })).status).toBe(200);
  });

  test('without an owner goes back to being reserved too, and is for nobody else', async () => {
    const net = await network('ownerless');
    const { ip } = await reserve(net, { claim: 'anyone' });
    const { lease } = (await claimLease(at.one, net.id, { ip })).body as { lease: Lease };
    expect(lease.owner).not.toBeNull();
    await syncLeases(at.one, { returns: returning([lease], 'released') });
    expect(await address(net, ip)).toMatchObject({ state: 'reserved', owner: null });
  });

  test('for a MAC is found by it, and is not given to another one', async () => {
    const net = await network('bymac');
    const { ip } = await reserve(net, { owner: 'printer', address: net.ip(60), mac });
    expect((await claimLease(at.one, net.id, { ip, mac: '02:42:ac:10:64:0b' })).body).toMatchObject({
      code: 'address_taken',
      data: { owner: 'printer' },
    });
    expect((await claimLease(at.one, net.id, { ip })).body.code).toBe('address_taken');
    const found = await claimLease(at.one, net.id, { mac: mac.toUpperCase() });
    expect(found.body.lease).toMatchObject({ ip, mac, owner: 'printer' });
    // One station has one place: a second one with its MAC is refused, not given another address.
    expect((await claimLease(at.two, net.id, { mac })).body).toMatchObject({
      code: 'mac_in_use',
      detail: expect.stringContaining(`${mac} is reserved for ${ip} on bymac, and ${ip} is `),
      data: { host: 'docker01', address: ip, mac, owner: 'printer' },
    });
    expect((await claimLease(at.two, net.id, { mac: '02:42:ac:10:64:0c' })).body).toEqual({ lease: null });
  });

  test('for a MAC and a host is refused with that MAC on every other host, on any address', async () => {
    const net = await network('macandhost');
    const { ip } = await reserve(net, { owner: 'printer', address: net.ip(60), mac, forHost: 'docker01' });
    expect((await claimLease(at.two, net.id, { mac })).body).toMatchObject({
      code: 'mac_in_use',
      detail: expect.stringContaining('docker01'),
      data: { address: ip, owner: 'printer' },
    });
    expect((await claimLease(at.one, net.id, { mac })).body.lease).toMatchObject({ ip });
  });

  test('for a name is found by it; of the same name on another host there is none', async () => {
    const net = await network('byname');
    const { ip } = await reserve(net, { owner: 'web' });
    expect((await claimLease(at.one, net.id, { name: 'web' })).body.lease).toMatchObject({
      ip,
      owner: 'web',
    });
    expect((await claimLease(at.two, net.id, { name: 'web' })).body).toEqual({ lease: null });
    expect((await claimLease(at.one, net.id, { name: 'other' })).body).toEqual({ lease: null });
  });

  test('tells its host who may take it, and another container does not get it there either', async () => {
    const net = await network('rights');
    const { ip } = await reserve(net, { owner: 'web' });
    const open = await reserve(net, { owner: 'open', claim: 'anyone' });
    const { lease } = (await claimLease(at.one, net.id, { ip, name: 'web' })).body as { lease: Lease };
    expect(lease).toMatchObject({ ip, owner: 'web', claim: 'owner' });
    expect((await claimLease(at.one, net.id, { ip: open.ip })).body.lease).toMatchObject({ claim: 'anyone' });
    const [free] = (await takeLeases(at.one, net.id, 1)).granted;
    expect(free).not.toHaveProperty('claim');
    const refused = { code: 'address_taken', data: { owner: 'web' } };
    const tries = [{ ip }, { ip, name: 'other' }, { ip, mac }];
    for (const one of tries) expect((await claimLease(at.one, net.id, one)).body).toMatchObject(refused);
    // Also in the moment between its end and the report of it.
    await reportInventory(at.one, [seenContainer(net.id, 'web', ip)]);
    for (const one of tries) expect((await claimLease(at.one, net.id, one)).body).toMatchObject(refused);
    expect((await claimLease(at.one, net.id, { ip, name: 'web' })).status).toBe(200);
  });

  test('the MAC seen on a container does not become that of the reservation', async () => {
    const net = await network('seenmac');
    const { ip } = await reserve(net, { owner: 'web', claim: 'anyone' });
    const { lease } = (await claimLease(at.one, net.id, { ip, mac })).body as { lease: Lease };
    await reportInventory(at.one, [seenContainer(net.id, 'web', ip)]);
    expect(await address(net, ip)).toMatchObject({ mac: '02:42:ac:10:64:99' });
    await syncLeases(at.one, { returns: returning([lease], 'released') });
    expect((await claimLease(at.two, net.id, { ip, mac: '02:42:ac:10:64:0d' })).status).toBe(200);
  });
});

describe('the address of a container that Trunkline runs', () => {
  test('is claimed by its host alone, is bound while it runs, and goes with it', async () => {
    const net = await network('trunk', { subnets: [freshSubnet()] });
    const made = await at.call.runOn('docker01', 'box1', net.name);
    const ip = made.body.attachments[0].address as string;
    expect((await claimLease(at.two, net.id, { ip })).body).toMatchObject({
      code: 'address_taken',
      data: { container: 'box1' },
    });
    const { lease } = (await claimLease(at.one, net.id, { ip })).body as { lease: Lease };
    expect(lease.owner).toBe('container:box1');
    const report = async (more: Record<string, unknown> = {}) => {
      const { networks, containers, revision } = await at.one.document();
      await at.one.report({
        observedRevision: revision,
        placements: networks.map((placed) => placementDone(placed)),
        containers: containers.map((container) => containerDone(container, more)),
      });
    };
    await report();
    expect(await address(net, ip)).toMatchObject({ state: 'bound', host: 'docker01', container: 'box1' });
    // The hold that the agent has on its disk is the same one.
    expect((await syncLeases(at.one, { held: held([lease]) })).unknown).toEqual([]);
    await report({ state: 'exited', endpoints: [] });
    expect(await address(net, ip)).toMatchObject({ state: 'reserved', host: null, container: 'box1' });
    expect((await syncLeases(at.one, { held: held([lease]) })).unknown).toEqual([{ networkId: net.id, ip }]);
    // A late return of that hold frees nothing while it runs again.
    await report();
    await syncLeases(at.one, { returns: returning([lease], 'released') });
    expect(await address(net, ip)).toMatchObject({ state: 'bound', host: 'docker01' });
    const again = (await syncLeases(at.one, { held: [] })).unlisted.find((row) => row.ip === ip);
    expect(again).toMatchObject({ ip, bound: true, owner: 'container:box1' });
    await at.server.request('DELETE', '/v1/containers/box1', undefined, { 'if-match': '*' });
    await report();
    expect(await address(net, ip)).toMatchObject({ state: 'quarantined', host: null });
  });
});
