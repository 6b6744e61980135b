-- Allocation. Every function here is called with the rows of the subnets concerned locked (lock_subnets), so that
-- choosing and inserting is one step for everybody else; the primary key of address holds even if one forgot to.

-- Locks the subnets of one family of a network, in one order for everybody.
CREATE FUNCTION lock_subnets(network uuid, fam integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  n integer;
BEGIN
  PERFORM 1 FROM subnet s WHERE s.network_id = network AND family(s.cidr) = fam ORDER BY s.id FOR UPDATE;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;

-- Puts one address back into the free space, joined with the runs beside it. Addresses outside the allocatable
-- ranges (taken by name) simply vanish.
CREATE FUNCTION give_back(subnet uuid, ip inet) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  below inet;
  above inet;
BEGIN
  PERFORM 1 FROM subnet_range r
  WHERE r.subnet_id = subnet AND r.kind = 'allocatable' AND r.first <= ip AND r.last >= ip;
  IF NOT FOUND THEN RETURN; END IF;
  DELETE FROM free_extent e WHERE e.subnet_id = subnet AND e.last = ip - 1 RETURNING e.first INTO below;
  DELETE FROM free_extent e WHERE e.subnet_id = subnet AND e.first = ip + 1 RETURNING e.last INTO above;
  INSERT INTO free_extent VALUES (subnet, COALESCE(below, ip), COALESCE(above, ip));
  UPDATE subnet s SET free = s.free + 1 WHERE s.id = subnet;
END $$;

-- Takes one named address out of the free space, when it is there.
CREATE FUNCTION carve_out(subnet uuid, ip inet) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  e free_extent;
BEGIN
  SELECT * INTO e FROM free_extent x WHERE x.subnet_id = subnet AND x.last >= ip ORDER BY x.last LIMIT 1;
  IF NOT FOUND OR e.first > ip THEN RETURN; END IF;
  DELETE FROM free_extent x WHERE x.subnet_id = subnet AND x.first = e.first;
  IF e.first < ip THEN INSERT INTO free_extent VALUES (subnet, e.first, ip - 1); END IF;
  IF e.last > ip THEN INSERT INTO free_extent VALUES (subnet, ip + 1, e.last); END IF;
  UPDATE subnet s SET free = s.free - 1 WHERE s.id = subnet;
END $$;

-- Takes up to `wanted` addresses from the runs that end at or after `start`; touches as many runs as it must.
CREATE FUNCTION take_run(subnet uuid, start inet, wanted integer) RETURNS inet[] LANGUAGE plpgsql AS $$
DECLARE
  e record;
  n bigint;
  taken inet[] := '{}';
  emptied inet[] := '{}';
BEGIN
  FOR e IN
    SELECT x.first AS run_first, GREATEST(x.first, start) AS first, x.last FROM free_extent x
    WHERE x.subnet_id = subnet AND x.last >= start ORDER BY x.last LIMIT wanted
  LOOP
    -- inet - inet overflows beyond 2^63: subtract only when the run is shorter than what is wanted.
    n := wanted - cardinality(taken);
    IF e.first + (n - 1) > e.last THEN n := e.last - e.first + 1; END IF;
    IF n = 1 THEN
      taken := taken || e.first;
    ELSE
      SELECT taken || array_agg(e.first + i ORDER BY i) INTO taken FROM generate_series(0, n - 1) AS i;
    END IF;
    -- What stays of the run: the part before `start` (only the first can have one) and the part behind.
    IF e.first + (n - 1) < e.last THEN
      IF e.run_first < e.first THEN
        UPDATE free_extent x SET last = e.first - 1 WHERE x.subnet_id = subnet AND x.first = e.run_first;
        INSERT INTO free_extent VALUES (subnet, e.first + n, e.last);
      ELSE
        UPDATE free_extent x SET first = e.first + n WHERE x.subnet_id = subnet AND x.first = e.run_first;
      END IF;
    ELSIF e.run_first < e.first THEN
      UPDATE free_extent x SET last = e.first - 1 WHERE x.subnet_id = subnet AND x.first = e.run_first;
    ELSE
      emptied := emptied || e.run_first;
    END IF;
    EXIT WHEN cardinality(taken) >= wanted;
  END LOOP;
  IF cardinality(emptied) > 0 THEN
    DELETE FROM free_extent x WHERE x.subnet_id = subnet AND x.first = ANY (emptied);
  END IF;
  RETURN taken;
END $$;

-- The next free addresses, going round from the last one given, so that reuse comes last.
CREATE FUNCTION take_free(s subnet, wanted integer) RETURNS inet[] LANGUAGE plpgsql AS $$
DECLARE
  taken inet[];
BEGIN
  taken := take_run(s.id, COALESCE(s.last_given + 1, host(s.cidr)::inet), wanted);
  IF cardinality(taken) < wanted AND s.last_given IS NOT NULL THEN
    taken := taken || take_run(s.id, host(s.cidr)::inet, wanted - cardinality(taken));
  END IF;
  IF cardinality(taken) > 0 THEN
    UPDATE subnet x SET last_given = taken[cardinality(taken)], free = x.free - cardinality(taken) WHERE x.id = s.id;
  END IF;
  RETURN taken;
END $$;

-- Frees addresses whose quarantine is over; answers how many.
CREATE FUNCTION end_quarantine(subnet uuid, most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  a record;
  n integer := 0;
BEGIN
  FOR a IN
    DELETE FROM address x WHERE (x.space, x.ip) IN (
      SELECT y.space, y.ip FROM address y
      WHERE y.subnet_id = subnet AND y.state = 'quarantined' AND y.quarantined_until <= now()
      ORDER BY y.quarantined_until LIMIT most
    ) RETURNING x.ip
  LOOP
    PERFORM give_back(subnet, a.ip);
    n := n + 1;
  END LOOP;
  RETURN n;
END $$;

-- When nothing else is left: the addresses that have rested longest, though not long enough.
CREATE FUNCTION take_quarantined(subnet uuid, wanted integer) RETURNS inet[] LANGUAGE sql AS $$
  WITH taken AS (
    DELETE FROM address x WHERE (x.space, x.ip) IN (
      SELECT y.space, y.ip FROM address y
      WHERE y.subnet_id = subnet AND y.state = 'quarantined'
        AND EXISTS (SELECT 1 FROM subnet_range r WHERE r.subnet_id = subnet AND r.kind = 'allocatable'
                    AND r.first <= y.ip AND r.last >= y.ip)
      ORDER BY y.quarantined_until LIMIT wanted
    ) RETURNING x.ip
  )
  SELECT COALESCE(array_agg(taken.ip), '{}') FROM taken
$$;

-- Addresses for one family of a network: free ones first, then those whose quarantine is over, then the rest of
-- the quarantine. Fewer than wanted when the subnets are full.
CREATE FUNCTION take_next(network uuid, fam integer, wanted integer)
RETURNS TABLE (subnet_id uuid, cidr inet, ip inet) LANGUAGE plpgsql AS $$
DECLARE
  s subnet;
  pass integer;
  missing integer := wanted;
  taken inet[];
BEGIN
  FOR pass IN 1..3 LOOP
    FOR s IN SELECT x.* FROM subnet x WHERE x.network_id = network AND family(x.cidr) = fam ORDER BY x.ordinal LOOP
      EXIT WHEN missing = 0;
      CONTINUE WHEN pass = 1 AND s.free = 0;
      IF pass = 2 THEN CONTINUE WHEN end_quarantine(s.id, missing) = 0; END IF;
      taken := CASE WHEN pass < 3 THEN take_free(s, missing) ELSE take_quarantined(s.id, missing) END;
      missing := missing - cardinality(taken);
      RETURN QUERY SELECT s.id, s.cidr, t.ip FROM unnest(taken) AS t (ip);
    END LOOP;
    EXIT WHEN missing = 0;
  END LOOP;
END $$;

-- Claims one named address. Answers what came of it; 'taken' and 'quarantined' leave everything as it was.
CREATE FUNCTION claim_address(network network, wanted inet, claimant text, container uuid, wanted_mac text, wanted_labels jsonb)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  s subnet;
  holder address;
BEGIN
  SELECT * INTO s FROM subnet x WHERE x.network_id = network.id AND x.cidr >>= wanted;
  IF NOT FOUND THEN RETURN 'outside'; END IF;
  IF wanted = s.gateway THEN RETURN 'gateway'; END IF;
  IF family(s.cidr) = 4 AND masklen(s.cidr) < 31 OR family(s.cidr) = 6 AND masklen(s.cidr) < 127 THEN
    IF wanted = host(s.cidr)::inet THEN RETURN 'network_address'; END IF;
    IF family(s.cidr) = 4 AND wanted = host(broadcast(s.cidr))::inet THEN RETURN 'broadcast_address'; END IF;
  END IF;
  PERFORM 1 FROM subnet_range r WHERE r.subnet_id = s.id AND r.kind = 'excluded' AND r.first <= wanted AND r.last >= wanted;
  IF FOUND THEN RETURN 'excluded'; END IF;

  SELECT * INTO holder FROM address a WHERE a.space = s.space AND a.ip = wanted;
  IF FOUND THEN
    IF holder.state <> 'quarantined' THEN RETURN 'taken'; END IF;
    -- Who had it last may have it back at once: neighbours that still remember it remember the right one.
    IF holder.quarantined_until > now() AND holder.previous_owner IS DISTINCT FROM claimant THEN RETURN 'quarantined'; END IF;
    DELETE FROM address a WHERE a.space = s.space AND a.ip = wanted;
  ELSE
    PERFORM carve_out(s.id, wanted);
  END IF;
  INSERT INTO address (space, ip, subnet_id, network_id, cidr, state, owner, container_id, mac, labels)
  VALUES (s.space, wanted, s.id, network.id, s.cidr, 'reserved', claimant, container, wanted_mac, COALESCE(wanted_labels, '{}'));
  RETURN 'created';
END $$;

-- Answers the items of a group that are not `left_out`: an owner that has an address, or a named address.
CREATE FUNCTION settle_one_by_one(net network, wanted_family integer, items jsonb, left_out integer[])
RETURNS TABLE (pos integer, outcome text, address_space text, address_ip inet, fam integer) LANGUAGE plpgsql AS $$
DECLARE
  item record;
BEGIN
  FOR item IN
    SELECT i.pos, i.address, i.owner, i.mac, i.labels, i.container, a.ip AS owned_ip
    FROM jsonb_to_recordset(items)
      AS i (pos integer, address inet, owner text, mac text, labels jsonb, container uuid)
    LEFT JOIN address a ON a.network_id = net.id AND family(a.ip) = wanted_family AND a.owner = i.owner
    WHERE left_out IS NULL OR i.pos <> ALL (left_out)
    ORDER BY i.pos
  LOOP
    pos := item.pos;
    address_space := net.space;
    fam := wanted_family;
    IF item.owned_ip IS NOT NULL THEN
      -- The same owner asking again gets what it has.
      outcome := CASE WHEN item.address IS NULL OR item.address = item.owned_ip THEN 'existing' ELSE 'owner_has_other' END;
      address_ip := item.owned_ip;
    ELSE
      outcome := claim_address(net, item.address, item.owner, item.container, item.mac, item.labels);
      address_ip := item.address;
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;

-- Answers a group of requests for one family of one network, all in one step.
-- group: {network: name, family: 4 | 6 | null, items: [{pos, address?, owner?, count, mac?, labels?, container?}]}
-- The owners within a group differ. One row for each address given, or one with the reason there is none.
CREATE FUNCTION allocate_group(asked jsonb)
RETURNS TABLE (pos integer, outcome text, address_space text, address_ip inet, fam integer) LANGUAGE plpgsql AS $$
DECLARE
  net network;
  wanted_family integer := (asked ->> 'family')::integer;
  result text;
  -- One entry for each address that is to be the next free one.
  positions integer[];
  owners text[];
  macs text[];
  labels jsonb[];
  containers uuid[];
  others integer;
  -- The addresses taken for them, in the same order.
  subnets uuid[];
  cidrs inet[];
  ips inet[];
  had integer;
  served integer := 0;
BEGIN
  SELECT * INTO net FROM network n WHERE n.name = asked ->> 'network';
  IF net.id IS NOT NULL AND wanted_family IS NULL THEN
    SELECT min(family(s.cidr)) INTO wanted_family FROM subnet s WHERE s.network_id = net.id;
  END IF;
  result := CASE
    WHEN net.id IS NULL THEN 'no_network'
    WHEN net.deleting_since IS NOT NULL THEN 'deleting'
    WHEN lock_subnets(net.id, wanted_family) = 0 THEN 'no_family'
  END;
  -- The network was read before its subnets were locked: it may have begun to leave while this waited.
  IF result IS NULL AND EXISTS (SELECT 1 FROM network n WHERE n.id = net.id AND n.deleting_since IS NOT NULL) THEN
    result := 'deleting';
  END IF;
  IF result IS NOT NULL THEN
    RETURN QUERY SELECT (i ->> 'pos')::integer, result, NULL::text, NULL::inet, wanted_family
    FROM jsonb_array_elements(asked -> 'items') AS i;
    RETURN;
  END IF;

  -- Requests for the next free address are taken together; owners that have one, and named addresses, one by one.
  SELECT array_agg(i.pos) FILTER (WHERE i.fresh), array_agg(i.owner) FILTER (WHERE i.fresh),
         array_agg(i.mac) FILTER (WHERE i.fresh), array_agg(COALESCE(i.labels, '{}')) FILTER (WHERE i.fresh),
         array_agg(i.container) FILTER (WHERE i.fresh), count(*) FILTER (WHERE NOT i.fresh)
  INTO positions, owners, macs, labels, containers, others
  FROM (
    SELECT x.*, x.address IS NULL AND owned.ip IS NULL AS fresh
    FROM jsonb_to_recordset(asked -> 'items')
      AS x (pos integer, address inet, owner text, count integer, mac text, labels jsonb, container uuid)
    CROSS JOIN generate_series(1, COALESCE(x.count, 1))
    -- LIMIT keeps the planner from joining all owners of the network against a handful of items.
    LEFT JOIN LATERAL (
      SELECT y.ip FROM address y WHERE y.network_id = net.id AND family(y.ip) = wanted_family AND y.owner = x.owner LIMIT 1
    ) AS owned ON true
    ORDER BY x.pos
  ) AS i;
  IF others > 0 THEN
    RETURN QUERY SELECT * FROM settle_one_by_one(net, wanted_family, asked -> 'items', positions);
  END IF;
  IF positions IS NULL THEN RETURN; END IF;

  -- All the next-free requests take their addresses together: one pass over the free space, one insert.
  SELECT array_agg(t.subnet_id), array_agg(t.cidr), array_agg(t.ip) INTO subnets, cidrs, ips
  FROM take_next(net.id, wanted_family, cardinality(positions)) AS t;
  had := COALESCE(cardinality(ips), 0);
  -- An item is served when all of its addresses are among those taken.
  FOR n IN 1..had LOOP
    IF n = cardinality(positions) OR positions[n + 1] <> positions[n] THEN served := n; END IF;
  END LOOP;
  INSERT INTO address (space, ip, subnet_id, network_id, cidr, state, owner, container_id, mac, labels)
  SELECT net.space, x.ip, x.subnet_id, net.id, x.cidr, 'reserved', x.owner, x.container, x.mac, x.labels
  FROM unnest(ips[1:served], subnets[1:served], cidrs[1:served], owners[1:served], containers[1:served], macs[1:served], labels[1:served])
    AS x (ip, subnet_id, cidr, owner, container, mac, labels);
  -- What was taken for an item that could not be served whole goes back.
  FOR n IN served + 1..had LOOP
    PERFORM give_back(subnets[n], ips[n]);
  END LOOP;
  RETURN QUERY SELECT x.pos, 'created', net.space, x.ip, wanted_family FROM unnest(positions[1:served], ips[1:served]) AS x (pos, ip);
  RETURN QUERY SELECT DISTINCT x.pos, 'full', NULL::text, NULL::inet, wanted_family FROM unnest(positions[served + 1:]) AS x (pos);
END $$;

-- What allocate_group made of a request, once for each address.
CREATE TYPE allocation_result AS (pos integer, outcome text, space text, ip inet, fam integer);

-- Answers several groups in one statement, which is one transaction when it stands alone: addresses, events and the
-- answer. An item that names an `actor` gets an event for each address that was given; one without is part of a
-- larger change that records its own.
CREATE FUNCTION allocate_batch(asked jsonb)
RETURNS TABLE (
  pos integer, outcome text, fam integer, ip text, cidr text, network text, state text, owner text, host text,
  container text, mac text, labels jsonb, generation bigint, quarantined_until timestamptz, created_at timestamptz,
  updated_at timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  results allocation_result[];
  events jsonb;
BEGIN
  SELECT array_agg(ROW(r.pos, r.outcome, r.address_space, r.address_ip, r.fam)::allocation_result) INTO results
  FROM jsonb_array_elements(asked) AS g CROSS JOIN LATERAL allocate_group(g) AS r;

  -- LIMIT in the joins: one look-up in the primary key for each result, however the planner sees the table.
  SELECT jsonb_agg(jsonb_build_object(
    'type', 'address.reserved', 'subject', '/v1/networks/' || n.name || '/addresses/' || host(r.ip), 'network', n.name,
    'actor', i.actor, 'requestId', i."requestId", 'data', jsonb_build_object('owner', a.owner, 'generation', a.generation)
  ) ORDER BY r.pos, a.ip) INTO events
  FROM unnest(results) AS r
  JOIN (
    SELECT x.* FROM jsonb_array_elements(asked) AS g,
      jsonb_to_recordset(g -> 'items') AS x (pos integer, actor text, "requestId" text)
  ) AS i ON i.pos = r.pos AND i.actor IS NOT NULL
  CROSS JOIN LATERAL (SELECT * FROM address x WHERE x.space = r.space AND x.ip = r.ip LIMIT 1) AS a
  JOIN network n ON n.id = a.network_id
  WHERE r.outcome = 'created';
  IF events IS NOT NULL THEN PERFORM append_events(events); END IF;

  RETURN QUERY
  SELECT r.pos, r.outcome, r.fam, host(a.ip), text(a.cidr), n.name, a.state::text, a.owner, h.name, c.name, a.mac, a.labels,
         a.generation, a.quarantined_until::timestamptz, a.created_at::timestamptz, a.updated_at::timestamptz
  FROM unnest(results) AS r
  LEFT JOIN LATERAL (SELECT * FROM address x WHERE x.space = r.space AND x.ip = r.ip LIMIT 1) AS a ON true
  LEFT JOIN network n ON n.id = a.network_id
  LEFT JOIN host h ON h.id = a.host_id
  LEFT JOIN container c ON c.id = a.container_id
  ORDER BY r.pos, a.ip;
END $$;

-- Ends the hold on addresses: into quarantine, or straight back into the free space where there is none.
CREATE FUNCTION release_addresses(network uuid, ips inet[], immediate boolean) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  rest interval;
  a record;
  n integer := 0;
BEGIN
  SELECT make_interval(secs => x.quarantine_seconds) INTO rest FROM network x WHERE x.id = network;
  PERFORM lock_subnets(network, 4), lock_subnets(network, 6);
  IF immediate OR rest = interval '0' THEN
    FOR a IN DELETE FROM address x WHERE x.network_id = network AND x.ip = ANY (ips) RETURNING x.subnet_id, x.ip LOOP
      PERFORM give_back(a.subnet_id, a.ip);
      n := n + 1;
    END LOOP;
    RETURN n;
  END IF;
  UPDATE address x
  SET state = 'quarantined', quarantined_until = now() + rest, previous_owner = x.owner, owner = NULL, container_id = NULL,
      host_id = NULL, mac = NULL, generation = nextval('address_generation'), updated_at = now()
  WHERE x.network_id = network AND x.ip = ANY (ips) AND x.state <> 'quarantined';
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;

-- Builds the free space of a subnet anew from its ranges and its addresses: after it was made, or its ranges
-- changed. `size` is the count of allocatable addresses (inet - inet cannot give it for IPv6). Answers how many are free.
CREATE FUNCTION rebuild_free_space(subnet uuid, size numeric) RETURNS numeric LANGUAGE sql AS $$
  DELETE FROM free_extent e WHERE e.subnet_id = subnet;
  WITH held AS (
    SELECT r.first, r.last, a.ip,
           lag(a.ip) OVER (PARTITION BY r.first ORDER BY a.ip) AS before,
           lead(a.ip) OVER (PARTITION BY r.first ORDER BY a.ip) AS after
    FROM subnet_range r
    LEFT JOIN address a ON a.subnet_id = subnet AND a.ip BETWEEN r.first AND r.last
    WHERE r.subnet_id = subnet AND r.kind = 'allocatable'
  ), gap AS (
    SELECT COALESCE(before + 1, first) AS first, CASE WHEN ip IS NULL THEN last ELSE ip - 1 END AS last FROM held
    UNION ALL
    SELECT ip + 1, last FROM held WHERE ip IS NOT NULL AND after IS NULL
  )
  INSERT INTO free_extent SELECT subnet, first, last FROM gap WHERE first <= last;
  UPDATE subnet s SET allocatable = size, free = size - (
    SELECT count(*) FROM address a
    JOIN subnet_range r ON r.subnet_id = subnet AND r.kind = 'allocatable' AND a.ip BETWEEN r.first AND r.last
    WHERE a.subnet_id = subnet
  ) WHERE s.id = subnet RETURNING s.free;
$$;

-- Statistics of a table that was empty a moment ago make the planner read it whole; here every look-up has its index.
-- The plans depend on nothing but that, so each connection makes them once.
ALTER FUNCTION allocate_batch SET enable_seqscan = off;
ALTER FUNCTION allocate_batch SET plan_cache_mode = force_generic_plan;
