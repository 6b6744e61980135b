import { HostBitsSet, InvalidAddress } from './errors.ts';
import { familyBits, formatIp, parseIp, tryParseIp, type Family, type Ip } from './ip.ts';

/** A subnet. `base` is its lowest address: the bits beyond `prefix` are zero. */
export interface Cidr {
  readonly family: Family;
  readonly base: bigint;
  /** How many leading bits all addresses share: 0..32 or 0..128. */
  readonly prefix: number;
}

/**
 * Reads `address/prefix`. The prefix is a plain decimal number (no `/08`, no netmask).
 *
 * Fails with {@link HostBitsSet} (which carries the corrected network) or {@link InvalidAddress}.
 */
export function parseCidr(text: string): Cidr {
  const slash = text.indexOf('/');
  const ip = addressOf(text, slash === -1 ? text.length : slash);
  const { family, value } = ip;
  if (slash === -1) throw new InvalidAddress(text, `the prefix is missing; ${prefixHint(ip)}`);
  const prefixText = text.slice(slash + 1);
  const prefix = /^(?:0|[1-9]\d{0,2})$/.test(prefixText) ? Number(prefixText) : Number.NaN;
  if (!(prefix <= familyBits(family))) {
    const netmask = netmaskPrefix(family, prefixText);
    const meant = netmask === undefined ? '' : `; the netmask ${prefixText} is /${netmask}`;
    throw new InvalidAddress(text, `the prefix must be a number from 0 to ${familyBits(family)}${meant}`);
  }
  const cidr = cidrAround({ family, value }, prefix);
  if (cidr.base !== value) throw new HostBitsSet(text, cidr, formatCidr(cidr));
  return cidr;
}

/** The subnet of the given prefix length that holds the address. */
export function cidrAround(ip: Ip, prefix: number): Cidr {
  const hostBits = BigInt(familyBits(ip.family) - prefix);
  return { family: ip.family, base: (ip.value >> hostBits) << hostBits, prefix };
}

/** The canonical text, `address/prefix`. */
export function formatCidr(cidr: Cidr): string {
  return `${formatIp(networkAddress(cidr))}/${cidr.prefix}`;
}

/** Whether the address lies in the subnet. Never across families. */
export function cidrContains(cidr: Cidr, ip: Ip): boolean {
  return ip.family === cidr.family && cidrAround(ip, cidr.prefix).base === cidr.base;
}

/** Whether the two subnets share an address (then one holds the other). Never across families. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  const [wide, narrow] = a.prefix <= b.prefix ? [a, b] : [b, a];
  return cidrContains(wide, networkAddress(narrow));
}

/** How many addresses the subnet spans, network and broadcast address included. */
export function cidrSize(cidr: Cidr): bigint {
  return 1n << BigInt(familyBits(cidr.family) - cidr.prefix);
}

/** The lowest address of the subnet. */
export function networkAddress(cidr: Cidr): Ip {
  return { family: cidr.family, value: cidr.base };
}

/** The highest address of the subnet. */
export function lastAddress(cidr: Cidr): Ip {
  return { family: cidr.family, value: cidr.base + cidrSize(cidr) - 1n };
}

/** The broadcast address, or null where there is none: IPv6, /31 (RFC 3021) and /32. */
export function broadcastAddress(cidr: Cidr): Ip | null {
  return cidr.family === 4 && cidr.prefix <= 30 ? lastAddress(cidr) : null;
}

/** How a subnet that holds the address may be written: with the prefix that LANs of the family usually have. */
function prefixHint(ip: Ip): string {
  return `a subnet is written with it, such as ${formatCidr(cidrAround(ip, ip.family === 4 ? 24 : 64))}`;
}

/** The prefix length that an IPv4 netmask such as 255.255.255.0 means; undefined for what is none. */
function netmaskPrefix(family: Family, text: string): number | undefined {
  const mask = family === 4 ? tryParseIp(text) : undefined;
  if (mask === undefined || mask.family !== 4) return undefined;
  const bits = mask.value.toString(2).padStart(32, '0');
  return /^1+0*$/.test(bits) ? bits.replaceAll('0', '').length : undefined;
}

/** The address in front of the slash; a failure quotes the whole text. */
function addressOf(text: string, slash: number): Ip {
  try {
    return parseIp(text.slice(0, slash));
  } catch (error) {
    throw error instanceof InvalidAddress ? new InvalidAddress(text, error.reason) : error;
  }
}
