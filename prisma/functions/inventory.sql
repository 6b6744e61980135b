-- What hosts report.

-- Whoever writes what a host is by its reports (facts, conditions, when it was seen) takes this lock first: it waits until the
-- transactions of those before have ended. Answers the host as it is then; no row for one that was retired. It locks no row
-- (docs/locking.md).
CREATE FUNCTION lock_host_report(host uuid)
RETURNS TABLE (name text, version integer, created_at timestamptz, last_seen_at timestamptz, observed_at timestamptz,
               conditions jsonb, facts jsonb, desired_revision bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('trunkline.report:' || lock_host_report.host, 0));
  -- A statement of its own, which sees what was committed while this one waited.
  RETURN QUERY
  SELECT h.name, h.version, h.created_at, h.last_seen_at, h.observed_at, h.conditions, h.facts, d.revision
  FROM host h JOIN host_desired d ON d.host_id = h.id WHERE h.id = lock_host_report.host;
END $$;

-- Why a container that a host sees on an address does not fit the addresses as they are here; NULL: it does, or the address is free. `mine`: of
-- this host.
CREATE FUNCTION seen_conflict(of_network uuid, seen_ip inet, its_mac text, mine uuid) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN EXISTS (SELECT 1 FROM revocation r JOIN network n ON n.space = r.space WHERE n.id = of_network AND r.ip = seen_ip AND r.host_id = mine)
      AND a.host_id IS DISTINCT FROM mine THEN 'revoked'
    WHEN a.host_id <> mine THEN 'held'
    WHEN a.state = 'reserved' THEN 'reserved'
    WHEN a.state = 'conflicted' AND is_explained(a, its_mac) IS NOT TRUE THEN 'conflicted'
    WHEN EXISTS (SELECT 1 FROM station x WHERE x.network_id = of_network AND x.family = family(seen_ip) AND x.mac = its_mac
                 AND (x.host_id IS DISTINCT FROM mine OR x.reserved AND x.ip <> seen_ip)) THEN 'mac'
    WHEN a.ip IS NULL AND EXISTS (SELECT 1 FROM subnet s WHERE s.network_id = of_network AND s.gateway = seen_ip) THEN 'gateway'
  END
  FROM network n LEFT JOIN address a ON a.space = n.space AND a.ip = seen_ip WHERE n.id = of_network
$$;

-- Puts what a host saw on managed networks in place of what it saw before; writes only what differs. Addresses that the
-- host holds become bound to the running container that is seen on them. Answers by `kind`, what is news: `bound`; `conflict`
-- (why: see seen_conflict); and what take_in has to look at: `free` (in use, and nobody has it), `left` (held since
-- it was seen in use, and seen no longer; or awaited from this host, and given up).
CREATE FUNCTION put_inventory(host uuid, seen jsonb, seen_at timestamptz)
RETURNS TABLE (kind text, network text, ip text, container text, docker_id text, mac text, generation bigint, why text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  gone uuid[];
  put uuid[];
BEGIN
  WITH d AS (
    DELETE FROM endpoint e WHERE e.host_id = put_inventory.host AND NOT EXISTS (
      SELECT 1 FROM jsonb_to_recordset(seen) AS x ("networkId" uuid, "dockerId" text, ipv4 inet, ipv6 inet)
      WHERE x."networkId" = e.network_id AND x."dockerId" = e.docker_id AND (x.ipv4, x.ipv6) IS NOT DISTINCT FROM (e.ipv4, e.ipv6)
    ) RETURNING e.network_id
  ) SELECT array_agg(DISTINCT d.network_id) INTO gone FROM d;
  -- Of a container whose aliases the agent did not look at, those of before stay.
  WITH i AS (
    INSERT INTO endpoint AS e (host_id, network_id, docker_id, name, state, ipv4, ipv6, mac, aliases, shared_by, since)
    SELECT put_inventory.host, y.*, seen_at FROM (
      SELECT DISTINCT ON (x."networkId", x."dockerId", x.ipv4, x.ipv6)
        x."networkId", x."dockerId", x.name, x.state, x.ipv4, x.ipv6, x.mac, coalesce(x.aliases, o.aliases, '{}'), coalesce(x."sharedBy", '{}')
      FROM jsonb_to_recordset(seen)
        AS x ("networkId" uuid, "dockerId" text, name text, state text, ipv4 inet, ipv6 inet, mac text, aliases text[], "sharedBy" text[])
      JOIN network n ON n.id = x."networkId"
      LEFT JOIN endpoint o ON o.host_id = put_inventory.host AND o.network_id = x."networkId" AND o.docker_id = x."dockerId"
        AND (o.ipv4, o.ipv6) IS NOT DISTINCT FROM (x.ipv4, x.ipv6)
      EXCEPT
      SELECT o.network_id, o.docker_id, o.name, o.state, o.ipv4, o.ipv6, o.mac, o.aliases, o.shared_by FROM endpoint o WHERE o.host_id = put_inventory.host
    ) AS y
    ON CONFLICT (host_id, network_id, docker_id, ipv4, ipv6) DO UPDATE
    SET name = EXCLUDED.name, state = EXCLUDED.state, mac = EXCLUDED.mac, aliases = EXCLUDED.aliases,
        shared_by = EXCLUDED.shared_by,
        since = CASE WHEN (e.state IN ('running', 'paused')) = (EXCLUDED.state IN ('running', 'paused')) THEN e.since ELSE EXCLUDED.since END
    RETURNING e.network_id
  ) SELECT array_agg(DISTINCT i.network_id) INTO put FROM i;
  RETURN QUERY
  SELECT 'bound', b.network, b.ip, b.container, b.docker_id, b.mac, b.generation, NULL::text FROM bind_seen(put_inventory.host) AS b;
  PERFORM put_stations(put_inventory.host);
  -- What was taken away from the host and is confirmed is over once nothing is seen on it there.
  DELETE FROM revocation r WHERE r.host_id = put_inventory.host AND r.confirmed_at < seen_at AND NOT EXISTS (
    SELECT 1 FROM endpoint e WHERE e.host_id = r.host_id AND e.state IN ('running', 'paused') AND (e.ipv4 = r.ip OR e.ipv6 = r.ip));
  RETURN QUERY
  WITH found AS (
    SELECT e.id, v.ip, seen_conflict(e.network_id, v.ip, e.mac, e.host_id) AS why
    FROM endpoint e CROSS JOIN LATERAL (VALUES (e.ipv4), (e.ipv6)) AS v (ip)
    WHERE e.host_id = put_inventory.host AND v.ip IS NOT NULL AND e.state IN ('running', 'paused')
  ), worst AS (
    SELECT e.id, min(f.ip) FILTER (WHERE f.why IS NOT NULL) AS ip, min(f.why) AS why
    FROM endpoint e LEFT JOIN found f ON f.id = e.id
    WHERE e.host_id = put_inventory.host GROUP BY e.id
  )
  UPDATE endpoint e SET conflict = w.why FROM worst w, network n
  WHERE e.host_id = put_inventory.host AND e.id = w.id AND n.id = e.network_id
    AND e.conflict IS DISTINCT FROM w.why
  RETURNING 'conflict', n.name, host(w.ip), e.name, e.docker_id, e.mac, NULL::bigint, w.why;
  RETURN QUERY
  SELECT 'free', NULL::text, host(v.ip), e.name, e.docker_id, e.mac, NULL::bigint, NULL::text
  FROM endpoint e JOIN network n ON n.id = e.network_id CROSS JOIN LATERAL (VALUES (e.ipv4), (e.ipv6)) AS v (ip)
  LEFT JOIN address a ON a.space = n.space AND a.ip = v.ip
  WHERE e.host_id = put_inventory.host AND v.ip IS NOT NULL AND e.state IN ('running', 'paused') AND (e.conflict IS NULL OR e.conflict = 'mac')
    AND (a.ip IS NULL OR a.state = 'quarantined' AND a.awaiting_host_id IS NULL OR is_explained(a, e.mac))
    AND EXISTS (SELECT 1 FROM subnet s WHERE s.network_id = n.id AND s.cidr >>= v.ip)
  UNION ALL
  SELECT 'left', NULL, host(a.ip), a.container_name, a.docker_id, a.seen_mac, a.generation, NULL
  FROM address a WHERE a.host_id = put_inventory.host AND a.from_inventory AND NOT EXISTS (
    SELECT 1 FROM endpoint e WHERE e.host_id = a.host_id AND e.network_id = a.network_id AND e.state IN ('running', 'paused')
      AND (e.ipv4 = a.ip OR e.ipv6 = a.ip))
  UNION ALL
  SELECT 'left', NULL, host(a.ip), NULL, NULL, NULL, a.generation, NULL
  FROM address a WHERE a.awaiting_host_id = put_inventory.host AND is_let_go(a);
  PERFORM raise_names(gone || put);
END $$;
ALTER FUNCTION put_inventory SET plan_cache_mode = force_generic_plan;

-- Binds what a host is seen to use and nobody has, and releases what was bound so and is seen no longer. A transaction of its
-- own: it locks subnets, which come before everything that a report locks (docs/locking.md). Answers what became `bound` and
-- `released`.
CREATE FUNCTION take_in(host uuid) RETURNS TABLE (kind text, network text, ip text, container text, mac text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  x record;
  s subnet;
  a address;
BEGIN
  PERFORM lock_subnets(k.id, k.fam) FROM (
    SELECT n.id, f.fam FROM (
      SELECT e.network_id, v.fam FROM endpoint e CROSS JOIN LATERAL (VALUES (4, e.ipv4), (6, e.ipv6)) AS v (fam, ip)
      WHERE e.host_id = take_in.host AND v.ip IS NOT NULL
      UNION SELECT o.network_id, family(o.ip) FROM address o WHERE o.host_id = take_in.host AND o.from_inventory
      UNION SELECT o.network_id, family(o.ip) FROM address o WHERE o.awaiting_host_id = take_in.host
    ) AS f (network_id, fam) JOIN network n ON n.id = f.network_id ORDER BY n.name COLLATE "C", f.fam OFFSET 0
  ) AS k;
  FOR a IN
    SELECT o.* FROM address o WHERE o.host_id = take_in.host AND o.from_inventory AND NOT EXISTS (
      SELECT 1 FROM endpoint e WHERE e.host_id = o.host_id AND e.network_id = o.network_id AND e.state IN ('running', 'paused')
        AND (e.ipv4 = o.ip OR e.ipv6 = o.ip))
    ORDER BY o.space, o.ip
  LOOP
    PERFORM end_hold(a, 'released', NULL, true);
    RETURN QUERY SELECT 'released', n.name, host(a.ip), a.container_name, a.seen_mac FROM network n WHERE n.id = a.network_id;
  END LOOP;
  FOR a IN
    SELECT o.* FROM address o WHERE o.awaiting_host_id = take_in.host AND is_let_go(o) ORDER BY o.space, o.ip
  LOOP
    PERFORM end_awaiting(a);
    RETURN QUERY SELECT 'released', n.name, host(a.ip), NULL::text, NULL::text FROM network n WHERE n.id = a.network_id;
  END LOOP;
  FOR x IN
    SELECT DISTINCT ON (n.space, v.ip) n.space, v.ip, y.id AS subnet_id, n.name AS network, e.name, e.docker_id, e.mac, e.since
    FROM endpoint e JOIN network n ON n.id = e.network_id CROSS JOIN LATERAL (VALUES (e.ipv4), (e.ipv6)) AS v (ip)
    JOIN subnet y ON y.network_id = n.id AND y.cidr >>= v.ip AND y.gateway IS DISTINCT FROM v.ip
    LEFT JOIN address o ON o.space = n.space AND o.ip = v.ip
    WHERE e.host_id = take_in.host AND e.state IN ('running', 'paused') AND (o.ip IS NULL OR o.state = 'quarantined' AND o.awaiting_host_id IS NULL OR is_explained(o, e.mac))
      AND NOT EXISTS (SELECT 1 FROM revocation r WHERE r.space = n.space AND r.ip = v.ip AND r.host_id = e.host_id)
    ORDER BY n.space, v.ip, e.since, e.docker_id
  LOOP
    SELECT y.* INTO s FROM subnet y WHERE y.id = x.subnet_id;
    PERFORM bind_in_use(s, x.ip, take_in.host, x.name, x.docker_id, x.mac, x.since, true);
    RETURN QUERY SELECT 'bound', x.network, host(x.ip), x.name, x.mac;
  END LOOP;
END $$;
ALTER FUNCTION take_in SET plan_cache_mode = force_generic_plan;
