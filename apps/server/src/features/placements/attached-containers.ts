import { listed } from '@trunkline/log';
import { containerPath } from '@trunkline/contracts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { ApiError } from '../../platform/errors.ts';

/** Containers of ours that are attached to a network, with their hosts. */
export function attachedContainers(
  db: TransactionClient,
  networkId: string,
): Promise<{ container: string; host: string; hostId: string }[]> {
  return db.$queryRaw`
    SELECT c.name AS container, h.name AS host, h.id AS "hostId"
    FROM attachment a JOIN container c ON c.id = a.container_id JOIN host h ON h.id = c.host_id
    WHERE a.network_id = ${networkId}::uuid ORDER BY c.name`;
}

/** Running containers on a network that some other tool started, as the last reports had it: up to `limit`. */
function otherContainers(
  db: TransactionClient,
  networkId: string,
  limit: number,
): Promise<{ container: string; host: string; hostId: string }[]> {
  return db.$queryRaw`
    SELECT e.name AS container, h.name AS host, h.id AS "hostId" FROM endpoint e JOIN host h ON h.id = e.host_id
    WHERE e.network_id = ${networkId}::uuid AND e.state IN ('running', 'paused')
      AND NOT EXISTS (SELECT 1 FROM container c WHERE c.host_id = e.host_id AND c.observed ->> 'dockerId' = e.docker_id)
    ORDER BY e.name, h.name LIMIT ${limit}`;
}

/** Refuses what would pull a network from under containers. Call it after the change it guards against was written. */
export async function refuseWhileAttached(
  db: TransactionClient,
  network: { id: string; name: string },
  what: string,
  concerns: (attached: { host: string; hostId: string }) => boolean,
  remedy = 'remove them first',
): Promise<void> {
  const attached = (await attachedContainers(db, network.id)).filter(concerns);
  if (attached.length === 0) return;
  // Also those that other tools started: whoever removes the containers wants to know of all of them.
  const others = (await otherContainers(db, network.id, 100)).filter(concerns);
  const all = [...attached, ...others];
  const names = listed(all.map(({ container, host }) => `${container} on ${host}`));
  throw new ApiError(
    'network_in_use',
    `${what} while containers are attached to ${network.name}: ${names}; ${remedy}`,
    {
      data: {
        containers: attached.slice(0, 100).map(({ container }) => containerPath(container)),
        others: others.map(({ container, host }) => ({ container, host })),
      },
    },
  );
}
