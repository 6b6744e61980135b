-- What hosts report.

-- Whoever writes what a host is by its reports (facts, conditions, when it was seen) takes its turn first: waits until the
-- transactions of those before have ended. Answers the host as it is then; no row for one that was retired. No row is
-- locked by it, so it stands outside the order of locks.
CREATE FUNCTION take_host_turn(host uuid)
RETURNS TABLE (name text, version integer, created_at timestamptz, last_seen_at timestamptz, observed_at timestamptz,
               conditions jsonb, facts jsonb, desired_revision bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('trunkline.report:' || take_host_turn.host, 0));
  -- A statement of its own, which sees what was committed while this one waited.
  RETURN QUERY
  SELECT h.name, h.version, h.created_at, h.last_seen_at, h.observed_at, h.conditions, h.facts, d.revision
  FROM host h JOIN host_desired d ON d.host_id = h.id WHERE h.id = take_host_turn.host;
END $$;

-- Why a container that a host sees on an address does not fit the book; NULL: it does, or the address is free. `mine`: of
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

-- What was awaited from a host is let go of there: it confirmed that, and a later report showed nothing on it.
CREATE FUNCTION is_let_go(a address) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (SELECT 1 FROM revocation r WHERE r.space = a.space AND r.ip = a.ip AND r.host_id = a.awaiting_host_id)
$$;

-- Puts what a host saw on managed networks in place of what it saw before; writes only what differs. Addresses that the
-- host holds become bound to the running container that is seen on them. Answers by `kind`, what is news: `bound`; `conflict`
-- (why: see seen_conflict); and what take_in has to look at: `free` (in use, and nobody's in the book), `left` (in the book
-- since it was seen in use, and seen no longer; or awaited from this host, and over).
CREATE FUNCTION put_inventory(host uuid, seen jsonb, seen_at timestamptz)
RETURNS TABLE (kind text, network text, ip text, container text, docker_id text, mac text, generation bigint, why text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  DELETE FROM endpoint e WHERE e.host_id = put_inventory.host AND NOT EXISTS (
    SELECT 1 FROM jsonb_to_recordset(seen) AS x ("networkId" uuid, "dockerId" text, ipv4 inet, ipv6 inet)
    WHERE x."networkId" = e.network_id AND x."dockerId" = e.docker_id AND (x.ipv4, x.ipv6) IS NOT DISTINCT FROM (e.ipv4, e.ipv6)
  );
  INSERT INTO endpoint AS e (host_id, network_id, docker_id, name, state, ipv4, ipv6, mac, since)
  SELECT put_inventory.host, y.*, seen_at FROM (
    SELECT DISTINCT ON (x."networkId", x."dockerId", x.ipv4, x.ipv6) x."networkId", x."dockerId", x.name, x.state, x.ipv4, x.ipv6, x.mac
    FROM jsonb_to_recordset(seen)
      AS x ("networkId" uuid, "dockerId" text, name text, state text, ipv4 inet, ipv6 inet, mac text)
    JOIN network n ON n.id = x."networkId"
    EXCEPT
    SELECT o.network_id, o.docker_id, o.name, o.state, o.ipv4, o.ipv6, o.mac FROM endpoint o WHERE o.host_id = put_inventory.host
  ) AS y
  ON CONFLICT (host_id, network_id, docker_id, ipv4, ipv6) DO UPDATE
  SET name = EXCLUDED.name, state = EXCLUDED.state, mac = EXCLUDED.mac,
      since = CASE WHEN (e.state IN ('running', 'paused')) = (EXCLUDED.state IN ('running', 'paused')) THEN e.since ELSE EXCLUDED.since END;
  RETURN QUERY
  UPDATE address a
  SET state = 'bound', container_name = s.name, docker_id = s.docker_id, seen_mac = s.mac, since = s.since, updated_at = now()
  FROM (
    SELECT DISTINCT ON (e.network_id, v.ip) e.network_id, v.ip, e.name, e.docker_id, e.mac, e.since
    FROM endpoint e CROSS JOIN LATERAL (VALUES (e.ipv4), (e.ipv6)) AS v (ip)
    WHERE e.host_id = put_inventory.host AND v.ip IS NOT NULL AND e.state IN ('running', 'paused')
    ORDER BY e.network_id, v.ip, e.since, e.docker_id
  ) AS s
  JOIN network n ON n.id = s.network_id
  WHERE a.host_id = put_inventory.host AND a.network_id = s.network_id AND a.ip = s.ip
    AND (a.state <> 'bound' OR (a.container_name, a.docker_id, a.seen_mac, a.since) IS DISTINCT FROM (s.name, s.docker_id, s.mac, s.since))
  RETURNING 'bound', n.name, host(a.ip), s.name, s.docker_id, s.mac, a.generation, NULL::text;
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
END $$;
ALTER FUNCTION put_inventory SET plan_cache_mode = force_generic_plan;

-- Takes what a host is seen to use, and nobody has in the book, into the book, and lets go of what was taken in so and is
-- seen no longer. A transaction of its own: it locks subnets, which come before everything that a report locks. Answers
-- what became `bound` and `released`.
CREATE FUNCTION take_in(host uuid) RETURNS TABLE (kind text, network text, ip text, container text, mac text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  x record;
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
    DELETE FROM address o WHERE o.space = a.space AND o.ip = a.ip;
    PERFORM give_back(a.subnet_id, a.ip);
    RETURN QUERY SELECT 'released', n.name, host(a.ip), NULL::text, NULL::text FROM network n WHERE n.id = a.network_id;
  END LOOP;
  FOR x IN
    SELECT DISTINCT ON (n.space, v.ip) n.space, v.ip, s.id AS subnet_id, s.cidr, n.id AS network_id, n.name AS network, e.name, e.docker_id, e.mac, e.since
    FROM endpoint e JOIN network n ON n.id = e.network_id CROSS JOIN LATERAL (VALUES (e.ipv4), (e.ipv6)) AS v (ip)
    JOIN subnet s ON s.network_id = n.id AND s.cidr >>= v.ip AND s.gateway IS DISTINCT FROM v.ip
    LEFT JOIN address o ON o.space = n.space AND o.ip = v.ip
    WHERE e.host_id = take_in.host AND e.state IN ('running', 'paused') AND (o.ip IS NULL OR o.state = 'quarantined' AND o.awaiting_host_id IS NULL OR is_explained(o, e.mac))
      AND NOT EXISTS (SELECT 1 FROM revocation r WHERE r.space = n.space AND r.ip = v.ip AND r.host_id = e.host_id)
    ORDER BY n.space, v.ip, e.since, e.docker_id
  LOOP
    DELETE FROM address o WHERE o.space = x.space AND o.ip = x.ip;
    PERFORM carve_out(x.subnet_id, x.ip);
    INSERT INTO address (space, ip, subnet_id, network_id, cidr, state, host_id, container_name, docker_id, seen_mac, since, from_inventory)
    VALUES (x.space, x.ip, x.subnet_id, x.network_id, x.cidr, 'bound', take_in.host, x.name, x.docker_id, x.mac, x.since, true);
    RETURN QUERY SELECT 'bound', x.network, host(x.ip), x.name, x.mac;
  END LOOP;
END $$;
ALTER FUNCTION take_in SET plan_cache_mode = force_generic_plan;

-- An address as a host reports it, without its prefix; NULL for what is none.
CREATE FUNCTION reported_ip(written text) RETURNS inet LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN host(written::inet)::inet;
EXCEPTION WHEN invalid_text_representation THEN
  RETURN NULL;
END $$;

-- Every address of every host, with the interface that has it.
CREATE FUNCTION addresses_of_hosts() RETURNS TABLE (ip inet, mac text, host text, link text) LANGUAGE sql STABLE AS $$
  SELECT DISTINCT ON (x.ip) x.* FROM (
    SELECT reported_ip(a.written) AS ip, lower((i.item ->> 'mac')::macaddr::text) AS mac, h.name AS host, i.item ->> 'name' AS link
    FROM host h
    CROSS JOIN jsonb_array_elements(h.facts -> 'interfaces') AS i (item)
    CROSS JOIN jsonb_array_elements_text(i.item -> 'addresses') AS a (written)
  ) AS x WHERE x.ip IS NOT NULL ORDER BY x.ip, x.host
$$;

-- Keeps what hosts have of a subnet; the subnet is locked. The gateway is given to nobody anyway, and what somebody holds
-- is left alone. Answers what was not kept before. The labels say whose it is.
CREATE FUNCTION keep_for_hosts(subnet uuid) RETURNS TABLE (network text, ip text, mac text, host text, link text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  s subnet;
  own record;
BEGIN
  SELECT x.* INTO s FROM subnet x WHERE x.id = keep_for_hosts.subnet;
  FOR own IN SELECT o.* FROM addresses_of_hosts() AS o WHERE o.ip <<= s.cidr AND o.ip IS DISTINCT FROM s.gateway LOOP
    UPDATE address a SET recheck_at = now() + interval '10 minutes', seen_mac = own.mac
    WHERE a.space = s.space AND a.ip = own.ip AND a.state = 'conflicted';
    CONTINUE WHEN EXISTS (SELECT 1 FROM address a WHERE a.space = s.space AND a.ip = own.ip);
    PERFORM carve_out(s.id, own.ip);
    INSERT INTO address (space, ip, subnet_id, network_id, cidr, state, seen_mac, labels, recheck_at)
    VALUES (s.space, own.ip, s.id, s.network_id, s.cidr, 'conflicted', own.mac,
            jsonb_build_object('io.trunkline.host', own.host, 'io.trunkline.interface', own.link), now() + interval '10 minutes');
    RETURN QUERY SELECT n.name, host(own.ip), own.mac, own.host, own.link FROM network n WHERE n.id = s.network_id;
  END LOOP;
END $$;
ALTER FUNCTION keep_for_hosts SET plan_cache_mode = force_generic_plan;
