import type { DesiredNetwork } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import type { DockerNetworkSpec } from '../host/docker-engine.ts';
import { networkLabel, specLabel, vlanLinkName } from '../observation/marks.ts';
import { planHost } from './plan.ts';
import {
  container,
  createFakeHost,
  document,
  id,
  network,
  type FakeHost,
} from '../reconcile/subjects.fixture.ts';

const fitting: DockerNetworkSpec = {
  name: 'mac_net1',
  driver: 'macvlan',
  options: { parent: 'ens33' },
  subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
};
const ours = {
  ...fitting,
  labels: { [networkLabel]: id(1), [specLabel]: 'x' },
  ipamDriver: 'trunkline',
  ipamOptions: { network: id(1) },
};
const promiscuousNic = { name: 'ens33', up: true, carrier: true, promiscuous: true };

async function planOf(host: FakeHost, wanted: DesiredNetwork, others: DesiredNetwork[] = []) {
  const desired = document([wanted, ...others]);
  return planHost(desired, await host.look(desired)).networks.get(wanted.id)!();
}
const shown = (plan: { conditions: readonly { type: string; status: string; reason: string }[] }) =>
  Object.fromEntries(plan.conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
const message = (plan: { conditions: readonly { type: string; message: string }[] }, type: string) =>
  plan.conditions.find((one) => one.type === type)!.message;

test('S1: a network becomes a macvlan network on the parent, with gateway, labels and promiscuous parent', async () => {
  const host = createFakeHost();
  const plan = await planOf(host, network());
  expect(plan.steps).toEqual([
    { do: 'set-promiscuous', link: 'ens33' },
    {
      do: 'create-network',
      link: 'ens33',
      spec: {
        name: 'mac_net1',
        driver: 'macvlan',
        options: { parent: 'ens33', macvlan_mode: 'bridge' },
        labels: {
          'io.trunkline.network': id(1),
          'io.trunkline.spec': expect.stringMatching(/^[0-9a-f]{16}$/),
        },
        subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
        internal: false,
        ipamDriver: 'trunkline',
        ipamOptions: { network: id(1) },
        enableIPv6: false,
      },
    },
  ]);
  await host.settle(document([network()]));
  expect(shown(await planOf(host, network()))).toEqual({
    ParentReady: 'True ParentUp',
    Promiscuous: 'True PromiscuousOn',
    RoutesClear: 'True NoOtherRoute',
    NetworkReady: 'True Created',
    Ready: 'True Ready',
  });
});

test('a network removed behind the back of the agent is made again', async () => {
  const host = createFakeHost();
  await host.settle(document([network()]));
  await host.docker.behindOurBack.removeNetwork('mac_net1');
  expect((await planOf(host, network())).steps.map((step) => step.do)).toEqual(['create-network']);
});

interface Row {
  name: string;
  arrange?: (host: FakeHost) => Promise<void> | void;
  want?: Partial<DesiredNetwork>;
  others?: DesiredNetwork[];
  engine?: { version: string; apiVersion: string };
  steps: string[];
  conditions: Record<string, string>;
  says?: [type: string, text: string | RegExp];
}

const plain: Row['arrange'] = (host) => host.links.put(promiscuousNic);
const putNetwork =
  (spec: DockerNetworkSpec): NonNullable<Row['arrange']> =>
  async (host) => {
    await plain(host);
    await host.docker.behindOurBack.createNetwork(spec);
  };
const attach = async (host: FakeHost, name: string, start: boolean, to = 'mac_net1'): Promise<void> => {
  const { id: dockerId } = await host.docker.behindOurBack.createContainer({
    name,
    image: 'busybox',
    attachments: [{ network: to }],
  });
  if (start) await host.docker.behindOurBack.startContainer(dockerId);
};

const rows: Row[] = [
  {
    name: 'a parent that is missing is named, with the interfaces that exist, and nothing is done',
    want: { parent: 'ens34' },
    steps: [],
    conditions: {
      ParentReady: 'False ParentMissing',
      NetworkReady: 'False LinkNotReady',
      Ready: 'False ParentMissing',
    },
    says: ['ParentReady', 'interface ens34 does not exist on this host; it has: ens33'],
  },
  {
    name: 'without a parent the interface of the default route carries the network',
    arrange: plain,
    want: { parent: null },
    steps: ['create-network'],
    conditions: { ParentReady: 'True ParentUp' },
  },
  {
    name: 'without a parent and without a default route nothing is guessed',
    arrange: (host) => host.kernel.setDefaultRoute(null),
    want: { parent: null },
    steps: [],
    conditions: { ParentReady: 'False NoDefaultRoute' },
  },
  {
    name: 'a parent that is down is set up first',
    arrange: (host) => host.links.put({ ...promiscuousNic, up: false, carrier: false }),
    steps: ['set-link-up', 'create-network'],
    conditions: { ParentReady: 'False ParentDown' },
  },
  {
    name: 'a parent without carrier is reported, and the network made all the same',
    arrange: (host) => host.links.put({ ...promiscuousNic, carrier: false }),
    steps: ['create-network'],
    conditions: { ParentReady: 'False ParentNoCarrier' },
  },
  {
    name: 'a parent that is a port of a bridge is refused with the name of the bridge',
    arrange: (host) => host.links.put({ ...promiscuousNic, master: 'br0' }),
    steps: [],
    conditions: { ParentReady: 'False ParentUnusable' },
    says: ['ParentReady', /br0/],
  },
  {
    name: 'lo is refused',
    want: { parent: 'lo' },
    steps: [],
    conditions: { ParentReady: 'False ParentUnusable' },
  },
  {
    name: 'promiscuous mode that is not asked for is not touched',
    want: { promiscuous: false },
    steps: ['create-network'],
    conditions: { ParentReady: 'True ParentUp' },
  },
  {
    name: 'a network without our label that fits is adopted, not made',
    arrange: putNetwork(fitting),
    steps: ['adopt-network'],
    conditions: { NetworkReady: 'False Adopting' },
  },
  {
    name: 'one that was adopted is used as it is',
    arrange: async (host) => {
      await putNetwork(fitting)(host);
      host.adopted[id(1)] = (await host.docker.network('mac_net1')).id;
    },
    steps: [],
    conditions: { NetworkReady: 'True Adopted', Ready: 'True Ready' },
  },
  {
    name: 'one that was adopted and no longer fits is not touched',
    arrange: async (host) => {
      await putNetwork(fitting)(host);
      host.adopted[id(1)] = (await host.docker.network('mac_net1')).id;
    },
    want: { mode: 'private' },
    steps: [],
    conditions: { NetworkReady: 'False AdoptedDiffers' },
  },
  {
    name: 'a foreign bridge network of that name is not touched',
    arrange: putNetwork({ ...fitting, driver: 'bridge', options: {} }),
    steps: [],
    conditions: { NetworkReady: 'False NameTaken' },
    says: ['NetworkReady', /its driver is bridge, not macvlan/],
  },
  {
    name: 'a foreign macvlan network on another parent is not touched, and the difference reported',
    arrange: putNetwork({ ...fitting, options: { parent: 'eth9' } }),
    steps: [],
    conditions: { NetworkReady: 'False NameTaken' },
    says: ['NetworkReady', /its parent is eth9, not ens33/],
  },
  {
    name: 'a foreign network with another gateway is not touched',
    arrange: putNetwork({ ...fitting, subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.254' }] }),
    steps: [],
    conditions: { NetworkReady: 'False NameTaken' },
    says: ['NetworkReady', /the gateway of 172.16.100.0\/24 is 172.16.100.254, not 172.16.100.1/],
  },
  {
    name: 'a foreign network with a subnet more is not touched',
    arrange: putNetwork({ ...fitting, subnets: [...fitting.subnets, { cidr: '10.9.0.0/24' }] }),
    steps: [],
    conditions: { NetworkReady: 'False NameTaken' },
    says: ['NetworkReady', /another subnet 10.9.0.0\/24/],
  },
  {
    name: 'a network of that name with the mark of another Trunkline network is not touched',
    arrange: putNetwork({ ...fitting, labels: { [networkLabel]: id(2) } }),
    steps: [],
    conditions: { NetworkReady: 'False NameTaken' },
    says: ['NetworkReady', new RegExp(id(2))],
  },
  {
    name: 'our mark on a bridge network does not make it ours',
    arrange: putNetwork({ ...ours, driver: 'bridge' }),
    steps: [],
    conditions: { NetworkReady: 'False NameTaken' },
  },
  {
    name: 'our mark copied to a network of another name is not touched, and ours is made beside it',
    arrange: putNetwork({ ...ours, name: 'copy', options: { parent: 'eth9' } }),
    steps: ['create-network'],
    conditions: { NetworkReady: 'False Missing' },
  },
  {
    name: 'ours that fits is left as it is, whatever its hash says',
    arrange: putNetwork(ours),
    steps: [],
    conditions: { NetworkReady: 'True Created' },
  },
  {
    name: 'ours with another subnet is made again when nothing is attached',
    arrange: putNetwork(ours),
    want: { subnets: [{ cidr: '172.16.101.0/24', gateway: '172.16.101.1' }] },
    steps: ['remove-network', 'create-network'],
    conditions: { NetworkReady: 'False Outdated' },
  },
  {
    name: 'ours with another mode is kept while a container runs on it, and the container named',
    arrange: async (host) => {
      await putNetwork(ours)(host);
      await attach(host, 'web', true);
    },
    want: { mode: 'private' },
    steps: [],
    conditions: { NetworkReady: 'False ReplaceBlocked' },
    says: ['NetworkReady', /web/],
  },
  {
    name: 'a container that is stopped blocks the replacement too: it could not start again',
    arrange: async (host) => {
      await putNetwork(ours)(host);
      await attach(host, 'web', false);
    },
    want: { internal: true },
    steps: [],
    conditions: { NetworkReady: 'False ReplaceBlocked' },
  },
  {
    name: 'ours on another parent is not taken away while the new parent is missing',
    arrange: putNetwork(ours),
    want: { parent: 'ens34' },
    steps: [],
    conditions: { ParentReady: 'False ParentMissing', NetworkReady: 'False LinkNotReady' },
  },
  {
    name: 'an Engine before 27 takes one macvlan network a parent, and the other one is named',
    arrange: putNetwork({ ...fitting, name: 'lab_net' }),
    steps: [],
    conditions: { NetworkReady: 'False ParentInUse' },
    says: ['NetworkReady', /ens33 already carries Docker network lab_net/],
  },
  {
    name: 'from Engine 27 on two macvlan networks share a parent',
    engine: { version: '27.1.1', apiVersion: '1.46' },
    arrange: putNetwork({ ...fitting, name: 'lab_net' }),
    steps: ['create-network'],
    conditions: { NetworkReady: 'False Missing' },
  },
  {
    name: 'passthru shares with nobody, on any Engine',
    engine: { version: '29.0.0', apiVersion: '1.52' },
    arrange: async (host) => {
      host.links.put({ ...promiscuousNic, name: 'ens34' });
      await putNetwork({ ...fitting, name: 'lab_net', options: { parent: 'ens34' } })(host);
    },
    want: { mode: 'passthru', parent: 'ens34' },
    steps: [],
    conditions: { NetworkReady: 'False ParentInUse' },
  },
  {
    name: 'from Engine 28 on a network has IPv6 alone',
    engine: { version: '28.0.0', apiVersion: '1.48' },
    arrange: plain,
    want: { subnets: [{ cidr: 'fd00:16::/64', gateway: 'fd00:16::1' }] },
    steps: ['create-network'],
    conditions: { NetworkReady: 'False Missing' },
  },
  {
    name: 'before, IPv6 alone is refused before anything is tried, with what to do',
    engine: { version: '27.5.1', apiVersion: '1.47' },
    arrange: plain,
    want: { subnets: [{ cidr: 'fd00:16::/64', gateway: 'fd00:16::1' }] },
    steps: [],
    conditions: { NetworkReady: 'False EngineTooOld', Ready: 'False EngineTooOld' },
    says: [
      'NetworkReady',
      /Docker 27\.5\.1 gives every network an IPv4 subnet.*update Docker on this host to 28/,
    ],
  },
  {
    name: 'macvlan does not share a parent with ipvlan, on any Engine',
    engine: { version: '29.0.0', apiVersion: '1.52' },
    arrange: putNetwork({ ...fitting, name: 'ipv', driver: 'ipvlan' }),
    steps: [],
    conditions: { NetworkReady: 'False ParentInUse' },
  },
  {
    name: 'with Docker down the network is unknown, and the links are still put right',
    arrange: (host) => host.docker.setReachable(false),
    steps: ['set-promiscuous'],
    conditions: { ParentReady: 'True ParentUp', NetworkReady: 'Unknown DockerUnreachable' },
  },
  {
    name: 'S2: a VLAN link is made, marked and set up before the network',
    arrange: plain,
    want: { vlan: 10 },
    steps: ['add-vlan', 'set-link-up', 'create-network'],
    conditions: { LinkReady: 'False LinkMissing' },
  },
  {
    name: 'a VLAN link that fits is used as it is',
    arrange: (host) => {
      host.links.put(promiscuousNic);
      host.links.put({
        name: 'ens33.10',
        kind: 'vlan',
        vlanId: 10,
        parent: 'ens33',
        up: true,
        carrier: true,
      });
    },
    want: { vlan: 10 },
    steps: ['create-network'],
    conditions: { LinkReady: 'True LinkAdopted' },
  },
  {
    name: 'a link of the name of the VLAN link that is something else is not touched',
    arrange: (host) => {
      host.links.put(promiscuousNic);
      host.links.put({ name: 'ens33.10', kind: 'dummy' });
    },
    want: { vlan: 10 },
    steps: [],
    conditions: { LinkReady: 'False LinkConflict', NetworkReady: 'False LinkNotReady' },
  },
  {
    name: 'absent: ours is removed',
    arrange: putNetwork(ours),
    want: { state: 'absent' },
    steps: ['remove-network'],
    conditions: { NetworkReady: 'False Removing' },
  },
  {
    name: 'absent: ours with a container attached stays, and the container is named',
    arrange: async (host) => {
      await putNetwork(ours)(host);
      await attach(host, 'web', true);
    },
    want: { state: 'absent' },
    steps: [],
    conditions: { NetworkReady: 'False RemovalBlocked' },
    says: ['NetworkReady', /web/],
  },
  {
    name: 'absent: a network of that name without our mark is not touched',
    arrange: putNetwork(fitting),
    want: { state: 'absent' },
    steps: [],
    conditions: { NetworkReady: 'False Removed' },
  },
  {
    name: 'absent: one with the mark of another network is not touched',
    arrange: putNetwork({ ...fitting, labels: { [networkLabel]: id(2) } }),
    want: { state: 'absent' },
    steps: [],
    conditions: { NetworkReady: 'False Removed' },
  },
  {
    name: 'absent: our mark copied to another name is not touched',
    arrange: putNetwork({ ...ours, name: 'copy' }),
    want: { state: 'absent' },
    steps: [],
    conditions: { NetworkReady: 'False Removed' },
  },
  {
    name: 'absent: an adopted network is left in place',
    arrange: async (host) => {
      await putNetwork(fitting)(host);
      host.adopted[id(1)] = (await host.docker.network('mac_net1')).id;
    },
    want: { state: 'absent' },
    steps: ['forget-adoption'],
    conditions: { NetworkReady: 'False LeftInPlace' },
  },
  {
    name: 'absent: an adopted network with a container stays ours until that is gone (promise 4)',
    arrange: async (host) => {
      await putNetwork(fitting)(host);
      host.adopted[id(1)] = (await host.docker.network('mac_net1')).id;
      await attach(host, 'old2', true);
    },
    want: { state: 'absent' },
    steps: [],
    conditions: { NetworkReady: 'False RemovalBlocked' },
    says: ['NetworkReady', /old2/],
  },
  {
    name: 'absent: so does one whose adoption was forgotten, with a container that came in between',
    arrange: async (host) => {
      await putNetwork(fitting)(host);
      await attach(host, 'old2', false);
    },
    want: { state: 'absent' },
    steps: [],
    conditions: { NetworkReady: 'False RemovalBlocked' },
    says: ['NetworkReady', /old2/],
  },
  {
    name: 'absent: containers on a network of that name that never fitted are not its own',
    arrange: async (host) => {
      await putNetwork({ ...fitting, options: { parent: 'ens34' } })(host);
      await attach(host, 'theirs', true);
    },
    want: { state: 'absent' },
    steps: [],
    conditions: { NetworkReady: 'False Removed' },
  },
  ...[{ network: 'mac_net1' }, { network: id(1).toUpperCase() }, {}].map((ipamOptions): Row => ({
    name: `absent: a container on another Docker network of it (${JSON.stringify(ipamOptions)}) has an address of it (promise 4)`,
    arrange: async (host) => {
      await putNetwork(ours)(host);
      await putNetwork({
        ...fitting,
        name: 'second',
        options: { parent: 'ens34' },
        ipamDriver: 'trunkline',
        ipamOptions,
      })(host);
      await attach(host, 'svc', true, 'second');
    },
    want: { state: 'absent' },
    steps: [],
    conditions: { NetworkReady: 'False RemovalBlocked' },
    says: ['NetworkReady', /svc/],
  })),
  {
    name: 'absent with Docker down: nothing is said to be gone',
    arrange: (host) => host.docker.setReachable(false),
    want: { state: 'absent' },
    steps: [],
    conditions: { NetworkReady: 'Unknown DockerUnreachable' },
  },
  {
    name: 'absent: the VLAN link that we made goes after the network',
    arrange: (host) =>
      host.links.put({
        name: 'ens33.10',
        kind: 'vlan',
        vlanId: 10,
        parent: 'ens33',
        alias: `trunkline:${id(1)}`,
      }),
    want: { state: 'absent', vlan: 10 },
    steps: ['remove-link'],
    conditions: { NetworkReady: 'False Removing' },
  },
  {
    name: 'absent: a VLAN link that we did not make stays',
    arrange: (host) => host.links.put({ name: 'ens33.10', kind: 'vlan', vlanId: 10, parent: 'ens33' }),
    want: { state: 'absent', vlan: 10 },
    steps: [],
    conditions: { NetworkReady: 'False Removed' },
  },
  {
    name: 'absent: our VLAN link is handed over to another network that wants it, which takes it away in its turn',
    arrange: (host) =>
      host.links.put({
        name: 'ens33.10',
        kind: 'vlan',
        vlanId: 10,
        parent: 'ens33',
        alias: `trunkline:${id(1)}`,
      }),
    want: { state: 'absent', vlan: 10 },
    others: [network({ id: id(2), name: 'mac_net2', vlan: 10 })],
    steps: ['hand-over-link'],
    conditions: { NetworkReady: 'False Removing' },
  },
  {
    name: 'absent: our VLAN link stays while a Docker network hangs on it',
    arrange: async (host) => {
      host.links.put({
        name: 'ens33.10',
        kind: 'vlan',
        vlanId: 10,
        parent: 'ens33',
        alias: `trunkline:${id(1)}`,
      });
      await host.docker.behindOurBack.createNetwork({
        ...fitting,
        name: 'hand',
        options: { parent: 'ens33.10' },
      });
    },
    want: { state: 'absent', vlan: 10 },
    steps: [],
    conditions: { NetworkReady: 'False Removed' },
  },
  {
    name: 'absent: the link that carries the host is never removed, whatever its alias says',
    arrange: (host) => host.links.put({ ...promiscuousNic, alias: `trunkline:${id(1)}` }),
    want: { state: 'absent' },
    steps: [],
    conditions: { NetworkReady: 'False Removed' },
  },
];

test.each(rows)('$name', async ({ arrange, want, others, engine, steps, conditions, says }) => {
  const host = createFakeHost(engine);
  await arrange?.(host);
  const plan = await planOf(host, network(want), others);
  expect(plan.steps.map((step) => step.do)).toEqual(steps);
  expect(shown(plan)).toMatchObject(conditions);
  if (says !== undefined) expect(message(plan, says[0])).toMatch(says[1]);
  // Looking and planning changes nothing.
  expect(host.changes()).toEqual([]);
});

test('what the document does not name is left alone', async () => {
  const host = createFakeHost();
  await host.docker.behindOurBack.createNetwork(ours);
  const desired = document([], [container()]);
  const plan = planHost(desired, await host.look(desired));
  expect(plan.networks.size).toBe(0);
  expect(plan.item(`network:${id(1)}`)).toBeUndefined();
});

test('a VLAN link that would have more than 15 bytes gets a short name that stays the same', () => {
  expect(vlanLinkName('ens33', 10)).toBe('ens33.10');
  const long = vlanLinkName('enp0s31f6abcde', 4094);
  expect(long).toMatch(/^tl[0-9a-f]{8}\.4094$/);
  expect(Buffer.byteLength(long)).toBeLessThanOrEqual(15);
  expect(vlanLinkName('enp0s31f6abcde', 4094)).toBe(long);
});
