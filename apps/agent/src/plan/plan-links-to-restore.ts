import type { DesiredNetwork } from '@trunkline/contracts';
import type { DockerNetwork } from '../host/docker-engine.ts';
import type { Link } from '../host/links.ts';
import { linkOf } from './link-users.ts';
import { isMarked, linkAlias } from '../observation/marks.ts';
import { isOurs } from '../observation/network-fit.ts';
import type { Observed } from '../observation/observed.ts';
import { ownLinkOn } from '../observation/own-links.ts';
import type { Step } from './steps.ts';

/**
 * Sets the links down again that a change of this network had set up and that was undone since; leaves them, for good,
 * where something else needs them. What goes away with the change itself is waited for. Pure.
 *
 * `networks`: all networks of the document.
 */
export function planLinksToRestore(
  network: DesiredNetwork,
  observed: Observed,
  networks: readonly DesiredNetwork[],
): Step[] {
  const left = observed.linksToRestore[network.id];
  // The look may be older than a document that tries the link again.
  if (left === undefined || left.generation !== network.generation) return [];
  return left.links.flatMap((name): Step[] => {
    const link = observed.links.find((one) => one.name === name);
    if (link === undefined || !link.up || isNeeded(link, network, observed, networks)) {
      return [{ do: 'forget-link-to-restore', networkId: network.id, link: name }];
    }
    return isLeft(link, network, observed)
      ? [{ do: 'set-link-down', networkId: network.id, link: name }]
      : [];
  });
}

/** Whether anything but the undone change may rely on the link by now. */
function isNeeded(
  link: Link,
  network: DesiredNetwork,
  observed: Observed,
  networks: readonly DesiredNetwork[],
): boolean {
  const { links, docker, defaultRoute } = observed;
  const { name } = link;
  return (
    // Ours goes as soon as nobody uses it, by the rule for all that we make.
    isMarked(link.alias) ||
    ownLinkOn(name, observed) !== null ||
    link.master !== null ||
    networks.some(
      (one) =>
        one.state === 'present' &&
        ((one.parent ?? defaultRoute) === name || linkOf(one, defaultRoute) === name),
    ) ||
    links.some(({ parent, alias }) => parent === name && alias !== linkAlias(network.id)) ||
    (docker.reachable && docker.networks.some((one) => !isOurs(one, network) && hangsOn(one, name, links)))
  );
}

/** Whether the undone change has left the link: neither its Docker network nor its sub-interface is there any more. */
function isLeft({ name }: Link, network: DesiredNetwork, { links, docker }: Observed): boolean {
  return (
    // What Docker has on it is not known while Docker is silent.
    docker.reachable &&
    !docker.networks.some((one) => isOurs(one, network) && hangsOn(one, name, links)) &&
    !links.some(({ parent }) => parent === name)
  );
}

/** On the link itself, or on a sub-interface of it; Docker makes `ens33.10` itself where it is missing. */
function hangsOn({ options }: DockerNetwork, name: string, links: readonly Link[]): boolean {
  const parent = options['parent'];
  if (parent === undefined) return false;
  return (
    parent === name ||
    parent.startsWith(`${name}.`) ||
    links.some((one) => one.name === parent && one.parent === name)
  );
}
