import type { DesiredNetwork } from '@trunkline/contracts';
import { fails, unknown, type ConditionDraft } from './conditions.ts';
import { linkAlias, vlanLinkName } from './marks.ts';
import { attachedTo, isOurs } from './network-fit.ts';
import type { NetworkPlan } from './network-plan.ts';
import type { Observed } from './observe.ts';
import type { Step } from './steps.ts';

/**
 * What to do for a network that should leave this host. Pure. Docker's network first, then our link; promiscuous mode
 * stays, since nobody knows who else relies on it.
 */
export function planNetworkRemoval(
  network: DesiredNetwork,
  observed: Observed,
  others: readonly DesiredNetwork[],
): NetworkPlan {
  const { docker } = observed;
  if (!docker.reachable) return result(unknown('NetworkReady', 'DockerUnreachable', docker.message));
  const adoptedId = observed.adopted[network.id];
  if (adoptedId !== undefined) {
    const name = docker.networks.find(({ id }) => id === adoptedId)?.name ?? network.name;
    return result(
      fails(
        'NetworkReady',
        'LeftInPlace',
        `Docker network ${name} was adopted, not made: it is left in place`,
      ),
      { steps: [{ do: 'forget-adoption', networkId: network.id, name }] },
    );
  }
  const own = docker.networks.find((candidate) => isOurs(candidate, network));
  if (own !== undefined) {
    const attached = attachedTo(docker, own);
    if (attached.length > 0) {
      return result(
        fails(
          'NetworkReady',
          'RemovalBlocked',
          `containers are still attached: ${attached.join(', ')}; remove them first`,
        ),
        { dockerNetworkId: own.id },
      );
    }
    return result(fails('NetworkReady', 'Removing', `Docker network ${network.name} is being removed`), {
      steps: [{ do: 'remove-network', dockerId: own.id, name: own.name, why: 'absent' }],
      dockerNetworkId: own.id,
    });
  }
  const link = ownLink(network, observed, others);
  if (link !== null) {
    return result(fails('NetworkReady', 'Removing', `${link.link} is being removed`), { steps: [link] });
  }
  return result(fails('NetworkReady', 'Removed', `nothing of ${network.name} is left on this host`), {
    removed: true,
  });
}

/** Our VLAN sub-interface, where nothing else stands on it and no other network wants it. */
function ownLink(
  network: DesiredNetwork,
  observed: Observed,
  others: readonly DesiredNetwork[],
): (Step & { readonly do: 'remove-link' }) | null {
  const alias = linkAlias(network.id);
  const link = observed.links.find((candidate) => candidate.alias === alias && candidate.kind === 'vlan');
  if (link === undefined) return null;
  const standsOn = observed.links.some(({ parent, master }) => parent === link.name || master === link.name);
  const used =
    observed.docker.reachable &&
    observed.docker.networks.some(({ options }) => options['parent'] === link.name);
  const wanted = others.some(
    (other) =>
      other.id !== network.id &&
      other.state === 'present' &&
      linkOf(other, observed.defaultRoute) === link.name,
  );
  return standsOn || used || wanted ? null : { do: 'remove-link', link: link.name, alias };
}

function linkOf(network: DesiredNetwork, defaultRoute: string | null): string | null {
  const parent = network.parent ?? defaultRoute;
  if (parent === null || network.vlan === null) return parent;
  return vlanLinkName(parent, network.vlan);
}

function result(
  condition: ConditionDraft,
  more: Partial<Pick<NetworkPlan, 'steps' | 'dockerNetworkId' | 'removed'>> = {},
): NetworkPlan {
  return {
    steps: [],
    dockerNetworkId: null,
    removed: false,
    link: null,
    usable: false,
    conditions: [condition, { ...condition, type: 'Ready' }],
    ...more,
  };
}
