import { cidrAround, familyBits, parseCidr, parseIp, type Cidr } from '@trunkline/netaddr';

/** A subnet as the database gives it: of one address alone PostgreSQL writes no prefix (Network Address Types, `inet`). */
export function cidrOf(text: string): Cidr {
  if (text.includes('/')) return parseCidr(text);
  const ip = parseIp(text);
  return cidrAround(ip, familyBits(ip.family));
}
