import type { DesiredNetwork } from '@trunkline/contracts';
import type { DockerContainerDetail, DockerNetwork } from '../host/docker-engine.ts';
import { failedAtNetwork } from '../observation/failed-starts.ts';
import { lostNetworkIn, removedNetworkIn } from '../observation/lost-network.ts';
import { attachedTo, isCoordinated } from '../observation/network-fit.ts';
import type { Observed } from '../observation/observed.ts';
import { everything } from '../observation/permissions.ts';
import { standsFor } from '../observation/stands-for.ts';
import type { Step } from './steps.ts';

/** What to do for a container that Trunkline does not run and whose start failed at its network. */
export interface RevivalPlan {
  readonly name: string;
  readonly steps: readonly Step[];
  /** The Docker networks with our driver that it is on. */
  readonly networks: readonly DockerNetwork[];
  /** The networks of the document that those stand for. */
  readonly networkIds: readonly string[];
}

/**
 * Starts containers of others again whose start failed at their network, by Docker's id. Pure.
 *
 * Docker tries a container with a restart policy once when it starts, and never again when that failed at its network (seen
 * with 20.10 to 28). Such a container is started once Docker can request addresses, and once the network that it lost was made
 * again. Containers of the desired document are not among them: they have plans of their own.
 *
 * `networks`: those of the document. None where the host allows the agent nothing of others.
 */
export function planRevivals(
  { docker, book, permitted = everything }: Pick<Observed, 'docker' | 'book' | 'permitted'>,
  networks: readonly DesiredNetwork[],
): ReadonlyMap<string, RevivalPlan> {
  if (!docker.reachable || book.notServing !== null || permitted.containers !== 'all') return new Map();
  const known = new Set(docker.networks.map(({ id }) => id));
  return new Map(
    docker.failedStarts.map((container) => {
      const { id, name } = container;
      const on = docker.networks.filter(
        (network) => isCoordinated(network) && attachedTo(docker, network).some((one) => one.id === id),
      );
      const ids = on.flatMap((network) => standsFor(network, { networks, held: [] }).ids);
      const steps: Step[] =
        startsAgain(container, known) === 'now' ? [{ do: 'start-again', dockerId: id, name }] : [];
      return [id, { name, steps, networks: on, networkIds: [...new Set(ids)] }];
    }),
  );
}

/**
 * When a container is started again. `later`: once the network that it lost was made again, or the container was connected to
 * it. `never`: its last start did not fail at its network, or it should not run.
 *
 * `networks`: ids of Docker's networks.
 */
export function startsAgain(
  container: Pick<DockerContainerDetail, 'status' | 'error' | 'restartPolicy' | 'endpoints'>,
  networks: ReadonlySet<string>,
): 'now' | 'later' | 'never' {
  if (!failedAtNetwork(container)) return 'never';
  const removed = removedNetworkIn(container.error);
  if (removed !== null)
    return container.endpoints.some(({ networkId }) => networkId === removed) ? 'later' : 'now';
  const lost = lostNetworkIn(container.error);
  return lost !== null && networks.has(lost) ? 'later' : 'now';
}
