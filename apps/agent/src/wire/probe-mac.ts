import { createHash } from 'node:crypto';
import type { Link } from '../host/links.ts';

/** What every MAC of a probe link begins with: unicast and locally administered (IEEE 802). */
const prefix = 'd6:4c';

/** Of a probe link: from the parent's own MAC, which no other host has. */
export function probeMac({ name: parent, mac }: Pick<Link, 'name' | 'mac'>, which = 'first'): string {
  const hash = createHash('sha256').update(`trunkline probe ${which} ${parent} ${mac ?? ''}`);
  const octets = hash.digest('hex').slice(0, 8).match(/../g) ?? [];
  return [prefix, ...octets].join(':');
}

/**
 * Whether a MAC is that of a probe link, of any host. Whoever asks with one does not take the address by having asked:
 * which host may give it is decided by the server, and a lease that changes hosts is asked for by both for a moment.
 */
export function isProbeMac(mac: string): boolean {
  return mac.startsWith(`${prefix}:`);
}

/** The link-local address of a MAC (RFC 4291, appendix A). */
export function linkLocalOf(mac: string): string {
  const [first = 0, ...rest] = mac.split(':').map((octet) => Number.parseInt(octet, 16));
  const eui = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  const groups = [0, 2, 4, 6].map((at) => (((eui[at] ?? 0) << 8) | (eui[at + 1] ?? 0)).toString(16));
  return `fe80::${groups.join(':')}`;
}
