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

-- Puts what a host saw on managed networks in place of what it saw before; writes only what differs. Addresses that the
-- host holds become bound to the running container that is seen on them; answers those of which that is news.
CREATE FUNCTION put_inventory(host uuid, seen jsonb, seen_at timestamptz)
RETURNS TABLE (network text, ip text, container text, docker_id text, mac text, generation bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  DELETE FROM endpoint e WHERE e.host_id = put_inventory.host AND NOT EXISTS (
    SELECT 1 FROM jsonb_to_recordset(seen) AS x ("networkId" uuid, "dockerId" text)
    WHERE x."networkId" = e.network_id AND x."dockerId" = e.docker_id
  );
  INSERT INTO endpoint AS e (host_id, network_id, docker_id, name, state, ipv4, ipv6, mac, since)
  SELECT put_inventory.host, y.*, seen_at FROM (
    SELECT DISTINCT ON (x."networkId", x."dockerId") x."networkId", x."dockerId", x.name, x.state, x.ipv4, x.ipv6, x.mac
    FROM jsonb_to_recordset(seen)
      AS x ("networkId" uuid, "dockerId" text, name text, state text, ipv4 inet, ipv6 inet, mac text)
    JOIN network n ON n.id = x."networkId"
    EXCEPT
    SELECT o.network_id, o.docker_id, o.name, o.state, o.ipv4, o.ipv6, o.mac FROM endpoint o WHERE o.host_id = put_inventory.host
  ) AS y
  ON CONFLICT (host_id, network_id, docker_id) DO UPDATE
  SET name = EXCLUDED.name, state = EXCLUDED.state, ipv4 = EXCLUDED.ipv4, ipv6 = EXCLUDED.ipv6, mac = EXCLUDED.mac,
      since = CASE WHEN (e.state IN ('running', 'paused')) = (EXCLUDED.state IN ('running', 'paused'))
        AND (e.ipv4, e.ipv6) IS NOT DISTINCT FROM (EXCLUDED.ipv4, EXCLUDED.ipv6) THEN e.since ELSE EXCLUDED.since END;
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
  RETURNING n.name, host(a.ip), s.name, s.docker_id, s.mac, a.generation;
END $$;
ALTER FUNCTION put_inventory SET plan_cache_mode = force_generic_plan;

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
