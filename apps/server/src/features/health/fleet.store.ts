import type { Query } from '../../platform/database/query.ts';

/** What a host counts as: `clock_off` is one that is refused because its clock is off. A retired host is none any more. */
export const hostStates = ['online', 'silent', 'clock_off'] as const;

/** What a placement counts as, as in the status of its network. */
export const standings = ['ready', 'not_ready', 'unknown'] as const;

/** A host as a scrape shows it. */
export interface SeenHost {
  name: string;
  state: (typeof hostStates)[number];
  /** Null: its first report has not come. */
  version: string | null;
  /** When its last report came, or when it joined; seconds since 1970. */
  heard: number;
}

/** All hosts, the one that was not heard for the longest time first. */
export const seenHosts = (query: Query): Promise<SeenHost[]> =>
  query(
    `SELECT h.name, h.facts ->> 'agentVersion' AS version,
            extract(epoch FROM coalesce(h.last_seen_at, h.created_at))::double precision AS heard,
            CASE WHEN c.connected ->> 'status' = 'True' THEN 'online'
                 WHEN c.connected ->> 'reason' = 'ClockOff' THEN 'clock_off' ELSE 'silent' END AS state
     FROM host h
     CROSS JOIN LATERAL (SELECT jsonb_path_query_first(h.conditions, '$[*] ? (@.type == "AgentConnected")') AS connected) AS c
     ORDER BY coalesce(h.last_seen_at, h.created_at), h.name`,
    [],
  );

/** The placements of a network, counted. */
export interface PlacedNetwork extends Record<(typeof standings)[number], number> {
  network: string;
  conflicts: number;
}

/** The first networks by name. A placement is ready as `standingOf` of the placements has it. */
export const placedNetworks = (query: Query, maxNetworks: number): Promise<PlacedNetwork[]> =>
  query(
    `SELECT n.name AS network,
            count(*) FILTER (WHERE s.standing = 'ready')::int AS ready,
            count(*) FILTER (WHERE s.standing = 'not_ready')::int AS not_ready,
            count(*) FILTER (WHERE s.standing = 'unknown')::int AS unknown,
            coalesce(sum(jsonb_array_length(p.conflicts)) FILTER (WHERE p.online), 0)::int AS conflicts
     FROM (SELECT id, name, generation FROM network ORDER BY name LIMIT $1) AS n
     LEFT JOIN (
       SELECT p.*, h.conditions @> '[{"type": "AgentConnected", "status": "True"}]' AS online,
              jsonb_path_query_first(p.conditions, '$[*] ? (@.type == "Ready")') ->> 'status' AS status
       FROM placement p JOIN host h ON h.id = p.host_id
     ) AS p ON p.network_id = n.id
     CROSS JOIN LATERAL (
       SELECT CASE WHEN p.network_id IS NULL THEN NULL
                   WHEN NOT p.online THEN 'unknown'
                   WHEN p.removing THEN 'not_ready'
                   WHEN p.observed_generation < n.generation THEN 'unknown'
                   WHEN p.status = 'True' THEN 'ready'
                   WHEN p.status = 'False' THEN 'not_ready'
                   ELSE 'unknown' END AS standing
     ) AS s
     GROUP BY n.name ORDER BY n.name`,
    [maxNetworks],
  );

/** Addresses of a network in one state. */
export interface CountedAddresses {
  network: string;
  family: number;
  state: string;
  count: number;
}

/** Every state of every IP version of the first networks by name, by one pass over the addresses. */
export const countedAddresses = (query: Query, maxNetworks: number): Promise<CountedAddresses[]> =>
  query(
    `WITH counted AS (
       SELECT a.network_id, family(a.ip) AS family, a.state, count(*)::int AS count FROM address a GROUP BY 1, 2, 3
     )
     SELECT n.name AS network, f.family, s.state::text AS state, coalesce(c.count, 0) AS count
     FROM (SELECT id, name FROM network ORDER BY name LIMIT $1) AS n
     JOIN (SELECT DISTINCT network_id, family(cidr) AS family FROM subnet) AS f ON f.network_id = n.id
     CROSS JOIN unnest(enum_range(NULL::address_state)) AS s (state)
     LEFT JOIN counted c ON c.network_id = n.id AND c.family = f.family AND c.state = s.state`,
    [maxNetworks],
  );
