import { formatIp, type Ip } from '@trunkline/netaddr';
import type { ProbeLink } from './probe-namespace.ts';

interface Asked {
  readonly link: Pick<ProbeLink, 'name'>;
  readonly ip: Ip;
}

/**
 * The line (ip-neighbour(8)) by which the kernel asks the wire once for an address: an entry that is to be confirmed
 * (`NUD_PROBE`, net/core/neighbour.c) at the MAC of everybody. Works the same on every kernel and every `ip`.
 */
export function askLine({ link, ip }: Asked): string {
  return `neigh replace ${formatIp(ip)} lladdr ${everybody(ip)} nud probe dev ${link.name}`;
}

/**
 * The lines by which the kernel forgets it. An `ip` ends at a `neigh delete` of what is not there, also with `-force` (ipneigh_modify
 * of iproute2 6.1), and the namespace ends with it: two may have asked for one address, or nobody yet. So the entry is made first,
 * which sends nothing.
 */
export function forgetLines({ link, ip }: Asked): readonly string[] {
  const entry = `${formatIp(ip)} dev ${link.name}`;
  return [`neigh replace ${entry} lladdr 02:00:00:00:00:00 nud stale`, `neigh delete ${entry}`];
}

/** Broadcast; of IPv6 the group that stations listen to for a neighbour (RFC 4291 section 2.7.1, RFC 2464 section 7). */
function everybody(ip: Ip): string {
  if (ip.family === 4) return 'ff:ff:ff:ff:ff:ff';
  const last = (ip.value & 0xffffffn).toString(16).padStart(6, '0');
  return `33:33:ff:${last.slice(0, 2)}:${last.slice(2, 4)}:${last.slice(4)}`;
}

/** The MAC of a station that answered, in an entry's `lladdr`; null: still that of everybody, or none. */
export function stationOf(lladdr: unknown): string | null {
  if (typeof lladdr !== 'string') return null;
  return (Number.parseInt(lladdr.slice(0, 2), 16) & 1) === 1 ? null : lladdr.toLowerCase();
}
