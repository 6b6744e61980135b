import type { HostFinding } from '@trunkline/contracts';
import { cidrAround, cidrContains, tryParseIp } from '@trunkline/netaddr';
import { parseLinks } from '../host/ip-json.ts';
import { list, record, text } from '../host/json-read.ts';
import type { Link } from '../host/links.ts';
import { createSlots } from '../lib/slots.ts';
import { isLossy, type Examiner, type Traffic } from './examiner.ts';
import { containerPlaces, hostPlace, ownGateways, type Place } from './places.ts';
import type { Scene } from './scene.ts';
import {
  isAnsweredFor,
  parseSettings,
  settingFiles,
  tcpExtCounter,
  type SysctlSettings,
} from './sysctl-settings.ts';

/** Namespaces that are looked at at once. */
const atOnce = 4;

/** A place with the addresses that others on the wire ask for there. */
interface Subject extends Place {
  /** The container; null: the host, which is the gateway of a network. */
  readonly container: string | null;
  readonly addresses: readonly Asked[];
}

interface Asked {
  readonly address: string;
  readonly prefixLength: number;
  readonly isIpv6: boolean;
  /** MAC of the interface that has it; null: not known. */
  readonly mac: string | null;
}

/** Settings of the kernel inside the containers, and of a host that routes for them, that leave packets unanswered. */
export const sysctlExaminer: Examiner = {
  area: 'sysctl',
  begin: async (scene) => {
    const subjects = [...hostSubject(scene), ...containerSubjects(scene)];
    const before = await lookAtAll(subjects, scene);
    return async (traffic) => {
      const after = await Promise.all(subjects.map(async (subject) => await countIn(subject, scene)));
      const detours = await Promise.all(before.map(async (look) => await detoursOf(look, traffic, scene)));
      const findings = before.flatMap((look, at) =>
        findingsOf(look, { ...(after[at] ?? look.counters), detours: detours[at] ?? [] }, traffic),
      );
      const containers = subjects.filter(({ container }) => container !== null).length;
      const host = containers < subjects.length ? 'this host, which is a gateway, and ' : '';
      return {
        findings,
        detail: `rp_filter, arp_ignore, arp_filter, disable_ipv6 and icmp_echo_ignore_all of ${host}${containers} ${containers === 1 ? 'container' : 'containers'}`,
      };
    };
  },
};

interface Counters {
  /** Packets that reverse path filtering dropped. */
  readonly filtered: number;
  /** ARP requests that arp_filter left unanswered. */
  readonly arpFiltered: number;
}

interface Look {
  readonly subject: Subject;
  readonly links: readonly Link[];
  readonly settings: SysctlSettings;
  readonly counters: Counters;
}

/** A neighbour that answers would leave to by another interface than the one in whose subnet it is. */
interface Detour {
  readonly address: string;
  /** The interface in whose subnet it is. */
  readonly near: string;
  /** The interface of the route to it. */
  readonly way: string;
}

/** What is seen after the traffic. */
type After = Counters & { readonly detours: readonly Detour[] };

async function lookAtAll(subjects: readonly Subject[], scene: Scene): Promise<readonly Look[]> {
  const slot = createSlots(atOnce);
  return await Promise.all(subjects.map((subject) => slot(() => lookAt(subject, scene))));
}

async function lookAt(subject: Subject, scene: Scene): Promise<Look> {
  const { signal } = scene;
  const shown = await subject.run('ip', ['-json', '-details', 'address', 'show'], { signal });
  const links = parseLinks(shown.stdout).filter(({ name }) => name !== 'lo');
  const names = links.map(({ name }) => name);
  // /proc/sys/net shows the network of who reads it. 1 and 2: none of them, or not all, is there (grep(1)).
  const read = await subject.run('grep', ['-Hs', '.', ...settingFiles(names)], {
    signal,
    acceptCodes: [0, 1, 2],
  });
  const settings = parseSettings(read.stdout, names);
  return { subject, links, settings, counters: await countIn(subject, scene) };
}

async function countIn({ procNet }: Subject, { readFile }: Scene): Promise<Counters> {
  const netstat = await readFile(`${procNet}/netstat`);
  return {
    filtered: tcpExtCounter(netstat, 'IPReversePathFilter'),
    arpFiltered: tcpExtCounter(netstat, 'ArpFilter'),
  };
}

/** Of neighbours that did not answer a ping of the container. The kernel counts no ARP request that rp_filter leaves unanswered. */
async function detoursOf(
  { subject, links }: Look,
  { pings }: Traffic,
  { signal }: Scene,
): Promise<readonly Detour[]> {
  const lost = pings.filter(({ from, ping }) => from === subject.container && isLossy({ ping }));
  const addresses = [...new Set(lost.map(({ ping }) => ping.address))];
  const found = await Promise.all(
    addresses.map(async (address): Promise<Detour[]> => {
      const near = links.find((link) => isIn(address, link));
      if (near === undefined) return [];
      // 2: there is no route at all (ip(8)).
      const { stdout } = await subject.run('ip', ['-json', 'route', 'get', address], {
        signal,
        acceptCodes: [0, 1, 2],
      });
      const way = stdout.trim() === '' ? null : text(record(list(JSON.parse(stdout))[0])['dev']);
      return way === null || way === near.name ? [] : [{ address, near: near.name, way }];
    }),
  );
  return found.flat();
}

function isIn(address: string, { addresses }: Link): boolean {
  const ip = tryParseIp(address);
  return addresses.some((own) => {
    const base = tryParseIp(own.address);
    return ip !== undefined && base !== undefined && cidrContains(cidrAround(base, own.prefixLength), ip);
  });
}

function hostSubject(scene: Scene): readonly Subject[] {
  const gateways = ownGateways(scene);
  if (gateways.size === 0) return [];
  const addresses = scene.observed.links.flatMap(({ mac, addresses: own }) =>
    own.flatMap(({ address, prefixLength, family }): Asked[] =>
      gateways.has(address) ? [{ address, prefixLength, mac, isIpv6: family === 6 }] : [],
    ),
  );
  return [{ ...hostPlace(scene), container: null, addresses }];
}

function containerSubjects(scene: Scene): readonly Subject[] {
  const names = new Set(scene.networks.map(({ network }) => network.name));
  return containerPlaces(scene).map((place) => ({
    ...place,
    container: place.name,
    addresses: place.detail.endpoints
      .filter(({ networkName }) => names.has(networkName))
      .flatMap(({ ipv4, ipv4PrefixLength, ipv6, ipv6PrefixLength, mac }): Asked[] => [
        ...(ipv4 === null
          ? []
          : [{ address: ipv4, prefixLength: ipv4PrefixLength ?? 32, isIpv6: false, mac }]),
        ...(ipv6 === null
          ? []
          : [{ address: ipv6, prefixLength: ipv6PrefixLength ?? 128, isIpv6: true, mac }]),
      ]),
  }));
}

function findingsOf(look: Look, after: After, traffic: Traffic): readonly HostFinding[] {
  const { container } = look.subject;
  const own = traffic.pings.filter(({ from }) => from === container);
  const isTried = container !== null && traffic.pings.some(({ from, to }) => [from, to].includes(container));
  // What a container drops that sends nothing here is of somebody else.
  const isLost = container === null ? traffic.isLost : own.some(isLossy);
  return [
    ...(isLost ? sourceFiltered(look, after) : []),
    ...arpIgnored(look),
    ...(isLost ? arpFiltered(look, after) : []),
    ...ipv6Disabled(look),
    ...(isTried ? echoIgnored(look, own.some(({ ping }) => ping.address.includes(':')) ? [4, 6] : [4]) : []),
  ];
}

/** A setting as it counts (kernel ip-sysctl): the highest of that of `all` and of the interface. */
function highest(
  { interfaces }: SysctlSettings,
  name: string,
  setting: 'rpFilter' | 'arpIgnore' | 'arpFilter',
): number {
  return Math.max(interfaces.get('all')?.[setting] ?? 0, interfaces.get(name)?.[setting] ?? 0);
}

/** `net.ipv4.conf.all.arp_ignore = 8` of those of `all` and the interface that are not 0. */
function written(
  { interfaces }: SysctlSettings,
  name: string,
  setting: 'rpFilter' | 'arpIgnore' | 'arpFilter',
): readonly { readonly key: string; readonly value: number }[] {
  const file = { rpFilter: 'rp_filter', arpIgnore: 'arp_ignore', arpFilter: 'arp_filter' }[setting];
  return ['all', name].flatMap((one) => {
    const value = interfaces.get(one)?.[setting] ?? 0;
    return value === 0 ? [] : [{ key: `net.ipv4.conf.${one}.${file}`, value }];
  });
}

const lines = (settings: ReturnType<typeof written>): string[] =>
  settings.map(({ key, value }) => `${key} = ${value}`);
const reset = ({ prefix }: Place, settings: ReturnType<typeof written>, value: number): string =>
  `${prefix}sysctl -w ${settings.map(({ key }) => `${key}=${value}`).join(' ')}`;

function sourceFiltered({ subject, links, settings, counters }: Look, after: After): HostFinding[] {
  const strict = links.map(({ name }) => name).filter((name) => highest(settings, name, 'rpFilter') === 1);
  const detours = after.detours.filter(({ near }) => strict.includes(near));
  const count = after.filtered - counters.filtered;
  if (strict.length === 0 || (count <= 0 && detours.length === 0)) return [];
  const set = writtenOfAll(settings, strict, 'rpFilter');
  return [
    {
      code: 'source-filtered',
      subject: `rp_filter${subject.words}`,
      message: `reverse path filtering${subject.words} drops packets: an answer to them would leave by another interface than they come in by`,
      evidence: [
        ...lines(set),
        ...detours.map(
          ({ address, near, way }) =>
            `${address} is in the subnet of ${near}, and the route to it leaves by ${way}`,
        ),
        ...counted('IPReversePathFilter', subject, counters.filtered, after.filtered),
      ],
      remedy: `mend the routes, or make it loose: ${reset(subject, set, 2)}`,
    },
  ];
}

function counted(name: string, { procNet }: Place, before: number, after: number): readonly string[] {
  return after > before
    ? [`${name} of ${procNet}/netstat: ${before} before the traffic of this diagnosis, ${after} after it`]
    : [];
}

/** Those of several interfaces, each once. */
function writtenOfAll(
  settings: SysctlSettings,
  names: readonly string[],
  setting: 'rpFilter' | 'arpFilter',
): ReturnType<typeof written> {
  const set = names.flatMap((name) => written(settings, name, setting));
  return set.filter(({ key }, at) => set.findIndex((one) => one.key === key) === at);
}

function arpIgnored({ subject, links, settings }: Look): HostFinding[] {
  return subject.addresses.flatMap((asked): HostFinding[] => {
    const link = asked.isIpv6 ? undefined : linkOf(asked, links);
    if (link === undefined) return [];
    const value = highest(settings, link.name, 'arpIgnore');
    if (isAnsweredFor(value, link, asked)) return [];
    const set = written(settings, link.name, 'arpIgnore');
    return [
      {
        code: 'arp-not-answered',
        subject: `arp_ignore of ${link.name}${subject.words}`,
        message: `nobody learns who has ${asked.address}: arp_ignore is ${value} on ${link.name}${subject.words}, so ARP requests for it are not answered`,
        evidence: lines(set),
        remedy: reset(subject, set, 0),
      },
    ];
  });
}

/** An interface by its MAC, else by the address. */
const linkOf = ({ mac, address }: Asked, links: readonly Link[]): Link | undefined =>
  links.find((link) => mac !== null && link.mac === mac.toLowerCase()) ??
  links.find(({ addresses }) => addresses.some((one) => one.address === address));

function arpFiltered({ subject, links, settings, counters }: Look, after: After): HostFinding[] {
  const count = after.arpFiltered - counters.arpFiltered;
  const filtering = links
    .map(({ name }) => name)
    .filter((name) => highest(settings, name, 'arpFilter') === 1);
  if (count <= 0 || filtering.length === 0) return [];
  const set = writtenOfAll(settings, filtering, 'arpFilter');
  return [
    {
      code: 'arp-not-answered',
      subject: `arp_filter${subject.words}`,
      message: `arp_filter${subject.words} left ${count} ARP requests unanswered: the answer would leave by another interface`,
      evidence: [...lines(set), ...counted('ArpFilter', subject, counters.arpFiltered, after.arpFiltered)],
      remedy: `mend the routes, or: ${reset(subject, set, 0)}`,
    },
  ];
}

function ipv6Disabled({ subject, links, settings }: Look): HostFinding[] {
  return subject.addresses.flatMap((asked): HostFinding[] => {
    const link = asked.isIpv6 ? linkOf(asked, links) : undefined;
    if (link === undefined || settings.interfaces.get(link.name)?.disableIpv6 !== 1) return [];
    const key = `net.ipv6.conf.${link.name}.disable_ipv6`;
    return [
      {
        code: 'ipv6-disabled',
        subject: `disable_ipv6 of ${link.name}${subject.words}`,
        message: `IPv6 is off on ${link.name}${subject.words}, which should have ${asked.address}`,
        evidence: [`${key} = 1`],
        remedy: `run the container without that sysctl, or set ${key} to 0 (${subject.prefix}sysctl -w ${key}=0) and start it again, since its address went with it`,
      },
    ];
  });
}

function echoIgnored({ subject, settings }: Look, families: readonly (4 | 6)[]): HostFinding[] {
  return settings.echoIgnored
    .filter(({ family }) => families.includes(family))
    .map(({ name }) => ({
      code: 'echo-ignored' as const,
      subject: `${name.split('.').at(-1)}${subject.words}`,
      message: `pings are not answered${subject.words}, as its kernel is set; other traffic may pass`,
      evidence: [`${name} = 1`],
      remedy: `${subject.prefix}sysctl -w ${name}=0`,
    }));
}
