/** Who gives the addresses of a network: the address book of all hosts, or Docker by itself. */
import type { DesiredNetwork } from '@trunkline/contracts';
import { describe, expect, test } from 'vitest';
import type { DockerNetworkSpec } from '../host/docker-engine.ts';
import { networkLabel } from '../observation/marks.ts';
import { planHost } from './plan.ts';
import {
  container,
  createFakeHost,
  document,
  id,
  network,
  type FakeHost,
} from '../reconcile/subjects.fixture.ts';

const dockers: DockerNetworkSpec = {
  name: 'mac_net1',
  driver: 'macvlan',
  options: { parent: 'ens33' },
  subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
};
const madeBefore = { ...dockers, labels: { [networkLabel]: id(1) } };
const coordinated = (named: string) => ({
  ...madeBefore,
  ipamDriver: 'trunkline',
  ipamOptions: { network: named },
});

/** A container by hand on the network, with an address that Docker chose. */
async function attach(host: FakeHost, name: string, start = true): Promise<void> {
  const docker = host.docker.behindOurBack;
  await docker.createContainer({ name, image: 'busybox', attachments: [{ network: 'mac_net1' }] });
  if (start) await docker.startContainer(name);
}
const deaf = (host: FakeHost): void =>
  host.setBook({ notServing: 'the folder of its socket cannot be written' });

interface Row {
  name: string;
  there: DockerNetworkSpec | null;
  arrange?: (host: FakeHost) => Promise<void> | void;
  want?: Partial<DesiredNetwork>;
  steps: string[];
  ready: string;
  book: string | null;
  says?: RegExp;
}

const rows: Row[] = [
  {
    name: 'none there: made with the driver',
    there: null,
    steps: ['create-network'],
    ready: 'False Missing',
    book: null,
  },
  {
    name: 'none there, and Docker could not ask: not made, with the reason',
    there: null,
    arrange: deaf,
    steps: [],
    ready: 'False DriverNotServing',
    book: null,
  },
  {
    name: 'ours with the driver: left as it is',
    there: coordinated(id(1)),
    steps: [],
    ready: 'True Ready',
    book: null,
  },
  {
    name: 'ours with the driver, and Docker cannot ask now: kept, with the condition that nothing can be started',
    there: coordinated(id(1)),
    arrange: (host) => attach(host, 'byhand').then(() => deaf(host)),
    steps: [],
    ready: 'True Ready',
    book: 'False DriverNotServing',
    says: /no container can be started on mac_net1.*the folder of its socket/,
  },
  {
    name: 'ours with the driver for another network: made again',
    there: coordinated(id(2)),
    steps: ['remove-network', 'create-network'],
    ready: 'False Outdated',
    book: null,
  },
  {
    name: 'ours with some other driver for addresses: made again',
    there: { ...madeBefore, ipamDriver: 'infoblox' },
    steps: ['remove-network', 'create-network'],
    ready: 'False Outdated',
    book: null,
  },
  {
    name: 'made before the driver, nothing attached: moved at once',
    there: madeBefore,
    steps: ['remove-network', 'create-network'],
    ready: 'False Outdated',
    book: null,
  },
  {
    name: 'made before the driver, nothing attached, and Docker could not ask: kept as it is',
    there: madeBefore,
    arrange: deaf,
    steps: [],
    ready: 'True Ready',
    book: 'False DriverNotServing',
  },
  {
    name: 'made before the driver, a container runs: it goes on, and the remedy is named',
    there: madeBefore,
    arrange: (host) => attach(host, 'byhand'),
    steps: [],
    ready: 'True Ready',
    book: 'False MovesWhenFree',
    says: /\(now: byhand\).*\?force=true/,
  },
  {
    name: 'made before the driver, a stopped container would lose its network: it is not moved either',
    there: madeBefore,
    arrange: (host) => attach(host, 'byhand', false),
    steps: [],
    ready: 'True Ready',
    book: 'False MovesWhenFree',
  },
  {
    name: 'made before the driver, a container runs, by force: moved under it',
    there: madeBefore,
    arrange: (host) => attach(host, 'byhand'),
    want: { force: true },
    steps: ['detach-containers', 'remove-network', 'create-network'],
    ready: 'False Outdated',
    book: null,
  },
  {
    name: 'by force, and Docker could not ask: nothing is taken away that could not be put back',
    there: madeBefore,
    arrange: (host) => attach(host, 'byhand').then(() => deaf(host)),
    want: { force: true },
    steps: [],
    ready: 'True Ready',
    book: 'False MovesWhenFree',
  },
  {
    name: 'made before the driver and changed since, a container runs: the change is what is reported',
    there: madeBefore,
    arrange: (host) => attach(host, 'byhand'),
    want: { mode: 'private' },
    steps: [],
    ready: 'False ReplaceBlocked',
    book: 'False MovesWhenFree',
  },
  {
    name: 'foreign with the driver: adopted',
    there: { ...coordinated('mac_net1'), labels: {} },
    steps: ['adopt-network'],
    ready: 'False Adopting',
    book: null,
  },
  {
    name: 'foreign with the driver for another network: not touched',
    there: { ...coordinated('mac_net2'), labels: {} },
    steps: [],
    ready: 'False NameTaken',
    book: null,
  },
];

async function planOf(host: FakeHost, want: Partial<DesiredNetwork> = {}) {
  const desired = document([network({ promiscuous: false, ...want })]);
  return planHost(desired, await host.look(desired)).networks.get(id(1))!();
}
type Plan = Awaited<ReturnType<typeof planOf>>;
const statusOf = ({ conditions }: Plan, type: string) => {
  const found = conditions.find((one) => one.type === type);
  return found === undefined ? null : `${found.status} ${found.reason}`;
};
const said = ({ conditions }: Plan) => conditions.find(({ type }) => type === 'AddressPool')?.message;

test.each(rows)('$name', async ({ there, arrange, want, steps, ready, book, says }) => {
  const host = createFakeHost();
  if (there !== null) await host.docker.behindOurBack.createNetwork(there);
  await arrange?.(host);
  const plan = await planOf(host, want);
  expect(plan.steps.map((step) => step.do)).toEqual(steps);
  expect(statusOf(plan, 'Ready')).toBe(ready);
  expect(statusOf(plan, 'AddressPool')).toBe(book);
  if (says !== undefined) expect(said(plan)).toMatch(says);
});

test('a foreign network that was adopted works as before, and is reported as uncoordinated', async () => {
  const host = createFakeHost();
  await host.docker.behindOurBack.createNetwork(dockers);
  await attach(host, 'byhand');
  const desired = document([network({ promiscuous: false, force: true })]);
  await host.settle(desired);
  expect(host.changes()).toEqual([]);
  const plan = await planOf(host, { force: true });
  expect([statusOf(plan, 'Ready'), statusOf(plan, 'AddressPool')]).toEqual([
    'True Ready',
    'False NotCoordinated',
  ]);
  expect(said(plan)).toMatch(/another host may assign the same address/);
});

test('moved by force, every container is back with the address it had, and the book gives its addresses', async () => {
  const host = createFakeHost();
  await host.docker.behindOurBack.createNetwork(madeBefore);
  await attach(host, 'byhand');
  const addresses = async () =>
    (await host.docker.container('byhand')).endpoints.map(({ networkName, ipv4 }) => [networkName, ipv4]);
  const before = await addresses();
  await host.settle(document([network({ force: true })]));
  expect(await addresses()).toEqual(before);
  expect(await host.docker.network('mac_net1')).toMatchObject({
    ipamDriver: 'trunkline',
    ipamOptions: { network: id(1) },
  });
  expect(statusOf(await planOf(host), 'AddressPool')).toBeNull();
});

test('moved once the last container is gone, without anybody asking', async () => {
  const host = createFakeHost();
  await host.docker.behindOurBack.createNetwork(madeBefore);
  await attach(host, 'byhand');
  const desired = document([network({ promiscuous: false })], [container({ state: 'absent' })]);
  expect(await host.settle(desired)).toEqual([]);
  await host.docker.behindOurBack.removeContainer('byhand', { force: true });
  expect((await host.settle(desired)).map((step) => step.do)).toEqual(['remove-network', 'create-network']);
});

const withGateway = (shown: string | null): DockerNetworkSpec => ({
  ...coordinated(id(1)),
  subnets: [{ cidr: '172.16.100.0/24', ...(shown === null ? {} : { gateway: shown }) }],
});

async function hostWith(shown: string | null, age: number | null): Promise<FakeHost> {
  const host = createFakeHost();
  await host.docker.behindOurBack.createNetwork(withGateway(shown));
  const { created } = await host.docker.network('mac_net1');
  const since = Date.parse(created ?? '') + (age ?? 0);
  const standIn = { networkId: id(1), subnet: '172.16.100.0/24', ip: '172.16.100.1', since };
  host.setBook({ notServing: null, standIns: age === null ? [] : [standIn] });
  return host;
}

/** Earlier agents gave Docker an address of the subnet for a gateway that the network does not have. */
describe('an address of the subnet that Docker has for a gateway, where there is none', () => {
  const want = { subnets: [{ cidr: '172.16.100.0/24', gateway: null }] };
  const replaced = ['remove-network', 'create-network'];
  const rowsOf: [string, string | null, number | null, string[]][] = [
    ['Docker shows it', '172.16.100.1', null, replaced],
    ['this disk has it, and Docker does not show it', null, 5, replaced],
    ['this disk has one of an earlier Docker network', null, -5000, []],
    ['there is none', null, null, []],
    ['what stands for none is no address of the subnet', '127.0.0.1', null, []],
  ];
  test.each(rowsOf)('%s', async (_, shown, age, steps) => {
    const plan = await planOf(await hostWith(shown, age), want);
    expect(plan.steps.map((step) => step.do)).toEqual(steps);
  });

  test('what is attached goes on, and the condition names the way out', async () => {
    const host = await hostWith(null, 5);
    await attach(host, 'byhand');
    const plan = await planOf(host, want);
    expect([plan.steps, statusOf(plan, 'Ready'), statusOf(plan, 'AddressPool')]).toEqual([
      [],
      'True Ready',
      'False MovesWhenFree',
    ]);
    expect(said(plan)).toMatch(/keeps 172\.16\.100\.1 for a gateway.*\(now: byhand\).*\?force=true/);
    const forced = await planOf(host, { ...want, force: true });
    expect(forced.steps.map((step) => step.do)).toEqual(['detach-containers', ...replaced]);
  });

  test('made again once, and as it should be then', async () => {
    const host = await hostWith('172.16.100.1', null);
    const desired = document([network({ promiscuous: false, ...want })]);
    expect((await host.settle(desired)).map((step) => step.do)).toEqual(replaced);
    expect(await host.settle(desired)).toEqual([]);
  });
});
