import type { DockerContainer, DockerContainerDetail, DockerNetwork } from '../host/docker-engine.ts';
import { containerLabel, networkLabel } from './marks.ts';
import { endpointOn, isCoordinated } from './network-fit.ts';
import type { StackMemory } from './stack-memory.ts';
import { joinedStack, stackSharing } from './stack-sharing.ts';

/** A container of others that shares the network stack of a container on one of our networks. */
export interface StackSharer<Container = DockerContainerDetail> {
  readonly sharer: Container;
  /** Docker's id of the container whose stack it was made for. */
  readonly ownerId: string;
  /** That container; null: it is gone, and Docker can start the sharer with no other. */
  readonly owner: Container | null;
  readonly ownerName: string;
  /** Our Docker networks that the stack is on; none is known of one that is gone. */
  readonly networks: readonly DockerNetwork[];
}

/**
 * Containers of others that share a stack of ours: that of a container which Trunkline runs or which is on a network of ours, also
 * through another one, or which was remembered as such and is gone. Pure.
 *
 * `adopted`: ids of Docker networks that were there before us and that we use.
 */
export function findStackSharers(
  {
    containers,
    networks,
  }: {
    readonly containers: readonly DockerContainer[];
    readonly networks: readonly DockerNetwork[];
  },
  adopted: ReadonlySet<string>,
  { owners }: Pick<StackMemory, 'owners'>,
): StackSharer<DockerContainer>[] {
  const sharers = containers.filter(
    (one) => joinedStack(one) !== null && one.labels[containerLabel] === undefined,
  );
  if (sharers.length === 0) return [];
  const sharing = stackSharing(containers);
  const ours = networks.filter(
    (one) => isCoordinated(one) || one.labels[networkLabel] !== undefined || adopted.has(one.id),
  );
  return sharers.flatMap((sharer): StackSharer<DockerContainer>[] => {
    const ownerId = joinedStack(sharer) ?? '';
    const owner = sharing.ownerOf(sharer);
    if (owner === undefined) {
      const ownerName = owners[ownerId];
      return ownerName === undefined ? [] : [{ sharer, ownerId, owner: null, ownerName, networks: [] }];
    }
    const root = sharing.rootOf(sharer);
    if (owner === null || root === undefined) return [];
    const on = ours.filter((network) => endpointOn(root, network) !== undefined);
    const isOurs = on.length > 0 || root.labels[containerLabel] !== undefined;
    return isOurs ? [{ sharer, ownerId: owner.id, owner, ownerName: owner.name, networks: on }] : [];
  });
}

/** The same in full, without what was removed meanwhile. */
export function inFull(
  sharers: readonly StackSharer<DockerContainer>[],
  details: ReadonlyMap<string, DockerContainerDetail>,
): StackSharer[] {
  return sharers.flatMap((one): StackSharer[] => {
    const sharer = details.get(one.sharer.id);
    const owner = one.owner === null ? null : details.get(one.owner.id);
    return sharer === undefined || owner === undefined ? [] : [{ ...one, sharer, owner }];
  });
}
