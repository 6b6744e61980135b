/**
 * The links that this host itself needs. One rule: whatever takes a link away from the host, or takes a link away, is not
 * done to one of these. What the agent does to links, and whether it can cut the host off:
 *
 * | step | on a link that the host needs |
 * | --- | --- |
 * | macvlan in `passthru` | takes the link and its MAC for one container: never (`planLink`) |
 * | set a link down | cuts it off: never (`planLinksToRestore`) |
 * | remove a link that the agent made | an administrator may have put an address on it: never (`leftLink`) |
 * | shim on it | the host goes on |
 * | MTU | only of links that the agent made, never of a NIC (`planMtu`) |
 * | set up, promiscuous mode, VLAN on it, `bridge`, `private`, `vepa` | the host goes on |
 */
import type { Link } from '../host/links.ts';
import type { Observed } from './observed.ts';
import { isShim } from './shims.ts';

/** A link that the host needs, and what for, as a clause: `the address 172.16.1.30 of this host is on it`. */
export interface OwnLink {
  readonly name: string;
  readonly why: string;
}

/** What of a look it takes. */
export type Seen = Pick<Observed, 'links' | 'defaultRoute' | 'kernel'>;

/**
 * What of this host's own networking hangs on a link: on itself, or on what stands on it (VLANs, macvlans, the bridge or
 * bond that it is a port of, and so on). Null where nothing does. Pure.
 */
export function ownLinkOn(name: string, seen: Seen): OwnLink | null {
  for (const link of [name, ...above(name, seen.links)]) {
    const why = whyOwn(link, seen);
    if (why !== null) return { name: link, why };
  }
  return null;
}

/** Whether an address is one that the kernel gives to every link that is up (RFC 4862 section 5.3). */
function isAutomatic({ family, scope }: Link['addresses'][number]): boolean {
  return family === 6 && scope === 'link';
}

/**
 * Whether this host has its network without a link: a default route over another one, or an address on one that leads out. While it
 * has neither, as before DHCP answered, any link may be the one that it needs. Pure.
 */
export function hasNetworkBeside(name: string, seen: Seen): boolean {
  const onIt = new Set([name, ...above(name, seen.links)]);
  if (seen.kernel.defaultRoutes.some((link) => !onIt.has(link))) return true;
  return seen.links.some(
    (link) =>
      link.name !== 'lo' &&
      !onIt.has(link.name) &&
      leadsOut(link, seen.links) &&
      link.addresses.some((candidate) => !isAutomatic(candidate)),
  );
}

/** Kinds of links that end on this host, or lead elsewhere over another link only. */
const inner: ReadonlySet<string | null> = new Set(['dummy', 'ifb', 'tun', 'wireguard']);

/** Whether packets over a link reach other machines. A bridge does by its ports: those of Docker and of virtual machines have none but theirs. */
export function leadsOut({ name, kind }: Link, links: readonly Link[]): boolean {
  if (kind !== 'bridge') return !inner.has(kind);
  return links.some((port) => port.master === name && port.kind !== 'veth' && !inner.has(port.kind));
}

function whyOwn(name: string, { links, defaultRoute, kernel }: Seen): string | null {
  const address = links
    .find((link) => link.name === name)
    ?.addresses.find((candidate) => !isAutomatic(candidate));
  if (address !== undefined) return `it has the address ${address.address} of this host`;
  if (name === defaultRoute || kernel.defaultRoutes.includes(name)) {
    return 'the default route of this host uses it';
  }
  const route = kernel.routes.find(({ link }) => link === name);
  return route === undefined ? null : `a route of this host (${route.cidr}) uses it`;
}

/** All that stands on a link, nearest first. */
function above(name: string, links: readonly Link[]): readonly string[] {
  const found = new Set<string>();
  const open = [name];
  for (let below = open.shift(); below !== undefined; below = open.shift()) {
    const master = links.find((link) => link.name === below)?.master ?? null;
    // A shim is ours, as the routes over it are: the host does without.
    const onIt = links.filter((link) => link.parent === below && !isShim(link)).map((link) => link.name);
    for (const next of [...onIt, ...(master === null ? [] : [master])]) {
      if (next === name || found.has(next)) continue;
      found.add(next);
      open.push(next);
    }
  }
  return [...found];
}
