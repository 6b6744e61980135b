import { expect, test } from 'vitest';
import { createFakeHost, document, id, network, type FakeHost } from '../reconcile/subjects.fixture.ts';
import { containerExaminer } from './container.ts';
import type { Traffic } from './examiner.ts';
import { examine, sceneOn, shown, tried, type World } from './scene.fixture.ts';

/** As iproute2 6.1 shows a container with a macvlan interface (`ip -json -details address show`), shortened to what is read. */
const lo =
  '{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"qdisc":"noqueue","operstate":"UNKNOWN","group":"default","txqlen":1000,"link_type":"loopback","address":"00:00:00:00:00:00","broadcast":"00:00:00:00:00:00","promiscuity":0,"addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host","label":"lo","valid_life_time":4294967295,"preferred_life_time":4294967295}]}';

interface Eth {
  readonly name?: string;
  readonly index?: number;
  readonly mac?: string;
  readonly addresses?: readonly string[];
  readonly down?: boolean;
  readonly noArp?: boolean;
  readonly mode?: string;
  readonly mtu?: number;
}

function eth({ name = 'eth0', index = 4, addresses = ['172.16.100.10/24'], ...more }: Eth): string {
  const { mac, down = false, noArp = false, mode = 'bridge', mtu = 1500 } = more;
  const flags = ['BROADCAST', ...(noArp ? ['NOARP'] : []), 'MULTICAST', ...(down ? [] : ['UP', 'LOWER_UP'])];
  const addr_info = addresses.map((text) => {
    const [local, prefix] = text.split('/');
    return { family: 'inet', local, prefixlen: Number(prefix), scope: 'global', label: name };
  });
  return JSON.stringify({
    ifindex: index,
    link_index: 3,
    ifname: name,
    flags,
    mtu,
    qdisc: 'noqueue',
    operstate: down ? 'DOWN' : 'UP',
    link_type: 'ether',
    address: mac ?? '02:42:ac:10:64:0a',
    link_netnsid: 0,
    promiscuity: 0,
    linkinfo: { info_kind: 'macvlan', info_data: { mode } },
    addr_info,
  });
}

/** `/proc/net/route` of a container. */
const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const hex = (ip: string): string =>
  ip
    .split('.')
    .toReversed()
    .map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, '0'))
    .join('');
const byDefault = (gateway: string, link = 'eth0'): string =>
  `${link}\t00000000\t${hex(gateway)}\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`;
const connected = 'eth0\t006410AC\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n';
const routed = head + byDefault('172.16.100.1') + connected;

const mac_net2 = network({
  id: id(2),
  name: 'mac_net2',
  parent: 'ens34',
  subnets: [{ cidr: '172.16.20.0/24', gateway: '172.16.20.1' }] as ReturnType<typeof network>['subnets'],
});

/** A host with both networks, and box1 on the first as somebody runs it. */
async function boxHost(
  change: { both?: boolean; status?: 'created'; mode?: string } = {},
): Promise<FakeHost> {
  const host = createFakeHost();
  host.links.put({ name: 'ens34', up: true, carrier: true });
  await host.settle(document([network(), mac_net2]));
  const attachments = [
    { network: 'mac_net1', ipv4: '172.16.100.10' },
    ...(change.both === true ? [{ network: 'mac_net2', ipv4: '172.16.20.10' }] : []),
  ];
  const net = change.mode === undefined ? { attachments } : { networkMode: change.mode };
  await host.docker.createContainer({ name: 'box1', image: 'busybox', ...net });
  if (change.status === undefined) await host.docker.startContainer('box1');
  return host;
}

async function pidOf(host: FakeHost, name: string): Promise<number> {
  return (await host.docker.container(name)).pid ?? 0;
}

/** What the kernel has inside a container. */
async function inside(
  host: FakeHost,
  name: string,
  links: readonly string[],
  more: {
    routes?: string;
    get?: Readonly<Record<string, string | number>>;
    silent?: boolean;
    forward?: string;
    /** Other gateways that somebody answers for, unless `silent`. */
    by?: readonly string[];
    /** What other programs show inside, by their arguments for ip(8). */
    ip?: Readonly<Record<string, string>>;
  } = {},
): Promise<World> {
  const enter = `nsenter --net=/proc/${await pidOf(host, name)}/ns/net --`;
  const get = Object.entries(more.get ?? {}).map(([address, way]) => [
    `${enter} ip -json route get ${address}`,
    way,
  ]);
  const gateways = [
    ...get.flatMap(([, text]) => /"gateway":"([^"]+)"/.exec(String(text))?.[1] ?? []),
    ...(more.by ?? []),
  ];
  const neigh = gateways.map((gateway) => [
    `${enter} ip -json neigh show to ${gateway}`,
    more.silent === true
      ? `[{"dst":"${gateway}","dev":"eth0","state":["FAILED"]}]`
      : `[{"dst":"${gateway}","dev":"eth0","lladdr":"02:00:00:00:00:01","state":["REACHABLE"]}]`,
  ]);
  return {
    programs: {
      ...(Object.fromEntries(neigh) as Record<string, string>),
      [`${enter} ip -json -details address show`]: `[${[lo, ...links].join(',')}]`,
      [`${enter} cat /proc/sys/net/ipv4/ip_forward`]: `${more.forward ?? '1'}\n`,
      ...Object.fromEntries(
        Object.entries(more.ip ?? {}).map(([argv, text]) => [`${enter} ip ${argv}`, text]),
      ),
      ...(Object.fromEntries(get) as Record<string, string | number>),
    },
    files: { [`/proc/${await pidOf(host, name)}/net/route`]: more.routes ?? routed },
  };
}
const both = (...worlds: readonly World[]): World => ({
  programs: Object.assign({}, ...worlds.map((one) => one.programs)) as Record<string, string | number>,
  files: Object.assign({}, ...worlds.map((one) => one.files)) as Record<string, string>,
});

interface Row {
  readonly name: string;
  readonly host?: Parameters<typeof boxHost>[0];
  readonly prepare?: (host: FakeHost) => Promise<void>;
  readonly links?: readonly string[];
  readonly more?: Parameters<typeof inside>[3];
  readonly pings?: Traffic['pings'];
  readonly networks?: readonly ReturnType<typeof network>[];
  readonly finds: readonly string[];
  readonly says?: string;
}

const of = (code: string, part = ''): string => `${code}: container box1${part}`;
const on = (code: string, name = 'eth0'): string => of(code, `, interface ${name}`);
const near = (received: number) => [tried('box1', 'box2', '172.16.100.20', received)];
const far = (received: number) => [tried('box1', 'box9', '10.9.0.5', received)];
const way = (gateway: string | null, dev = 'eth0'): string =>
  `[{"dst":"10.9.0.5",${gateway === null ? '' : `"gateway":"${gateway}",`}"dev":"${dev}","prefsrc":"172.16.100.10","flags":[],"uid":0,"cache":[]}]`;
const fixed = (dst: string): string =>
  `[{"dst":"${dst}","dev":"eth0","lladdr":"02:de:ad:00:00:01","state":["PERMANENT"]}]`;
const second = eth({ name: 'eth1', index: 5, mac: '02:42:ac:10:14:0a', addresses: ['172.16.20.10/24'] });

const rows: readonly Row[] = [
  { name: 'nothing in a container that is as Docker shows it', pings: near(5), finds: [] },
  {
    name: 'nothing there, where the loss has another cause',
    pings: near(0),
    more: { get: { '172.16.100.20': way(null) } },
    finds: [],
  },
  {
    name: 'nothing of more addresses than Docker gave',
    links: [eth({ addresses: ['172.16.100.10/24', '172.16.100.99/32'] })],
    finds: [],
  },
  {
    name: 'nothing of an address on a bridge of the own making of the container',
    links: [eth({ addresses: [] }), eth({ name: 'br0', index: 9, mac: '02:00:00:00:00:09' })],
    finds: [],
  },
  {
    name: 'a container that is missing',
    prepare: ({ docker }) => docker.removeContainer('box1', { force: true }),
    finds: [of('container-missing')],
  },
  {
    name: 'one that was stopped, with its exit code',
    prepare: ({ docker }) => docker.stopContainer('box1', 0),
    finds: [of('container-stopped')],
    says: 'it is exited',
  },
  {
    name: 'one that was never started',
    host: { status: 'created' },
    finds: [of('container-stopped')],
    says: 'it is created',
  },
  {
    name: 'no network',
    host: { mode: 'none' },
    finds: [of('container-not-attached')],
    says: '--network none',
  },
  {
    name: 'the network of the host',
    host: { mode: 'host' },
    finds: [of('container-not-attached')],
    says: '--network host',
  },
  {
    name: 'another network than the one asked about',
    prepare: async ({ docker }) => {
      await docker.disconnectNetwork('box1', 'mac_net1');
      await docker.connectNetwork('box1', { network: 'mac_net2' });
    },
    finds: [of('container-not-attached')],
    says: 'is on mac_net2: mac_net1 is asked about',
  },
  {
    name: 'nothing of one on any network of ours, where none is asked about',
    networks: [],
    finds: [],
  },
  {
    name: 'a pair: stopped, and on no network',
    host: { mode: 'none', status: 'created' },
    finds: [of('container-stopped'), of('container-not-attached')],
  },
  {
    name: 'an interface that is gone',
    links: [],
    more: { routes: head },
    finds: [of('interface-gone', ', network mac_net1')],
  },
  {
    name: 'the one of two that is gone',
    host: { both: true },
    links: [eth({})],
    networks: [network(), mac_net2],
    finds: [of('interface-gone', ', network mac_net2')],
    says: 'no interface for mac_net2',
  },
  {
    name: 'an interface that is down, and not that its routes went with it',
    links: [eth({ down: true })],
    more: { routes: head, get: { '172.16.100.20': 2 } },
    pings: near(0),
    finds: [on('interface-down')],
  },
  {
    name: 'another address',
    links: [eth({ addresses: ['172.16.100.66/24'] })],
    finds: [on('address-differs')],
    says: 'has 172.16.100.66/24, and Docker has 172.16.100.10/24',
  },
  {
    name: 'no address',
    links: [eth({ addresses: [] })],
    more: { routes: head },
    finds: [on('address-differs')],
    says: 'has no address',
  },
  {
    name: 'another mask',
    links: [eth({ addresses: ['172.16.100.10/16'] })],
    finds: [on('address-differs')],
    says: '172.16.100.10/16',
  },
  {
    name: 'a pair: down, with another address',
    links: [eth({ down: true, addresses: ['172.16.100.66/24'] })],
    finds: [on('interface-down'), on('address-differs')],
  },
  {
    name: 'a pair: one interface down, of the other another address',
    host: { both: true },
    links: [
      eth({ down: true }),
      eth({ name: 'eth1', index: 5, mac: '02:42:ac:10:14:0a', addresses: ['172.16.20.66/24'] }),
    ],
    networks: [network(), mac_net2],
    finds: [on('interface-down'), on('address-differs', 'eth1')],
  },
  {
    name: 'the one of two that is down, and not that the default route went with it',
    host: { both: true },
    links: [eth({ down: true }), second],
    networks: [network(), mac_net2],
    more: { routes: head },
    finds: [on('interface-down')],
  },
  {
    name: 'nothing of another MAC, where all comes back',
    links: [eth({ mac: '02:00:00:00:00:07' })],
    pings: near(5),
    finds: [],
  },
  {
    name: 'another MAC, where something is lost',
    links: [eth({ mac: '02:00:00:00:00:07' })],
    pings: near(0),
    more: { get: { '172.16.100.20': way(null) } },
    finds: [on('address-differs')],
    says: 'the MAC 02:00:00:00:00:07',
  },
  {
    name: 'ARP that is switched off',
    links: [eth({ noArp: true })],
    finds: [on('interface-differs')],
    says: 'has ARP switched off',
  },
  {
    name: 'another macvlan mode than that of its network',
    links: [eth({ mode: 'private' })],
    finds: [on('interface-differs')],
    says: 'has the macvlan mode private, and its network bridge',
  },
  {
    name: 'a smaller MTU than that of the interface below it',
    links: [eth({ mtu: 600 })],
    finds: [on('mtu-differs')],
    says: 'has the MTU 600, and the interface below it 1500',
  },
  {
    name: 'nothing of a larger MTU',
    links: [eth({ mtu: 9000 })],
    finds: [],
  },
  {
    name: 'a neighbour entry that somebody set, where what it is for is lost',
    pings: near(0),
    more: {
      get: { '172.16.100.20': way(null) },
      ip: { '-json neigh show nud permanent': fixed('172.16.100.20') },
    },
    finds: [of('neighbour-fixed')],
    says: 'sends what is for 172.16.100.20 to 02:de:ad:00:00:01',
  },
  {
    name: 'one of the gateway to what is lost',
    pings: far(0),
    more: {
      get: { '10.9.0.5': way('172.16.100.1') },
      ip: { '-json neigh show nud permanent': fixed('172.16.100.1') },
    },
    finds: [of('neighbour-fixed')],
  },
  {
    name: 'nothing of one of another address, or where all comes back',
    pings: near(5),
    more: { ip: { '-json neigh show nud permanent': fixed('172.16.100.20') } },
    finds: [],
  },
  {
    name: 'a route that leads nowhere, and not those that lead elsewhere or that the kernel has by itself',
    pings: near(0),
    more: {
      get: { '172.16.100.20': 2 },
      ip: {
        '-json -4 route show table all':
          '[{"dst":"default","gateway":"172.16.100.1","dev":"eth0"},{"type":"blackhole","dst":"172.16.100.20","flags":[]},{"type":"prohibit","dst":"10.0.0.0/8","flags":[]},{"type":"unreachable","dst":"default","metric":4294967295,"flags":[]}]',
      },
    },
    finds: [of('route-blocked')],
    says: 'packets to 172.16.100.20 are blocked: blackhole 172.16.100.20',
  },
  {
    name: 'a rule that refuses packets',
    pings: near(0),
    more: {
      get: { '172.16.100.20': 2 },
      ip: {
        '-json -4 rule show':
          '[{"priority":0,"src":"all","table":"local"},{"priority":10,"src":"all","dst":"172.16.100.0","dstlen":24,"action":"prohibit"},{"priority":11,"src":"all","dst":"172.16.100.99","action":"prohibit"}]',
      },
    },
    finds: [of('route-blocked')],
    says: 'to 172.16.100.0/24 prohibit',
  },
  {
    name: 'an IPsec policy that blocks',
    pings: near(0),
    more: {
      get: { '172.16.100.20': way(null) },
      ip: {
        'xfrm policy':
          'src 172.16.100.20/32 dst 172.16.100.10/32 \n\tdir in action block priority 0 \nsrc 10.0.0.0/8 dst 10.0.0.0/8 \n\tdir out action block priority 0 \n',
      },
    },
    finds: [of('route-blocked')],
    says: 'dir in action block',
  },
  {
    name: 'a default route to another gateway of the subnet that nobody has',
    more: { routes: head + byDefault('172.16.100.254') + connected, by: ['172.16.100.254'], silent: true },
    finds: [of('default-route-elsewhere')],
    says: 'leads to 172.16.100.254, which nobody has, and not to the gateway 172.16.100.1',
  },
  {
    name: 'nothing of one that somebody has: a container may route',
    more: { routes: head + byDefault('172.16.100.254') + connected, by: ['172.16.100.254'] },
    finds: [],
  },
  {
    name: 'no default route',
    more: { routes: head + connected },
    finds: [of('default-route-elsewhere')],
    says: 'no default route',
  },
  {
    name: 'nothing of a missing default route, where all that was asked about comes back',
    more: { routes: head + connected },
    pings: near(5),
    finds: [],
  },
  {
    name: 'nothing of a missing default route, where the network has no gateway',
    networks: [
      network({
        subnets: [{ cidr: '172.16.100.0/24', gateway: null }] as ReturnType<typeof network>['subnets'],
      }),
    ],
    more: { routes: head + connected },
    finds: [],
  },
  {
    name: 'nothing of a default route without a gateway, as tunnels have it',
    more: { routes: `${head}tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n` },
    finds: [],
  },
  {
    name: 'nothing where the way to another subnet is right, and the loss has another cause',
    pings: far(0),
    more: { get: { '10.9.0.5': way('172.16.100.1') } },
    finds: [],
  },
  {
    name: 'a way to another subnet that leads over another network',
    host: { both: true },
    links: [eth({}), second],
    pings: far(0),
    more: {
      routes: head + byDefault('172.16.20.1', 'eth1'),
      get: { '10.9.0.5': way('172.16.20.1', 'eth1') },
    },
    finds: [of('default-route-elsewhere')],
    says: 'leave over eth1 by 172.16.20.1, and not by the gateway 172.16.100.1',
  },
  {
    name: 'nothing of a default route over another network, where all comes back',
    host: { both: true },
    links: [eth({}), second],
    pings: near(5),
    more: { routes: head + byDefault('172.16.20.1', 'eth1') },
    finds: [],
  },
  {
    name: 'nothing of either default route of two networks that are both asked about',
    host: { both: true },
    links: [eth({}), second],
    networks: [network(), mac_net2],
    pings: far(0),
    more: {
      routes: head + byDefault('172.16.20.1', 'eth1'),
      get: { '10.9.0.5': way('172.16.20.1', 'eth1') },
    },
    finds: [],
  },
  {
    name: 'nothing of a way by another gateway on the network, which answers: a container may route',
    pings: far(0),
    more: { get: { '10.9.0.5': way('172.16.100.250') } },
    finds: [],
  },
  {
    name: 'a way by another gateway on the network, which nobody has',
    pings: far(0),
    more: { get: { '10.9.0.5': way('172.16.100.99') }, silent: true },
    finds: [of('default-route-elsewhere')],
    says: 'leave over eth0 by 172.16.100.99, and not by the gateway 172.16.100.1',
  },
  {
    name: 'nothing of the right gateway, where nobody has it: the wire finds that',
    pings: far(0),
    more: { get: { '10.9.0.5': way('172.16.100.1') }, silent: true },
    finds: [],
  },
  {
    name: 'no way to another subnet',
    pings: far(0),
    more: { routes: head + connected, get: { '10.9.0.5': 2 } },
    finds: [of('default-route-elsewhere')],
    says: 'no route to 10.9.0.5',
  },
  {
    name: 'a way inside the subnet that leads elsewhere',
    pings: near(0),
    more: { get: { '172.16.100.20': way('172.16.100.1', 'tun0') } },
    finds: [of('default-route-elsewhere')],
    says: 'and not on the network that has this address',
  },
];

test.each(rows)('container: finds $name', async (row) => {
  const host = await boxHost(row.host);
  await row.prepare?.(host);
  const world = await inside(host, 'box1', row.links ?? [eth({})], row.more).catch(() => ({}));
  const scene = await sceneOn(host, row.networks ?? [network()], ['box1'], world);
  const { findings } = await examine(containerExaminer, scene, row.pings);
  expect(shown(findings)).toEqual(row.finds);
  expect(findings.every(({ evidence }) => evidence.length > 0)).toBe(true);
  if (row.says !== undefined) expect(findings[0]?.message).toContain(row.says);
});

test('container: what Docker says of a start that failed is in the evidence', async () => {
  const host = await boxHost();
  host.docker.loseNetwork('mac_net1');
  const { findings } = await examine(containerExaminer, await sceneOn(host, [network()], ['box1']));
  expect(findings[0]?.code).toBe('container-stopped');
  expect(findings[0]?.evidence).toEqual([
    expect.stringMatching(/^docker inspect box1: exited, exit code 137/),
    expect.stringMatching(/^Docker's error: .*network id "[0-9a-f]{64}" not found/),
  ]);
});

test('container: a network that Docker refused to connect is listed without an endpoint, and is none', async () => {
  const host = await boxHost();
  const world = await inside(host, 'box1', [eth({})]);
  const scene = await sceneOn(host, [network()], ['box1'], world);
  const without = { endpointId: null, ipv4: null, ipv6: null, mac: null };
  const containers = scene.containers.map(({ name, detail }) => ({
    name,
    detail: detail && { ...detail, endpoints: detail.endpoints.map((one) => ({ ...one, ...without })) },
  }));
  const { findings } = await examine(containerExaminer, { ...scene, containers });
  expect(shown(findings)).toEqual([of('container-not-attached')]);
  expect(findings[0]?.message).toContain('is on mac_net1 (without an endpoint)');
});

/** box2 shares the network of box1. */
async function sharing(): Promise<FakeHost> {
  const host = await boxHost();
  const { id: target } = await host.docker.container('box1');
  await host.docker.createContainer({ name: 'box2', image: 'busybox', networkMode: `container:${target}` });
  await host.docker.startContainer('box2');
  return host;
}

test.each([
  { name: 'nothing, where all is well', links: [eth({})], finds: [] },
  {
    name: 'an interface that is gone',
    links: [],
    finds: ['interface-gone: container box2, network mac_net1'],
  },
  {
    name: 'another address',
    links: [eth({ addresses: ['172.16.100.66/24'] })],
    finds: ['address-differs: container box2, interface eth0'],
  },
])(
  'container: one that shares the network of another is looked at as that one: $name',
  async ({ links, finds }) => {
    const host = await sharing();
    const scene = await sceneOn(host, [network()], ['box2'], await inside(host, 'box2', links));
    expect(shown((await examine(containerExaminer, scene)).findings)).toEqual(finds);
  },
);

test('container: the one whose network is shared does not run, or is no more', async () => {
  const host = await sharing();
  await host.docker.stopContainer('box1', 0);
  const find = async () =>
    shown((await examine(containerExaminer, await sceneOn(host, [network()], ['box2']))).findings);
  expect(await find()).toEqual(['container-stopped: container box1']);
  await host.docker.removeContainer('box1');
  expect(await find()).toEqual([expect.stringMatching(/^container-missing: container [0-9a-f]{64}$/)]);
});

/** A router on both networks, and box1 beside it. */
async function routing(forward: string, gateway: string) {
  const host = await boxHost();
  const attachments = [
    { network: 'mac_net1', ipv4: '172.16.100.254' },
    { network: 'mac_net2', ipv4: '172.16.20.254' },
  ];
  await host.docker.createContainer({ name: 'router', image: 'busybox', attachments });
  await host.docker.startContainer('router');
  const world = both(
    await inside(host, 'box1', [eth({})], { routes: head + byDefault(gateway) + connected, by: [gateway] }),
    await inside(host, 'router', [], { forward }),
  );
  return await sceneOn(host, [network()], ['box1'], world);
}

test('container: one that others route over and that does not forward is found, though it was not asked about', async () => {
  const { findings } = await examine(containerExaminer, await routing('0', '172.16.100.254'));
  expect(findings).toMatchObject([
    {
      code: 'not-forwarding',
      subject: 'container router',
      message: 'container router does not forward, and box1 routes over it',
      evidence: ['net.ipv4.ip_forward inside router: 0', 'ip route show inside box1: via 172.16.100.254'],
    },
  ]);
});

test.each([
  { name: 'it forwards', forward: '1', gateway: '172.16.100.254' },
  { name: 'nobody routes over it', forward: '0', gateway: '172.16.100.1' },
])('container: one on two networks is no finding where $name', async ({ forward, gateway }) => {
  const { findings } = await examine(containerExaminer, await routing(forward, gateway));
  expect(findings).toEqual([]);
});

test('container: not looked, where Docker or the kernel inside does not answer', async () => {
  const host = await boxHost();
  // nsenter is not installed.
  await expect(examine(containerExaminer, await sceneOn(host, [network()], ['box1']))).rejects.toThrow(
    /inside box1: nsenter .*not installed/,
  );
  host.docker.setReachable(false);
  await expect(examine(containerExaminer, await sceneOn(host, [network()], ['box1']))).rejects.toThrow(
    /docker/,
  );
});
