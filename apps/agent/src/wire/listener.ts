import { formatIp, parseMac, type Ip } from '@trunkline/netaddr';
import { list, record, texts } from '../host/json-read.ts';

/**
 * Keeps the kernel from sending and receiving by itself on a probe link: it answers no neighbour solicitation for an
 * address that is only being asked for, and neither asks routers nor takes advice from them. It reports the groups that it
 * listens to, since a switch that snoops delivers nothing else (ADR 0023). For `nft -f -`.
 */
export const silence = `
table ip6 silence {
  chain input {
    type filter hook input priority 0; policy drop;
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
  chain output {
    type filter hook output priority 0; policy accept;
    icmpv6 type { nd-neighbor-advert, nd-router-solicit } drop
  }
}
`;

/** Tables of a namespace's own nftables that listen for addresses, for `nft`. */
export interface Listener {
  /** Makes the tables. */
  readonly begin: string;
  /** Arguments that list what was heard, one program each. */
  readonly ask: readonly (readonly string[])[];
  /** Removes the tables. */
  readonly end: string;
}

/** An address that is listened for on a link of the namespace. */
export interface ListenedFor {
  readonly link: string;
  readonly ip: Ip;
}

/**
 * A listener for some addresses: notes the MAC of whoever speaks for one, and, apart from it, of whoever else asks
 * whether it is free.
 * `number` distinguishes it from others in the same namespace.
 *
 * IPv4, RFC 5227 section 2.1.1: any ARP packet whose sender address is the one probed, and any ARP probe (sender
 * 0.0.0.0) for it. IPv6, RFC 4862 section 5.4: a neighbour advertisement with it as target, and a solicitation for it
 * from the unspecified address. The target lies 8 octets into the ICMPv6 message (RFC 4861 section 4.3, 4.4).
 */
export function listenFor(entries: readonly ListenedFor[], number: number): Listener {
  const numbered = entries.map((entry, index) => ({ ...entry, index }));
  const ofFamily = (family: 4 | 6) => numbered.filter(({ ip }) => ip.family === family);
  const tables = [
    { name: `arp probe${number}`, entries: ofFamily(4), body: arpBody },
    { name: `ip6 probe${number}`, entries: ofFamily(6), body: ip6Body },
  ].filter((table) => table.entries.length > 0);
  return {
    begin: tables.map(({ name, entries: those, body }) => `table ${name} {${body(those)}}\n`).join(''),
    ask: tables.map(({ name }) => ['-j', 'list', 'table', ...name.split(' ')]),
    end: tables.map(({ name }) => `delete table ${name}\n`).join(''),
  };
}

type Entry = ListenedFor & { readonly index: number };

const chain = (rules: readonly string[]): string => `
  chain input {
    type filter hook input priority -10; policy accept;
    ${rules.join('\n    ')}
  }
`;

/** One pair of sets for all addresses: a set for each would make the kernel look through all of them for every packet. */
function arpBody(entries: readonly Entry[]): string {
  const asked = entries.map(({ link, ip }) => `"${link}" . ${formatIp(ip)}`).join(', ');
  const heard = 'type iface_index . ipv4_addr . ether_addr; flags dynamic; size 65535;';
  return `
  set asked { type iface_index . ipv4_addr; elements = { ${asked} } }
  set speaks { ${heard} }
  set asks { ${heard} }${chain([
    'iif . arp saddr ip @asked add @speaks { iif . arp saddr ip . arp saddr ether }',
    'arp saddr ip 0.0.0.0 iif . arp daddr ip @asked add @asks { iif . arp daddr ip . arp saddr ether }',
  ])}`;
}

function ip6Body(entries: readonly Entry[]): string {
  const sets = entries.flatMap(({ index }) => Object.values(setsOf(index)));
  return `
  ${sets.map((set) => `set ${set} { type ether_addr; flags dynamic; size 64; }`).join('\n  ')}${chain(
    entries.flatMap(({ link, ip, index }) => {
      // Newer nft has a word for it (`icmpv6 taddr`); this is understood by all.
      const target = `@th,64,128 0x${ip.value.toString(16).padStart(32, '0')}`;
      const { speaks, asks } = setsOf(index);
      return [
        `iif "${link}" icmpv6 type nd-neighbor-advert ${target} add @${speaks} { ether saddr }`,
        `iif "${link}" ip6 saddr :: icmpv6 type nd-neighbor-solicit ${target} add @${asks} { ether saddr }`,
      ];
    }),
  )}`;
}

/** Names of the sets in which is noted who speaks for the IPv6 address of this index, and who asks for it. */
function setsOf(index: number): { readonly speaks: string; readonly asks: string } {
  return { speaks: `speaks${index}`, asks: `asks${index}` };
}

/** The MACs heard for an address, in lower case and sorted. */
export interface Heard {
  /** MACs of those that have the address. */
  readonly speaks: readonly string[];
  /** MACs of those that asked whether it is free. */
  readonly asks: readonly string[];
}

/**
 * Reads the output of `nft -j list table` (libnftables-json(5)), for the entry of an index.
 *
 * Fails with `SyntaxError` for what is no JSON.
 */
export function readHeard(
  entries: readonly ListenedFor[],
  stdouts: readonly string[],
): (index: number) => Heard {
  const sets = stdouts
    .flatMap((stdout) => list(record(JSON.parse(stdout))['nftables']))
    .map((entry) => record(record(entry)['set']));
  const elementsOf = (set: string) =>
    sets.filter(({ name }) => name === set).flatMap((one) => list(one['elem']).map(valueOf));
  const heard4 = (set: string) => Map.groupBy(elementsOf(set).map(texts), ([link, ip]) => `${link} ${ip}`);
  const [speaks4, asks4] = [heard4('speaks'), heard4('asks')];
  const macs6 = (set: string) =>
    elementsOf(set)
      .flatMap((value) => (typeof value === 'string' ? [parseMac(value)] : []))
      .toSorted();
  return (index) => {
    const entry = entries[index];
    if (entry === undefined) return { speaks: [], asks: [] };
    if (entry.ip.family === 4) {
      const key = `${entry.link} ${formatIp(entry.ip)}`;
      const macs = (from: typeof speaks4) =>
        (from.get(key) ?? []).flatMap(([, , mac]) => (mac === undefined ? [] : [parseMac(mac)])).toSorted();
      return { speaks: macs(speaks4), asks: macs(asks4) };
    }
    const names = setsOf(index);
    return { speaks: macs6(names.speaks), asks: macs6(names.asks) };
  };
}

/** With a counter or a timeout an element is an object around its value; of several parts, `concat` has them. */
function valueOf(element: unknown): unknown {
  if (typeof element === 'string') return element;
  const value = record(element);
  const inner = record(value['elem'])['val'];
  if (inner !== undefined) return valueOf(inner);
  return value['concat'];
}
