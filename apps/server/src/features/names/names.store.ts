import type { NamedContainer } from '@trunkline/contracts';
import type { TransactionClient } from '../../platform/database/database.ts';
import type { Query } from '../../platform/database/query.ts';

/** A network with names that a host has, and the version of its names. */
export interface NamedNetwork {
  id: string;
  name: string;
  /** Also another after a restored backup, which takes the number back. */
  version: string;
}

/** The networks with names that hosts have, by host, in the order of their ids. A host without any is not in it. */
export async function namedNetworks(
  query: Query,
  hostIds: readonly string[],
): Promise<ReadonlyMap<string, NamedNetwork[]>> {
  const rows = await query<NamedNetwork & { hostId: string }>(
    `SELECT p.host_id AS "hostId", text(n.id) AS id, n.name, concat((SELECT x.incarnation FROM past x), ' ', coalesce(v.version, 0)) AS version
     FROM placement p JOIN network n ON n.id = p.network_id LEFT JOIN network_names v ON v.network_id = n.id
     WHERE p.host_id = ANY ($1::uuid[]) AND n.names AND NOT p.removing AND n.deleting_since IS NULL
     ORDER BY n.id`,
    [hostIds],
  );
  const found = new Map<string, NamedNetwork[]>();
  for (const { hostId, ...network } of rows) {
    const own = found.get(hostId);
    if (own === undefined) found.set(hostId, [network]);
    else own.push(network);
  }
  return found;
}

/**
 * What runs on a network on all hosts, those that run longest first, up to `most`. An address counts where it lies in a
 * subnet of the network: no host names anything else. Silent hosts are in it: silence is no evidence that something is gone.
 */
export async function runningOn(query: Query, networkId: string, most: number): Promise<NamedContainer[]> {
  const rows = await query<Omit<NamedContainer, 'since'> & { since: Date }>(
    `SELECT h.name AS host, e.name, e.aliases, e.since,
            CASE WHEN EXISTS (SELECT 1 FROM subnet s WHERE s.network_id = e.network_id AND s.cidr >>= e.ipv4) THEN host(e.ipv4) END AS ipv4,
            CASE WHEN EXISTS (SELECT 1 FROM subnet s WHERE s.network_id = e.network_id AND s.cidr >>= e.ipv6) THEN host(e.ipv6) END AS ipv6
     FROM endpoint e JOIN host h ON h.id = e.host_id
     WHERE e.network_id = $1::uuid AND e.state IN ('running', 'paused') AND (e.ipv4 IS NOT NULL OR e.ipv6 IS NOT NULL)
     ORDER BY e.since, h.name, e.docker_id, e.id LIMIT $2::int`,
    [networkId, most],
  );
  return rows
    .filter(({ ipv4, ipv6 }) => ipv4 !== null || ipv6 !== null)
    .map((row) => ({ ...row, since: row.since.toISOString() }));
}

/** What runs on a host is about to be forgotten: those who have its names are woken. */
export async function raiseNamesOfHost(db: TransactionClient, hostId: string): Promise<void> {
  await db.$executeRaw`SELECT raise_names_of_host(${hostId}::uuid)`;
}
