import type { HostFacts } from '@trunkline/contracts';
import type { Query } from '../../platform/database/query.ts';
import type { Attached } from './containers-named.store.ts';
import type { HostRow } from './diagnoses.store.ts';
import type { MatrixMember } from './matrix-plan.ts';

/** A network as a connectivity matrix needs it. */
export interface MatrixNetwork {
  id: string;
  name: string;
  mode: string;
  hostAccess: boolean;
  gateways: string[];
}

/** Those of some names that are not being removed. */
export function networksNamed(query: Query, names: readonly string[]): Promise<MatrixNetwork[]> {
  return query<MatrixNetwork>(
    `SELECT n.id, n.name, n.mode, n.host_access AS "hostAccess",
            ARRAY(SELECT host(s.gateway) FROM subnet s WHERE s.network_id = n.id AND s.gateway IS NOT NULL ORDER BY s.ordinal) AS gateways
     FROM network n WHERE n.name = ANY ($1::text[]) AND n.deleting_since IS NULL`,
    [[...names]],
  );
}

/** Running containers on a network with their addresses on it, as hosts last reported them: up to `most` in all and `mostOfHost` on each. `since`: only those that were there at that time. */
export function membersOf(
  query: Query,
  networkId: string,
  most: number,
  mostOfHost: number,
  since: Date | null = null,
): Promise<(MatrixMember & { lastSeenAt: Date | null })[]> {
  return query(
    `SELECT h.id AS "hostId", h.name AS host, h.last_seen_at AS "lastSeenAt", m.name, m.addresses
     FROM (SELECT e.host_id, min(e.name) AS name, array_agg(DISTINCT host(v.ip)) AS addresses,
                  row_number() OVER (PARTITION BY e.host_id ORDER BY min(e.name), e.docker_id) AS place
           FROM endpoint e CROSS JOIN LATERAL (VALUES (e.ipv4), (e.ipv6)) AS v (ip)
           WHERE e.network_id = $1::uuid AND e.state = 'running' AND v.ip IS NOT NULL AND ($4::timestamptz IS NULL OR e.since <= $4)
           GROUP BY e.host_id, e.docker_id) m
     JOIN host h ON h.id = m.host_id WHERE m.place <= $3 ORDER BY m.place, h.name LIMIT $2`,
    [networkId, most, mostOfHost, since],
  );
}

/** Hosts of some names, with what their agents last saw of the machines. */
export function matrixHosts(
  query: Query,
  names: readonly string[],
): Promise<(HostRow & { interfaces: HostFacts['interfaces'] })[]> {
  return query(
    `SELECT id, name, last_seen_at AS "lastSeenAt", COALESCE(facts -> 'interfaces', '[]') AS interfaces FROM host WHERE name = ANY ($1::text[])`,
    [[...names]],
  );
}

/** Running containers that have some addresses. */
export function holdersOf(
  query: Query,
  addresses: readonly string[],
): Promise<(Attached & { host: string; container: string })[]> {
  return query(
    `SELECT h.name AS host, e.name AS container, n.name AS network, n.mode, n.host_access AS "hostAccess", host(v.ip) AS address
     FROM endpoint e JOIN host h ON h.id = e.host_id JOIN network n ON n.id = e.network_id
       CROSS JOIN LATERAL (VALUES (e.ipv4), (e.ipv6)) AS v (ip)
     WHERE e.state = 'running' AND v.ip = ANY ($1::inet[]) LIMIT 8192`,
    [[...addresses]],
  );
}
