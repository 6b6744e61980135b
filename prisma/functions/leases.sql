-- Addresses that hosts hold: exchanged in batches (docs/decisions/0014-leases-and-generations.md).

-- The event that a network has an address shortage and these hosts were asked to return theirs.
CREATE FUNCTION shortage_event(network text, fam integer, hosts uuid[]) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('type', 'network.shortage', 'subject', network_path(network), 'network', network, 'actor', 'server',
    'data', jsonb_build_object('family', 'ipv' || fam,
      'recalledFrom', (SELECT jsonb_agg(x.name) FROM (SELECT h.name FROM host h WHERE h.id = ANY (hosts) ORDER BY h.name LIMIT 100) AS x)))
$$;

-- Asks hosts to return what they do not use. Answers those that were not asked yet.
CREATE FUNCTION recall_leases(network uuid, fam integer, hosts uuid[], seconds integer) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
  notified uuid[];
BEGIN
  INSERT INTO recall AS r VALUES (network, fam, now() + make_interval(secs => seconds))
  ON CONFLICT (network_id, family) DO UPDATE SET until = EXCLUDED.until
  WHERE r.until < EXCLUDED.until - interval '3 seconds';
  WITH asked AS (
    INSERT INTO recall_host SELECT network, fam, h FROM unnest(hosts) AS h ON CONFLICT DO NOTHING RETURNING host_id
  )
  SELECT array_agg(asked.host_id) INTO notified FROM asked;
  RETURN COALESCE(notified, '{}');
END $$;

-- Takes back what a host returns; what it does not hold in that generation is passed over. Answers the events.
-- returned: [{networkId, ip, generation, reason, mac}]
CREATE FUNCTION return_leases(host uuid, returned jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  held address;
  x record;
  its record;
  events jsonb := '[]';
BEGIN
  FOR x IN
    SELECT DISTINCT ON (r."networkId", r.ip) r.*, n.name AS network, h.name AS host
    FROM jsonb_to_recordset(returned) AS r ("networkId" uuid, ip inet, generation bigint, reason text, mac text)
    JOIN network n ON n.id = r."networkId"
    JOIN host h ON h.id = return_leases.host
    ORDER BY r."networkId", r.ip, r.generation DESC
  LOOP
    SELECT * INTO held FROM address a
    WHERE a.network_id = x."networkId" AND a.ip = x.ip AND a.host_id = return_leases.host AND a.generation = x.generation
    FOR UPDATE;
    CONTINUE WHEN NOT FOUND;
    PERFORM end_hold(held, x.reason, x.mac, true);
    IF x.reason = 'conflicted' THEN
      SELECT * INTO its FROM bind_explained(held.network_id, held.ip);
      IF FOUND THEN
        events := events || jsonb_build_object(
          'type', 'address.bound', 'subject', address_path(x.network, held.ip), 'network', x.network,
          'host', its.host, 'actor', 'agent:' || x.host,
          'data', jsonb_build_object('container', its.container, 'dockerId', its.docker_id, 'mac', its.mac, 'generation', its.generation));
        CONTINUE;
      END IF;
    END IF;
    IF x.reason = 'conflicted' OR x.reason = 'released' OR held.state = 'bound' THEN
      events := events || jsonb_build_object(
        'type', CASE x.reason WHEN 'conflicted' THEN 'address.conflicted' ELSE 'address.released' END,
        'subject', address_path(x.network, held.ip), 'network', x.network, 'host', x.host,
        'actor', 'agent:' || x.host,
        'data', jsonb_build_object('owner', held.owner, 'generation', held.generation, 'container', held.container_name)
          || CASE x.reason WHEN 'conflicted' THEN jsonb_build_object('mac', x.mac) ELSE jsonb_build_object('forced', false) END);
    END IF;
  END LOOP;
  RETURN events;
END $$;

-- How many more addresses a host may be given of a network that no container was seen on yet: its warm pool, and beside it
-- `max_unused`, or as many as its containers use where that is more. What is reserved for somebody is not counted. The subnets are locked.
CREATE FUNCTION lease_room(net network, fam integer, holder uuid, max_unused integer) RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT GREATEST(0, net.warm + GREATEST(max_unused, count(*) FILTER (WHERE a.state = 'bound'))
    - count(*) FILTER (WHERE a.state = 'leased' AND NOT is_reserved(a)))::integer
  FROM address a WHERE a.host_id = holder AND a.network_id = net.id AND family(a.ip) = fam
$$;

-- What hosts return and want, several hosts in one step.
-- asked: [{pos, host, unused: see `max_unused` of lease_room, returns: [{networkId, ip, generation, reason, mac}], wants: [{networkId, family: 4 | 6, subnet?, count, onDemand}]}]
-- One row `granted` for each address, and one `shortage` for each want that was not met in full, with the subnet that it named
-- and the reason: no_network, deleting, not_placed, no_family, no_subnet, recalled (another host waits), full (other hosts were asked to return theirs), exhausted
-- (nobody has anything to return), unused (the host holds as many that no container was seen on as it may).
CREATE FUNCTION lease_batch(asked jsonb)
RETURNS TABLE (pos integer, kind text, network_id uuid, fam integer, ip text, cidr text, generation bigint, missing integer, reason text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  k record;
  w record;
  net network;
  events jsonb := '[]';
  notified uuid[];
  woken uuid[] := '{}';
  returned boolean := false;
  why text;
  got integer;
  room integer;
BEGIN
  -- In the order of docs/locking.md: by the names of networks, then IPv4 before IPv6.
  FOR k IN
    SELECT n.id, f.fam FROM (
      SELECT (x.item ->> 'networkId')::uuid AS network, (x.item ->> 'family')::integer AS fam
      FROM jsonb_array_elements(asked) AS g, jsonb_array_elements(g -> 'wants') AS x (item)
      UNION
      SELECT (x.item ->> 'networkId')::uuid, family((x.item ->> 'ip')::inet)
      FROM jsonb_array_elements(asked) AS g, jsonb_array_elements(g -> 'returns') AS x (item)
    ) AS f JOIN network n ON n.id = f.network ORDER BY n.name COLLATE "C", f.fam
  LOOP
    PERFORM lock_subnets(k.id, k.fam);
  END LOOP;

  FOR k IN SELECT (g ->> 'host')::uuid AS host, g -> 'returns' AS returns FROM jsonb_array_elements(asked) AS g LOOP
    CONTINUE WHEN jsonb_array_length(k.returns) = 0;
    events := events || return_leases(k.host, k.returns);
    returned := true;
  END LOOP;

  FOR w IN
    SELECT g.pos, g.host, g.unused, x."networkId" AS network, x.family AS fam, x.subnet, x.count, x."onDemand" AS on_demand
    FROM jsonb_to_recordset(asked) AS g (pos integer, host uuid, unused integer, wants jsonb),
      ROWS FROM (jsonb_to_recordset(g.wants) AS ("networkId" uuid, family integer, subnet inet, count integer, "onDemand" boolean))
      WITH ORDINALITY AS x ("networkId", family, subnet, count, "onDemand", place)
    ORDER BY x."onDemand" DESC, g.pos, x.place
  LOOP
    SELECT * INTO net FROM network n WHERE n.id = w.network;
    why := CASE
      WHEN net.id IS NULL THEN 'no_network'
      WHEN net.deleting_since IS NOT NULL THEN 'deleting'
      WHEN NOT EXISTS (SELECT 1 FROM placement p WHERE p.network_id = net.id AND p.host_id = w.host AND NOT p.removing) THEN 'not_placed'
      WHEN NOT EXISTS (SELECT 1 FROM subnet s WHERE s.network_id = net.id AND family(s.cidr) = w.fam) THEN 'no_family'
      WHEN w.subnet IS NOT NULL AND NOT EXISTS (SELECT 1 FROM subnet s WHERE s.network_id = net.id AND s.cidr = w.subnet AND family(s.cidr) = w.fam) THEN 'no_subnet'
      WHEN NOT w.on_demand AND EXISTS (SELECT 1 FROM recall r WHERE r.network_id = net.id AND r.family = w.fam AND r.until > now()) THEN 'recalled'
    END;
    got := 0;
    IF why IS NULL THEN
      room := lease_room(net, w.fam, w.host, w.unused);
      RETURN QUERY
      SELECT w.pos, 'granted', net.id, w.fam, host(a.ip), text(a.cidr), a.generation, NULL::integer, NULL::text
      FROM lease_next(net, w.fam, w.subnet, LEAST(w.count, room), w.on_demand, w.host) AS a;
      GET DIAGNOSTICS got = ROW_COUNT;
      IF got < w.count AND got = room THEN
        why := 'unused';
      ELSIF got < w.count THEN
        why := 'exhausted';
        IF w.on_demand THEN
          SELECT array_agg(DISTINCT a.host_id) INTO notified FROM address a
          WHERE a.network_id = net.id AND family(a.ip) = w.fam AND a.state = 'leased' AND a.host_id <> w.host
            AND (w.subnet IS NULL OR a.cidr = w.subnet);
          IF notified IS NOT NULL THEN
            why := 'full';
            notified := recall_leases(net.id, w.fam, notified, 30);
            IF cardinality(notified) > 0 THEN
              woken := woken || notified;
              events := events || shortage_event(net.name, w.fam, notified);
            END IF;
          END IF;
        END IF;
      END IF;
    END IF;
    IF why IS NOT NULL THEN
      RETURN QUERY SELECT w.pos, 'shortage', w.network, w.fam, NULL::text, text(w.subnet), NULL::bigint, w.count - got, why;
    END IF;
  END LOOP;

  IF events = '[]' THEN
    -- Whoever waits for a return is woken all the same.
    IF returned AND EXISTS (SELECT 1 FROM recall) THEN PERFORM pg_notify('trunkline', ''); END IF;
  ELSE
    PERFORM append_events(events, woken);
  END IF;
END $$;
ALTER FUNCTION lease_batch SET enable_seqscan = off;
ALTER FUNCTION lease_batch SET plan_cache_mode = force_generic_plan;
