import { cidrAround, cidrContains, formatIp, parseIp, tryParseIp, type Ip } from '@trunkline/netaddr';
import type { RunCommand } from './command.ts';
import { assertInterfaceName } from './interface-name.ts';
import { inContainerNetwork } from './namespace.ts';
import { batch, hostRouteMetric } from './shim-routes.ts';

/** How a container reaches one address of its host. */
export interface ContainerHostRoute {
  /** The address of the host, in canonical form. */
  readonly ip: string;
  /** Name of the interface inside. */
  readonly link: string;
  /** The neighbour that has the address, lower case; null: none is set. */
  readonly mac: string | null;
}

/** What a container's network namespace shows of the way to its host. */
export interface ContainerHostAccess {
  /** The routes that the agent has set. */
  readonly routes: readonly ContainerHostRoute[];
  /** The name inside of the interface that has an address on a subnet; null where none has. */
  readonly linkOf: (ip: string) => string | null;
}

/** What the agent changes of a container's routes to its host. */
export interface ContainerHostRouteChange {
  readonly set: readonly (ContainerHostRoute & { readonly mac: string })[];
  readonly remove: readonly Pick<ContainerHostRoute, 'ip' | 'link'>[];
}

/**
 * /proc shows IPv4 neighbours only, and an interface loses those of both versions together (net/core/neighbour.c,
 * `neigh_changeaddr`). So this one, an address that nobody has (RFC 7600), shows on its interface that the IPv6 neighbours are
 * there. No route leads to it.
 */
const ipv6Witness = '192.0.0.8';

/**
 * The agent's routes to the host in the network namespace of a process, from `/proc/<pid>/net` (proc_pid_net(5)). Null when
 * the process is gone.
 */
export async function readContainerHostAccess(
  pid: number,
  readFile: (path: string) => Promise<string>,
): Promise<ContainerHostAccess | null> {
  const orNothing = (file: string): Promise<string> => readFile(`/proc/${pid}/net/${file}`).catch(() => '');
  const [route, arp, route6, inet6] = await Promise.all([
    readFile(`/proc/${pid}/net/route`).catch(() => null),
    orNothing('arp'),
    orNothing('ipv6_route'),
    orNothing('if_inet6'),
  ]);
  if (route === null) return null;
  const routes4 = readRoutes(route);
  const neighbours = readNeighbours(arp);
  const addresses6 = readAddresses6(inet6);
  return {
    routes: [
      ...routes4
        .filter(({ prefix, metric, direct }) => prefix === 32 && direct && metric === hostRouteMetric)
        .map(({ ip, link }) => ({
          ip: formatIp(ip),
          link,
          mac: neighbours.get(`${formatIp(ip)} ${link}`) ?? null,
        })),
      ...readRoutes6(route6, neighbours),
    ],
    linkOf: (text) => {
      const ip = tryParseIp(text);
      if (ip === undefined) return null;
      if (ip.family === 6) return addresses6.get(formatIp(ip)) ?? null;
      const own = routes4
        .filter(({ prefix, direct, metric }) => direct && prefix > 0 && metric !== hostRouteMetric)
        .toSorted((a, b) => b.prefix - a.prefix);
      return own.find((one) => cidrContains(cidrAround(one.ip, one.prefix), ip))?.link ?? null;
    },
  };
}

interface Route4 {
  readonly ip: Ip;
  readonly prefix: number;
  readonly metric: number;
  readonly link: string;
  /** Without a gateway. */
  readonly direct: boolean;
}

/** Addresses are hexadecimal words in the byte order of the machine, little-endian on all that Docker runs on. */
function readRoutes(text: string): readonly Route4[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [link, destination, gateway, , , , metric, mask] = line.trim().split(/\s+/);
      const ip = ipv4OfWord(destination);
      const bits = Number.parseInt(mask ?? '', 16);
      if (link === undefined || ip === undefined || Number.isNaN(bits)) return [];
      const prefix = bits.toString(2).replaceAll('0', '').length;
      return [{ ip, prefix, metric: Number(metric), link, direct: gateway === '00000000' }];
    });
}

function ipv4OfWord(word: string | undefined): Ip | undefined {
  const octets = /^[0-9a-f]{8}$/i.test(word ?? '') ? word?.match(/../g)?.toReversed() : undefined;
  return octets === undefined
    ? undefined
    : tryParseIp(octets.map((octet) => Number.parseInt(octet, 16)).join('.'));
}

/** Permanent neighbours (ATF_PERM, include/uapi/linux/if_arp.h), by `address link`. */
function readNeighbours(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('\n').flatMap((line): [string, string][] => {
      const [ip = '', , flags, mac, , link] = line.trim().split(/\s+/);
      const isPermanent = (Number.parseInt(flags ?? '', 16) & 0x04) !== 0;
      if (!isPermanent || mac === undefined || link === undefined) return [];
      return [[`${ip} ${link}`, mac.toLowerCase()]];
    }),
  );
}

function readRoutes6(text: string, neighbours: ReadonlyMap<string, string>): readonly ContainerHostRoute[] {
  return text.split('\n').flatMap((line) => {
    const [destination, prefix, , , gateway, metric, , , , link] = line.trim().split(/\s+/);
    const ip = ipv6OfDigits(destination);
    if (ip === undefined || link === undefined || prefix !== '80') return [];
    if (!/^0{32}$/.test(gateway ?? '') || Number.parseInt(metric ?? '', 16) !== hostRouteMetric) return [];
    return [{ ip: formatIp(ip), link, mac: neighbours.get(`${ipv6Witness} ${link}`) ?? null }];
  });
}

function readAddresses6(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('\n').flatMap((line): [string, string][] => {
      const [digits, , , , , link] = line.trim().split(/\s+/);
      const ip = ipv6OfDigits(digits);
      return ip === undefined || link === undefined ? [] : [[formatIp(ip), link]];
    }),
  );
}

function ipv6OfDigits(digits: string | undefined): Ip | undefined {
  if (digits === undefined || !/^[0-9a-f]{32}$/.test(digits)) return undefined;
  return parseIp(digits.replaceAll(/(.{4})(?!$)/g, '$1:'));
}

/**
 * Removes and sets routes to the host in the network namespace of a process. A neighbour comes before its route, and goes before
 * it: what is left by an agent that was killed shows as a route. Of an interface that loses IPv6 routes, all that stay are to be set
 * again. Fails as `run` does, also when the process is gone; what is to be removed may be gone.
 */
export async function changeContainerHostRoutes(
  run: RunCommand,
  pid: number,
  { set, remove }: ContainerHostRouteChange,
): Promise<void> {
  for (const { link } of [...set, ...remove]) assertInterfaceName(link);
  const inside = inContainerNetwork(run, pid);
  if (remove.length > 0) {
    const lines = remove.flatMap(({ ip, link }) => [
      ...(ip.includes(':') ? [`neigh del ${ipv6Witness} dev ${link}`] : []),
      `neigh del ${ip} dev ${link}`,
      `route del ${ip} dev ${link} metric ${hostRouteMetric}`,
    ]);
    await batch(inside, lines, 'tolerant');
  }
  if (set.length > 0) {
    const lines = set.flatMap(({ ip, link, mac }) => [
      `neigh replace ${ip} lladdr ${mac} dev ${link} nud permanent`,
      // After what it stands for.
      ...(ip.includes(':') ? [`neigh replace ${ipv6Witness} lladdr ${mac} dev ${link} nud permanent`] : []),
      `route replace ${ip} dev ${link} metric ${hostRouteMetric}`,
    ]);
    await batch(inside, lines);
  }
}
