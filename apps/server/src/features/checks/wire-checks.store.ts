import type { Query } from '../../platform/database/query.ts';
import type { WirePlan } from './wire-plan.ts';

/** A network as a check of the wire needs it. */
export interface WireNetwork {
  id: string;
  name: string;
  vlan: number | null;
  mtu: number | null;
  mode: string;
  subnets: { cidr: string; gateway: string | null; family: 4 | 6; prefix: number }[];
}

/** It stays until the transaction ends. */
export async function findWireNetwork(query: Query, name: string): Promise<WireNetwork | undefined> {
  const [row] = await query<WireNetwork>(
    `SELECT n.id, n.name, n.vlan, n.mtu, n.mode,
            (SELECT COALESCE(jsonb_agg(jsonb_build_object('cidr', text(s.cidr), 'gateway', host(s.gateway),
               'family', family(s.cidr), 'prefix', masklen(s.cidr)) ORDER BY s.ordinal), '[]') FROM subnet s WHERE s.network_id = n.id) AS subnets
     FROM network n WHERE n.name = $1 AND n.deleting_since IS NULL FOR SHARE OF n`,
    [name],
  );
  return row;
}

/** A host that a network is on. */
export interface WireHostRow {
  id: string;
  name: string;
  lastSeenAt: Date | null;
  parent: string | null;
}

/** Up to `most`, by name. */
export function hostsOfNetwork(query: Query, networkId: string, most: number): Promise<WireHostRow[]> {
  return query<WireHostRow>(
    `SELECT h.id, h.name, h.last_seen_at AS "lastSeenAt", COALESCE(n.parents ->> h.name, n.parent) AS parent
     FROM placement p JOIN host h ON h.id = p.host_id JOIN network n ON n.id = p.network_id
     WHERE p.network_id = $1::uuid AND NOT p.removing ORDER BY h.name LIMIT $2 FOR KEY SHARE OF h`,
    [networkId, most],
  );
}

/** Another network, and which of some hosts have it on the same parent. */
export interface ReferenceRow {
  networkId: string;
  network: string;
  vlan: number | null;
  hostIds: string[];
}

/**
 * The network to compare with: another VLAN, or none, on the same parent of at least two of the hosts; the one that most have. Undefined:
 * there is none.
 */
export async function findReference(
  query: Query,
  network: Pick<WireNetwork, 'id' | 'vlan'>,
  hostIds: readonly string[],
): Promise<ReferenceRow | undefined> {
  const [row] = await query<ReferenceRow>(
    `SELECT o.id AS "networkId", o.name AS network, o.vlan, array_agg(h.id::text ORDER BY h.name) AS "hostIds"
     FROM network n, network o JOIN placement p ON p.network_id = o.id AND NOT p.removing JOIN host h ON h.id = p.host_id
     WHERE n.id = $1::uuid AND o.id <> n.id AND o.deleting_since IS NULL AND o.mode <> 'passthru'
       AND o.vlan IS DISTINCT FROM n.vlan AND h.id = ANY ($2::uuid[])
       AND COALESCE(o.parents ->> h.name, o.parent) IS NOT DISTINCT FROM COALESCE(n.parents ->> h.name, n.parent)
     GROUP BY o.id HAVING count(*) > 1 ORDER BY count(*) DESC, o.vlan NULLS FIRST, o.name LIMIT 1`,
    [network.id, [...hostIds]],
  );
  return row;
}

/** Checks that are over and still have addresses; they are noted as having none. */
export function takeHolders(query: Query, now: Date): Promise<{ id: string; plan: WirePlan }[]> {
  return query(
    `UPDATE check_job SET holds_addresses = false
     WHERE id IN (SELECT id FROM check_job WHERE holds_addresses AND expires_at <= $1 ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED)
     RETURNING id, COALESCE(spec -> 'wire', spec) AS plan`,
    [now],
  );
}
