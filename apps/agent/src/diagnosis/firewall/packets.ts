import { cidrsOverlap, familyBits, tryParseIp, cidrAround, type Cidr } from '@trunkline/netaddr';

/** The packets of a diagnosis, where a filter sees them: ARP, neighbour discovery and echo between addresses of the networks. */
export interface Packets {
  /** Subnets of the networks, and addresses that are pinged. */
  readonly cidrs: readonly Cidr[];
  /** Names of the interfaces that they pass; null: any but lo. */
  readonly interfaces: ReadonlySet<string> | null;
  /** VLANs of the networks. */
  readonly vlans: ReadonlySet<number>;
}

/**
 * Whether a condition of a filter can be true of a packet of the diagnosis: never (`no`), for all that is known (`any`), or because
 * it names an address, interface or VLAN of theirs (`named`).
 */
export type Fit = 'no' | 'any' | 'named';

/** Both have to be true. */
export function both(a: Fit, b: Fit): Fit {
  if (a === 'no' || b === 'no') return 'no';
  return a === 'named' || b === 'named' ? 'named' : 'any';
}

/** One of them has to be true; `no` where there is none. */
export function either(fits: readonly Fit[]): Fit {
  if (fits.includes('named')) return 'named';
  return fits.includes('any') ? 'any' : 'no';
}

const hasFamily = ({ cidrs }: Packets, family: 4 | 6): boolean =>
  cidrs.some((cidr) => cidr.family === family);

/** `172.16.100.0/24` or one address; undefined for what is neither. Bits of the host are no matter. */
export function rangeFrom(text: string): Cidr | undefined {
  const [address, prefix] = text.split('/');
  const ip = tryParseIp(address ?? '');
  if (ip === undefined) return undefined;
  const bits = familyBits(ip.family);
  const length = prefix === undefined ? bits : Number(prefix);
  return Number.isInteger(length) && length >= 0 && length <= bits ? cidrAround(ip, length) : undefined;
}

/** A source or a destination is in this range. */
export function fitOfRange(range: Cidr | undefined, packets: Packets): Fit {
  // Not an address: the name of a set, say, whose content is not known.
  if (range === undefined) return packets.cidrs.length === 0 ? 'no' : 'any';
  const ours = packets.cidrs.filter((cidr) => cidrsOverlap(cidr, range));
  if (ours.length === 0) return 'no';
  return ours.some(({ prefix }) => range.prefix >= prefix) ? 'named' : 'any';
}

/** A source or a destination is in none of these ranges. */
export function fitOutside(ranges: readonly (Cidr | undefined)[], packets: Packets): Fit {
  const covers = (cidr: Cidr): boolean =>
    ranges.some((range) => range !== undefined && range.prefix <= cidr.prefix && cidrsOverlap(range, cidr));
  return packets.cidrs.every(covers) ? 'no' : 'any';
}

/** The interface has this name; a `*` or, as iptables writes it, a `+` at its end stands for any end. */
export function fitOfInterface(name: string, { interfaces }: Packets): Fit {
  const isOpen = /[*+]$/.test(name);
  const start = isOpen ? name.slice(0, -1) : name;
  const matches = (one: string): boolean => (isOpen ? one.startsWith(start) : one === name);
  if (interfaces === null) return isOpen ? 'any' : name === 'lo' ? 'no' : 'any';
  if (![...interfaces].some(matches)) return 'no';
  return start === '' ? 'any' : 'named';
}

/** The interface has none of these names. */
export function fitOfOtherInterface(names: readonly string[], { interfaces }: Packets): Fit {
  if (interfaces === null) return 'any';
  return [...interfaces].every((one) => names.includes(one)) ? 'no' : 'any';
}

/** The transport protocol is this one, by name or number. */
export function fitOfProtocol(protocol: string | number, packets: Packets): Fit {
  switch (String(protocol).toLowerCase()) {
    case 'icmp':
    case '1':
      return hasFamily(packets, 4) ? 'any' : 'no';
    case 'icmpv6':
    case 'ipv6-icmp':
    case '58':
      return hasFamily(packets, 6) ? 'any' : 'no';
    case 'all':
    case '0':
      return 'any';
    default:
      return 'no';
  }
}

/** The frame has this EtherType, by the names of nftables and tc, or its number. */
export function fitOfEtherType(type: string | number, packets: Packets): Fit {
  switch (String(type).toLowerCase()) {
    case 'all':
      return 'any';
    case 'arp':
    case '0x0806':
    case '0x806':
    case '2054':
    case 'ip':
    case 'ipv4':
    case '0x0800':
    case '0x800':
    case '2048':
      return hasFamily(packets, 4) ? 'any' : 'no';
    case 'ip6':
    case 'ipv6':
    case '0x86dd':
    case '34525':
      return hasFamily(packets, 6) ? 'any' : 'no';
    case 'vlan':
    case '8021q':
    case '802.1q':
    case '0x8100':
    case '33024':
      return packets.vlans.size > 0 ? 'any' : 'no';
    default:
      return 'no';
  }
}

/** Kinds of ICMP, and of ICMPv6, that a diagnosis sends or waits for. */
const ours =
  /^(?:any|echo-request|echo-reply|ping|pong|nd-neighbor-solicit|nd-neighbor-advert|neighbou?r-(?:solicitation|advertisement)|0|8|128|129|135|136)$/;

/** The message has this kind of ICMP (4) or ICMPv6 (6). */
export function fitOfIcmpType(family: 4 | 6, type: string | number, packets: Packets): Fit {
  if (!hasFamily(packets, family)) return 'no';
  return ours.test(String(type).toLowerCase().split('/')[0] ?? '') ? 'any' : 'no';
}

/** The VLAN tag is this one. */
export const fitOfVlan = (id: number, { vlans }: Packets): Fit => (vlans.has(id) ? 'named' : 'no');

/** A packet of this family passes at all. */
export const fitOfFamily = (family: 4 | 6, packets: Packets): Fit =>
  hasFamily(packets, family) ? 'any' : 'no';
