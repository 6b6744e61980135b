import type { DesiredNetwork } from '@trunkline/contracts';
import { fails, mending, unknown, type ConditionDraft } from './conditions.ts';
import { leftLink } from './link-users.ts';
import { attachedTo, isOurs, namesOf } from './network-fit.ts';
import type { NetworkPlan } from './network-plan.ts';
import type { Observed } from './observe.ts';

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
          `containers are still attached: ${namesOf(attached)}; remove them first`,
        ),
        { dockerNetworkId: own.id },
      );
    }
    return result(mending('NetworkReady', 'Removing', `Docker network ${network.name} is being removed`), {
      steps: [{ do: 'remove-network', dockerId: own.id, name: own.name, why: 'absent' }],
      dockerNetworkId: own.id,
    });
  }
  const link = leftLink(network, observed, others, null);
  if (link !== null) {
    return result(mending('NetworkReady', 'Removing', `${link.link} is no longer needed for it`), {
      steps: [link],
    });
  }
  return result(fails('NetworkReady', 'Removed', `nothing of ${network.name} is left on this host`), {
    removed: true,
  });
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
