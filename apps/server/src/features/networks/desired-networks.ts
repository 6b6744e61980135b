import type { DesiredNetwork } from '@trunkline/contracts';
import { canonicalSubnet } from '../../platform/database/inet.ts';
import { Prisma, type TransactionClient } from '../../platform/database/database.ts';
import type { HostQuery } from '../../platform/database/host-queries.ts';
import { documentFields } from './network-columns.ts';
import { networkFields } from './spec/network-fields.ts';

/** A network as one host should have it. */
export interface DesiredOnHost {
  hostId: string;
  host: string;
  lastSeenAt: Date | null;
  network: DesiredNetwork;
}

type Made = {
  [K in keyof typeof networkFields]: (typeof networkFields)[K]['document'] extends 'made' ? K : never;
}[keyof typeof networkFields];

/** What agents are given otherwise than the column has it. */
const made = {
  // As parentOn (placed-network.ts).
  parent: Prisma.sql`coalesce(n.parents ->> h.name, n.parent)`,
  subnets: Prisma.sql`(
      SELECT coalesce(jsonb_agg(jsonb_build_object('cidr', text(s.cidr), 'gateway', host(s.gateway),
        'ranges', s.ranges, 'exclude', s.exclude) ORDER BY s.ordinal), '[]')
      FROM subnet s WHERE s.network_id = n.id
    )`,
} satisfies Record<Made, Prisma.Sql>;

/** The network `n` as the host `h` should have it, by its placement `p`; addresses in PostgreSQL's spelling. */
const desired = Prisma.sql`
  jsonb_build_object(
    'id', n.id, 'name', n.name, 'generation', n.generation,
    'state', CASE WHEN p.removing OR n.deleting_since IS NOT NULL THEN 'absent' ELSE 'present' END,
    -- Force is for replacing a network. It does not take one away from under containers.
    'force', p.force_generation IS NOT NULL AND NOT p.removing AND n.deleting_since IS NULL,
    ${documentFields(networkFields, made)}
  )`;

const placed = Prisma.sql`placement p JOIN network n ON n.id = p.network_id JOIN host h ON h.id = p.host_id`;

const canonical = (network: DesiredNetwork): DesiredNetwork => ({
  ...network,
  subnets: network.subnets.map((subnet) => ({ ...subnet, ...canonicalSubnet(subnet) })),
});

/** All networks that hosts should have, and those that they should not have any more; in the order of their ids. */
export const networksOfHosts: HostQuery<DesiredNetwork> = {
  rows: (hostIds) => Prisma.sql`
    SELECT p.host_id, p.network_id::text, ${desired} FROM ${placed} WHERE p.host_id = ANY (${[...hostIds]}::uuid[])`,
  read: canonical,
};

/** One network on up to `most` of its hosts, by their names. */
export async function desiredOnHosts(
  db: TransactionClient,
  networkId: string,
  most: number,
): Promise<DesiredOnHost[]> {
  const rows = await db.$queryRaw<DesiredOnHost[]>`
    SELECT p.host_id AS "hostId", h.name AS host, h.last_seen_at AS "lastSeenAt", ${desired} AS network
    FROM ${placed} WHERE p.network_id = ${networkId}::uuid ORDER BY h.name LIMIT ${most}`;
  return rows.map((row) => ({ ...row, network: canonical(row.network) }));
}
