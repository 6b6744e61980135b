import type { Recall } from '@trunkline/contracts';
import { Prisma, type TransactionClient } from '../../platform/database/database.ts';
import type { HostQuery } from '../../platform/database/host-queries.ts';
import { familyWords } from './held-lease.ts';

/** Networks that some hosts are asked to return unused leases of. */
export const recallsOfHosts: HostQuery<Recall> = {
  rows: (hostIds) => Prisma.sql`
    SELECT x.host_id, x.network_id || ' ' || x.family, jsonb_build_object('networkId', x.network_id, 'family', x.family)
    FROM recall_host x JOIN recall r USING (network_id, family)
    WHERE x.host_id = ANY (${[...hostIds]}::uuid[]) AND r.until > now()`,
  read: ({ networkId, family }: { networkId: string; family: 4 | 6 }) => ({
    networkId,
    family: familyWords[family],
  }),
};

/**
 * Asks every host that holds something of a network in advance to return it. `notified` are those that were not asked
 * yet; `holding` is false when there is none to ask.
 */
export async function recallOfNetwork(
  db: TransactionClient,
  network: string,
  family: 4 | 6,
  wanted: number,
): Promise<{ holding: boolean; notified: { id: string; name: string }[] }> {
  const [row] = await db.$queryRaw<{ holding: boolean; notified: string[] }[]>`
    SELECT h.hosts IS NOT NULL AS holding,
           CASE WHEN h.hosts IS NULL THEN '{}' ELSE recall_leases(h.id, ${family}::int, h.hosts, 30)::text[] END AS notified
    FROM (
      SELECT n.id, array_agg(DISTINCT a.host_id) FILTER (WHERE a.state = 'leased') AS hosts FROM network n
      JOIN address a ON a.network_id = n.id AND family(a.ip) = ${family}::int AND a.state IN ('leased', 'quarantined')
      WHERE n.name = ${network} GROUP BY n.id
      HAVING count(*) + (SELECT sum(s.free) FROM subnet s WHERE s.network_id = n.id AND family(s.cidr) = ${family}::int) >= ${wanted}
    ) AS h`;
  return row === undefined
    ? { holding: false, notified: [] }
    : { holding: row.holding, notified: await named(db, row.notified) };
}

/** As `recallOfNetwork`, asks the one host that holds an address in advance; for 10 s. */
export async function recallOfAddress(
  db: TransactionClient,
  network: string,
  ip: string,
): Promise<{ holding: boolean; notified: { id: string; name: string }[] }> {
  const [row] = await db.$queryRaw<{ notified: string[] }[]>`
    SELECT recall_leases(a.network_id, family(a.ip), ARRAY[a.host_id], 10)::text[] AS notified
    FROM address a JOIN network n ON n.id = a.network_id
    WHERE n.name = ${network} AND a.ip = ${ip}::inet AND a.state = 'leased' AND NOT is_reserved(a)`;
  return row === undefined
    ? { holding: false, notified: [] }
    : { holding: true, notified: await named(db, row.notified) };
}

const named = (db: TransactionClient, ids: readonly string[]): Promise<{ id: string; name: string }[]> =>
  db.host.findMany({
    where: { id: { in: [...ids] } },
    orderBy: { name: 'asc' },
    select: { id: true, name: true },
  });

/** Drops recalls that are over; answers the networks and the hosts that were asked. */
export function endRecalls(
  db: TransactionClient,
): Promise<{ network: string; family: number; hosts: string[] }[]> {
  return db.$queryRaw`
    WITH due AS (
      SELECT network_id, family FROM recall WHERE until <= now() ORDER BY network_id, family LIMIT 1000 FOR UPDATE SKIP LOCKED
    ), asked AS (
      SELECT d.network_id, d.family, array_agg(x.host_id::text) FILTER (WHERE x.host_id IS NOT NULL) AS hosts
      FROM due d LEFT JOIN recall_host x USING (network_id, family) GROUP BY d.network_id, d.family
    ), gone AS (
      DELETE FROM recall r USING due WHERE r.network_id = due.network_id AND r.family = due.family RETURNING r.network_id, r.family
    )
    SELECT n.name AS network, gone.family, COALESCE(asked.hosts, '{}') AS hosts
    FROM gone JOIN asked USING (network_id, family) JOIN network n ON n.id = gone.network_id`;
}
