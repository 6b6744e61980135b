-- States of an address: every step from one to another.

-- Addresses that go back to a reservation: its owner, container or operator keeps them.
CREATE FUNCTION is_reserved(a address) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT a.owner IS NOT NULL OR a.container_id IS NOT NULL OR a.reservation
$$;

-- Claims one named address. Answers what came of it; 'taken' and 'quarantined' leave everything as it was. Without a claimant
-- nobody was its last owner: what is quarantined stays so.
CREATE FUNCTION claim_address(network network, wanted inet, claimant text, container uuid, wanted_mac text, wanted_labels jsonb)
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

-- Releases addresses, and forgets what the host held. Answers how many.
CREATE FUNCTION release_addresses(network uuid, ips inet[], immediate boolean) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  rest interval;
  freed record;
  n integer := 0;
BEGIN
  SELECT make_interval(secs => x.quarantine_seconds) INTO rest FROM network x WHERE x.id = network;
  PERFORM lock_subnets(network, 4), lock_subnets(network, 6);
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
      updated_at = now()
  WHERE x.network_id = network AND x.ip = ANY (ips) AND x.state <> 'quarantined';
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;

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

-- Frees addresses whose quarantine is over. Answers how many.
CREATE FUNCTION end_quarantine(subnet uuid, most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  ended inet[];
BEGIN
  WITH a AS (
    DELETE FROM address x WHERE (x.space, x.ip) IN (
      SELECT y.space, y.ip FROM address y
      WHERE y.subnet_id = subnet AND y.state = 'quarantined' AND y.quarantined_until <= now()
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
      WHERE y.subnet_id = subnet AND y.state = 'quarantined'
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
