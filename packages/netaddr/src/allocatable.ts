import { broadcastAddress, networkAddress, type Cidr } from './cidr.ts';
import type { Ip } from './ip.ts';
import { intersectRanges, rangeOfCidr, rangeOfIp, subtractRanges, type IpRange } from './range.ts';

/** What decides which addresses of a subnet may be given out. */
export interface AllocatableInput {
  readonly cidr: Cidr;
  /** The router's address; never given out. */
  readonly gateway?: Ip | null;
  /** Give out addresses of these only. Absent or empty: the whole subnet. What lies outside the subnet has no effect. */
  readonly ranges?: readonly IpRange[];
  /** Never give these out. */
  readonly exclude?: readonly IpRange[];
}

/** IPv4-mapped IPv6, ::ffff:0:0/96: `parseIp` refuses it, so it is never given out either. */
const mapped: IpRange = { family: 6, first: 0xffff_0000_0000n, last: 0xffff_ffff_ffffn };

/**
 * The ranges that addresses may be given from, normalized: the subnet, or the given ranges inside it, without
 * - the network and broadcast address (IPv4 up to /30; a /31 has neither, RFC 3021, and a /32 is its one address),
 * - the subnet-router anycast address (IPv6 up to /126, RFC 4291 section 2.6.1; a /127 keeps it, RFC 6164),
 * - the gateway and the exclusions.
 *
 * Empty when nothing is left.
 */
export function allocatableRanges({ cidr, gateway, ranges, exclude }: AllocatableInput): IpRange[] {
  const whole = [rangeOfCidr(cidr)];
  const wanted = ranges === undefined || ranges.length === 0 ? whole : intersectRanges(whole, ranges);
  return subtractRanges(wanted, [
    ...unusableAddresses(cidr).map(rangeOfIp),
    ...(gateway === undefined || gateway === null ? [] : [rangeOfIp(gateway)]),
    ...(exclude ?? []),
    mapped,
  ]);
}

/** The addresses of a subnet that no station may have: network and broadcast address, or subnet-router anycast. */
export function unusableAddresses(cidr: Cidr): Ip[] {
  if (cidr.family === 6) return cidr.prefix <= 126 ? [networkAddress(cidr)] : [];
  const broadcast = broadcastAddress(cidr);
  return broadcast === null ? [] : [networkAddress(cidr), broadcast];
}
