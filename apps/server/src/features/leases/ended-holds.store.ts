import type { AddressState, Revocation } from '@trunkline/contracts';
import { formatIp, parseIp } from '@trunkline/netaddr';
import { Prisma, type TransactionClient } from '../../platform/database/database.ts';
import type { HostQuery } from '../../platform/database/host-queries.ts';

/** Ends all holds of a host on the network, or on every one; answers the addresses. Locks the subnets in the order of docs/locking.md. */
export async function endHoldsOf(
  db: TransactionClient,
  hostId: string,
  networkId: string | null,
): Promise<
  { network: string; ip: string; owner: string | null; container: string | null; state: AddressState }[]
> {
  // Also where it holds nothing yet: a grant that is under way there is waited for, and the next finds no placement.
  await db.$queryRaw`
    SELECT lock_subnets(x.id, x.family) FROM (
      SELECT n.id, f.family FROM network n CROSS JOIN (VALUES (4), (6)) AS f (family)
      WHERE (${networkId}::uuid IS NULL OR n.id = ${networkId}::uuid)
        AND (EXISTS (SELECT 1 FROM placement p WHERE p.network_id = n.id AND p.host_id = ${hostId}::uuid)
          OR EXISTS (SELECT 1 FROM address a WHERE a.network_id = n.id AND a.host_id = ${hostId}::uuid))
      ORDER BY n.name COLLATE "C", f.family OFFSET 0
    ) AS x`;
  return db.$queryRaw`
    SELECT n.name AS network, host(a.ip) AS ip, a.owner, a.container_name AS container, a.state::text AS state
    FROM address a JOIN network n ON n.id = a.network_id
    CROSS JOIN LATERAL (SELECT end_hold(a, 'released', NULL, false)) AS ended
    WHERE a.host_id = ${hostId}::uuid AND (${networkId}::uuid IS NULL OR a.network_id = ${networkId}::uuid)`;
}

/** Holds of hosts that the server has ended and that they have not confirmed. */
export const revocationsOfHosts: HostQuery<Revocation> = {
  rows: (hostIds) => Prisma.sql`
    SELECT r.host_id, r.space || ' ' || host(r.ip),
           jsonb_build_object('networkId', r.network_id, 'ip', host(r.ip), 'generation', r.generation)
    FROM revocation r WHERE r.host_id = ANY (${[...hostIds]}::uuid[]) AND r.confirmed_at IS NULL`,
  read: (one: Revocation) => ({ ...one, ip: formatIp(parseIp(one.ip)) }),
};

/** A host has it on its disk that these holds are over; answers what is free by that. */
export function confirmRevocations(
  db: TransactionClient,
  hostId: string,
  confirmed: readonly Revocation[],
): Promise<{ network: string; ip: string }[]> {
  return db.$queryRaw`SELECT * FROM confirm_revocations(${hostId}::uuid, ${JSON.stringify(confirmed)}::jsonb)`;
}
