-- Addresses that the API gives (docs/decisions/0004-allocation.md).

-- The IP versions in which an owner that asks for its address may have one: where the request names none, what the owner has
-- comes before what the network would give first. Its subnets may have changed meanwhile.
CREATE FUNCTION families_asked(named integer) RETURNS integer[] LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN named IS NULL THEN ARRAY[4, 6] ELSE ARRAY[named] END
$$;

-- Answers the items of a group that are not `left_out`: an owner that has an address, or a named address.
CREATE FUNCTION settle_one_by_one(net network, wanted_family integer, had_in integer[], items jsonb, left_out integer[])
RETURNS TABLE (pos integer, outcome text, address_space text, address_ip inet, fam integer) LANGUAGE plpgsql AS $$
DECLARE
  item record;
BEGIN
  FOR item IN
    SELECT i.pos, i.address, i.owner, i.mac, i.labels, i.container, i.claim, i."forHost", a.ip AS owned_ip
    FROM jsonb_to_recordset(items)
      AS i (pos integer, address inet, owner text, mac text, labels jsonb, container uuid, claim text, "forHost" uuid)
    LEFT JOIN LATERAL (
      SELECT y.ip FROM address y WHERE y.network_id = net.id AND family(y.ip) = ANY (had_in) AND y.owner = i.owner
      ORDER BY family(y.ip) = wanted_family DESC LIMIT 1
    ) AS a ON true
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
      fam := family(item.owned_ip);
    ELSE
      outcome := claim_address(net, item.address, item.owner, item.container, item.mac, item.labels,
                               item.claim, item."forHost");
      address_ip := item.address;
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;

-- Answers a group of requests for one family of one network, all in one step.
-- group: {network: name, family: 4 | 6 | null, items: [{pos, address?, owner?, count, mac?, labels?, container?, claim?, forHost?}]}
-- The owners within a group differ. One row for each address given, or one with the reason there is none.
CREATE FUNCTION allocate_group(asked jsonb)
RETURNS TABLE (pos integer, outcome text, address_space text, address_ip inet, fam integer) LANGUAGE plpgsql AS $$
DECLARE
  net network;
  wanted_family integer := (asked ->> 'family')::integer;
  had_in CONSTANT integer[] := families_asked(wanted_family);
  result text;
  -- One entry for each address that is to be the next free one.
  positions integer[];
  owners text[];
  macs text[];
  labels jsonb[];
  containers uuid[];
  claims text[];
  for_hosts uuid[];
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
         array_agg(i.mac) FILTER (WHERE i.fresh), array_agg(i.labels) FILTER (WHERE i.fresh),
         array_agg(i.container) FILTER (WHERE i.fresh), array_agg(i.claim) FILTER (WHERE i.fresh),
         array_agg(i."forHost") FILTER (WHERE i.fresh), count(*) FILTER (WHERE NOT i.fresh)
  INTO positions, owners, macs, labels, containers, claims, for_hosts, others
  FROM (
    SELECT x.*, x.address IS NULL AND owned.ip IS NULL AS fresh
    FROM jsonb_to_recordset(asked -> 'items')
      AS x (pos integer, address inet, owner text, count integer, mac text, labels jsonb, container uuid, claim text, "forHost" uuid)
    CROSS JOIN generate_series(1, COALESCE(x.count, 1))
    -- LIMIT keeps the planner from joining all owners of the network against a handful of items.
    LEFT JOIN LATERAL (
      SELECT y.ip FROM address y WHERE y.network_id = net.id AND family(y.ip) = ANY (had_in) AND y.owner = x.owner LIMIT 1
    ) AS owned ON true
    ORDER BY x.pos
  ) AS i;
  IF others > 0 THEN
    RETURN QUERY SELECT * FROM settle_one_by_one(net, wanted_family, had_in, asked -> 'items', positions);
  END IF;
  IF positions IS NULL THEN RETURN; END IF;

  -- All the next-free requests take their addresses together: one pass over the free space, one insert.
  SELECT array_agg(t.subnet_id), array_agg(t.cidr), array_agg(t.ip) INTO subnets, cidrs, ips
  FROM take_next(net.id, wanted_family, NULL, cardinality(positions), true) AS t;
  had := COALESCE(cardinality(ips), 0);
  -- An item is served when all of its addresses are among those taken.
  FOR n IN 1..had LOOP
    IF n = cardinality(positions) OR positions[n + 1] <> positions[n] THEN served := n; END IF;
  END LOOP;
  PERFORM reserve_addresses(net, subnets[1:served], cidrs[1:served], ips[1:served], owners[1:served], containers[1:served],
                            macs[1:served], labels[1:served], claims[1:served], for_hosts[1:served]);
  -- What was taken for an item that could not be served whole goes back.
  FOR n IN served + 1..had LOOP
    PERFORM give_back(subnets[n], ips[n]);
  END LOOP;
  RETURN QUERY SELECT x.pos, 'created', net.space, x.ip, wanted_family FROM unnest(positions[1:served], ips[1:served]) AS x (pos, ip);
  RETURN QUERY SELECT DISTINCT x.pos, 'full', NULL::text, NULL::inet, wanted_family FROM unnest(positions[served + 1:]) AS x (pos);
END $$;

-- Answers requests of one network and family for the next free address that want nothing else: no named address, no
-- Ethernet address, no labels, one address each. The owners differ, or are NULL. One row for each address given, with
-- its event and its audit entry (where its origin is known); `pos` counts from 1 in the arrays. A request without a row (its owner has an address, the subnets are
-- full, there is no such network) changed nothing: allocate_batch answers it, and says why.
CREATE FUNCTION allocate_next(asked_network text, asked_family integer, owners text[], actors text[], request_ids text[],
                              origins jsonb[])
RETURNS TABLE (pos integer, ip text, cidr text, generation bigint, created_at timestamptz) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  net network;
  wanted_family integer;
  had_in CONSTANT integer[] := families_asked(asked_family);
  -- The requests whose owner has no address yet.
  positions integer[];
  fresh_owners text[];
  fresh_actors text[];
  fresh_requests text[];
  fresh_origins jsonb[];
  -- The addresses taken for the first of them, in their order.
  subnets uuid[];
  cidrs inet[];
  ips inet[];
  generations bigint[];
  n integer;
  last_before bigint;
  audited jsonb;
BEGIN
  SELECT n.id, COALESCE(asked_family, (SELECT min(family(s.cidr)) FROM subnet s WHERE s.network_id = n.id))
  INTO net.id, wanted_family FROM network n WHERE n.name = asked_network;
  PERFORM lock_subnets(net.id, wanted_family);
  -- Read after its subnets were locked: it may have begun to leave while this waited.
  SELECT n.* INTO net FROM network n WHERE n.id = net.id AND n.deleting_since IS NULL;
  IF NOT FOUND THEN RETURN; END IF;

  SELECT array_agg(o.pos), array_agg(o.owner), array_agg(o.actor), array_agg(o.request_id), array_agg(o.origin)
  INTO positions, fresh_owners, fresh_actors, fresh_requests, fresh_origins
  FROM unnest(owners, actors, request_ids, origins) WITH ORDINALITY AS o (owner, actor, request_id, origin, pos)
  -- LIMIT keeps the planner from joining all owners of the network against a handful of requests.
  LEFT JOIN LATERAL (
    SELECT y.ip FROM address y WHERE y.network_id = net.id AND family(y.ip) = ANY (had_in) AND y.owner = o.owner LIMIT 1
  ) AS owned ON true
  WHERE owned.ip IS NULL;
  SELECT array_agg(t.subnet_id), array_agg(t.cidr), array_agg(t.ip) INTO subnets, cidrs, ips
  FROM take_next(net.id, wanted_family, NULL, COALESCE(cardinality(positions), 0), true) AS t;
  IF ips IS NULL THEN RETURN; END IF;

  n := cardinality(ips);
  generations := reserve_addresses(net, subnets, cidrs, ips, fresh_owners[1:n], NULL, NULL, NULL, NULL, NULL);
  last_before := raise_revision(n) - n;
  SELECT jsonb_agg(address_given(x.origin, x.actor, x.request_id, net.name, x.ip, x.owner) ORDER BY x.nth) INTO audited
  FROM unnest(ips, fresh_owners[1:n], fresh_actors[1:n], fresh_requests[1:n], fresh_origins[1:n]) WITH ORDINALITY
    AS x (ip, owner, actor, request_id, origin, nth)
  WHERE x.origin IS NOT NULL;
  IF audited IS NOT NULL THEN PERFORM append_audit(audited); END IF;
  RETURN QUERY
  WITH item AS MATERIALIZED (
    SELECT x.*, last_before + x.nth AS revision
    FROM unnest(ips, cidrs, generations, positions[1:n], fresh_owners[1:n], fresh_actors[1:n], fresh_requests[1:n]) WITH ORDINALITY
      AS x (ip, cidr, generation, pos, owner, actor, request_id, nth)
  ), noted AS (
    INSERT INTO event (revision, at, type, subject, network, actor, request_id, data)
    SELECT i.revision, clock_timestamp(), 'address.reserved', address_path(net.name, i.ip), net.name,
           i.actor, i.request_id, jsonb_build_object('owner', i.owner, 'generation', i.generation)
    FROM item AS i
  )
  SELECT i.pos::integer, host(i.ip), text(i.cidr), i.generation, now() FROM item AS i;
END $$;
ALTER FUNCTION allocate_next SET enable_seqscan = off;
ALTER FUNCTION allocate_next SET plan_cache_mode = force_generic_plan;

-- Answers several groups in one statement, which is one transaction when it stands alone: addresses, events and the
-- answer. An item that names an `actor` gets an event for each address that was given; one without is part of a
-- larger change that records its own. Shows an address as a read of it does (address-rows.ts).
CREATE FUNCTION allocate_batch(asked jsonb)
RETURNS TABLE (
  pos integer, outcome text, fam integer, ip text, cidr text, network text, state text, owner text, host text,
  container text, mac text, labels jsonb, generation bigint, quarantined_until timestamptz, created_at timestamptz,
  updated_at timestamptz, docker_id text, since timestamptz, claim text, for_host text, awaiting_host text, allocatable boolean,
  requested_mac text
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  results allocation_result[];
  events jsonb;
  audited jsonb;
BEGIN
  SELECT array_agg(ROW(r.pos, r.outcome, r.address_space, r.address_ip, r.fam)::allocation_result) INTO results
  FROM jsonb_array_elements(asked) AS g CROSS JOIN LATERAL allocate_group(g) AS r;

  -- LIMIT in the joins: one look-up in the primary key for each result, however the planner sees the table.
  SELECT jsonb_agg(jsonb_build_object(
    'type', 'address.reserved', 'subject', address_path(n.name, r.ip), 'network', n.name,
    'actor', i.actor, 'requestId', i."requestId", 'data', jsonb_build_object('owner', a.owner, 'generation', a.generation)
  ) ORDER BY r.pos, a.ip),
  jsonb_agg(address_given(i.origin, i.actor, i."requestId", n.name, r.ip, a.owner) ORDER BY r.pos, a.ip) FILTER (WHERE i.origin IS NOT NULL)
  INTO events, audited
  FROM unnest(results) AS r
  JOIN (
    SELECT x.* FROM jsonb_array_elements(asked) AS g,
      jsonb_to_recordset(g -> 'items') AS x (pos integer, actor text, "requestId" text, origin jsonb)
  ) AS i ON i.pos = r.pos AND i.actor IS NOT NULL
  CROSS JOIN LATERAL (SELECT * FROM address x WHERE x.space = r.space AND x.ip = r.ip LIMIT 1) AS a
  JOIN network n ON n.id = a.network_id
  WHERE r.outcome = 'created';
  IF events IS NOT NULL THEN PERFORM append_events(events); END IF;
  IF audited IS NOT NULL THEN PERFORM append_audit(audited); END IF;

  RETURN QUERY
  SELECT r.pos, r.outcome, r.fam, host(a.ip), text(a.cidr), n.name, a.state::text, a.owner, h.name,
         COALESCE(c.name, a.container_name), COALESCE(a.seen_mac, a.mac), a.labels, a.generation, a.quarantined_until::timestamptz,
         a.created_at::timestamptz, a.updated_at::timestamptz, a.docker_id, a.since::timestamptz, a.claim,
         (SELECT f.name FROM host f WHERE f.id = a.for_host_id), awaited_host(a.space, a.ip), is_allocatable(a.subnet_id, a.ip), a.mac
  FROM unnest(results) AS r
  LEFT JOIN LATERAL (SELECT * FROM address x WHERE x.space = r.space AND x.ip = r.ip LIMIT 1) AS a ON true
  LEFT JOIN network n ON n.id = a.network_id
  LEFT JOIN host h ON h.id = a.host_id
  LEFT JOIN container c ON c.id = a.container_id
  ORDER BY r.pos, a.ip;
END $$;
ALTER FUNCTION allocate_batch SET enable_seqscan = off;
ALTER FUNCTION allocate_batch SET plan_cache_mode = force_generic_plan;
