import { isHostsName, maxAliases } from '@trunkline/contracts';
import { join } from 'node:path';
import type { DockerContainer, DockerContainerDetail } from '../host/docker-engine.ts';
import type { ObservedDocker } from '../observation/observed.ts';
import type { NamedOne } from './names-plan.ts';

/** A running container of this host on networks with names. */
export interface LocalContainer {
  readonly container: DockerContainer;
  /** Its networks with names, by our ids, each with Docker's. */
  readonly networks: ReadonlyMap<string, string>;
}

const liveStatus = new Set<DockerContainer['status']>(['running', 'paused']);

/** Running containers of this host, those on networks with names with what they are on there. Pure. */
export function localContainers(
  docker: Pick<ObservedDocker, 'containers'>,
  managed: ReadonlyMap<string, readonly string[]>,
  named: ReadonlySet<string>,
): LocalContainer[] {
  return docker.containers
    .filter(({ status }) => liveStatus.has(status))
    .map((container) => ({
      container,
      networks: new Map(
        container.endpoints
          .filter(({ ipv4, ipv6 }) => ipv4 !== null || ipv6 !== null)
          .flatMap(({ networkId: dockerId }) =>
            (managed.get(dockerId) ?? []).filter((id) => named.has(id)).map((id) => [id, dockerId] as const),
          ),
      ),
    }));
}

/** What changes whenever an inspection of the container may show other aliases or another file. */
export const inspectionKey = ({ id, endpoints }: DockerContainer): string =>
  [id, ...endpoints.map(({ networkId, endpointId }) => `${networkId} ${endpointId ?? ''}`)].join('\n');

/** Aliases of a container on a Docker network that may be names, as many as are taken. Pure. */
export function aliasesOn(
  detail: Pick<DockerContainerDetail, 'endpoints'>,
  dockerNetworkId: string,
): string[] {
  const endpoint = detail.endpoints.find(({ networkId }) => networkId === dockerNetworkId);
  return [...new Set(endpoint?.aliases ?? [])].filter(isHostsName).toSorted().slice(0, maxAliases);
}

/**
 * Where a container has its hosts file: null for one that is not Docker's own in Docker's own place, such as the one of a container with the
 * network of the host, or a file that its user mounted there.
 */
export function ownHostsPath(
  { id, networkMode, hostsPath }: Pick<DockerContainerDetail, 'id' | 'networkMode' | 'hostsPath'>,
  dataRoot: string,
): string | null {
  return networkMode !== 'host' && hostsPath !== null && hostsPath === hostsPathOf(id, dataRoot)
    ? hostsPath
    : null;
}

/** Docker's place for the hosts file of a container. */
export const hostsPathOf = (id: string, dataRoot: string): string =>
  join(dataRoot, 'containers', /^[0-9a-f]{64}$/.test(id) ? id : 'none', 'hosts');

/** A container of this host on a network, as its name goes. */
export function ownName(
  { container, networks }: LocalContainer,
  networkId: string,
  detail: DockerContainerDetail | null,
  host: string,
): NamedOne | null {
  const dockerNetworkId = networks.get(networkId);
  const endpoint = container.endpoints.find((one) => one.networkId === dockerNetworkId);
  if (dockerNetworkId === undefined || endpoint === undefined) return null;
  const since = Date.parse(detail?.startedAt ?? '');
  return {
    host,
    isOwn: true,
    name: container.name,
    aliases: detail === null ? [] : aliasesOn(detail, dockerNetworkId),
    ipv4: endpoint.ipv4,
    ipv6: endpoint.ipv6,
    since: Number.isNaN(since) ? 0 : since,
  };
}
