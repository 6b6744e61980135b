import type { DockerContainer, DockerEndpoint, DockerNetwork } from '../host/docker-engine.ts';
import type { DetachedContainer } from './detached.ts';
import { containerLabel, networkLabel } from './marks.ts';
import { attachedTo, detachedOf } from './network-fit.ts';
import type { ObservedDocker } from './observed.ts';

/** Whether something runs with an interface on a network: to take the network away would cut it off. */
export function isBusy(docker: Pick<ObservedDocker, 'containers'>, network: DockerNetwork): boolean {
  return attachedTo(docker, network).some(({ status }) => status === 'running' || status === 'paused');
}

/**
 * Id of the network that Docker lists and yet did not find when it started a container; null for another failure. Its
 * parent was missing when the daemon started, and every start on it fails with these words until it is made again (20.10
 * to 28; libnetwork, drivers/macvlan: getNetwork).
 */
export function lostNetworkIn(error: string | null): string | null {
  return /network id "([^"]+)" not found/.exec(error ?? '')?.[1] ?? null;
}

/**
 * Id of the network that a container was on when it last ran and that Docker no longer has, read from the error of its start;
 * null for another failure. It stays with the container, whatever network of that name is made later (20.10 to 28;
 * libnetwork, ErrNoSuchNetwork).
 */
export function removedNetworkIn(error: string | null): string | null {
  return /network ([0-9a-f]{64}) not found/.exec(error ?? '')?.[1] ?? null;
}

const isStopped = ({ status }: Pick<DockerContainer, 'status'>): boolean =>
  status === 'exited' || status === 'created';

/**
 * What containers that do not run had on an earlier network of the same name. Somebody removed that network while they were
 * stopped (`docker network prune` does). Docker starts none of them until it is connected to the present network.
 */
export function leftBehind(
  docker: Pick<ObservedDocker, 'containers' | 'networks'>,
  network: Pick<DockerNetwork, 'name'>,
): DetachedContainer[] {
  return onRemovedNetwork(docker, network)
    .filter(({ container }) => isStopped(container))
    .map(({ container, endpoint }) => detachedOf(container, endpoint));
}

/** Containers, running or not, with a place on a network of this name that Docker does not have, whatever it has of that name now. */
export function onRemovedNetwork(
  { containers, networks }: Pick<ObservedDocker, 'containers' | 'networks'>,
  { name }: Pick<DockerNetwork, 'name'>,
): { readonly container: DockerContainer; readonly endpoint: DockerEndpoint }[] {
  const known = new Set(networks.map(({ id }) => id));
  return containers.flatMap((container) => {
    const endpoint = container.endpoints.find(
      ({ networkId, networkName }) => networkName === name && networkId !== '' && !known.has(networkId),
    );
    return endpoint === undefined ? [] : [{ container, endpoint }];
  });
}

/**
 * Whether Docker lists the network and has lost it, judged by the errors of starts that failed there. Docker keeps such an error
 * until the container runs, also when it finds the network again at its own next start. So the error of a container of others
 * counts only where no container runs on the network.
 */
export function isDead(docker: ObservedDocker, network: DockerNetwork): boolean {
  const showing = [...docker.details.values()].filter(
    ({ status, error }) => status !== 'running' && lostNetworkIn(error) === network.id,
  );
  return (
    showing.some(({ labels }) => labels[containerLabel] !== undefined) ||
    (showing.length > 0 && !isBusy(docker, network))
  );
}

/**
 * Containers of others that can show whether Docker lost one of our networks: those that do not run, on networks where
 * nothing runs. A host at work has few.
 */
export function containersThatShowLoss(
  containers: readonly DockerContainer[],
  networks: readonly DockerNetwork[],
): DockerContainer[] {
  const silent = networks.filter(
    (network) => network.labels[networkLabel] !== undefined && !isBusy({ containers }, network),
  );
  return silent
    .flatMap((network) => attachedTo({ containers }, network))
    .filter((container) => isStopped(container) && container.labels[containerLabel] === undefined);
}
