import { cidrContains, formatIp, tryParseIp, type Cidr, type Ip } from '@trunkline/netaddr';
import { fleetNames, type NamedOne, type NetworkNames } from '../names/names-plan.ts';
import { cidrsOf, reverseName } from './reverse.ts';

/** What the responder is to know of a network with names. */
export interface ZoneNetwork extends NetworkNames {
  /** CIDRs of its subnets. */
  readonly subnets: readonly string[];
  /** All of its names are known: one that is not among them does not exist. */
  readonly isComplete: boolean;
}

/** What a name has. One without anything stands above other names (RFC 8020). */
export interface ZoneNode {
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  /** Names of all containers behind the name, the one that it means first. */
  readonly members: readonly string[];
  /** Names of an address. */
  readonly pointers: readonly string[];
}

/** All names that the responder answers for. */
export interface Zone {
  /** Name of the zone in lower case, without a final dot. */
  readonly name: string;
  /** Rises with each content (RFC 1035 section 3.3.13). */
  readonly serial: number;
  /** By name in lower case, without a final dot. */
  readonly nodes: ReadonlyMap<string, ZoneNode>;
  readonly subnets: readonly Cidr[];
  /** Names below which there may be more than is known. */
  readonly incomplete: { readonly names: readonly string[]; readonly subnets: readonly Cidr[] };
  /** False: not even the networks are known. */
  readonly isKnown: boolean;
}

/** Containers of one name, or names of one address, that an answer has at most. Keeps all answers below 64 KiB. */
export const maxRecords = 64;

const emptyNode: ZoneNode = { ipv4: [], ipv6: [], members: [], pointers: [] };

/**
 * The zone of these networks: `<container>.<network>.<zone>`, aliases in the place of the container, and the names of addresses.
 * Each name leads to one container, as {@link fleetNames} decides. An address leads to a name that leads back to it, so a container whose
 * name is another one's has none. What does not fit into a DNS name (RFC 1035 section 2.3.4) is left out. Null for networks: they are not known
 * yet. Pure.
 */
export function zoneOf(networks: readonly ZoneNetwork[] | null, zone: string, serial: number): Zone {
  const name = zone.toLowerCase();
  const nodes = new Map<string, ZoneNode>();
  const put = (owner: string, node: ZoneNode): void => {
    nodes.set(owner, node);
    for (let above = parentOf(owner); above !== null && !nodes.has(above); above = parentOf(above))
      nodes.set(above, emptyNode);
  };
  put(name, emptyNode);
  const known = (networks ?? []).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const network of known) put(`${network.name.toLowerCase()}.${name}`, emptyNode);
  const owners = known.flatMap((network) =>
    fleetNames(network).map((one) => ({ ...one, owner: `${one.name}.${network.name}.${name}` })),
  );
  const taken = new Map<string, (typeof owners)[number]>();
  const found = new Map<NamedOne, Found>();
  for (const one of owners) {
    const key = one.owner.toLowerCase();
    // A container `a.b` of the network `c` and a container `a` of the network `b.c` have one name: the first network's stays.
    if (!fitsDns(one.owner) || taken.has(key)) continue;
    taken.set(key, one);
    if (!found.has(one.ones[0])) found.set(one.ones[0], { owner: one.owner, ...addressesOf(one.ones[0]) });
  }
  for (const [key, { ones }] of taken) {
    const { ipv4 = [], ipv6 = [] } = found.get(ones[0]) ?? {};
    const members = ones.flatMap((one) => found.get(one)?.owner ?? []).slice(0, maxRecords);
    put(key, { ipv4, ipv6, members, pointers: [] });
  }
  for (const { owner, ips } of found.values()) {
    for (const ip of ips) {
      const pointer = reverseName(ip);
      const before = nodes.get(pointer)?.pointers ?? [];
      put(pointer, { ...emptyNode, pointers: [...before, owner].slice(0, maxRecords) });
    }
  }
  const unfinished = known.filter(({ isComplete }) => !isComplete);
  return {
    name,
    serial,
    nodes,
    subnets: cidrsOf(known.flatMap(({ subnets }) => subnets)),
    incomplete: {
      names: unfinished.map((network) => `${network.name.toLowerCase()}.${name}`),
      subnets: cidrsOf(unfinished.flatMap(({ subnets }) => subnets)),
    },
    isKnown: networks !== null,
  };
}

/** Whether a name is the other one, or below it; both in lower case. */
export const isWithin = (name: string, above: string): boolean =>
  name === above || name.endsWith(`.${above}`);

/** Whether a name that is not in the zone may exist all the same. Pure. */
export function mayExist({ incomplete, isKnown }: Zone, name: string, block: Cidr | null): boolean {
  if (!isKnown) return true;
  if (block === null) return incomplete.names.some((above) => isWithin(name, above));
  return incomplete.subnets.some((subnet) =>
    cidrContains(subnet, { family: block.family, value: block.base }),
  );
}

function parentOf(name: string): string | null {
  const dot = name.indexOf('.');
  return dot === -1 ? null : name.slice(dot + 1);
}

const fitsDns = (name: string): boolean =>
  name.length <= 253 && name.split('.').every((label) => label.length >= 1 && label.length <= 63);

/** A container that a name leads to. */
interface Found extends Pick<ZoneNode, 'ipv4' | 'ipv6'> {
  /** The strongest of its names. */
  readonly owner: string;
  readonly ips: readonly Ip[];
}

function addressesOf({ ipv4, ipv6 }: NamedOne): Omit<Found, 'owner'> {
  const ips = [ipv4, ipv6].flatMap((text) => (text === null ? [] : (tryParseIp(text) ?? [])));
  const of = (family: Ip['family']): string[] => ips.filter((ip) => ip.family === family).map(formatIp);
  return { ips, ipv4: of(4), ipv6: of(6) };
}
