import type { SearchHit } from '@trunkline/contracts';
import type { Query } from '../../platform/database/query.ts';

/** A text to search for: in lower case, and as an address or the beginning of a MAC where it is one. */
export interface SearchText {
  text: string;
  ip: string | null;
  mac: string | null;
}

export type FoundRow = Omit<SearchHit, 'path'>;

/** What each thing is compared by. `position` takes every character as itself, unlike LIKE. */
const candidates = `
  SELECT 'host' AS kind, h.name, NULL AS network, h.name AS host, 'name' AS matched, h.name AS value FROM host h
  UNION ALL
  SELECT 'host', h.name, NULL, h.name, 'label', l.key || '=' || l.value FROM host h, jsonb_each_text(h.labels) l
  UNION ALL
  SELECT 'network', n.name, n.name, NULL, 'name', n.name FROM network n
  UNION ALL
  SELECT 'network', n.name, n.name, NULL, 'label', l.key || '=' || l.value FROM network n, jsonb_each_text(n.labels) l
  UNION ALL
  SELECT 'network', n.name, n.name, NULL, 'subnet', text(s.cidr) FROM subnet s JOIN network n ON n.id = s.network_id
  UNION ALL
  SELECT 'container', c.name, NULL, h.name, x.matched, x.value
  FROM container c JOIN host h ON h.id = c.host_id
  CROSS JOIN LATERAL (VALUES ('name', c.name), ('image', c.spec ->> 'image')) AS x (matched, value)
  UNION ALL
  SELECT 'container', c.name, NULL, h.name, 'label', l.key || '=' || l.value
  FROM container c JOIN host h ON h.id = c.host_id, jsonb_each_text(c.labels) l
  UNION ALL
  SELECT 'address', host(a.ip), n.name, h.name, x.matched, x.value
  FROM address a JOIN network n ON n.id = a.network_id LEFT JOIN host h ON h.id = a.host_id LEFT JOIN container c ON c.id = a.container_id
  CROSS JOIN LATERAL (VALUES ('address', host(a.ip)), ('owner', a.owner), ('mac', COALESCE(a.seen_mac, a.mac)),
                             ('container', COALESCE(c.name, a.container_name))) AS x (matched, value)
  UNION ALL
  SELECT 'address', host(a.ip), n.name, h.name, 'label', l.key || '=' || l.value
  FROM address a JOIN network n ON n.id = a.network_id LEFT JOIN host h ON h.id = a.host_id, jsonb_each_text(a.labels) l
  UNION ALL
  SELECT 'endpoint', e.name, n.name, h.name, x.matched, x.value
  FROM endpoint e JOIN network n ON n.id = e.network_id JOIN host h ON h.id = e.host_id
  CROSS JOIN LATERAL (VALUES ('name', e.name), ('mac', e.mac), ('dockerId', e.docker_id), ('address', host(e.ipv4)),
                             ('address', host(e.ipv6))) AS x (matched, value)`;

/** What matches, the best of each thing, the best first; of those alike, what is called so before what is only of it. An address also finds the networks with a subnet around it. */
export function search(query: Query, { text, ip, mac }: SearchText, limit: number): Promise<FoundRow[]> {
  return query(
    `WITH found AS (
       SELECT x.*, CASE
         WHEN lower(x.value) = $1 OR x.value = $2 OR x.matched = 'mac' AND x.value = $3 THEN 0
         WHEN starts_with(lower(x.value), $1) OR x.matched = 'mac' AND starts_with(x.value, $3) THEN 1
         ELSE 2 END AS rank
       FROM (${candidates}) x
       WHERE position($1 IN lower(x.value)) > 0 OR x.value = $2
          OR x.matched = 'mac' AND starts_with(x.value, $3)
          OR x.matched = 'subnet' AND $2::inet IS NOT NULL AND x.value::inet >>= $2::inet
     ), best AS (
       SELECT DISTINCT ON (kind, name, network, host) * FROM found ORDER BY kind, name, network, host, rank, matched, value
     )
     SELECT kind, name, network, host, matched, value FROM best
     ORDER BY rank, matched NOT IN ('name', 'address'), kind COLLATE "C", name COLLATE "C", network, host LIMIT $4::int`,
    [text, ip, mac, limit],
  );
}
