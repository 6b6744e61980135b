import type { DesiredNetwork } from '@trunkline/contracts';
import type { Link } from '../host/links.ts';
import { linkOf } from './link-users.ts';
import type { ObserveSources } from '../observation/observe.ts';
import { ownLinkOn, type Seen } from '../observation/own-links.ts';

/** Why the network would cut this host off from its own network; null where it does not. */
export function whyHarmful(network: DesiredNetwork, link: string, seen: Seen): string | null {
  if (network.mode !== 'passthru') return null;
  const device = deviceBelow(link, seen.links);
  const own = ownLinkOn(device, seen);
  if (own === null) return null;
  const where = own.name === device ? '' : ` ${own.name} stands on ${device}:`;
  return `mode passthru gives ${device} and its MAC to one container, and this host needs it:${where} ${own.why}; name a NIC that the host does not use in parent or parents, or take mode bridge`;
}

/** The same with a look at links and routes of its own, for those who may not ask Docker. */
export async function whyHarmfulNow(
  network: DesiredNetwork,
  sources: Pick<ObserveSources, 'links' | 'kernel'>,
): Promise<string | null> {
  const [links, kernel] = await Promise.all([sources.links.list(), sources.kernel.observe()]);
  const defaultRoute = kernel.defaultRoutes[0] ?? null;
  const link = linkOf(network, defaultRoute);
  return link === null ? null : whyHarmful(network, link, { links, kernel, defaultRoute });
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
