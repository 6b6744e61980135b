import type { Condition } from '@trunkline/contracts';
import type { Query } from '../../platform/database/query.ts';

/** A host that something asked about is on. */
export interface HostRow {
  id: string;
  name: string;
  lastSeenAt: Date | null;
}

export async function findHost(query: Query, name: string): Promise<HostRow | undefined> {
  const [row] = await query<HostRow>(
    `SELECT id, name, last_seen_at AS "lastSeenAt" FROM host WHERE name = $1`,
    [name],
  );
  return row;
}

/** A network that is looked at. */
export interface NetworkRow {
  id: string;
  name: string;
  mtu: number | null;
}

/** Those of these ids that are not being removed, by name. */
export function networksById(query: Query, ids: readonly string[]): Promise<NetworkRow[]> {
  return query<NetworkRow>(
    `SELECT id, name, mtu FROM network WHERE id = ANY ($1::uuid[]) AND deleting_since IS NULL ORDER BY name`,
    [[...ids]],
  );
}

/** Networks of a host, those on the most hosts first: the first is the one that most can be learned from. */
export function networksOfHost(query: Query, hostId: string): Promise<NetworkRow[]> {
  return query<NetworkRow>(
    `SELECT n.id, n.name, n.mtu FROM placement p JOIN network n ON n.id = p.network_id
     WHERE p.host_id = $1::uuid AND NOT p.removing AND n.deleting_since IS NULL
     ORDER BY (SELECT count(*) FROM placement o WHERE o.network_id = n.id) DESC, n.name LIMIT 64`,
    [hostId],
  );
}

/** Conditions as a host last reported them. */
export interface ReportedConditions {
  host: string;
  /** `network mac_net1`, `container box1`; null: the host itself. */
  subject: string | null;
  conditions: Condition[];
}

/** Those of some hosts, of networks on them, and of containers by name. */
export function reportedConditions(
  query: Query,
  about: { hostIds: readonly string[]; networkIds: readonly string[]; containers: readonly string[] },
): Promise<ReportedConditions[]> {
  return query<ReportedConditions>(
    `SELECT h.name AS host, NULL AS subject, h.conditions FROM host h WHERE h.id = ANY ($1::uuid[])
     UNION ALL
     SELECT h.name, 'network ' || n.name, p.conditions FROM placement p JOIN host h ON h.id = p.host_id
       JOIN network n ON n.id = p.network_id WHERE p.host_id = ANY ($1::uuid[]) AND p.network_id = ANY ($2::uuid[])
     UNION ALL
     SELECT h.name, 'container ' || c.name, c.conditions FROM container c JOIN host h ON h.id = c.host_id
       WHERE c.host_id = ANY ($1::uuid[]) AND c.name = ANY ($3::text[])`,
    [[...about.hostIds], [...about.networkIds], [...about.containers]],
  );
}

/** MACs of running containers on some networks, by address, of those of these addresses that one container has. */
export async function macsOn(
  query: Query,
  networkIds: readonly string[],
  addresses: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await query<{ ip: string; mac: string }>(
    `SELECT host(v.ip) AS ip, min(e.mac) AS mac FROM endpoint e CROSS JOIN LATERAL (VALUES (e.ipv4), (e.ipv6)) AS v (ip)
     WHERE e.network_id = ANY ($1::uuid[]) AND v.ip = ANY ($2::inet[]) AND e.state = 'running' AND e.mac IS NOT NULL
     GROUP BY v.ip HAVING count(*) = 1`,
    [[...networkIds], [...addresses]],
  );
  return new Map(rows.map(({ ip, mac }) => [ip, mac]));
}

/** Running containers with some MACs, each in words, by MAC. */
export async function stationsOf(
  query: Query,
  macs: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (macs.length === 0) return new Map();
  const rows = await query<{ mac: string; words: string }>(
    `SELECT DISTINCT ON (e.mac) e.mac, 'container ' || e.name || ' on ' || h.name AS words FROM endpoint e JOIN host h ON h.id = e.host_id
     WHERE e.mac = ANY ($1::text[]) AND e.state = 'running' ORDER BY e.mac, h.name, e.name`,
    [[...macs]],
  );
  return new Map(rows.map(({ mac, words }) => [mac, words]));
}
