import type { DockerAttachment, DockerEngine } from '../host/docker-engine.ts';
import { DockerNotFound } from '../host/docker-errors.ts';
import type { DetachedContainer } from '../observation/detached.ts';
import { endpointOn } from '../observation/network-fit.ts';

/** What a container gets back on a network. */
export function attachmentOf(
  network: string,
  { ipv4, ipv6, mac, aliases }: DetachedContainer,
): DockerAttachment {
  return {
    network,
    aliases,
    ...(ipv4 === null ? {} : { ipv4 }),
    ...(ipv6 === null ? {} : { ipv6 }),
    ...(mac === null ? {} : { usualMac: mac }),
  };
}

/** With their names on a network: a look shows none, so Docker is asked for each. */
export async function withAliases(
  containers: readonly DetachedContainer[],
  network: { readonly id: string; readonly name: string },
  docker: Pick<DockerEngine, 'container'>,
): Promise<DetachedContainer[]> {
  return await Promise.all(
    containers.map(async (container) => {
      try {
        const seen = await docker.container(container.id);
        // One that was left behind by an earlier network has its place there under the name alone.
        const endpoint =
          endpointOn(seen, network) ?? seen.endpoints.find(({ networkName }) => networkName === network.name);
        return endpoint === undefined ? container : { ...container, aliases: endpoint.aliases };
      } catch (error) {
        if (error instanceof DockerNotFound) return container;
        throw error;
      }
    }),
  );
}
