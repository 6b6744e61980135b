import {
  cidrAround,
  familyBits,
  formatCidr,
  formatIp,
  parseCidr,
  parseIp,
  type Cidr,
} from '@trunkline/netaddr';

/** A subnet as the database gives it: of one address alone PostgreSQL writes no prefix (Network Address Types, `inet`). */
export function cidrOf(text: string): Cidr {
  if (text.includes('/')) return parseCidr(text);
  const ip = parseIp(text);
  return cidrAround(ip, familyBits(ip.family));
}

/** An address of the database in canonical form. */
export const canonicalIp = (ip: string | null): string | null => (ip === null ? null : formatIp(parseIp(ip)));

/** CIDR and gateway of a subnet in canonical form. */
export const canonicalSubnet = (subnet: {
  cidr: string;
  gateway: string | null;
}): { cidr: string; gateway: string | null } => ({
  cidr: formatCidr(cidrOf(subnet.cidr)),
  gateway: canonicalIp(subnet.gateway),
});
