import type { ContainerHostAccess } from '../host/container-host-routes.ts';
import type { DockerContainer, DockerEngine } from '../host/docker-engine.ts';
import { DockerNotFound } from '../host/docker-errors.ts';

/** Looks into running containers for the routes to their host, by Docker's ids; what cannot be looked into is left out. */
export type HostAccessLook = (
  containers: readonly DockerContainer[],
) => Promise<ReadonlyMap<string, ContainerHostAccess>>;

/**
 * Such looks. Which process a container is costs a question to Docker: it is asked once for each start, after which each endpoint is
 * another one.
 */
export function createHostAccessLook(
  docker: Pick<DockerEngine, 'container'>,
  read: (pid: number) => Promise<ContainerHostAccess | null>,
): HostAccessLook {
  let known: ReadonlyMap<string, { readonly endpoints: string; readonly pid: number }> = new Map();

  async function pidOf(id: string, endpoints: string): Promise<number | null> {
    const before = known.get(id);
    if (before?.endpoints === endpoints) return before.pid;
    try {
      return (await docker.container(id)).pid;
    } catch (error) {
      if (error instanceof DockerNotFound) return null;
      throw error;
    }
  }

  return async (containers) => {
    const found = await Promise.all(
      containers.map(async ({ id, endpoints: places }) => {
        const endpoints = places.map(({ endpointId }) => endpointId ?? '').join(' ');
        const pid = await pidOf(id, endpoints);
        return { id, endpoints, pid, seen: pid === null ? null : await read(pid) };
      }),
    );
    // Without the ids of its endpoints nothing shows that it was started again.
    known = new Map(
      found.flatMap(({ id, endpoints, pid, seen }) =>
        pid === null || seen === null || endpoints.trim() === '' ? [] : [[id, { endpoints, pid }]],
      ),
    );
    return new Map(found.flatMap(({ id, seen }) => (seen === null ? [] : [[id, seen]])));
  };
}
