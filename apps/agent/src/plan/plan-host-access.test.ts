/** Host access as tables: what is made, what is taken away, and as many rows on what must not be touched. */
import type { DesiredNetwork } from '@trunkline/contracts';
import { describe, expect, test } from 'vitest';
import type { Link, LinkAddress } from '../host/links.ts';
import { linkAlias, shimMac } from '../observation/marks.ts';
import { createFakeHost, document, id, network, type FakeHost } from '../reconcile/subjects.fixture.ts';
import { planHost } from './plan.ts';
import { touchesLinks, type Step } from './steps.ts';

const nicMac = '02:00:00:00:00:30';
const address = (text: string, change: Partial<LinkAddress> = {}): LinkAddress => ({
  family: text.includes(':') ? 6 : 4,
  address: text,
  prefixLength: text.includes(':') ? 64 : 24,
  scope: 'global',
  ...change,
});
const nic = (change: Partial<Link> = {}) => ({
  name: 'ens33',
  mac: nicMac,
  up: true,
  carrier: true,
  promiscuous: true,
  addresses: [address('172.16.1.30')],
  ...change,
});
const mac = shimMac('ens33', nicMac);
const shim = (change: Partial<Link> = {}) => ({
  name: 'tlh-ens33',
  kind: 'macvlan',
  macvlanMode: 'bridge',
  parent: 'ens33',
  mac,
  up: true,
  alias: linkAlias(id(1)),
  ...change,
});
const open = (change: Partial<DesiredNetwork> = {}) => network({ hostAccess: true, ...change });
/** Another network; Engine 27 lets two share a parent. */
const second = (change: Partial<DesiredNetwork> = {}) =>
  network({
    id: id(2),
    name: 'mac_net2',
    hostAccess: true,
    subnets: [{ cidr: '172.16.200.0/24', gateway: '172.16.200.1' }],
    ...change,
  });
const onOther = (change: Partial<DesiredNetwork> = {}) => second({ parent: 'ens34', ...change });
const ens34 = nic({ name: 'ens34', mac: '02:00:00:00:00:34', addresses: [] });

function host27(...links: (Partial<Link> & { name: string })[]): FakeHost {
  const host = createFakeHost({ version: '27.1.0', apiVersion: '1.46' });
  for (const link of [nic(), ...links]) host.links.put(link);
  return host;
}

/** Runs a container and answers its process. */
async function run(host: FakeHost, name: string, ...places: readonly (readonly [string, string])[]) {
  const docker = host.docker.behindOurBack;
  const attachments = places.map(([on, ipv4]) => ({ network: on, ipv4, mac: macOf(ipv4) }));
  await docker.createContainer({ name, image: 'busybox', attachments });
  await docker.startContainer(name);
  return (await docker.container(name)).pid!;
}
const macOf = (ip: string) =>
  `02:42:${ip
    .split('.')
    .map((octet) => Number(octet).toString(16).padStart(2, '0'))
    .join(':')}`;

async function planOf(host: FakeHost, wanted: DesiredNetwork, ...others: DesiredNetwork[]) {
  const desired = document([wanted, ...others]);
  return planHost(desired, await host.look(desired)).networks.get(wanted.id)!();
}
const accessOf = ({
  conditions,
}: {
  conditions: readonly { type: string; status: string; reason: string }[];
}) => {
  const found = conditions.find(({ type }) => type === 'HostAccess');
  return found === undefined ? undefined : `${found.status} ${found.reason}`;
};
const messageOf = (plan: { conditions: readonly { type: string; message: string }[] }) =>
  plan.conditions.find(({ type }) => type === 'HostAccess')?.message;
const doing = (steps: readonly Step[], ...what: Step['do'][]) =>
  steps.filter((step) => what.includes(step.do));
const accessSteps = (steps: readonly Step[]) =>
  doing(steps, 'add-shim', 'change-shim-routes', 'change-host-routes', 'remove-link', 'hand-over-link');

test('S6: the shim is made, then the routes of each running container on both sides, and it says so', async () => {
  const host = host27();
  const plan = await planOf(host, open());
  expect(plan.steps.filter(touchesLinks)).toEqual([
    { do: 'add-shim', parent: 'ens33', link: 'tlh-ens33', mac, alias: linkAlias(id(1)) },
    { do: 'set-link-up', link: 'tlh-ens33', as: 'shim' },
  ]);
  expect(accessOf(plan)).toBe('False ShimMissing');
  const desired = document([open()]);
  await host.settle(desired);
  const pid = await run(host, 'box1', ['mac_net1', '172.16.100.10']);
  const waiting = await planOf(host, open());
  expect([accessOf(waiting), messageOf(waiting)]).toEqual([
    'False RoutesMissing',
    expect.stringContaining('box1'),
  ]);
  // A container that has just started does not make the network unready.
  expect(waiting.conditions.at(-1)).toMatchObject({ type: 'Ready', status: 'True' });
  expect(accessSteps(await host.settle(desired))).toEqual([
    {
      do: 'change-shim-routes',
      shim: 'tlh-ens33',
      set: [{ ip: '172.16.100.10', source: '172.16.1.30', mac: macOf('172.16.100.10') }],
      remove: [],
    },
    {
      do: 'change-host-routes',
      dockerId: expect.any(String),
      name: 'box1',
      set: [{ ip: '172.16.1.30', link: 'eth0', mac }],
      remove: [],
    },
  ]);
  expect(host.hostRoutes.inside(pid).routes).toEqual([{ ip: '172.16.1.30', link: 'eth0', mac }]);
  const done = await planOf(host, open());
  expect([accessOf(done), messageOf(done)]).toEqual([
    'True HostAccessOn',
    expect.stringMatching(/its container .* tlh-ens33; containers reach it at 172\.16\.1\.30/),
  ]);
});

interface ShimRow {
  name: string;
  links: (Partial<Link> & { name: string })[];
  steps: object[];
  access: string | undefined;
  want?: DesiredNetwork;
}
const add = { do: 'add-shim', link: 'tlh-ens33' };
const up = { do: 'set-link-up', link: 'tlh-ens33' };
const shimRows: ShimRow[] = [
  { name: 'none is made where nobody asks for it', links: [], want: network(), steps: [], access: undefined },
  { name: 'one that is there is left as it is', links: [shim()], steps: [], access: 'True HostAccessOn' },
  {
    name: 'one with the mark of another network on the link serves both',
    links: [shim({ alias: linkAlias(id(9)) })],
    steps: [],
    access: 'True HostAccessOn',
  },
  {
    name: 'one that is down is set up',
    links: [shim({ up: false })],
    steps: [up],
    access: 'False ShimMissing',
  },
  {
    name: 'one with another MTU than its parent gets the same',
    links: [nic({ mtu: 9000 }), shim({ mtu: 1500 })],
    steps: [{ do: 'set-mtu', link: 'tlh-ens33', mtu: 9000 }],
    access: 'False ShimMissing',
  },
  {
    name: 'one that an agent left half made, with our MAC and no alias, is completed',
    links: [shim({ alias: null, up: false })],
    steps: [add, up],
    access: 'False ShimMissing',
  },
  {
    name: 'one of somebody else, with another MAC, is left alone',
    links: [shim({ alias: null, mac: '02:00:00:00:00:01' })],
    steps: [],
    access: 'False ShimConflict',
  },
  {
    name: 'one of somebody else, with another alias, is left alone',
    links: [shim({ alias: 'by hand' })],
    steps: [],
    access: 'False ShimConflict',
  },
  {
    name: 'a dummy of that name is left alone',
    links: [{ name: 'tlh-ens33', kind: 'dummy' }],
    steps: [],
    access: 'False ShimConflict',
  },
  {
    name: 'without its parent nothing is made',
    links: [],
    want: open({ parent: 'ens99' }),
    steps: [],
    access: 'Unknown ParentMissing',
  },
  {
    name: 'where the VLAN has a conflict nothing is made on it',
    links: [{ name: 'ens33.10', kind: 'bridge' }],
    want: open({ vlan: 10 }),
    steps: [],
    access: 'Unknown LinkConflict',
  },
  {
    name: 'on a VLAN it stands on the sub-interface, after that',
    links: [],
    want: open({ vlan: 10 }),
    steps: [
      { do: 'add-vlan', link: 'ens33.10' },
      { do: 'set-link-up', link: 'ens33.10' },
      { do: 'add-shim', parent: 'ens33.10', link: 'tlh-ens33.10' },
      { do: 'set-link-up', link: 'tlh-ens33.10' },
    ],
    access: 'False ShimMissing',
  },
];
test.each(shimRows)('shim: $name', async ({ links, want = open(), steps, access }) => {
  const plan = await planOf(host27(...links), want);
  expect(plan.steps.filter(touchesLinks)).toMatchObject(steps);
  expect(plan.steps.filter(touchesLinks)).toHaveLength(steps.length);
  expect(accessOf(plan)).toBe(access);
});

interface SourceRow {
  name: string;
  addresses: Record<string, LinkAddress[]>;
  /** Links that are a bridge whose only port is a veth. */
  bridges?: string[];
  /** The source of the host's packets to 172.16.100.10, and all that the container reaches it at. */
  source: string | undefined;
  reached: string[];
}
const sources: SourceRow[] = [
  {
    name: 'the address on the parent, inside of the subnet or not',
    addresses: { ens33: [address('172.16.1.30')] },
    source: '172.16.1.30',
    reached: ['172.16.1.30'],
  },
  {
    name: 'the address in the subnet before all others',
    addresses: { ens33: [address('172.16.1.30'), address('172.16.100.2')], ens34: [address('10.0.0.5')] },
    source: '172.16.100.2',
    reached: ['172.16.1.30', '172.16.100.2', '10.0.0.5'],
  },
  {
    name: 'the address of another NIC where the parent has none',
    addresses: { ens33: [], ens34: [address('10.0.0.5')] },
    source: '10.0.0.5',
    reached: ['10.0.0.5'],
  },
  {
    name: 'none that only this host knows, and none that does not last',
    addresses: {
      ens33: [address('172.16.1.30', { passing: true }), address('169.254.3.3', { scope: 'link' })],
      docker0: [address('172.17.0.1')],
      wg0: [address('10.9.9.9')],
    },
    source: undefined,
    reached: [],
  },
  {
    name: 'one of a bridge whose only port is a veth, where the network is on it',
    addresses: { ens33: [address('172.16.1.30')], docker0: [address('172.17.0.1')] },
    bridges: ['ens33'],
    source: '172.16.1.30',
    reached: ['172.16.1.30'],
  },
  {
    name: 'none that the container has itself',
    addresses: { ens33: [address('172.16.100.10'), address('172.16.1.30')] },
    source: '172.16.1.30',
    reached: ['172.16.1.30'],
  },
];
test.each(sources)('address of the host: $name', async ({ addresses, bridges = [], source, reached }) => {
  const host = host27(ens34, shim());
  const kinds: Record<string, string> = { docker0: 'bridge', wg0: 'wireguard' };
  for (const name of bridges) {
    kinds[name] = 'bridge';
    host.links.put({ ...nic(), name: `veth-${name}`, kind: 'veth', master: name, addresses: [] });
  }
  for (const [name, all] of Object.entries(addresses)) {
    host.links.put({ ...nic({ mac: null }), name, kind: kinds[name] ?? null, addresses: all });
  }
  const desired = document([open()]);
  await host.settle(desired);
  const pid = await run(host, 'box1', ['mac_net1', '172.16.100.10']);
  await host.settle(desired);
  expect((await host.hostRoutes.list('tlh-ens33')).map((route) => route.source)).toEqual(
    source === undefined ? [] : [source],
  );
  expect(host.hostRoutes.inside(pid).routes.map(({ ip }) => ip)).toEqual(reached);
  if (source === undefined) {
    const plan = await planOf(host, open());
    expect(accessOf(plan)).toBe('False NoHostAddress');
    expect(plan.conditions.at(-1)).toMatchObject({ type: 'Ready', status: 'False', reason: 'NoHostAddress' });
  }
});

test('a host without IPv6 says so, and IPv4 works and the network is ready', async () => {
  const host = host27(shim());
  const both = open({ subnets: [...network().subnets, { cidr: 'fd00:100::/64', gateway: null }] });
  await host.settle(document([both]));
  const plan = await planOf(host, both);
  expect([accessOf(plan), messageOf(plan)]).toEqual([
    'False NoHostAddress',
    expect.stringMatching(/no IPv6 address .* over IPv4 they reach each other/),
  ]);
  expect(plan.conditions.at(-1)).toMatchObject({ type: 'Ready', status: 'True' });
});

test('a container on two networks: what leaves it by one interface comes back by the same', async () => {
  const host = host27(shim(), ens34);
  const desired = document([open(), onOther()]);
  await host.settle(desired);
  const pid = await run(host, 'both', ['mac_net1', '172.16.100.10'], ['mac_net2', '172.16.200.10']);
  host.hostRoutes.setLinksInside(pid, { '172.16.100.10': 'eth0', '172.16.200.10': 'eth1' });
  await host.settle(desired);
  // One address of the host: all by the first network, to the MAC that the container has there.
  const first = macOf('172.16.100.10');
  expect(await host.hostRoutes.list('tlh-ens33')).toEqual([
    { ip: '172.16.100.10', source: '172.16.1.30', mac: first },
    { ip: '172.16.200.10', source: '172.16.1.30', mac: first },
  ]);
  expect(await host.hostRoutes.list('tlh-ens34')).toEqual([]);
  // With an address of its own in the second subnet: that one by the second.
  host.links.put({ ...ens34, addresses: [address('172.16.200.2')] });
  await host.settle(desired);
  expect(await host.hostRoutes.list('tlh-ens34')).toEqual([
    { ip: '172.16.200.10', source: '172.16.200.2', mac: macOf('172.16.200.10') },
  ]);
  expect(await host.hostRoutes.list('tlh-ens33')).toEqual([
    { ip: '172.16.100.10', source: '172.16.1.30', mac: first },
  ]);
  expect(host.hostRoutes.inside(pid).routes.map(({ ip, link }) => `${ip} ${link}`)).toEqual([
    '172.16.1.30 eth0',
    '172.16.200.2 eth1',
  ]);
});

const setUp = async () => {
  const host = host27();
  const desired = document([open()]);
  await host.settle(desired);
  const pid = await run(host, 'box1', ['mac_net1', '172.16.100.10']);
  await host.settle(desired);
  return { host, desired, pid };
};

describe('what is not as it should be is mended', () => {
  const whole = { ip: '172.16.100.10', source: '172.16.1.30', mac: macOf('172.16.100.10') };

  test.each([
    ['a route is gone', []],
    ['the container has another MAC since', [{ ...whole, mac: '02:42:00:00:00:01' }]],
    ['its neighbour is gone', [{ ...whole, mac: null }]],
    ['the host has another address since', [{ ...whole, source: null }]],
    ['a container is gone', [whole, { ...whole, ip: '172.16.100.11' }]],
    ['a neighbour is left of one', [whole, { ...whole, ip: '172.16.100.12', source: null }]],
  ])('on the host: %s', async (_, there) => {
    const { host, desired } = await setUp();
    host.hostRoutes.putShimRoutes('tlh-ens33', there);
    expect(await host.settle(desired)).toHaveLength(1);
    expect(await host.hostRoutes.list('tlh-ens33')).toEqual([whole]);
  });

  test.each([
    ['a route lost its neighbour', [{ ip: '172.16.1.30', link: 'eth0', mac: '02:00:00:00:00:99' }]],
    ['a route leads to an address that the host has no more', [{ ip: '10.0.0.5', link: 'eth0', mac }]],
  ])('in a container: %s', async (_, set) => {
    const { host, desired, pid } = await setUp();
    await host.hostRoutes.changeInside(pid, { set, remove: [] });
    expect(await host.settle(desired)).toHaveLength(1);
    expect(host.hostRoutes.inside(pid).routes).toEqual([{ ip: '172.16.1.30', link: 'eth0', mac }]);
  });

  test('a container whose interface cannot be found inside is left alone', async () => {
    const { host, desired, pid } = await setUp();
    host.hostRoutes.setLinksInside(pid, {});
    expect(await host.settle(desired)).toEqual([]);
  });

  test('a container that stops takes its route with it', async () => {
    const { host, desired } = await setUp();
    await host.docker.behindOurBack.stopContainer('box1', 1);
    await host.settle(desired);
    expect(await host.hostRoutes.list('tlh-ens33')).toEqual([]);
  });

  test('while Docker is silent nothing is taken for gone', async () => {
    const { host, desired } = await setUp();
    host.docker.setReachable(false);
    expect(await host.steps(desired)).toEqual([]);
    expect(accessOf(await planOf(host, open()))).toBe('Unknown DockerUnreachable');
    expect(await host.steps(document([network()]))).toEqual([]);
  });
});

const twoOnOne = async () => {
  const host = host27();
  await host.settle(document([open(), second()]));
  const pids = [
    await run(host, 'box1', ['mac_net1', '172.16.100.10']),
    await run(host, 'box2', ['mac_net2', '172.16.200.10']),
  ] as const;
  await host.settle(document([open(), second()]));
  return { host, pids };
};

describe('its end', () => {
  test('switched off: first the routes in containers, then the shim with the routes of the host', async () => {
    const host = host27();
    await host.settle(document([open()]));
    const pid = await run(host, 'box1', ['mac_net1', '172.16.100.10']);
    await host.settle(document([open()]));
    const steps = await host.settle(document([network()]));
    expect(steps.map((step) => step.do)).toEqual(['change-shim-routes', 'change-host-routes', 'remove-link']);
    expect(host.hostRoutes.inside(pid).routes).toEqual([]);
    expect((await host.links.list()).map(({ name }) => name)).toEqual(['lo', 'ens33']);
    expect(accessOf(await planOf(host, network()))).toBeUndefined();
  });

  test('two networks on one link share the shim; with the first it is handed over, with the last it goes', async () => {
    const { host, pids } = await twoOnOne();
    expect(await host.links.get('tlh-ens33')).toMatchObject({ alias: linkAlias(id(1)) });
    await host.settle(document([network(), second()]));
    expect(await host.links.get('tlh-ens33')).toMatchObject({ alias: linkAlias(id(2)) });
    expect((await host.hostRoutes.list('tlh-ens33')).map(({ ip }) => ip)).toEqual(['172.16.200.10']);
    expect(pids.map((pid) => host.hostRoutes.inside(pid).routes.length)).toEqual([0, 1]);
    await host.settle(document([network(), second({ hostAccess: false })]));
    expect((await host.links.list()).map(({ name }) => name)).toEqual(['lo', 'ens33']);
    expect(pids.map((pid) => host.hostRoutes.inside(pid).routes.length)).toEqual([0, 0]);
  });

  test('both switched off at once leave nothing in any container: the shim waits for the last', async () => {
    const { host, pids } = await twoOnOne();
    const first = await planOf(host, network(), second({ hostAccess: false }));
    expect(doing(first.steps, 'remove-link')).toEqual([]);
    await host.settle(document([network(), second({ hostAccess: false })]));
    expect((await host.links.list()).map(({ name }) => name)).toEqual(['lo', 'ens33']);
    expect(pids.map((pid) => host.hostRoutes.inside(pid).routes)).toEqual([[], []]);
  });

  test('a network that leaves the host takes its shim along, then its VLAN', async () => {
    const host = host27();
    const vlan = open({ vlan: 10 });
    await host.settle(document([vlan]));
    expect((await host.links.list()).map(({ name }) => name)).toContain('tlh-ens33.10');
    const steps = await host.settle(document([{ ...vlan, state: 'absent' }]));
    expect(steps).toMatchObject([
      { do: 'remove-network' },
      { do: 'remove-link', link: 'tlh-ens33.10' },
      { do: 'remove-link', link: 'ens33.10' },
    ]);
  });

  test('while containers keep a network from leaving, they keep host access', async () => {
    const host = host27();
    await host.settle(document([open()]));
    await run(host, 'box1', ['mac_net1', '172.16.100.10']);
    await host.settle(document([open()]));
    expect(await host.steps(document([open({ state: 'absent' })]))).toEqual([]);
  });

  test('a change of the parent that containers hold up leaves them host access where they are', async () => {
    const host = host27(ens34);
    await host.settle(document([open()]));
    const pid = await run(host, 'box1', ['mac_net1', '172.16.100.10']);
    await host.settle(document([open()]));
    const moved = document([open({ parent: 'ens34' })]);
    const steps = await host.steps(moved);
    expect(doing(steps, 'remove-link', 'change-shim-routes', 'change-host-routes')).toEqual([]);
    expect(host.hostRoutes.inside(pid).routes).toHaveLength(1);
  });

  test('promise 6: a shim whose network the document does not name stays, with its routes', async () => {
    const host = host27(shim({ alias: linkAlias(id(77)) }));
    host.hostRoutes.putShimRoutes('tlh-ens33', [{ ip: '172.16.100.10', source: null, mac: null }]);
    await host.settle(document([network()]));
    expect(await host.links.get('tlh-ens33')).toMatchObject({ alias: linkAlias(id(77)) });
    expect(await host.hostRoutes.list('tlh-ens33')).toHaveLength(1);
  });
});

test('a container that somebody else has made a route to is left to them, and the other one is not', async () => {
  const host = host27();
  host.kernel.addRoute({ cidr: '172.16.100.10/32', link: 'my-shim' });
  const desired = document([open()]);
  await host.settle(desired);
  const pid = await run(host, 'box1', ['mac_net1', '172.16.100.10']);
  await run(host, 'box2', ['mac_net1', '172.16.100.11']);
  await host.settle(desired);
  expect((await host.hostRoutes.list('tlh-ens33')).map(({ ip }) => ip)).toEqual(['172.16.100.11']);
  expect(host.hostRoutes.inside(pid).routes).toEqual([]);
  expect((await planOf(host, open())).conditions).toContainEqual(
    expect.objectContaining({ type: 'RoutesClear', reason: 'SubnetRoutedElsewhere' }),
  );
});

test('where the kernel refuses the shim, the network is made all the same, and says why the host stays out', async () => {
  const host = host27();
  host.links.failNext('addShim', new Error('Device or resource busy'), 99);
  await expect(host.settle(document([open()]))).rejects.toThrow('Device or resource busy');
  const plan = await planOf(host, open());
  expect(plan.conditions).toContainEqual(expect.objectContaining({ type: 'NetworkReady', status: 'True' }));
  expect(plan.usable).toBe(true);
});

test('the shim and its routes are no sign that the host needs its parent, or routes the subnet elsewhere', async () => {
  const host = host27(nic({ addresses: [] }), shim(), { ...ens34, addresses: [address('172.16.1.30')] });
  host.kernel.setDefaultRoute('ens34');
  host.kernel.addRoute({ cidr: '172.16.100.10/32', link: 'tlh-ens33' });
  const open1 = await planOf(host, open());
  expect(open1.conditions).toContainEqual(expect.objectContaining({ type: 'RoutesClear', status: 'True' }));
  const passthru = await planOf(host, network({ mode: 'passthru' }));
  expect(passthru.conditions.map(({ reason }) => reason)).not.toContain('HostNeedsParent');
});
