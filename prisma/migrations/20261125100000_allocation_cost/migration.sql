-- What most requests ask for, the next free address and nothing else, at less than half of the cost: typed arrays in
-- place of JSON, and addresses, events and answers out of one statement, with nothing read back.

-- Raises the revision by `n` and wakes every server that listens. From here on the transaction holds the lock that puts
-- commits in order, so what it still does may wait for nobody. Answers the last revision.
CREATE FUNCTION raise_revision(n integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  last_revision bigint;
BEGIN
  UPDATE revision SET value = value + n RETURNING value INTO last_revision;
  PERFORM pg_notify('trunkline', last_revision::text);
  RETURN last_revision;
END $$;

-- Appends events, one revision each. Called last in a transaction. Answers the last revision.
CREATE OR REPLACE FUNCTION append_events(events jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  n integer := jsonb_array_length(events);
  last_revision bigint := raise_revision(n);
BEGIN
  INSERT INTO event (revision, at, type, subject, network, host, actor, request_id, data)
  SELECT last_revision - n + e.ordinality, clock_timestamp(), e.item ->> 'type', e.item ->> 'subject',
         e.item ->> 'network', e.item ->> 'host', e.item ->> 'actor', e.item ->> 'requestId',
         COALESCE(e.item -> 'data', '{}')
  FROM jsonb_array_elements(events) WITH ORDINALITY AS e (item, ordinality);
  RETURN last_revision;
END $$;

-- Answers requests of one network and family for the next free address that want nothing else: no named address, no
-- Ethernet address, no labels, one address each. The owners differ, or are NULL. One row for each address given, with
-- its event; `pos` counts from 1 in the arrays. A request without a row (its owner has an address, the subnets are
-- full, there is no such network) changed nothing: allocate_batch answers it, and says why.
CREATE FUNCTION allocate_next(asked_network text, asked_family integer, owners text[], actors text[], request_ids text[])
RETURNS TABLE (pos integer, ip text, cidr text, generation bigint, created_at timestamptz) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  net network;
  wanted_family integer;
  -- The requests whose owner has no address yet.
  positions integer[];
  fresh_owners text[];
  fresh_actors text[];
  fresh_requests text[];
  -- The addresses taken for the first of them, in their order.
  subnets uuid[];
  cidrs inet[];
  ips inet[];
  last_before bigint;
BEGIN
  SELECT n.id, COALESCE(asked_family, (SELECT min(family(s.cidr)) FROM subnet s WHERE s.network_id = n.id))
  INTO net.id, wanted_family FROM network n WHERE n.name = asked_network;
  PERFORM lock_subnets(net.id, wanted_family);
  -- Read after its subnets were locked: it may have begun to leave while this waited.
  SELECT n.* INTO net FROM network n WHERE n.id = net.id AND n.deleting_since IS NULL;
  IF NOT FOUND THEN RETURN; END IF;

  SELECT array_agg(o.pos), array_agg(o.owner), array_agg(o.actor), array_agg(o.request_id)
  INTO positions, fresh_owners, fresh_actors, fresh_requests
  FROM unnest(owners, actors, request_ids) WITH ORDINALITY AS o (owner, actor, request_id, pos)
  -- LIMIT keeps the planner from joining all owners of the network against a handful of requests.
  LEFT JOIN LATERAL (
    SELECT y.ip FROM address y WHERE y.network_id = net.id AND family(y.ip) = wanted_family AND y.owner = o.owner LIMIT 1
  ) AS owned ON true
  WHERE owned.ip IS NULL;
  SELECT array_agg(t.subnet_id), array_agg(t.cidr), array_agg(t.ip) INTO subnets, cidrs, ips
  FROM take_next(net.id, wanted_family, COALESCE(cardinality(positions), 0)) AS t;
  IF ips IS NULL THEN RETURN; END IF;

  -- The subnets are locked and new owners only come with that lock, so the inserts wait for nobody.
  last_before := raise_revision(cardinality(ips)) - cardinality(ips);
  RETURN QUERY
  WITH item AS MATERIALIZED (
    SELECT x.*, last_before + x.nth AS revision, nextval('address_generation') AS generation
    FROM unnest(ips, subnets, cidrs, positions, fresh_owners, fresh_actors, fresh_requests) WITH ORDINALITY
      AS x (ip, subnet_id, cidr, pos, owner, actor, request_id, nth)
    WHERE x.ip IS NOT NULL
  ), held AS (
    INSERT INTO address (space, ip, subnet_id, network_id, cidr, state, owner, generation)
    SELECT net.space, i.ip, i.subnet_id, net.id, i.cidr, 'reserved', i.owner, i.generation FROM item AS i
  ), noted AS (
    INSERT INTO event (revision, at, type, subject, network, actor, request_id, data)
    SELECT i.revision, clock_timestamp(), 'address.reserved', '/v1/networks/' || net.name || '/addresses/' || host(i.ip), net.name,
           i.actor, i.request_id, jsonb_build_object('owner', i.owner, 'generation', i.generation)
    FROM item AS i
  )
  SELECT i.pos::integer, host(i.ip), text(i.cidr), i.generation, now() FROM item AS i;
END $$;

-- As for allocate_batch: every look-up has its index, and each connection makes its plans once.
ALTER FUNCTION allocate_next SET enable_seqscan = off;
ALTER FUNCTION allocate_next SET plan_cache_mode = force_generic_plan;
