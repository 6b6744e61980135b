import { isHostsName } from '@trunkline/contracts';
import { formatIp, tryParseIp } from '@trunkline/netaddr';
import type { HostsLine } from './hosts-file.ts';

/** A container that runs on a network, on this host or on another. */
export interface NamedOne {
  readonly host: string;
  /** It runs on this host. */
  readonly isOwn: boolean;
  readonly name: string;
  readonly aliases: readonly string[];
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  /** Since when it runs, milliseconds since 1970. */
  readonly since: number;
}

/** A network with names, and all that runs on it. */
export interface NetworkNames {
  readonly id: string;
  readonly name: string;
  readonly containers: readonly NamedOne[];
}

/** What the hosts file of a container on some networks has. */
export interface NamesFile {
  readonly lines: readonly HostsLine[];
  /** Lines that did not fit. */
  readonly cut: number;
}

/** A name that two containers of a network go by, the one that this host takes first. */
export interface SharedName {
  readonly name: string;
  readonly containers: readonly Pick<NamedOne, 'host' | 'name'>[];
}

/** Bounds of one block: a C library reads all of it for each name that it looks up. */
export const maxLines = 4096;
export const maxBytes = 256 * 1024;

/** In what way a container goes by a name; the lower, the stronger. */
const ranks = { name: 0, qualified: 1, alias: 2, qualifiedAlias: 3 } as const;

interface Claim {
  readonly name: string;
  readonly rank: number;
  /** Place of the network among those of the file. */
  readonly network: number;
  readonly one: NamedOne;
}

/**
 * The block of a container on these networks. Each name leads to one container: one of this host before others, a container's own
 * name before an alias, then the one that runs longest. Pure.
 */
export function namesFile(networks: readonly NetworkNames[]): NamesFile {
  const claims = networks.flatMap((network, at) => claimsOn(network, at)).toSorted(byPrecedence);
  const taken = new Set<string>();
  const perContainer = new Map<NamedOne, string[]>();
  for (const { name, one } of claims) {
    const key = name.toLowerCase();
    if (taken.has(key)) continue;
    taken.add(key);
    const names = perContainer.get(one);
    if (names === undefined) perContainer.set(one, [name]);
    else names.push(name);
  }
  const all = [...perContainer].flatMap(([{ ipv4, ipv6 }, names]) =>
    [ipv4, ipv6].flatMap((text) => {
      const ip = text === null ? undefined : tryParseIp(text);
      return ip === undefined ? [] : [{ ip: formatIp(ip), names }];
    }),
  );
  const lines = withinBounds(all);
  return { lines, cut: all.length - lines.length };
}

function withinBounds(lines: readonly HostsLine[]): HostsLine[] {
  let bytes = 0;
  const fitting = lines.slice(0, maxLines).findIndex(({ ip, names }) => {
    bytes += ip.length + 1 + names.reduce((sum, name) => sum + name.length + 1, 0);
    return bytes > maxBytes;
  });
  return lines.slice(0, fitting === -1 ? maxLines : fitting);
}

/** All names that containers of a network go by. What is no host name is left out: it came from somebody else's host. */
function claimsOn({ name: network, containers }: Omit<NetworkNames, 'id'>, at: number): Claim[] {
  return containers.flatMap((one) =>
    [
      { name: one.name, rank: ranks.name },
      { name: `${one.name}.${network}`, rank: ranks.qualified },
      ...one.aliases.flatMap((alias) => [
        { name: alias, rank: ranks.alias },
        { name: `${alias}.${network}`, rank: ranks.qualifiedAlias },
      ]),
    ]
      .filter(({ name }) => isHostsName(name))
      .map((claim) => ({ ...claim, network: at, one })),
  );
}

function byPrecedence(a: Claim, b: Claim): number {
  return Number(b.one.isOwn) - Number(a.one.isOwn) || byPrecedenceAnywhere(a, b);
}

/** The precedence without the host that asks. */
function byPrecedenceAnywhere(a: Claim, b: Claim): number {
  return (
    a.rank - b.rank ||
    a.network - b.network ||
    a.one.since - b.one.since ||
    compare(a.one.host, b.one.host) ||
    compare(a.one.name, b.one.name)
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Names of a network that lead to one container where another goes by them as well. An alias that several containers share is
 * what aliases are for, and none of them. Pure.
 */
export function sharedNames(network: NetworkNames): SharedName[] {
  const byName = new Map<string, Claim[]>();
  for (const claim of claimsOn(network, 0).toSorted(byPrecedence)) {
    const key = claim.name.toLowerCase();
    const others = byName.get(key);
    if (others === undefined) byName.set(key, [claim]);
    else others.push(claim);
  }
  return [...byName.values()].flatMap((claims) => {
    const [first] = claims;
    const ones = [...new Map(claims.map(({ one }) => [`${one.host} ${one.name}`, one])).values()];
    // The qualified form of a name that is shared says nothing more.
    if (first === undefined || ones.length < 2 || !claims.some(({ rank }) => rank === ranks.name)) return [];
    return [{ name: first.name, containers: ones.map(({ host, name }) => ({ host, name })) }];
  });
}

/** A name of a network as the LAN knows it, without the network behind it. */
export interface FleetName {
  readonly name: string;
  /** All that go by it, each once; the name means the first. */
  readonly ones: readonly [NamedOne, ...NamedOne[]];
}

/**
 * Names of a network for those who ask from anywhere, so no host comes before others: each host that knows the same answers the
 * same. Otherwise the precedence is that of {@link namesFile}, and the strongest names come first. Pure.
 */
export function fleetNames(network: Omit<NetworkNames, 'id'>): FleetName[] {
  const byName = new Map<string, { name: string; ones: Set<NamedOne> }>();
  const claims = claimsOn(network, 0).filter(({ rank }) => rank === ranks.name || rank === ranks.alias);
  for (const { name, one } of claims.toSorted(byPrecedenceAnywhere)) {
    const key = name.toLowerCase();
    const known = byName.get(key);
    if (known === undefined) byName.set(key, { name, ones: new Set([one]) });
    else known.ones.add(one);
  }
  return [...byName.values()].flatMap(({ name, ones }) => {
    const [first, ...others] = ones;
    return first === undefined ? [] : [{ name, ones: [first, ...others] as const }];
  });
}
