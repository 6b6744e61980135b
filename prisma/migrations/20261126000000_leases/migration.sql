-- How many unused addresses each host keeps ahead of need.
ALTER TABLE network ADD COLUMN warm integer NOT NULL DEFAULT 4 CONSTRAINT network_warm CHECK (warm BETWEEN 0 AND 256);

-- Answers kept for an Idempotency-Key are sent again as they are, so they say what was true of networks then.
UPDATE idempotency_key SET body = '{"warm": 0}' || body
WHERE headers ->> 'location' LIKE '/v1/networks/%' AND body ?& ARRAY['hosts', 'subnets', 'generation'];
UPDATE idempotency_key SET body = '{"dockerId": null, "since": null}' || body
WHERE headers ->> 'location' LIKE '/v1/networks/%/addresses/%' AND body ? 'ip';
UPDATE idempotency_key SET body = jsonb_build_object('items', (
  SELECT jsonb_agg('{"dockerId": null, "since": null}' || x.item ORDER BY x.place)
  FROM jsonb_array_elements(body -> 'items') WITH ORDINALITY AS x (item, place)))
WHERE jsonb_typeof(body -> 'items') = 'array' AND body #> '{items,0}' ? 'ip';
UPDATE idempotency_key SET body = '{"network": null}' || body
WHERE headers ->> 'location' LIKE '/v1/checks/%' AND body ? 'from';

-- Addresses that hosts hold. A row that names a host is the proof that the host holds the address; what the agent has
-- on its disk is a copy. Nothing but a return that names the generation of the hold ends it, or an operator.
ALTER TABLE address
  -- It was reserved without an owner before a host claimed it: a return makes it that again.
  ADD COLUMN reservation      boolean NOT NULL DEFAULT false,
  -- Which host had it last: that one may have it back before its rest is over.
  ADD COLUMN previous_host_id uuid,
  -- The container last seen on it, whoever started it, with its Ethernet address, and since when.
  ADD COLUMN container_name   text,
  ADD COLUMN docker_id        text,
  ADD COLUMN seen_mac         text CONSTRAINT address_seen_mac CHECK (seen_mac = lower(seen_mac::macaddr::text)),
  ADD COLUMN since            timestamptz(3),
  -- When something foreign may have stopped answering for it, so that it is worth another look.
  ADD COLUMN recheck_at       timestamptz(3),
  ADD CONSTRAINT address_host CHECK ((state IN ('leased', 'bound')) = (host_id IS NOT NULL)),
  ADD CONSTRAINT address_recheck CHECK ((state = 'conflicted') = (recheck_at IS NOT NULL));
CREATE INDEX address_mac ON address (network_id, mac) WHERE mac IS NOT NULL;
CREATE INDEX address_conflicted ON address (subnet_id, recheck_at) WHERE state = 'conflicted';

-- Every container seen on a managed network in the last report of its host, whoever started it.
CREATE TABLE endpoint (
  host_id    uuid NOT NULL REFERENCES host ON DELETE CASCADE,
  network_id uuid NOT NULL REFERENCES network ON DELETE CASCADE,
  docker_id  text NOT NULL,
  name       text NOT NULL,
  state      text NOT NULL,
  ipv4       inet,
  ipv6       inet,
  mac        text CONSTRAINT endpoint_mac CHECK (mac = lower(mac::macaddr::text)),
  -- When the first report began that showed it so: in this state of life, with these addresses.
  since      timestamptz(3) NOT NULL,
  CONSTRAINT endpoint_pkey PRIMARY KEY (host_id, network_id, docker_id)
);
CREATE INDEX endpoint_network ON endpoint (network_id, host_id, docker_id);

-- Networks that are short of addresses, and the hosts that are asked to return what they do not use.
CREATE TABLE recall (
  network_id uuid NOT NULL REFERENCES network ON DELETE CASCADE,
  family     integer NOT NULL CONSTRAINT recall_family CHECK (family IN (4, 6)),
  until      timestamptz(3) NOT NULL,
  PRIMARY KEY (network_id, family)
);
CREATE TABLE recall_host (
  network_id uuid NOT NULL,
  family     integer NOT NULL,
  host_id    uuid NOT NULL REFERENCES host ON DELETE CASCADE,
  PRIMARY KEY (network_id, family, host_id),
  FOREIGN KEY (network_id, family) REFERENCES recall ON DELETE CASCADE
);
CREATE INDEX recall_host_host ON recall_host (host_id);

-- As before, and shows an address as a read of it does (address-rows.ts): with the container that was seen on it.
DROP FUNCTION allocate_batch;
CREATE FUNCTION allocate_batch(asked jsonb)
RETURNS TABLE (
  pos integer, outcome text, fam integer, ip text, cidr text, network text, state text, owner text, host text,
  container text, mac text, labels jsonb, generation bigint, quarantined_until timestamptz, created_at timestamptz,
  updated_at timestamptz, docker_id text, since timestamptz
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
  SELECT r.pos, r.outcome, r.fam, host(a.ip), text(a.cidr), n.name, a.state::text, a.owner, h.name,
         COALESCE(c.name, a.container_name), COALESCE(a.seen_mac, a.mac), a.labels, a.generation, a.quarantined_until::timestamptz,
         a.created_at::timestamptz, a.updated_at::timestamptz, a.docker_id, a.since::timestamptz
  FROM unnest(results) AS r
  LEFT JOIN LATERAL (SELECT * FROM address x WHERE x.space = r.space AND x.ip = r.ip LIMIT 1) AS a ON true
  LEFT JOIN network n ON n.id = a.network_id
  LEFT JOIN host h ON h.id = a.host_id
  LEFT JOIN container c ON c.id = a.container_id
  ORDER BY r.pos, a.ip;
END $$;
ALTER FUNCTION allocate_batch SET enable_seqscan = off;
ALTER FUNCTION allocate_batch SET plan_cache_mode = force_generic_plan;

-- As before, but nobody is not the last owner of what nobody owned: without a claimant, what rests rests.
CREATE OR REPLACE FUNCTION claim_address(network network, wanted inet, claimant text, container uuid, wanted_mac text, wanted_labels jsonb)
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
    IF holder.quarantined_until > now() AND (claimant IS NULL OR holder.previous_owner IS DISTINCT FROM claimant) THEN
      RETURN 'quarantined';
    END IF;
    DELETE FROM address a WHERE a.space = s.space AND a.ip = wanted;
  ELSE
    PERFORM carve_out(s.id, wanted);
  END IF;
  INSERT INTO address (space, ip, subnet_id, network_id, cidr, state, owner, container_id, mac, labels)
  VALUES (s.space, wanted, s.id, network.id, s.cidr, 'reserved', claimant, container, wanted_mac, COALESCE(wanted_labels, '{}'));
  RETURN 'created';
END $$;

-- As before, and forgets what the host held.
CREATE OR REPLACE FUNCTION release_addresses(network uuid, ips inet[], immediate boolean) RETURNS integer LANGUAGE plpgsql AS $$
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
  SET state = 'quarantined', quarantined_until = now() + rest, previous_owner = x.owner, previous_host_id = x.host_id,
      owner = NULL, container_id = NULL, host_id = NULL, mac = NULL, reservation = false, container_name = NULL,
      docker_id = NULL, seen_mac = NULL, since = NULL, recheck_at = NULL, generation = nextval('address_generation'),
      updated_at = now()
  WHERE x.network_id = network AND x.ip = ANY (ips) AND x.state <> 'quarantined';
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;

-- Addresses that go back to a reservation: its owner, container or operator keeps them.
CREATE FUNCTION is_reserved(a address) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT a.owner IS NOT NULL OR a.container_id IS NOT NULL OR a.reservation
$$;

-- Ends the hold of a host on one address; the subnets are locked. `unused` frees at once what was never seen on a container.
CREATE FUNCTION end_hold(a address, reason text, foreign_mac text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  rest interval;
  next_state address_state;
BEGIN
  SELECT make_interval(secs => n.quarantine_seconds) INTO rest FROM network n WHERE n.id = a.network_id;
  next_state := CASE
    WHEN reason = 'conflicted' THEN 'conflicted'
    WHEN is_reserved(a) THEN 'reserved'
    WHEN reason = 'unused' AND a.state = 'leased' OR rest = interval '0' THEN NULL
    ELSE 'quarantined'
  END::address_state;
  IF next_state IS NULL THEN
    DELETE FROM address x WHERE x.space = a.space AND x.ip = a.ip;
    PERFORM give_back(a.subnet_id, a.ip);
    RETURN;
  END IF;
  UPDATE address x
  SET state = next_state, host_id = NULL, previous_host_id = a.host_id, container_name = NULL, docker_id = NULL,
      since = NULL, seen_mac = CASE WHEN next_state = 'conflicted' THEN foreign_mac END,
      quarantined_until = CASE WHEN next_state = 'quarantined' THEN now() + rest END,
      recheck_at = CASE WHEN next_state = 'conflicted' THEN now() + interval '10 minutes' END,
      reservation = CASE WHEN next_state = 'conflicted' THEN x.reservation ELSE false END,
      generation = nextval('address_generation'), updated_at = now()
  WHERE x.space = a.space AND x.ip = a.ip;
END $$;

-- Takes back what a host returns; what it does not hold in that generation is passed over. Answers the events.
-- returned: [{networkId, ip, generation, reason, mac}]
CREATE FUNCTION return_leases(host uuid, returned jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  held address;
  x record;
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
    PERFORM end_hold(held, x.reason, x.mac);
    IF x.reason = 'conflicted' OR x.reason = 'released' OR held.state = 'bound' THEN
      events := events || jsonb_build_object(
        'type', CASE x.reason WHEN 'conflicted' THEN 'address.conflicted' ELSE 'address.released' END,
        'subject', '/v1/networks/' || x.network || '/addresses/' || host(held.ip), 'network', x.network, 'host', x.host,
        'actor', 'agent:' || x.host,
        'data', jsonb_build_object('owner', held.owner, 'generation', held.generation, 'container', held.container_name)
          || CASE x.reason WHEN 'conflicted' THEN jsonb_build_object('mac', x.mac) ELSE jsonb_build_object('forced', false) END);
    END IF;
  END LOOP;
  RETURN events;
END $$;

-- Addresses for hosts: free ones, then those whose quarantine is over; with `waits`, since a container does, also what still
-- rests. Of one subnet, where `within` names it.
CREATE FUNCTION take_leases(network uuid, fam integer, within inet, wanted integer, waits boolean)
RETURNS TABLE (subnet_id uuid, cidr inet, ip inet) LANGUAGE plpgsql AS $$
DECLARE
  s subnet;
  pass integer;
  missing integer := wanted;
  taken inet[];
BEGIN
  FOR pass IN 1..CASE WHEN waits THEN 3 ELSE 2 END LOOP
    FOR s IN
      SELECT x.* FROM subnet x
      WHERE x.network_id = network AND family(x.cidr) = fam AND (within IS NULL OR x.cidr = within) ORDER BY x.ordinal
    LOOP
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

-- Asks hosts to return what they do not use. Answers those that were not asked yet.
CREATE FUNCTION recall_leases(network uuid, fam integer, hosts uuid[], seconds integer) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
  told uuid[];
BEGIN
  INSERT INTO recall AS r VALUES (network, fam, now() + make_interval(secs => seconds))
  ON CONFLICT (network_id, family) DO UPDATE SET until = EXCLUDED.until
  WHERE r.until < EXCLUDED.until - interval '3 seconds';
  WITH asked AS (
    INSERT INTO recall_host SELECT network, fam, h FROM unnest(hosts) AS h ON CONFLICT DO NOTHING RETURNING host_id
  )
  SELECT array_agg(asked.host_id) INTO told FROM asked;
  RETURN COALESCE(told, '{}');
END $$;

-- Appends events and raises the desired documents of hosts: what a change does last (see append_events).
CREATE FUNCTION finish_leases(events jsonb, hosts uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  now_at bigint;
BEGIN
  IF events = '[]' THEN RETURN; END IF;
  now_at := append_events(events);
  INSERT INTO host_desired (host_id, revision) SELECT DISTINCT h, now_at FROM unnest(hosts) AS h ORDER BY h
  ON CONFLICT (host_id) DO UPDATE SET revision = EXCLUDED.revision;
END $$;

CREATE FUNCTION short_event(network text, fam integer, hosts uuid[]) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('type', 'network.short', 'subject', '/v1/networks/' || network, 'network', network, 'actor', 'server',
    'data', jsonb_build_object('family', 'ipv' || fam,
      'recalledFrom', (SELECT jsonb_agg(x.name) FROM (SELECT h.name FROM host h WHERE h.id = ANY (hosts) ORDER BY h.name LIMIT 100) AS x)))
$$;

-- What hosts return and want, several hosts in one step.
-- asked: [{pos, host, returns: [{networkId, ip, generation, reason, mac}], wants: [{networkId, family: 4 | 6, subnet?, count, urgent}]}]
-- One row `granted` for each address, and one `short` for each want that was not met in full, with the subnet that it named
-- and the reason: no_network, deleting, not_placed, no_family, no_subnet, recalled (another host waits), full (other hosts were asked to return theirs), exhausted
-- (nobody has anything to return).
CREATE FUNCTION lease_batch(asked jsonb)
RETURNS TABLE (pos integer, kind text, network_id uuid, fam integer, ip text, cidr text, generation bigint, missing integer, reason text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  k record;
  w record;
  net network;
  events jsonb := '[]';
  told uuid[];
  woken uuid[] := '{}';
  returned boolean := false;
  why text;
  got integer;
BEGIN
  -- In the order of the allocator: by the names of networks, then IPv4 before IPv6.
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
    SELECT g.pos, g.host, x."networkId" AS network, x.family AS fam, x.subnet, x.count, x.urgent
    FROM jsonb_to_recordset(asked) AS g (pos integer, host uuid, wants jsonb),
      ROWS FROM (jsonb_to_recordset(g.wants) AS ("networkId" uuid, family integer, subnet inet, count integer, urgent boolean))
      WITH ORDINALITY AS x ("networkId", family, subnet, count, urgent, place)
    ORDER BY x.urgent DESC, g.pos, x.place
  LOOP
    SELECT * INTO net FROM network n WHERE n.id = w.network;
    why := CASE
      WHEN net.id IS NULL THEN 'no_network'
      WHEN net.deleting_since IS NOT NULL THEN 'deleting'
      WHEN NOT EXISTS (SELECT 1 FROM placement p WHERE p.network_id = net.id AND p.host_id = w.host AND NOT p.removing) THEN 'not_placed'
      WHEN NOT EXISTS (SELECT 1 FROM subnet s WHERE s.network_id = net.id AND family(s.cidr) = w.fam) THEN 'no_family'
      WHEN w.subnet IS NOT NULL AND NOT EXISTS (SELECT 1 FROM subnet s WHERE s.network_id = net.id AND s.cidr = w.subnet AND family(s.cidr) = w.fam) THEN 'no_subnet'
      WHEN NOT w.urgent AND EXISTS (SELECT 1 FROM recall r WHERE r.network_id = net.id AND r.family = w.fam AND r.until > now()) THEN 'recalled'
    END;
    got := 0;
    IF why IS NULL THEN
      RETURN QUERY
      INSERT INTO address AS a (space, ip, subnet_id, network_id, cidr, state, host_id)
      SELECT net.space, t.ip, t.subnet_id, net.id, t.cidr, 'leased', w.host
      FROM take_leases(net.id, w.fam, w.subnet, w.count, w.urgent) AS t
      RETURNING w.pos, 'granted', net.id, w.fam, host(a.ip), text(a.cidr), a.generation, NULL::integer, NULL::text;
      GET DIAGNOSTICS got = ROW_COUNT;
      IF got < w.count THEN
        why := 'exhausted';
        IF w.urgent THEN
          SELECT array_agg(DISTINCT a.host_id) INTO told FROM address a
          WHERE a.network_id = net.id AND family(a.ip) = w.fam AND a.state = 'leased' AND a.host_id <> w.host
            AND (w.subnet IS NULL OR a.cidr = w.subnet);
          IF told IS NOT NULL THEN
            why := 'full';
            told := recall_leases(net.id, w.fam, told, 30);
            IF cardinality(told) > 0 THEN
              woken := woken || told;
              events := events || short_event(net.name, w.fam, told);
            END IF;
          END IF;
        END IF;
      END IF;
    END IF;
    IF why IS NOT NULL THEN
      RETURN QUERY SELECT w.pos, 'short', w.network, w.fam, NULL::text, text(w.subnet), NULL::bigint, w.count - got, why;
    END IF;
  END LOOP;

  IF events = '[]' THEN
    -- Whoever waits for a return is woken all the same.
    IF returned AND EXISTS (SELECT 1 FROM recall) THEN PERFORM pg_notify('trunkline', ''); END IF;
  ELSE
    PERFORM finish_leases(events, woken);
  END IF;
END $$;

-- Gives a host one address for a container that is being started: `wanted`, or the one reserved for a MAC or a name.
-- Outcomes: held, created (the host holds it from now on), none (nothing is reserved); elsewhere (unused on another host,
-- which is asked to return it), taken, other_mac, conflicted, quarantined (the address in the way is answered); those of
-- claim_address; no_network, deleting, not_placed, no_family.
CREATE FUNCTION claim_lease(claimant uuid, network uuid, fam integer, wanted inet, wanted_mac text, container text)
RETURNS TABLE (outcome text, ip text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  net network;
  held address;
  told uuid[];
  rested boolean := false;
  by_host text;
BEGIN
  -- Most containers have nothing reserved for them. Told without a lock, that waits neither for others nor for the disk.
  IF wanted IS NULL AND EXISTS (
    SELECT 1 FROM placement p JOIN network n ON n.id = p.network_id JOIN subnet s ON s.network_id = n.id
    WHERE p.network_id = claim_lease.network AND p.host_id = claimant AND NOT p.removing AND n.deleting_since IS NULL AND family(s.cidr) = fam
  ) AND NOT EXISTS (SELECT 1 FROM address a WHERE a.network_id = claim_lease.network AND a.mac = wanted_mac)
    AND NOT EXISTS (SELECT 1 FROM address a WHERE a.network_id = claim_lease.network AND family(a.ip) = fam AND a.owner = container) THEN
    outcome := 'none'; RETURN NEXT; RETURN;
  END IF;

  PERFORM lock_subnets(network, fam);
  SELECT * INTO net FROM network n WHERE n.id = claim_lease.network;
  outcome := CASE
    WHEN net.id IS NULL THEN 'no_network'
    WHEN net.deleting_since IS NOT NULL THEN 'deleting'
    WHEN NOT EXISTS (SELECT 1 FROM placement p WHERE p.network_id = net.id AND p.host_id = claimant AND NOT p.removing) THEN 'not_placed'
    WHEN NOT EXISTS (SELECT 1 FROM subnet s WHERE s.network_id = net.id AND family(s.cidr) = fam) THEN 'no_family'
  END;
  IF outcome IS NOT NULL THEN RETURN NEXT; RETURN; END IF;

  IF wanted IS NULL THEN
    -- A MAC is one station on the wire, whatever its host; of a name there may be one on each host.
    SELECT * INTO held FROM address a
    WHERE a.network_id = net.id AND family(a.ip) = fam AND (is_reserved(a) OR a.state = 'reserved')
      AND (a.mac = wanted_mac
        OR a.owner = container AND (a.mac IS NULL OR a.mac = wanted_mac) AND (a.host_id IS NULL OR a.host_id = claimant))
      AND (a.container_id IS NULL OR EXISTS (SELECT 1 FROM container c WHERE c.id = a.container_id AND c.host_id = claimant))
    ORDER BY a.mac IS NOT DISTINCT FROM wanted_mac DESC, a.ip LIMIT 1 FOR UPDATE OF a;
    IF NOT FOUND THEN outcome := 'none'; RETURN NEXT; RETURN; END IF;
  ELSE
    SELECT * INTO held FROM address a WHERE a.space = net.space AND a.ip = wanted AND a.network_id = net.id FOR UPDATE;
  END IF;
  ip := host(COALESCE(held.ip, wanted));

  IF held.state = 'quarantined' THEN
    -- Who had it last may have it back at once: neighbours that still remember it remember the right one.
    IF held.quarantined_until > now() AND held.previous_host_id IS DISTINCT FROM claimant
      AND (container IS NULL OR held.previous_owner IS DISTINCT FROM container) THEN
      outcome := 'quarantined'; RETURN NEXT; RETURN;
    END IF;
    DELETE FROM address a WHERE a.space = held.space AND a.ip = held.ip;
    rested := true;
  END IF;
  IF held.ip IS NULL OR rested THEN
    outcome := claim_address(net, wanted, NULL, NULL, NULL, NULL);
    IF outcome <> 'created' THEN
      IF rested THEN INSERT INTO address SELECT held.*; END IF;
      RETURN NEXT; RETURN;
    END IF;
    UPDATE address a SET state = 'leased', host_id = claimant WHERE a.space = net.space AND a.ip = wanted;
  ELSE
    outcome := CASE
      WHEN held.state = 'conflicted' THEN 'conflicted'
      WHEN held.mac IS DISTINCT FROM COALESCE(wanted_mac, '') AND held.mac IS NOT NULL THEN 'other_mac'
      WHEN held.host_id = claimant THEN 'held'
      WHEN held.state = 'leased' AND NOT is_reserved(held) THEN 'elsewhere'
      WHEN held.host_id IS NOT NULL THEN 'taken'
      WHEN held.container_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM container c WHERE c.id = held.container_id AND c.host_id = claimant) THEN 'taken'
      ELSE 'created'
    END;
    IF outcome = 'elsewhere' THEN
      told := recall_leases(net.id, fam, ARRAY[held.host_id], 10);
      IF cardinality(told) > 0 THEN PERFORM finish_leases(jsonb_build_array(short_event(net.name, fam, told)), told); END IF;
    END IF;
    IF outcome = 'held' THEN
      -- A new use: a return of the one before, which may still be on its way, must not end it.
      UPDATE address a SET generation = nextval('address_generation'), updated_at = now()
      WHERE a.space = held.space AND a.ip = held.ip;
    END IF;
    IF outcome <> 'created' THEN RETURN NEXT; RETURN; END IF;
    UPDATE address a
    SET state = 'leased', host_id = claimant, reservation = true, generation = nextval('address_generation'), updated_at = now()
    WHERE a.space = held.space AND a.ip = held.ip;
  END IF;
  SELECT h.name INTO by_host FROM host h WHERE h.id = claimant;
  PERFORM finish_leases(jsonb_build_array(jsonb_build_object(
    'type', 'address.leased', 'subject', '/v1/networks/' || net.name || '/addresses/' || ip, 'network', net.name,
    'host', by_host, 'actor', 'agent:' || by_host, 'data', jsonb_build_object('owner', held.owner, 'container', container))), '{}');
  RETURN NEXT;
END $$;

-- What something foreign answered for is worth another look after a while: a reservation again, or a free address that the
-- next agent must ask the wire for before it gives it to anybody. The subnets are locked.
CREATE FUNCTION end_conflicts(subnet uuid, most integer) RETURNS TABLE (network text, ip text, owner text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  a address;
BEGIN
  FOR a IN
    SELECT x.* FROM address x WHERE x.subnet_id = subnet AND x.state = 'conflicted' AND x.recheck_at <= now()
    ORDER BY x.recheck_at LIMIT most
  LOOP
    IF is_reserved(a) THEN
      UPDATE address x SET state = 'reserved', recheck_at = NULL, seen_mac = NULL, reservation = false, updated_at = now()
      WHERE x.space = a.space AND x.ip = a.ip;
    ELSE
      DELETE FROM address x WHERE x.space = a.space AND x.ip = a.ip;
      PERFORM give_back(a.subnet_id, a.ip);
    END IF;
    RETURN QUERY SELECT n.name, host(a.ip), a.owner FROM network n WHERE n.id = a.network_id;
  END LOOP;
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

-- Plans that depend on nothing but that every look-up has its index, as for allocate_batch.
ALTER FUNCTION lease_batch SET enable_seqscan = off;
ALTER FUNCTION lease_batch SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION claim_lease SET enable_seqscan = off;
ALTER FUNCTION claim_lease SET plan_cache_mode = force_generic_plan;
