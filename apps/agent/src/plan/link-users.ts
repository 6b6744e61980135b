import type { DesiredNetwork } from '@trunkline/contracts';
import type { Link } from '../host/links.ts';
import { linkAlias, vlanLinkName } from '../observation/marks.ts';
import type { Observed } from '../observation/observed.ts';
import { ownLinkOn } from '../observation/own-links.ts';
import type { Step } from './steps.ts';

/** Name of the link that a network hangs on; null while its parent is not known. */
export function linkOf(network: DesiredNetwork, defaultRoute: string | null): string | null {
  const parent = network.parent ?? defaultRoute;
  if (parent === null || network.vlan === null) return parent;
  return vlanLinkName(parent, network.vlan);
}

/** Networks that should be here and hang on this link, in the order of their ids. */
export function usersOf(
  link: string,
  networks: readonly DesiredNetwork[],
  defaultRoute: string | null,
): DesiredNetwork[] {
  return networks
    .filter((network) => network.state === 'present' && linkOf(network, defaultRoute) === link)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** What becomes of a link that we made for a network and that it no longer needs. */
export type LeftLink = Step & { readonly do: 'remove-link' | 'hand-over-link' };

/**
 * The VLAN sub-interface that carries this network's mark, unless it is the one that it hangs on now (`keep`): handed
 * over to another network that uses it, so that the last one takes it away; removed where nothing stands on it. Null
 * where there is none, or where something that is not ours stands on it, the host's own address among that.
 */
export function leftLink(
  network: DesiredNetwork,
  observed: Observed,
  others: readonly DesiredNetwork[],
  keep: string | null,
): LeftLink | null {
  const alias = linkAlias(network.id);
  const link = observed.links.find(
    (candidate) => candidate.alias === alias && candidate.kind === 'vlan' && candidate.name !== keep,
  );
  if (link === undefined) return null;
  const [heir] = usersOf(
    link.name,
    others.filter(({ id }) => id !== network.id),
    observed.defaultRoute,
  );
  if (heir !== undefined) {
    return { do: 'hand-over-link', link: link.name, alias, to: linkAlias(heir.id) };
  }
  return isInUse(link, observed) ? null : { do: 'remove-link', link: link.name, alias };
}

function isInUse(link: Link, observed: Observed): boolean {
  return (
    ownLinkOn(link.name, observed) !== null ||
    observed.links.some(({ parent, master }) => parent === link.name || master === link.name) ||
    // What Docker has on it is not known while Docker is silent.
    !observed.docker.reachable ||
    observed.docker.networks.some(({ options }) => options['parent'] === link.name)
  );
}
