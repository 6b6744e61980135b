/** A Docker network is of the same Trunkline network when an address is granted, and whenever it is looked at (promises 1, 4). */
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import type { DesiredDocument } from '@trunkline/contracts';
import { createFakeHost, document, id, network } from '../reconcile/subjects.fixture.ts';
import { standsFor, type KnownNetworks, type NetworkResolver } from '../observation/stands-for.ts';
import { addressesInUse } from './bindings/addresses-in-use.ts';
import { planBindings, type Memory } from './bindings/bindings-plan.ts';
import { comparedItems } from './bindings/comparison-plan.ts';
import { arrived, auxiliary, given, keyOf, type LeaseKey } from './leases/lease-record.ts';
import { createLiveAddresses } from './bindings/live-addresses.ts';
import { placedNetworks, shownAddresses } from './bindings/seen-addresses.ts';
import { requestPool } from './allocation/pools.ts';

const mac = '02:42:ac:10:64:07';
const [subnet] = network().subnets;
const cidr = subnet?.cidr ?? '';
const address = { networkId: id(1), ip: '172.16.100.7' };
const lease = { ...address, subnet: cidr, generation: 3, owner: null, mac: null, bound: false };
const aux = { ...lease, ip: '172.16.100.60' };

const here = document([network()]);
/** Another network of this host with the same subnet, in another space. */
const beside = document([network(), network({ id: id(2), name: 'other' })]);
const gone = document([]);

/** How a Docker network on another NIC came to its addresses, and what the document says now. */
const ways: readonly [string, Record<string, string>, DesiredDocument, DesiredDocument | null][] = [
  ['names its id', { network: id(1) }, here, here],
  ['names its id in capitals', { network: id(1).toUpperCase() }, here, here],
  ['names its name', { network: 'mac_net1' }, here, here],
  ['names its name, the document being unreadable', { network: 'mac_net1' }, here, null],
  ['names its name, which the document does not any more', { network: 'mac_net1' }, here, gone],
  ['names nothing but its subnet', {}, here, here],
  ['names nothing but its subnet, the document being unreadable', {}, here, null],
  ['names nothing but its subnet, which another has by now', {}, here, beside],
  [
    'names nothing but its subnet, which only another has by now',
    {},
    here,
    document([network({ id: id(2), name: 'other' })]),
  ],
];

async function dockerNetwork(options: Record<string, string>) {
  const host = createFakeHost({ version: '28.0.0', apiVersion: '1.48' });
  await host.docker.createNetwork({
    name: 'second',
    driver: 'macvlan',
    options: { parent: 'eth1' },
    ipamDriver: 'trunkline',
    ipamOptions: options,
    subnets: [{ cidr, gateway: '172.16.100.1', aux: { router: aux.ip } }],
  });
  await host.docker.createContainer({
    name: 'svc',
    image: 'busybox',
    attachments: [{ network: 'second', ipv4: address.ip, mac }],
  });
  await host.docker.startContainer('svc');
  const observed = await host.look(here);
  if (!observed.docker.reachable) throw new Error('the Docker of this test answers');
  return { ...observed, docker: observed.docker };
}

function liveAddresses(known: KnownNetworks) {
  return createLiveAddresses({
    sandboxes: {
      look: async () => ({
        known: true,
        having: new Map([[address.ip, [{ file: '/run/docker/netns/1', inode: 7 }]]]),
      }),
      seekStrays: () => {},
      macvlanWith: async () => ({ mac }),
    },
    standsFor: (one) => standsFor(one, known),
    log: pino({ level: 'silent' }),
  });
}

describe.each(ways)('a Docker network that %s', (_, options, then, now) => {
  const held = new Map(
    [
      given(arrived(lease, 'probing', 0), { mac, name: null }, 1000),
      given(arrived(aux, 'probing', 0), auxiliary, 1000),
    ].map((record) => [keyOf(record), record]),
  );
  const known = { networks: now?.networks ?? [], held: [...held.values()] };

  test('keeps what its container and it itself were granted', async () => {
    const granted = requestPool({ subnet: cidr, range: '', options, ipv6: false }, then, () => false);
    expect(granted.networkId).toBe(address.networkId);
    const observed = await dockerNetwork(options);
    const live = liveAddresses(known);
    let memory: ReadonlyMap<LeaseKey, Memory> = new Map();
    for (const at of [2000, 60_000, 120_000]) {
      const seen = await live.onObservation({ ...observed, at }, held);
      if (seen === null) throw new Error('the Docker of this test answers');
      const plan = planBindings({ held, seen, memory, graceMs: 45_000, now: at });
      memory = plan.memory;
      expect(plan.changes).toMatchObject([{ ip: address.ip, use: 'used', seen: true }]);
    }
    expect(await live.of(address)).toMatchObject({ kernel: { mac }, docker: { holder: { name: 'svc' } } });
  });

  test('has what the kernel shows on it counted, also where nothing is held', async () => {
    const live = liveAddresses({ networks: now?.networks ?? [], held: [] });
    await live.onObservation(await dockerNetwork(options), new Map());
    expect(await live.of(address)).toMatchObject({ kernel: { mac } });
  });
});

test('an address on a Docker network that names another network, with other neighbours, is that one’s', async () => {
  const live = liveAddresses({ networks: beside.networks, held: [] });
  await live.onObservation(await dockerNetwork({ network: id(2).toUpperCase() }), new Map());
  expect(await live.of(address)).toEqual({ kernel: null, docker: null });
});

describe('a Docker network of a network that is no more (made again after the backup that was restored)', () => {
  const lost = { network: id(9) };

  test('has what its containers have counted as addresses of the network with its subnet, and asks for none of it', async () => {
    const observed = await dockerNetwork(lost);
    const resolve: NetworkResolver = (one) => standsFor(one, { networks: here.networks, held: [] });
    const shown = shownAddresses(observed, resolve);
    const { live = [], asked } = shown ?? {};
    expect(live.map(({ networkId, ip }) => [networkId, ip])).toEqual([
      [id(9), address.ip],
      [id(1), address.ip],
    ]);
    // So it is compared with a database that was restored, and reported.
    const items = comparedItems(new Map(), { live, asked: asked ?? new Map() });
    expect(items).toContainEqual(expect.objectContaining({ ...address, use: 'live', container: 'svc', mac }));
    // No warm pool is held for a Docker network that requests addresses of another one.
    expect([...(placedNetworks(observed, resolve)?.keys() ?? [])]).toEqual([id(9)]);
    const evidence = liveAddresses({ networks: here.networks, held: [] });
    await evidence.onObservation(observed, new Map());
    expect(await evidence.of(address)).toMatchObject({
      kernel: { mac },
      docker: { holder: { name: 'svc' } },
    });
  });

  test('is of no other network where none has its subnet, or several', async () => {
    const { docker } = await dockerNetwork(lost);
    const twin = docker.networks.find(({ name }) => name === 'second');
    if (twin === undefined) throw new Error('the Docker network of this test is there');
    const elsewhere = network({ subnets: [{ cidr: '10.9.0.0/24', gateway: null }] });
    for (const networks of [[], [elsewhere], beside.networks])
      expect(standsFor(twin, { networks, held: [] })).toEqual({ ids: [id(9)], certain: true });
    const known = [network({ id: id(9), name: 'lost' }), network()];
    expect(standsFor(twin, { networks: known, held: [] })).toEqual({ ids: [id(9)], certain: true });
  });
});

test('the wire is asked for foreign stations where it is known which wire that is', async () => {
  const { docker } = await dockerNetwork({});
  const inUse = (networks: KnownNetworks['networks']) =>
    addressesInUse(docker, (one) => standsFor(one, { networks, held: [] }));
  expect(inUse(here.networks)).toEqual([{ ...address, container: 'svc', mac }]);
  expect(inUse(beside.networks)).toEqual([]);
});
