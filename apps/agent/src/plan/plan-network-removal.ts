import type { DesiredNetwork } from '@trunkline/contracts';
import type { DockerNetwork } from '../host/docker-engine.ts';
import { fails, mending, unknown, type ConditionDraft } from './conditions.ts';
import { leftLink, linkOf } from './link-users.ts';
import { fixedSpec, networkLabel } from '../observation/marks.ts';
import { attachedTo, differences, isCoordinated, isOurs, namesOf } from '../observation/network-fit.ts';
import type { NetworkPlan } from './network-plan.ts';
import { leftShim } from './plan-shim.ts';
import type { Observed, ObservedDocker } from '../observation/observed.ts';
import { standsFor } from '../observation/stands-for.ts';

/**
 * What to do for a network that should leave this host. Pure. Docker's network first, then our link; promiscuous mode
 * stays, since nobody knows who else relies on it. While containers are on any Docker network of it, nothing is taken away: not gone
 * is what has them, whoever made it (promise 4).
 */
export function planNetworkRemoval(
  network: DesiredNetwork,
  observed: Observed,
  others: readonly DesiredNetwork[],
): NetworkPlan {
  const { docker } = observed;
  if (!docker.reachable) return result(unknown('NetworkReady', 'DockerUnreachable', docker.message));
  const adoptedId = observed.adopted[network.id];
  const own = docker.networks.find((candidate) => isOurs(candidate, network));
  const attached = docker.networks
    .filter(({ id }) => id === adoptedId || id === own?.id)
    .concat(othersOf(network, observed, docker, others))
    .flatMap((one) => attachedTo(docker, one));
  if (attached.length > 0) {
    const names = namesOf([...new Map(attached.map((one) => [one.id, one])).values()]);
    return result(
      fails('NetworkReady', 'RemovalBlocked', `containers are still attached: ${names}; remove them first`),
      { dockerNetworkId: own?.id ?? adoptedId ?? null },
    );
  }
  if (adoptedId !== undefined) {
    const name = docker.networks.find(({ id }) => id === adoptedId)?.name ?? network.name;
    return result(
      fails(
        'NetworkReady',
        'LeftInPlace',
        `Docker network ${name} was adopted, not created: it is left in place`,
      ),
      { steps: [{ do: 'forget-adoption', networkId: network.id, name }] },
    );
  }
  if (own !== undefined) {
    return result(mending('NetworkReady', 'Removing', `Docker network ${network.name} is being removed`), {
      steps: [{ do: 'remove-network', dockerId: own.id, name: own.name, why: 'absent' }],
      dockerNetworkId: own.id,
    });
  }
  const shim = leftShim(network, observed, others, null);
  if (shim !== null) {
    return result(mending('NetworkReady', 'Removing', `${shim.link} is no longer needed by it`), {
      steps: [shim],
    });
  }
  const link = leftLink(network, observed, others, null);
  if (link !== null) {
    return result(mending('NetworkReady', 'Removing', `${link.link} is no longer needed by it`), {
      steps: [link],
    });
  }
  return result(fails('NetworkReady', 'Removed', `nothing of ${network.name} is left on this host`), {
    removed: true,
  });
}

/**
 * Docker networks besides the own and the adopted one whose containers have addresses of this network: those with our driver that
 * stand for it, and one that would be adopted for it, as when the note of an adoption was lost.
 */
function othersOf(
  network: DesiredNetwork,
  { defaultRoute }: Observed,
  docker: ObservedDocker,
  others: readonly DesiredNetwork[],
): DockerNetwork[] {
  const networks = [network, ...others.filter(({ id }) => id !== network.id)];
  const link = linkOf(network, defaultRoute);
  return docker.networks.filter((one) => {
    const mark = one.labels[networkLabel];
    if (isCoordinated(one)) return standsFor(one, { networks, held: [] }).ids.includes(network.id);
    const isFree = mark === undefined && one.name === network.name;
    return isFree && link !== null && differences(one, network, fixedSpec(network, link), false).length === 0;
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
