import type { HostFinding } from '@trunkline/contracts';
import { formatIp, tryParseIp, type Family, type Ip } from '@trunkline/netaddr';
import { plainIp } from '../observation/marks.ts';
import { isLossy, type Traffic, type TriedPing } from './examiner.ts';
import { obstacleFindings, type Obstacles } from './container-obstacles.ts';
import { interfaceFindings, isInSubnetOf, linkAt } from './container-place.ts';
import type { Inside, Place } from './container-inside.ts';

/** The way that a packet takes from a container. */
export interface Way {
  /** Name of the interface inside. */
  readonly link: string;
  readonly gateway: string | null;
  /** Nobody has answered for the gateway. */
  readonly isSilent: boolean;
}

/** What is known of the ways out of a container. */
export interface Ways {
  /** Echo requests that it sent. */
  readonly pings: readonly TriedPing[];
  /** Of addresses that were lost, the way there; null: there is none. */
  readonly to: ReadonlyMap<string, Way | null>;
  /** Of addresses that were lost, what somebody set inside the container that keeps packets from them. */
  readonly obstacles: ReadonlyMap<string, Obstacles>;
  /** A gateway of an IPv4 default route that is none of its networks, and that nobody has; null: none. */
  readonly silentGateway: string | null;
  /** Interfaces of its IPv4 default routes, the best first. */
  readonly defaults: readonly string[];
}

/** Reads `ip -json route get` (ip-route(8)); null where there is no way. Who has the gateway is looked up by `isSilent`. */
export function wayOf(stdout: string): Omit<Way, 'isSilent'> | null {
  const [entry] = JSON.parse(stdout.trim() || '[]') as {
    type?: string;
    dev?: string;
    gateway?: string;
    via?: { host?: string };
  }[];
  if (entry?.dev === undefined || /unreachable|blackhole|prohibit/.test(entry.type ?? '')) return null;
  return { link: entry.dev, gateway: entry.gateway ?? entry.via?.host ?? null };
}

/** Whether `ip -json neigh show to` shows that the kernel has asked for an address and nobody has answered (ip-neighbour(8)). */
export function isUnanswered(stdout: string): boolean {
  const entries = JSON.parse(stdout.trim() || '[]') as { lladdr?: string; state?: string[] }[];
  return (
    entries.length > 0 &&
    entries.every(
      ({ lladdr, state }) =>
        lladdr === undefined && state?.some((one) => one === 'FAILED' || one === 'INCOMPLETE') === true,
    )
  );
}

/** Where packets of a container leave by another way than its networks have, or by none. Pure. */
export function wayFindings(inside: Inside, ways: Ways): readonly HostFinding[] {
  // Routes go with the interface and the address that they lean on, which is found by itself.
  const sound = inside.places.filter(
    (place) =>
      linkAt(place, inside.links) !== undefined && interfaceFindings(place, inside, false).length === 0,
  );
  if (sound.length < inside.places.length || sound.length === 0) return [];
  const lost = ways.pings.filter(isLossy);
  const blocked = lost.flatMap(({ ping }) => {
    const obstacles = ways.obstacles.get(ping.address);
    return obstacles === undefined ? [] : obstacleFindings(inside.name, ping.address, obstacles);
  });
  if (blocked.length > 0) return blocked.slice(0, 4);
  const strayed = lost.flatMap(({ ping }) => {
    const ip = tryParseIp(ping.address);
    const way = ways.to.get(ping.address);
    return ip === undefined || way === undefined ? [] : strayOf(inside, ip, way);
  });
  if (strayed.length > 0) return strayed.slice(0, 1);
  if (ways.silentGateway !== null) return [otherGateway(inside, ways.silentGateway)];
  const allCame = ways.pings.length > 0 && lost.length === 0;
  return ways.defaults.length === 0 && !allCame ? withoutDefault(inside) : [];
}

function strayOf(inside: Inside, ip: Ip, way: Way | null): HostFinding[] {
  const { name, places, links } = inside;
  const near = places.filter((place) => isInSubnetOf(place, ip));
  const gateways = gatewaysOf(places, ip.family);
  const target = formatIp(ip);
  if (way !== null && isRight(way, near.length > 0 ? near : places, links, gateways)) return [];
  const evidence = [
    `ip route get ${target} inside ${name}: ${way === null ? 'unreachable' : shown(way)}`,
    ...(way?.isSilent === true
      ? [`ip neigh show ${way.gateway} inside ${name}: nobody has answered for it`]
      : []),
    `gateways of its networks: ${gateways.join(', ') || 'none'}`,
  ];
  const message =
    way === null
      ? `container ${name} has no route to ${target}${near.length === 0 && gateways.length === 0 ? ', and its networks have no gateway' : ''}`
      : `packets of container ${name} to ${target} leave ${shown(way)}, and not ${near.length > 0 ? 'on the network that has this address' : `by the gateway ${gateways.join(', ') || 'of a network of this diagnosis'}`}`;
  return [found(name, message, evidence, gateways[0])];
}

/** Over the interface of one of these places: by a gateway of its networks, or by another that answers, such as a container that routes. */
function isRight(
  { link, gateway, isSilent }: Way,
  places: readonly Place[],
  links: Inside['links'],
  gateways: readonly string[],
): boolean {
  if (!places.some((place) => linkAt(place, links)?.name === link)) return false;
  return gateway === null || gateways.includes(plainIp(gateway)) || !isSilent;
}

function withoutDefault({ name, places }: Inside): HostFinding[] {
  const gateways = gatewaysOf(
    places.filter(({ endpoint }) => endpoint.ipv4 !== null),
    4,
  );
  if (gateways.length === 0) return [];
  const evidence = [
    `ip route show default inside ${name}: none`,
    `gateways of its networks: ${gateways.join(', ')}`,
  ];
  const message = `container ${name} has no default route, though its network has the gateway ${gateways[0]}`;
  return [found(name, message, evidence, gateways[0])];
}

function otherGateway({ name, places }: Inside, gateway: string): HostFinding {
  const gateways = gatewaysOf(places, 4);
  const evidence = [
    `ip route show default inside ${name}: via ${gateway}`,
    `ip neigh show ${gateway} inside ${name}: nobody has answered for it`,
    `gateways of its networks: ${gateways.join(', ')}`,
  ];
  const message = `the default route of container ${name} leads to ${gateway}, which nobody has, and not to the gateway ${gateways.join(', ')}`;
  return found(name, message, evidence, gateways[0]);
}

const found = (
  name: string,
  message: string,
  evidence: readonly string[],
  gateway: string | undefined,
): HostFinding => ({
  code: 'default-route-elsewhere',
  subject: `container ${name}`,
  message,
  evidence: [...evidence],
  remedy:
    gateway === undefined
      ? 'give the network a gateway, or the container a network that has this address'
      : `docker restart ${name}; where the route comes back wrong, put the network whose gateway it should use first among its attachments, or give it the highest gateway priority (Engine 28)`,
});

function shown({ link, gateway }: Way): string {
  return gateway === null ? `over ${link}` : `over ${link} by ${gateway}`;
}

/** Gateways of an IP version that the networks of the diagnosis give to containers. */
export function gatewaysOf(places: readonly Place[], family: Family): readonly string[] {
  return places.flatMap(({ docker, network }) => {
    if (docker?.internal ?? network?.internal ?? false) return [];
    return (network?.subnets ?? docker?.subnets ?? []).flatMap(({ gateway }) => {
      const ip = gateway === null ? undefined : tryParseIp(gateway);
      return ip?.family === family ? [formatIp(ip)] : [];
    });
  });
}

/** That a container gets no answer to packets as large as the MTU. Pure. */
export function cutFinding({ from, to, ping, size }: TriedPing): HostFinding[] {
  if (size === null || size.passed >= size.mtu) return [];
  return [
    {
      code: 'packets-cut',
      subject: `container ${from}`,
      message: `container ${from} reaches ${to} at ${ping.address}, but not with packets as large as the MTU`,
      evidence: [
        `ping -M do inside ${from}: packets of ${size.mtu} bytes are not answered, ${size.passed === 0 ? 'nor is any smaller size that was tried' : `packets of ${size.passed} are`}`,
      ],
      remedy: `look for what drops or cannot carry large packets between ${from} and ${to}: a rule of a firewall, or an MTU on the path`,
    },
  ];
}

/** That the host does not reach a container of a network with host access. Pure. */
export const unreachedFromHost = ({ container, ping }: Traffic['hostPings'][number]): HostFinding => ({
  code: 'no-answer',
  subject: `container ${container}`,
  message: `this host does not reach its container ${container} at ${ping.address}, though the network has host access`,
  evidence: [ping.error ?? `ping ${ping.address} from this host: ${ping.received} of ${ping.sent} answered`],
  remedy: 'mend what stands before it in the list; GET /v1/placements says whether host access is set up',
});

/** A container that others of this host route over, and that does not forward. Pure. */
export function notForwarding(
  name: string,
  users: readonly { readonly name: string; readonly by: string }[],
): HostFinding {
  const names = users.map((user) => user.name).join(', ');
  return {
    code: 'not-forwarding',
    subject: `container ${name}`,
    message: `container ${name} does not forward, and ${names} ${users.length === 1 ? 'routes' : 'route'} over it`,
    evidence: [
      `net.ipv4.ip_forward inside ${name}: 0`,
      ...users.slice(0, 16).map((user) => `ip route show inside ${user.name}: via ${user.by}`),
    ],
    remedy: `run ${name} with --sysctl net.ipv4.ip_forward=1`,
  };
}
