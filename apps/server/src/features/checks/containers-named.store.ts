import type { Query } from '../../platform/database/query.ts';
import type { HostRow } from './diagnoses.store.ts';

/** An address of a container on a network. */
export interface Attached {
  network: string;
  mode: string;
  hostAccess: boolean;
  address: string | null;
}

/** A container of a name on one host, as the address book or a report of the host has it. */
export interface NamedContainer extends HostRow {
  container: string;
  /** Trunkline runs it. */
  isOurs: boolean;
  attached: (Attached & { networkId: string })[];
}

/**
 * Containers of some names, one for each name and host, by name and host. Those that share a stack are on its networks with its
 * addresses. `isLive`: without those of Trunkline that are being removed, and without those of others that do not run.
 */
export function containersNamed(
  query: Query,
  names: readonly string[],
  { isLive }: { readonly isLive: boolean },
): Promise<NamedContainer[]> {
  return query<NamedContainer>(
    `WITH named AS (
       SELECT c.name, c.host_id, true AS ours, a.network_id, a.ipv4, a.ipv6
       FROM container c LEFT JOIN attachment a ON a.container_id = COALESCE(c.shares_stack_of, c.id)
       WHERE c.name = ANY ($1::text[]) AND NOT ($2 AND c.deleting_since IS NOT NULL)
       UNION ALL
       SELECT e.name, e.host_id, false, e.network_id, e.ipv4, e.ipv6 FROM endpoint e
       WHERE e.name = ANY ($1::text[]) AND NOT ($2 AND e.state <> 'running')
       UNION ALL
       SELECT x.name, e.host_id, false, e.network_id, e.ipv4, e.ipv6 FROM endpoint e CROSS JOIN LATERAL unnest(e.shared_by) AS x (name)
       WHERE e.shared_by && $1::text[] AND x.name = ANY ($1::text[]) AND NOT ($2 AND e.state <> 'running')
     )
     SELECT n.name AS container, h.id, h.name, h.last_seen_at AS "lastSeenAt", bool_or(n.ours) AS "isOurs",
            COALESCE(jsonb_agg(DISTINCT jsonb_build_object('networkId', w.id, 'network', w.name, 'mode', w.mode, 'hostAccess', w.host_access,
              'address', host(v.ip))) FILTER (WHERE w.id IS NOT NULL), '[]') AS attached
     FROM named n JOIN host h ON h.id = n.host_id LEFT JOIN network w ON w.id = n.network_id
       LEFT JOIN LATERAL (VALUES (n.ipv4), (n.ipv6)) AS v (ip) ON v.ip IS NOT NULL
     GROUP BY n.name, h.id ORDER BY n.name, h.name LIMIT 4096`,
    [[...names], isLive],
  );
}
