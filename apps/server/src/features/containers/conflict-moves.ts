import { containerPath } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import { transactionQuery, type Query } from '../../platform/database/query.ts';
import type { ContainerDeps } from './container-creation.ts';

/** An address that something foreign was heard to have. */
export interface ConflictedAddress {
  networkId: string;
  ip: string;
}

interface Row {
  containerId: string;
  container: string;
  hostId: string;
  host: string;
  networkId: string;
  network: string;
  fam: 4 | 6;
  ip: string;
  mac: string | null;
  foreignMac: string | null;
}

/**
 * Gives containers that never ran another address, where the server chose the one that something foreign has. One that was
 * named is the caller's to change, and a container that ran before has more to lose than its address: their conditions
 * say what to do. What is left behind stays `conflicted`, as nobody's.
 */
export async function moveFromConflicts(
  change: Change,
  addresses: ContainerDeps['addresses'],
  hostId: string,
  conflicted: readonly ConflictedAddress[],
): Promise<void> {
  const query = transactionQuery(change.db);
  for (const row of await movable(query, hostId, conflicted)) {
    // Addresses before containers (docs/locking.md).
    await query('SELECT lock_subnets($1::uuid, $2::int)', [row.networkId, row.fam]);
    if (!(await letGo(query, row))) continue;
    const to = await addresses.reserveForContainer(change, {
      network: row.network,
      containerId: row.containerId,
      containerName: row.container,
      family: row.fam === 4 ? 'ipv4' : 'ipv6',
      ...(row.mac === null ? {} : { mac: row.mac }),
    });
    const column = row.fam === 4 ? 'ipv4' : 'ipv6';
    await query(
      `UPDATE attachment SET ${column} = $3::inet WHERE container_id = $1::uuid AND network_id = $2::uuid`,
      [row.containerId, row.networkId, to],
    );
    await query('UPDATE container SET generation = generation + 1, same_as = DEFAULT WHERE id = $1::uuid', [
      row.containerId,
    ]);
    change.record({
      type: 'container.moved',
      subject: containerPath(row.container),
      network: row.network,
      host: row.host,
      data: { from: row.ip, to, mac: row.foreignMac },
    });
    change.notifyHosts([row.hostId]);
  }
}

function movable(
  query: Query,
  hostId: string,
  conflicted: readonly ConflictedAddress[],
): Promise<readonly Row[]> {
  return query<Row>(
    `SELECT c.id AS "containerId", c.name AS container, c.host_id AS "hostId", h.name AS host, n.id AS "networkId", n.name AS network,
            family(a.ip) AS fam, host(a.ip) AS ip, t.mac, a.seen_mac AS "foreignMac"
     FROM jsonb_to_recordset($2::jsonb) AS x ("networkId" uuid, ip inet)
     JOIN address a ON a.network_id = x."networkId" AND a.ip = x.ip AND a.state = 'conflicted'
     JOIN container c ON c.id = a.container_id AND c.host_id = $1::uuid AND c.deleting_since IS NULL
     JOIN attachment t ON t.container_id = c.id AND t.network_id = a.network_id
     JOIN host h ON h.id = c.host_id JOIN network n ON n.id = a.network_id
     WHERE c.observed->>'startedAt' IS NULL
       AND (a.ip = t.ipv4 AND t.chosen_ipv4 OR a.ip = t.ipv6 AND t.chosen_ipv6)
     ORDER BY n.name, fam, a.ip`,
    [hostId, JSON.stringify(conflicted.map(({ networkId, ip }) => ({ networkId, ip })))],
  );
}

/** False where it is the container's no more, or not in conflict. */
async function letGo(query: Query, { containerId, networkId, ip }: Row): Promise<boolean> {
  const [row] = await query<{ wasIts: boolean }>(
    'SELECT leave_conflict($1::uuid, ARRAY[$2::inet], $3::uuid) > 0 AS "wasIts"',
    [networkId, ip, containerId],
  );
  return row?.wasIts === true;
}
