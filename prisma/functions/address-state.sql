-- States of an address: every step from one to another.

-- Addresses that go back to a reservation: its owner, container or operator keeps them.
CREATE FUNCTION is_reserved(a address) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT a.owner IS NOT NULL OR a.container_id IS NOT NULL OR a.reservation
$$;

-- Nobody can be on it any more: its host returned it itself, and no report shows it on a container.
CREATE FUNCTION is_gone(a address) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT a.gone AND NOT EXISTS (
    SELECT 1 FROM endpoint e JOIN network n ON n.id = e.network_id
    WHERE n.space = a.space AND e.state IN ('running', 'paused') AND (e.ipv4 = a.ip OR e.ipv6 = a.ip))
$$;

-- Why a container may not take a reservation; NULL: it may. A container that Trunkline runs has its own on its own host.
CREATE FUNCTION who_may_not(a address, claimant uuid, its_mac text, container text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN a.mac IS NOT NULL AND a.mac IS DISTINCT FROM its_mac THEN 'other_mac'
    WHEN a.container_id IS NOT NULL
      THEN CASE WHEN EXISTS (SELECT 1 FROM container c WHERE c.id = a.container_id AND c.host_id = claimant) THEN NULL ELSE 'taken' END
    WHEN a.for_host_id <> claimant THEN 'other_host'
    WHEN a.mac IS NOT NULL OR a.for_host_id IS NOT NULL OR a.claim = 'anyone' OR a.owner = container THEN NULL
    ELSE 'not_for'
  END
$$;

-- Who on the host that holds a reservation may take it by its address alone.
CREATE FUNCTION who_may(a address) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN who_may_not(a, a.host_id, a.mac, NULL) IS NULL THEN 'anyone' ELSE 'owner' END
$$;

-- Claims one named address. Answers what came of it; 'taken', 'quarantined' and 'awaiting' leave everything as it was. Without
-- a claimant nobody was its last owner: what is quarantined stays so.
CREATE FUNCTION claim_address(network network, wanted inet, claimant text, container uuid, wanted_mac text, wanted_labels jsonb,
                              wanted_claim text, wanted_host uuid)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  s subnet;
  holder address;
BEGIN
  PERFORM assert_past();
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
    IF holder.awaiting_host_id IS NOT NULL THEN RETURN 'awaiting'; END IF;
    -- Who had it last may have it back at once: neighbours that still remember it remember the right one. And the host of
    -- a container that Trunkline runs asks the wire.
    IF holder.quarantined_until > now() AND (claimant IS NULL OR holder.previous_owner IS DISTINCT FROM claimant)
      AND NOT (container IS NOT NULL AND is_gone(holder)) THEN
      RETURN 'quarantined';
    END IF;
    DELETE FROM address a WHERE a.space = s.space AND a.ip = wanted;
  ELSE
    PERFORM carve_out(s.id, wanted);
  END IF;
  PERFORM reserve_station(network.id, wanted, wanted_mac, claimant);
  INSERT INTO address (space, ip, subnet_id, network_id, cidr, state, owner, container_id, mac, labels, claim, for_host_id)
  VALUES (s.space, wanted, s.id, network.id, s.cidr, 'reserved', claimant, container, wanted_mac, COALESCE(wanted_labels, '{}'),
          COALESCE(wanted_claim, 'owner'), wanted_host);
  RETURN 'created';
END $$;

-- Releases addresses, and forgets what the host held. Answers how many.
CREATE FUNCTION release_addresses(network uuid, ips inet[], immediate boolean) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  rest interval;
  freed record;
  n integer := 0;
BEGIN
  SELECT make_interval(secs => x.quarantine_seconds) INTO rest FROM network x WHERE x.id = network;
  PERFORM lock_subnets(network, 4), lock_subnets(network, 6);
  PERFORM leave_stations(network, ips);
  IF immediate OR rest = interval '0' THEN
    FOR freed IN
      WITH a AS (DELETE FROM address x WHERE x.network_id = network AND x.ip = ANY (release_addresses.ips) RETURNING x.subnet_id, x.ip)
      SELECT a.subnet_id, array_agg(a.ip) AS ips FROM a GROUP BY a.subnet_id
    LOOP
      PERFORM give_back(freed.subnet_id, freed.ips);
      n := n + cardinality(freed.ips);
    END LOOP;
    RETURN n;
  END IF;
  UPDATE address x
  SET state = 'quarantined', quarantined_until = now() + rest, previous_owner = x.owner, previous_host_id = x.host_id,
      owner = NULL, container_id = NULL, host_id = NULL, mac = NULL, reservation = false, container_name = NULL,
      docker_id = NULL, seen_mac = NULL, since = NULL, recheck_at = NULL, generation = nextval('address_generation'),
      claim = 'owner', for_host_id = NULL, gone = false, from_inventory = false, updated_at = now()
  WHERE x.network_id = network AND x.ip = ANY (ips) AND x.state <> 'quarantined';
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;

-- Ends the hold of a host on one address; the subnets are locked. `unused` frees at once what was never seen on a container.
-- `is_proven`: the host itself looked, and nothing is on it.
CREATE FUNCTION end_hold(a address, reason text, foreign_mac text, is_proven boolean) RETURNS void LANGUAGE plpgsql AS $$
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
  UPDATE station x SET host_id = NULL WHERE x.network_id = a.network_id AND x.ip = a.ip AND x.host_id = a.host_id AND x.reserved;
  DELETE FROM station x WHERE x.network_id = a.network_id AND x.ip = a.ip AND x.host_id = a.host_id AND NOT x.reserved;
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
      gone = is_proven AND next_state = 'quarantined' AND reason = 'released', from_inventory = false,
      generation = nextval('address_generation'), updated_at = now()
  WHERE x.space = a.space AND x.ip = a.ip;
END $$;

-- Whether what answered for an address on the wire is this container: no foreign station then. What is kept for somebody, and
-- what several containers claim, stays in conflict.
CREATE FUNCTION is_explained(a address, its_mac text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT a.state = 'conflicted' AND a.seen_mac = its_mac AND NOT is_reserved(a) AND NOT a.labels ? 'io.trunkline.claimed-by'
$$;

-- Binds an address in conflict to the container that answered for it, where a host reported that one already. Answers it; no
-- row: it stays in conflict. The subnets are locked.
CREATE FUNCTION bind_explained(of_network uuid, wanted inet)
RETURNS TABLE (host text, container text, docker_id text, mac text, generation bigint) LANGUAGE sql AS $$
  UPDATE address x
  SET state = 'bound', host_id = e.host_id, container_name = e.name, docker_id = e.docker_id, since = e.since, recheck_at = NULL,
      from_inventory = true, generation = nextval('address_generation'), updated_at = now()
  FROM (
    SELECT o.*, h.name AS host FROM endpoint o JOIN host h ON h.id = o.host_id
    WHERE o.network_id = bind_explained.of_network AND o.state IN ('running', 'paused') AND bind_explained.wanted IN (o.ipv4, o.ipv6)
    ORDER BY o.since, o.docker_id LIMIT 1
  ) AS e
  WHERE x.network_id = bind_explained.of_network AND x.ip = bind_explained.wanted AND is_explained(x, e.mac)
  RETURNING e.host, e.name, e.docker_id, e.mac, x.generation
$$;

-- Frees addresses whose quarantine is over. Answers how many.
CREATE FUNCTION end_quarantine(subnet uuid, most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  ended inet[];
BEGIN
  WITH a AS (
    DELETE FROM address x WHERE (x.space, x.ip) IN (
      SELECT y.space, y.ip FROM address y
      WHERE y.subnet_id = subnet AND y.state = 'quarantined' AND y.quarantined_until <= now() AND y.awaiting_host_id IS NULL
      ORDER BY y.quarantined_until LIMIT most
    ) RETURNING x.ip
  )
  SELECT COALESCE(array_agg(a.ip), '{}') INTO ended FROM a;
  PERFORM give_back(subnet, ended);
  RETURN cardinality(ended);
END $$;

-- When nothing else is left: the addresses that have rested longest, though not long enough.
CREATE FUNCTION take_quarantined(subnet uuid, wanted integer) RETURNS inet[] LANGUAGE plpgsql AS $$
DECLARE
  ips inet[];
BEGIN
  PERFORM assert_past();
  WITH taken AS (
    DELETE FROM address x WHERE (x.space, x.ip) IN (
      SELECT y.space, y.ip FROM address y
      WHERE y.subnet_id = subnet AND y.state = 'quarantined' AND y.awaiting_host_id IS NULL
        AND EXISTS (SELECT 1 FROM subnet_range r WHERE r.subnet_id = subnet AND r.kind = 'allocatable'
                    AND r.first <= y.ip AND r.last >= y.ip)
      ORDER BY y.quarantined_until LIMIT wanted
    ) RETURNING x.ip
  )
  SELECT COALESCE(array_agg(taken.ip), '{}') INTO ips FROM taken;
  RETURN ips;
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
    -- What containers of several hosts have, or one that it is not reserved for, ends with them.
    IF a.labels ? 'io.trunkline.claimed-by' AND EXISTS (
      SELECT 1 FROM endpoint e WHERE e.network_id = a.network_id AND e.state IN ('running', 'paused') AND a.ip IN (e.ipv4, e.ipv6)
    ) THEN
      UPDATE address x SET recheck_at = now() + interval '1 minute' WHERE x.space = a.space AND x.ip = a.ip;
      CONTINUE;
    END IF;
    IF is_reserved(a) THEN
      UPDATE address x SET state = 'reserved', labels = x.labels - 'io.trunkline.claimed-by', recheck_at = NULL, seen_mac = NULL, reservation = false, updated_at = now()
      WHERE x.space = a.space AND x.ip = a.ip;
    ELSE
      DELETE FROM address x WHERE x.space = a.space AND x.ip = a.ip;
      PERFORM give_back(a.subnet_id, a.ip);
    END IF;
    RETURN QUERY SELECT n.name, host(a.ip), a.owner FROM network n WHERE n.id = a.network_id;
  END LOOP;
END $$;

-- The host that may give an address to a container: the one that holds it, else the one whose container it is reserved for.
-- That host has a promise of it in its document, and may have it on its disk after the container stopped.
CREATE FUNCTION may_give(a address) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT COALESCE(a.host_id, (SELECT c.host_id FROM container c WHERE c.id = a.container_id))
$$;

-- Takes an address away from the host that may give it: the host is notified in its desired document, and the address is given
-- to nobody before the host confirms. The subnets are locked. Answers the host; NULL where there is none.
CREATE FUNCTION revoke_address(network uuid, wanted inet) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  held address;
  loser uuid;
BEGIN
  SELECT * INTO held FROM address a WHERE a.network_id = network AND a.ip = wanted;
  loser := may_give(held);
  IF loser IS NULL THEN RETURN NULL; END IF;
  INSERT INTO revocation AS r (space, ip, host_id, network_id, generation)
  VALUES (held.space, held.ip, loser, held.network_id, held.generation)
  ON CONFLICT (space, ip, host_id) DO UPDATE
  SET network_id = EXCLUDED.network_id, generation = EXCLUDED.generation, created_at = now(), confirmed_at = NULL, until_unseen = false;
  PERFORM leave_stations(network, ARRAY[wanted]);
  UPDATE address x
  SET state = 'quarantined', quarantined_until = now(), previous_owner = NULL, previous_host_id = NULL, awaiting_host_id = loser,
      owner = NULL, container_id = NULL, host_id = NULL, mac = NULL, reservation = false, container_name = NULL, docker_id = NULL,
      seen_mac = NULL, since = NULL, claim = 'owner', for_host_id = NULL, gone = false, from_inventory = false,
      generation = nextval('address_generation'), updated_at = now()
  WHERE x.space = held.space AND x.ip = held.ip;
  RETURN loser;
END $$;

-- Takes what a host holds of a subnet that leaves; the rows go with the subnet, and nobody is given the addresses before
-- the host confirms and is seen to use them no more, in whatever subnet they are then: it may have been cut off, with a container
-- on one of them that no report showed yet. Answers the hosts.
CREATE FUNCTION revoke_subnet(subnet uuid) RETURNS uuid[] LANGUAGE sql AS $$
  WITH told AS (
    INSERT INTO revocation AS r (space, ip, host_id, network_id, generation, until_unseen)
    SELECT a.space, a.ip, a.host_id, a.network_id, a.generation, true FROM address a WHERE a.subnet_id = subnet AND a.host_id IS NOT NULL
    ON CONFLICT (space, ip, host_id) DO UPDATE
    SET network_id = EXCLUDED.network_id, generation = EXCLUDED.generation, created_at = now(), confirmed_at = NULL, until_unseen = true
    RETURNING host_id
  ), waits AS (
    -- What was awaited in the subnet that leaves is awaited on; the rows of the book go.
    SELECT a.awaiting_host_id AS host_id FROM address a WHERE a.subnet_id = subnet AND a.awaiting_host_id IS NOT NULL
  )
  SELECT COALESCE(array_agg(DISTINCT x.host_id), '{}') FROM (SELECT host_id FROM told UNION ALL SELECT host_id FROM waits) AS x
$$;

-- Addresses that keep their subnet: what is quarantined, or held and on no container, does not.
CREATE FUNCTION keeps_subnet(a address) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT a.state <> 'quarantined' AND (a.state IN ('reserved', 'bound') OR is_reserved(a))
$$;

-- Drops what does not keep a subnet that leaves. What hosts hold of it was revoked before (revoke_subnet).
CREATE FUNCTION drop_of_subnet(subnet uuid) RETURNS void LANGUAGE sql AS $$
  DELETE FROM address x WHERE x.subnet_id = drop_of_subnet.subnet AND NOT keeps_subnet(x)
$$;

-- Drops what does not keep a network that leaves. Its hosts have removed it, or are given up.
CREATE FUNCTION drop_of_network(network uuid) RETURNS void LANGUAGE sql AS $$
  DELETE FROM address x WHERE x.network_id = drop_of_network.network AND x.state <> 'reserved' AND NOT is_reserved(x)
$$;

-- Keeps out of a subnet what a host has not let go of yet, from an earlier subnet; the subnet is locked.
CREATE FUNCTION keep_for_awaited(subnet uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  s subnet;
  waiting record;
BEGIN
  SELECT x.* INTO s FROM subnet x WHERE x.id = keep_for_awaited.subnet;
  FOR waiting IN
    SELECT DISTINCT ON (r.ip) r.ip, r.host_id FROM revocation r
    WHERE r.space = s.space AND (r.confirmed_at IS NULL OR r.until_unseen) AND r.ip <<= s.cidr AND r.ip IS DISTINCT FROM s.gateway
      AND NOT EXISTS (SELECT 1 FROM address a WHERE a.space = r.space AND a.ip = r.ip)
    ORDER BY r.ip, r.created_at DESC
  LOOP
    PERFORM carve_out(s.id, waiting.ip);
    INSERT INTO address (space, ip, subnet_id, network_id, cidr, state, quarantined_until, awaiting_host_id)
    VALUES (s.space, waiting.ip, s.id, s.network_id, s.cidr, 'quarantined', now(), waiting.host_id);
  END LOOP;
END $$;

-- A host has it on its disk that these holds are over. What nobody else awaits is free, unless it is to be seen unused first
-- (`until_unseen`: take_in). Answers what was.
-- confirmed: [{networkId, ip, generation}]
CREATE FUNCTION confirm_revocations(host uuid, confirmed jsonb) RETURNS TABLE (network text, ip text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  a address;
BEGIN
  PERFORM lock_subnets(x.id, x.family) FROM (
    SELECT n.id, family(r.ip) AS family
    FROM jsonb_to_recordset(confirmed) AS c (ip inet)
    JOIN revocation r ON r.host_id = confirm_revocations.host AND r.ip = c.ip AND r.confirmed_at IS NULL
    JOIN network n ON n.space = r.space
    JOIN subnet s ON s.network_id = n.id AND s.cidr >>= r.ip
    GROUP BY n.id, n.name, family(r.ip) ORDER BY n.name COLLATE "C", 2 OFFSET 0
  ) AS x;
  FOR a IN
    WITH heard AS (
      UPDATE revocation r SET confirmed_at = now()
      FROM jsonb_to_recordset(confirmed) AS c ("networkId" uuid, ip inet, generation bigint)
      WHERE r.host_id = confirm_revocations.host AND r.ip = c.ip AND r.network_id = c."networkId" AND r.generation = c.generation
        AND r.confirmed_at IS NULL
      RETURNING r.space, r.ip, r.until_unseen
    )
    SELECT x.* FROM heard h JOIN address x ON x.space = h.space AND x.ip = h.ip AND x.awaiting_host_id = confirm_revocations.host
    WHERE NOT h.until_unseen
    ORDER BY x.space, x.ip
  LOOP
    DELETE FROM address x WHERE x.space = a.space AND x.ip = a.ip;
    PERFORM give_back(a.subnet_id, a.ip);
    RETURN QUERY SELECT n.name, host(a.ip) FROM network n WHERE n.id = a.network_id;
  END LOOP;
END $$;

-- A container of ours was seen on its address. Answers whether that is news.
CREATE FUNCTION bind_container(container uuid, claimant uuid, wanted inet, its_mac text) RETURNS boolean LANGUAGE sql AS $$
  WITH bound AS (
    UPDATE address x
    SET state = 'bound', host_id = bind_container.claimant, seen_mac = COALESCE(bind_container.its_mac, x.seen_mac),
        generation = CASE WHEN x.host_id = bind_container.claimant THEN x.generation ELSE nextval('address_generation') END,
        updated_at = now()
    WHERE x.container_id = bind_container.container AND x.ip = bind_container.wanted AND x.state IN ('reserved', 'leased', 'bound')
      AND (x.state <> 'bound' OR x.host_id IS DISTINCT FROM bind_container.claimant
        OR x.seen_mac IS DISTINCT FROM COALESCE(bind_container.its_mac, x.seen_mac))
    RETURNING x.ip
  )
  SELECT EXISTS (SELECT 1 FROM bound)
$$;

-- A container of ours runs no more: its addresses are reserved for it again. Answers whether that is news.
CREATE FUNCTION unbind_container(container uuid) RETURNS boolean LANGUAGE sql AS $$
  WITH unbound AS (
    UPDATE address x
    SET state = 'reserved', host_id = NULL, container_name = NULL, docker_id = NULL, since = NULL,
        generation = nextval('address_generation'), updated_at = now()
    WHERE x.container_id = unbind_container.container AND x.state = 'bound'
    RETURNING x.ip
  )
  SELECT EXISTS (SELECT 1 FROM unbound)
$$;

-- A container of ours leaves an address that something foreign has: it stays in conflict, as nobody's. Answers false where it
-- is the container's no more, or not in conflict. The subnets are locked.
CREATE FUNCTION leave_conflict(network uuid, wanted inet, container uuid) RETURNS boolean LANGUAGE sql AS $$
  WITH left_behind AS (
    UPDATE address x SET owner = NULL, container_id = NULL, mac = NULL, reservation = false, updated_at = now()
    WHERE x.network_id = leave_conflict.network AND x.ip = leave_conflict.wanted AND x.container_id = leave_conflict.container
      AND x.state = 'conflicted'
    RETURNING x.ip
  )
  SELECT EXISTS (SELECT 1 FROM left_behind)
$$;

-- Quarantines end no later than so many seconds after they began.
CREATE FUNCTION shorten_quarantines(network uuid, seconds integer) RETURNS void LANGUAGE sql AS $$
  UPDATE address x
  SET quarantined_until = LEAST(x.quarantined_until, x.updated_at + make_interval(secs => shorten_quarantines.seconds))
  WHERE x.network_id = shorten_quarantines.network AND x.state = 'quarantined' AND x.awaiting_host_id IS NULL
$$;
