-- Addresses that something foreign has: what answers on the wire, and the hosts themselves.

-- What something foreign answered for is looked at again after a while: it is reserved again, or free, and the next agent probes
-- it before it gives it to anybody. What several hosts claim stays in conflict until all of them have reported, and at most one
-- container that may have it is on it. The subnets are locked. Answers what became of which: `recheck`, or `bound` to a container;
-- and the host of the container that Trunkline runs and that it is kept for, whose document promises it again.
CREATE FUNCTION end_conflicts(subnet uuid, max_count integer)
RETURNS TABLE (kind text, network text, ip text, owner text, host text, container text, docker_id text, mac text, generation bigint,
               notified uuid)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  a address;
  users endpoint[];
BEGIN
  FOR a IN
    SELECT x.* FROM address x WHERE x.subnet_id = subnet AND x.state = 'conflicted' AND x.recheck_at <= now()
    ORDER BY x.recheck_at LIMIT max_count
  LOOP
    users := NULL;
    IF is_disputed(a) THEN
      SELECT array_agg(e) INTO users FROM endpoint e
      WHERE e.network_id = a.network_id AND e.state IN ('running', 'paused') AND a.ip IN (e.ipv4, e.ipv6);
      IF NOT have_claimants_reported(a) OR cardinality(users) > 1 OR users IS NOT NULL AND NOT may_keep(a, users[1]) THEN
        PERFORM recheck_later(a.space, a.ip, a.seen_mac, interval '1 minute');
        CONTINUE;
      END IF;
    END IF;
    IF users IS NULL THEN
      PERFORM end_conflict(a);
      RETURN QUERY SELECT 'recheck', n.name, host(a.ip), a.owner, NULL, NULL, NULL, NULL, NULL::bigint, c.host_id
      FROM network n LEFT JOIN container c ON c.id = a.container_id WHERE n.id = a.network_id;
    ELSE
      PERFORM bind_undisputed(a, users[1]);
      RETURN QUERY SELECT 'bound', n.name, host(a.ip), a.owner, h.name, (users[1]).name, (users[1]).docker_id, (users[1]).mac, x.generation, c.host_id
      FROM host h, address x, network n LEFT JOIN container c ON c.id = a.container_id
      WHERE n.id = a.network_id AND h.id = (users[1]).host_id AND x.space = a.space AND x.ip = a.ip;
    END IF;
  END LOOP;
END $$;

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
    PERFORM recheck_later(s.space, own.ip, own.mac, interval '10 minutes');
    CONTINUE WHEN EXISTS (SELECT 1 FROM address a WHERE a.space = s.space AND a.ip = own.ip);
    PERFORM add_conflict(s, own.ip, own.mac, jsonb_build_object('io.trunkline.host', own.host, 'io.trunkline.interface', own.link),
      interval '10 minutes');
    RETURN QUERY SELECT n.name, host(own.ip), own.mac, own.host, own.link FROM network n WHERE n.id = s.network_id;
  END LOOP;
END $$;
ALTER FUNCTION keep_for_hosts SET plan_cache_mode = force_generic_plan;
