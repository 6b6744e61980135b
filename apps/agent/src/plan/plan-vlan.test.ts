/** Scenario S2: VLAN sub-interfaces, their MTU and their end, as tables: as many rows on what must not be touched. */
import type { DesiredNetwork } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import type { Link } from '../host/links.ts';
import { planHost } from './plan.ts';
import { createFakeHost, document, id, network, type FakeHost } from '../reconcile/subjects.fixture.ts';

const nic = { name: 'ens33', up: true, carrier: true, promiscuous: true, mtu: 9000 };
const vlanLink = (change: Partial<Link> & { name?: string } = {}) => ({
  name: 'ens33.10',
  kind: 'vlan',
  vlanId: 10,
  parent: 'ens33',
  up: true,
  carrier: true,
  mtu: 9000,
  alias: `trunkline:${id(1)}`,
  ...change,
});
const onVlan = (change: Partial<DesiredNetwork> = {}) => network({ vlan: 10, ...change });
const another = (change: Partial<DesiredNetwork> = {}) =>
  network({
    id: id(2),
    name: 'mac_net2',
    vlan: 10,
    subnets: [{ cidr: '172.16.200.0/24', gateway: '172.16.200.1' }],
    ...change,
  });

interface Row {
  name: string;
  arrange?: (host: FakeHost) => Promise<void> | void;
  want: DesiredNetwork;
  others?: DesiredNetwork[];
  steps: object[];
  conditions?: Record<string, string>;
  engine?: { version: string; apiVersion: string };
}
const make = { do: 'create-network' };
const up = { do: 'set-link-up', link: 'ens33.10' };

const rows: Row[] = [
  {
    name: 'the module is loaded before the first VLAN link where it is not yet',
    arrange: (host) => host.kernel.set({ modules: { macvlan: 'ready', '8021q': 'loadable' } }),
    want: onVlan(),
    steps: [{ do: 'load-module', module: '8021q' }, { do: 'add-vlan' }, up, make],
  },
  {
    name: 'a kernel without 8021q is reported, and nothing is tried on it',
    arrange: (host) => host.kernel.set({ modules: { macvlan: 'ready', '8021q': 'missing' } }),
    want: onVlan(),
    steps: [],
    conditions: { LinkReady: 'False VlanUnsupported', NetworkReady: 'False LinkNotReady' },
  },
  {
    name: 'the same VLAN on another parent is another link',
    arrange: (host) => {
      host.links.put(vlanLink());
      host.links.put({ name: 'ens34', up: true, carrier: true, promiscuous: true });
    },
    want: another({ parent: 'ens34' }),
    others: [onVlan()],
    steps: [
      { do: 'add-vlan', parent: 'ens34', link: 'ens34.10' },
      { do: 'set-link-up', link: 'ens34.10' },
      make,
    ],
  },
  {
    name: 'a second network on a VLAN link uses the one that is there',
    engine: { version: '27.1.1', apiVersion: '1.46' },
    arrange: (host) => host.links.put(vlanLink()),
    want: another(),
    others: [onVlan()],
    steps: [make],
    conditions: { LinkReady: 'True LinkUp' },
  },
  {
    name: 'a bond carries a VLAN as a NIC does',
    arrange: (host) =>
      host.links.put({ name: 'bond0', kind: 'bond', up: true, carrier: true, promiscuous: true }),
    want: onVlan({ parent: 'bond0' }),
    steps: [
      { do: 'add-vlan', parent: 'bond0', link: 'bond0.10' },
      { do: 'set-link-up', link: 'bond0.10' },
      make,
    ],
  },
  {
    name: 'the MTU of the network is set on its link before Docker sees it',
    want: onVlan({ mtu: 1400 }),
    steps: [{ do: 'add-vlan' }, up, { do: 'set-mtu', link: 'ens33.10', mtu: 1400 }, make],
    conditions: { MtuReady: 'False MtuDiffers' },
  },
  {
    name: "an MTU above the parent's is not tried; the link gets the parent's and that is reported",
    want: onVlan({ mtu: 9100 }),
    steps: [{ do: 'add-vlan' }, up, make],
    conditions: { MtuReady: 'False MtuAboveParent', Ready: 'False MtuAboveParent' },
  },
  {
    name: 'an MTU that somebody changed on our link is set again',
    arrange: (host) => host.links.put(vlanLink({ mtu: 1300 })),
    want: onVlan({ mtu: 1400 }),
    steps: [{ do: 'set-mtu', link: 'ens33.10', mtu: 1400 }, make],
  },
  {
    name: "without an MTU of its own our link has the parent's again",
    arrange: (host) => host.links.put(vlanLink({ mtu: 1300 })),
    want: onVlan(),
    steps: [{ do: 'set-mtu', link: 'ens33.10', mtu: 9000 }, make],
  },
  {
    name: 'networks that share a link agree on the larger MTU',
    engine: { version: '27.1.1', apiVersion: '1.46' },
    arrange: (host) => host.links.put(vlanLink({ mtu: 4000 })),
    want: onVlan({ mtu: 1400 }),
    others: [another({ mtu: 4000 })],
    steps: [make],
    conditions: { MtuReady: 'True MtuSet' },
  },
  {
    name: 'the MTU of a link that somebody else made is not touched',
    arrange: (host) => host.links.put(vlanLink({ alias: 'by hand', mtu: 1300 })),
    want: onVlan({ mtu: 1400 }),
    steps: [make],
    conditions: { LinkReady: 'True LinkAdopted', MtuReady: 'False MtuOfAdopted' },
  },
  {
    name: 'the MTU of the parent is not touched for an untagged network',
    want: network({ mtu: 1400 }),
    steps: [make],
    conditions: { MtuReady: 'False MtuOfParent' },
  },
  {
    name: 'our link that was set down is set up again',
    arrange: (host) => host.links.put(vlanLink({ up: false })),
    want: onVlan(),
    steps: [up, make],
    conditions: { LinkReady: 'False LinkDown' },
  },
  {
    name: 'after a change of VLAN the link left behind is taken away, last',
    arrange: (host) => host.links.put(vlanLink()),
    want: onVlan({ vlan: 20 }),
    steps: [
      { do: 'add-vlan', link: 'ens33.20' },
      { do: 'set-link-up', link: 'ens33.20' },
      make,
      { do: 'remove-link', link: 'ens33.10' },
    ],
  },
  {
    name: 'a link left behind stays while a Docker network hangs on it',
    arrange: async (host) => {
      host.links.put(vlanLink());
      await host.docker.behindOurBack.createNetwork({
        name: 'hand',
        driver: 'macvlan',
        options: { parent: 'ens33.10' },
        subnets: [{ cidr: '10.9.0.0/24' }],
      });
    },
    want: onVlan({ vlan: 20 }),
    steps: [{ do: 'add-vlan' }, { do: 'set-link-up', link: 'ens33.20' }, make],
  },
  {
    name: 'a link left behind stays while another link stands on it',
    arrange: (host) => {
      host.links.put(vlanLink());
      host.links.put({ name: 'shim', kind: 'macvlan', parent: 'ens33.10' });
    },
    want: onVlan({ vlan: 20 }),
    steps: [{ do: 'add-vlan' }, { do: 'set-link-up', link: 'ens33.20' }, make],
  },
  {
    name: 'a link left behind stays while Docker cannot say what hangs on it',
    arrange: (host) => {
      host.links.put(vlanLink());
      host.docker.setReachable(false);
    },
    want: onVlan({ vlan: 20 }),
    steps: [{ do: 'add-vlan' }, { do: 'set-link-up', link: 'ens33.20' }],
  },
  {
    name: 'a link left behind is handed over to the network that uses it',
    arrange: (host) => host.links.put(vlanLink()),
    want: onVlan({ vlan: 20 }),
    others: [another()],
    steps: [
      { do: 'add-vlan' },
      { do: 'set-link-up', link: 'ens33.20' },
      make,
      { do: 'hand-over-link', link: 'ens33.10', alias: `trunkline:${id(1)}`, to: `trunkline:${id(2)}` },
    ],
  },
  {
    name: 'a link of the same VLAN with the mark of another network is used and stays that one’s',
    arrange: (host) => host.links.put(vlanLink({ alias: `trunkline:${id(7)}` })),
    want: onVlan({ state: 'absent' }),
    steps: [],
    conditions: { NetworkReady: 'False Removed' },
  },
  {
    name: 'forwarding is turned on where the network asks for it',
    want: network({ forwarding: true }),
    steps: [{ do: 'enable-forwarding' }, make],
    conditions: { Forwarding: 'False ForwardingOff' },
  },
  {
    name: 'forwarding is not touched where it does not',
    want: network(),
    steps: [make],
  },
  {
    name: 'a subnet that the host routes elsewhere is reported, and stands in nobody’s way',
    arrange: (host) => host.kernel.addRoute({ cidr: '172.16.0.0/16', link: 'docker0' }),
    want: network(),
    steps: [make],
    conditions: { RoutesClear: 'False SubnetRoutedElsewhere' },
  },
  {
    name: "the host's own subnet on the parent is no conflict",
    arrange: (host) => host.kernel.addRoute({ cidr: '172.16.100.0/24', link: 'ens33' }),
    want: network(),
    steps: [make],
    conditions: { RoutesClear: 'True NoOtherRoute' },
  },
];

test.each(rows)('$name', async ({ arrange, want, others = [], steps, conditions = {}, engine }) => {
  const host = createFakeHost(engine);
  host.links.put(nic);
  await arrange?.(host);
  const desired = document([want, ...others]);
  const plan = planHost(desired, await host.look(desired)).networks.get(want.id)!();
  expect(plan.steps).toMatchObject(steps);
  expect(plan.steps).toHaveLength(steps.length);
  const shown = Object.fromEntries(
    plan.conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]),
  );
  expect(shown).toMatchObject(conditions);
  expect(host.changes()).toEqual([]);
});

test('two networks on one VLAN link: the link stays with the first removal and goes with the last', async () => {
  const host = createFakeHost({ version: '27.1.1', apiVersion: '1.46' });
  await host.settle(document([onVlan(), another()]));
  const names = async () => (await host.links.list()).map(({ name }) => name);
  expect(await names()).toContain('ens33.10');
  await host.settle(document([onVlan({ state: 'absent' }), another()]));
  expect(await names()).toContain('ens33.10');
  await host.settle(document([another({ state: 'absent' })]));
  expect(await names()).not.toContain('ens33.10');
});
