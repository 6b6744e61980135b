import type { DesiredDocument } from '@trunkline/contracts';
import { isCoordinated } from '../observation/network-fit.ts';
import type { ObservedDocker } from '../observation/observed.ts';
import { standsFor } from '../observation/stands-for.ts';
import type { HostPlan } from './plan.ts';

/**
 * Docker networks of this host that are networks of the document, by Docker's id: those that are ours or adopted, and those made by
 * hand whose addresses are ours. Pure.
 */
export function managedNetworks(
  plan: Pick<HostPlan, 'networks'>,
  { networks }: Pick<DesiredDocument, 'networks'>,
  docker: Pick<ObservedDocker, 'networks'>,
): ReadonlyMap<string, readonly string[]> {
  const managed = new Map<string, readonly string[]>();
  for (const network of docker.networks.filter(isCoordinated)) {
    const { ids } = standsFor(network, { networks, held: [] });
    managed.set(
      network.id,
      ids.filter((one) => networks.some(({ id }) => id === one)),
    );
  }
  for (const [networkId, network] of plan.networks) {
    const { dockerNetworkId } = network();
    if (dockerNetworkId !== null) managed.set(dockerNetworkId, [networkId]);
  }
  return managed;
}
