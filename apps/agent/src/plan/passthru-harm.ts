import type { DesiredNetwork } from '@trunkline/contracts';
import type { Link } from '../host/links.ts';
import { linkOf } from './link-users.ts';
import type { ObserveSources } from '../observation/observe.ts';
import { isMarked } from '../observation/marks.ts';
import { hasNetworkBeside, ownLinkOn, type Seen } from '../observation/own-links.ts';

/** Why the network would cut this host off from its own network; null where it does not. */
export function whyHarmful(network: DesiredNetwork, link: string, seen: Seen): string | null {
  if (network.mode !== 'passthru') return null;
  const device = deviceBelow(link, seen.links);
  const own = ownLinkOn(device, seen);
  if (own === null) return null;
  const where = own.name === device ? '' : ` the parent of ${own.name} is ${device}, and`;
  return `mode passthru gives ${device} and its MAC to one container, and this host needs it:${where} ${own.why}; name a NIC that the host does not use in parent or parents, or use mode bridge`;
}

/**
 * The same, with a fresh look at links and routes, for callers that may not ask Docker. It also answers that this cannot be known
 * yet.
 */
export async function whyHarmfulNow(
  network: DesiredNetwork,
  sources: Pick<ObserveSources, 'links' | 'kernel'>,
): Promise<string | null> {
  const [links, kernel] = await Promise.all([sources.links.list(), sources.kernel.observe()]);
  const defaultRoute = kernel.defaultRoutes[0] ?? null;
  const link = linkOf(network, defaultRoute);
  if (link === null)
    return network.mode === 'passthru'
      ? 'this host has no default route yet, and mode passthru would use the NIC of that route: name a NIC that the host does not use in parent or parents'
      : null;
  const seen: Seen = { links, kernel, defaultRoute };
  return whyHarmful(network, link, seen) ?? whyDoubtful(network, link, seen);
}

/**
 * Why nobody knows yet whether it would: at boot Docker may start a container before the host has its addresses. A link that we
 * made is needed by nobody but its network.
 */
function whyDoubtful(network: DesiredNetwork, link: string, seen: Seen): string | null {
  const device = deviceBelow(link, seen.links);
  const isOurs = seen.links.some(({ name, alias }) => name === device && isMarked(alias));
  if (network.mode !== 'passthru' || isOurs || hasNetworkBeside(device, seen)) return null;
  return `mode passthru gives ${device} and its MAC to one container, and this host has no default route and no address on another NIC yet, so the host may need ${device} itself: try again once the host has its network`;
}

/**
 * The link that a macvlan on `name` really stands on: the kernel takes the link below where `name` is a macvlan itself
 * (drivers/net/macvlan.c, macvlan_common_newlink).
 */
function deviceBelow(name: string, links: readonly Link[]): string {
  const link = links.find((one) => one.name === name);
  const isMacvlan = link?.kind === 'macvlan' || link?.kind === 'macvtap';
  return isMacvlan && link.parent !== null ? link.parent : name;
}
