-- The states of an address, and every write of the table `address`: nothing else inserts, updates or deletes a row of it.
-- (Foreign keys clear `for_host_id` and `awaiting_host_id` when a host is deleted.) No row: the address is free.
-- A test compares this table with what the functions do (address-state.integration.test.ts).
--
-- from        | to          | function            | by whom           | on what evidence
-- ------------|-------------|---------------------|-------------------|------------------------------------------------------------
-- free        | reserved    | reserve_addresses   | API               | a request; the caller has taken it out of the free space
-- free        | reserved    | claim_address       | API               | a request that names it
-- quarantined | reserved    | claim_address       | API               | the same; its time is over, or its last owner asks, or its host returned it and no report shows it
-- reserved    | reserved    | change_reservation  | API               | its owner asks for another MAC, claim, host or other labels
-- leased      | leased      | change_reservation  | API               | the same
-- bound       | bound       | change_reservation  | API               | the same
-- conflicted  | conflicted  | change_reservation  | API               | the same
-- free        | leased      | lease_next          | host              | it asks for unused ones
-- quarantined | leased      | lease_next          | host              | the same; its time is over, or nothing else is left for a container that waits
-- free        | leased      | lease_named         | host, recovery    | a container that starts names it; or one that a host lists and that does not run
-- quarantined | leased      | lease_named         | host              | the same; the caller has checked the quarantine
-- reserved    | leased      | lease_reserved      | host              | a container that may take the reservation starts
-- leased      | leased      | renew_hold          | host              | a further use: a return of the one before must not end it
-- bound       | bound       | renew_hold          | host              | the same
-- leased      | bound       | bind_seen           | report            | shows a running container on it, on the host that holds it
-- bound       | bound       | bind_seen           | report            | shows another container on it there
-- reserved    | bound       | bind_container      | report            | shows the container that it is reserved for on it
-- leased      | bound       | bind_container      | report            | the same
-- bound       | bound       | bind_container      | report            | the same, on another host or with another MAC
-- bound       | reserved    | unbind_container    | report            | shows that the container does not run
-- free        | bound       | bind_in_use         | report, recovery  | shows a container on it, and nobody has it
-- quarantined | bound       | bind_in_use         | report            | the same, and no host is awaited
-- conflicted  | bound       | bind_in_use         | report            | shows the very container that answered for it on the wire
-- conflicted  | bound       | bind_explained      | return            | the container that answered for it had been reported before
-- conflicted  | bound       | bind_undisputed     | time              | of the hosts that claim it, all have reported since, and one container has it
-- reserved    | bound       | bind_compared       | recovery          | a host lists the container that it is reserved for on it
-- leased      | bound       | bind_compared       | recovery          | the host that holds it lists a container on it
-- bound       | bound       | bind_compared       | recovery          | the same
-- quarantined | bound       | bind_compared       | recovery          | a host lists a container on it, and no other host does
-- bound       | leased      | unbind_compared     | recovery          | the host that holds it lists it, and no live container on it
-- reserved    | leased      | lease_compared      | recovery          | a host lists that it is kept for the container that it is reserved for, which does not run
-- leased      | leased      | lease_compared      | recovery          | the host that holds it lists that it is kept for a container that does not run
-- bound       | leased      | lease_compared      | recovery          | the same
-- quarantined | leased      | lease_compared      | recovery          | a host lists that it is kept for a container that does not run, and no other host does
-- leased      | free        | end_hold            | return            | never used, the host says
-- leased      | quarantined | end_hold            | return, operator  | the host says that its container is gone; or it retired, or left the network
-- bound       | quarantined | end_hold            | return, operator  | the same; or a report no longer shows what a report had shown
-- leased      | reserved    | end_hold            | return, operator  | the same, and somebody keeps it
-- bound       | reserved    | end_hold            | return, operator  | the same, and somebody keeps it
-- bound       | free        | end_hold            | return, operator  | the same, on a network without quarantine
-- leased      | conflicted  | end_hold            | return            | something foreign answers for it
-- bound       | conflicted  | end_hold            | return            | the same
-- reserved    | quarantined | release_addresses   | API, operator     | its owner or container is gone, or an operator forces it
-- leased      | quarantined | release_addresses   | operator          | the same
-- bound       | quarantined | release_addresses   | operator          | the same
-- conflicted  | conflicted  | release_addresses   | API               | its container is gone; whoever else has it has it yet
-- reserved    | free        | release_addresses   | operator          | the same, at once; or on a network without quarantine
-- leased      | free        | release_addresses   | operator          | the same
-- bound       | free        | release_addresses   | operator          | the same
-- quarantined | free        | release_addresses   | operator          | forced
-- conflicted  | free        | release_addresses   | operator          | the same
-- reserved    | quarantined | revoke_address      | operator          | forced; its container's host has to confirm
-- leased      | quarantined | revoke_address      | operator          | forced; the host that holds it has to confirm
-- bound       | quarantined | revoke_address      | operator          | the same
-- conflicted  | quarantined | revoke_address      | operator          | forced; its container's host has to confirm
-- free        | quarantined | keep_for_awaited    | API               | a subnet comes, and a host has not given the address up yet
-- quarantined | free        | end_awaiting        | host              | it confirmed, or a report shows nothing on it there
-- quarantined | free        | end_quarantine      | time              | its time is over, and no host is awaited
-- quarantined | free        | take_quarantined    | API, host         | nothing else is left: the caller gives it
-- quarantined | quarantined | shorten_quarantines | API               | the network has a shorter quarantine
-- free        | conflicted  | add_conflict        | report, recovery  | a host has it itself; or several hosts list containers on it
-- conflicted  | conflicted  | recheck_later       | report, time      | a host still has it itself; or its containers still run; or a host that claims it has not reported
-- reserved    | conflicted  | contest_address     | recovery          | a host lists a container on it that it is not for
-- leased      | conflicted  | contest_address     | recovery          | the same
-- bound       | conflicted  | contest_address     | recovery          | the same
-- quarantined | conflicted  | contest_address     | recovery          | several hosts list containers on it
-- conflicted  | conflicted  | contest_address     | recovery          | a further host lists a container on it
-- conflicted  | reserved    | end_conflict        | time              | to be looked at again, and somebody keeps it
-- conflicted  | free        | end_conflict        | time              | to be looked at again: the next host that gets it probes it first
-- conflicted  | conflicted  | leave_conflict      | API               | its container gets another address
-- leased      | free        | drop_of_subnet      | API               | its subnet leaves, and its host was notified
-- quarantined | free        | drop_of_subnet      | API               | its subnet leaves
-- conflicted  | free        | drop_of_subnet      | API               | its subnet leaves, and nobody keeps it
-- leased      | free        | drop_of_network     | API               | its network leaves: its hosts have removed it, or are given up
-- bound       | free        | drop_of_network     | API               | the same, and nobody keeps it
-- quarantined | free        | drop_of_network     | API               | the same
-- conflicted  | free        | drop_of_network     | API               | the same, and nobody keeps it

-- Reserved.

-- Reserves addresses that the caller has taken out of the free space of locked subnets, with their MACs. All arrays are in the
-- order of `ips`; NULL in place of one: none has that. Answers the generations in the same order.
CREATE FUNCTION reserve_addresses(net network, subnets uuid[], cidrs inet[], ips inet[], owners text[], containers uuid[], macs text[],
                                  labels_of jsonb[], claims text[], hosts uuid[])
RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  generations bigint[];
BEGIN
  WITH made AS (
    INSERT INTO address (space, ip, subnet_id, network_id, cidr, state, owner, container_id, mac, labels, claim, for_host_id)
    SELECT net.space, x.ip, x.subnet_id, net.id, x.cidr, 'reserved', x.owner, x.container, x.mac, COALESCE(x.labels, '{}'),
           COALESCE(x.claim, 'owner'), x.for_host
    FROM unnest(ips, subnets, cidrs, owners, containers, macs, labels_of, claims, hosts)
      AS x (ip, subnet_id, cidr, owner, container, mac, labels, claim, for_host)
    RETURNING generation
  )
  SELECT array_agg(m.generation) INTO generations FROM made AS m;
  IF macs IS NOT NULL THEN
    PERFORM reserve_station(net.id, x.ip, x.mac, x.owner) FROM unnest(ips, macs, owners) AS x (ip, mac, owner) WHERE x.mac IS NOT NULL;
  END IF;
  RETURN generations;
END $$;

-- Ends the quarantine of an address for whoever is given it next, or takes it out of the free space. The caller writes its row.
CREATE FUNCTION take_out(s subnet, wanted inet) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM address x WHERE x.space = s.space AND x.ip = wanted AND x.state = 'quarantined';
  IF NOT FOUND THEN PERFORM carve_out(s.id, wanted); END IF;
END $$;

-- Reserves one named address. Answers the outcome; all but 'created' leave everything as it was. Without a claimant nobody was
-- its last owner: what is quarantined stays so.
CREATE FUNCTION claim_address(net network, wanted inet, claimant text, container uuid, wanted_mac text, wanted_labels jsonb,
                              wanted_claim text, wanted_host uuid)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  s subnet;
  holder address;
  refusal text;
BEGIN
  PERFORM assert_past();
  SELECT * INTO s FROM subnet x WHERE x.network_id = net.id AND x.cidr >>= wanted;
  refusal := why_not_given(s, wanted);
  IF refusal IS NOT NULL THEN RETURN refusal; END IF;

  SELECT * INTO holder FROM address a WHERE a.space = s.space AND a.ip = wanted;
  IF FOUND THEN
    IF holder.state <> 'quarantined' THEN RETURN 'taken'; END IF;
    IF holder.awaiting_host_id IS NOT NULL THEN RETURN 'awaiting'; END IF;
    -- Who had it last may have it back at once: neighbours that still remember it remember the right one. And the host of
    -- a container that Trunkline runs probes it first.
    IF holder.quarantined_until > now() AND (claimant IS NULL OR holder.previous_owner IS DISTINCT FROM claimant)
      AND NOT (container IS NOT NULL AND is_gone(holder)) THEN
      RETURN 'quarantined';
    END IF;
  END IF;
  PERFORM take_out(s, wanted);
  PERFORM reserve_addresses(net, ARRAY[s.id], ARRAY[s.cidr], ARRAY[wanted], ARRAY[claimant], ARRAY[container], ARRAY[wanted_mac],
                            ARRAY[wanted_labels], ARRAY[wanted_claim], ARRAY[wanted_host]);
  RETURN 'created';
END $$;

-- Changes what a reservation is for; NULL keeps what it has. Answers what it is for afterwards; no row where it was so already.
CREATE FUNCTION change_reservation(network uuid, wanted inet, wanted_mac text, wanted_labels jsonb, wanted_claim text, wanted_host uuid)
RETURNS TABLE (mac text, labels jsonb, claim text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  held address;
BEGIN
  SELECT * INTO held FROM address a WHERE a.network_id = change_reservation.network AND a.ip = wanted AND a.state <> 'quarantined';
  IF wanted_mac IS DISTINCT FROM held.mac AND wanted_mac IS NOT NULL AND held.ip IS NOT NULL THEN
    PERFORM leave_stations(held.network_id, ARRAY[held.ip]);
    PERFORM reserve_station(held.network_id, held.ip, wanted_mac, held.owner);
  END IF;
  RETURN QUERY
  UPDATE address a
  SET mac = w.mac, labels = w.labels, claim = w.claim, for_host_id = w.host, updated_at = now(),
      -- The host that holds it has on its disk who may take it: a further generation brings it the change.
      generation = CASE WHEN a.host_id IS NOT NULL AND (a.mac, a.claim, a.for_host_id) IS DISTINCT FROM (w.mac, w.claim, w.host)
        THEN nextval('address_generation') ELSE a.generation END
  FROM (
    SELECT COALESCE(wanted_mac, held.mac) AS mac, COALESCE(wanted_labels || dispute_labels(claimants_of(held)), held.labels) AS labels,
           COALESCE(wanted_claim, held.claim) AS claim, COALESCE(wanted_host, held.for_host_id) AS host
  ) AS w
  WHERE a.space = held.space AND a.ip = held.ip
    AND (a.mac, a.labels, a.claim, a.for_host_id) IS DISTINCT FROM (w.mac, w.labels, w.claim, w.host)
  RETURNING a.mac, a.labels, a.claim;
END $$;

-- Leased.

-- Leases the next addresses to a host (see take_next).
CREATE FUNCTION lease_next(net network, fam integer, within inet, wanted integer, waits boolean, holder uuid)
RETURNS TABLE (ip inet, cidr inet, generation bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  INSERT INTO address AS a (space, ip, subnet_id, network_id, cidr, state, host_id)
  SELECT net.space, t.ip, t.subnet_id, net.id, t.cidr, 'leased', holder FROM take_next(net.id, fam, within, wanted, waits) AS t
  RETURNING a.ip, a.cidr, a.generation;
END $$;

-- Leases a named address that nobody has to a host.
CREATE FUNCTION lease_named(s subnet, wanted inet, holder uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM take_out(s, wanted);
  INSERT INTO address (space, ip, subnet_id, network_id, cidr, state, host_id)
  VALUES (s.space, wanted, s.id, s.network_id, s.cidr, 'leased', holder);
END $$;

-- Leases a reserved address to a host. A return makes it reserved again.
CREATE FUNCTION lease_reserved(a address, holder uuid) RETURNS void LANGUAGE sql AS $$
  UPDATE address x
  SET state = 'leased', host_id = lease_reserved.holder, reservation = true, generation = nextval('address_generation'), updated_at = now()
  WHERE x.space = a.space AND x.ip = a.ip AND x.state = 'reserved'
$$;

-- Gives a hold a further generation. `only_seen`: reports alone show it in use (from_inventory).
CREATE FUNCTION renew_hold(a address, only_seen boolean) RETURNS void LANGUAGE sql AS $$
  UPDATE address x SET generation = nextval('address_generation'), from_inventory = renew_hold.only_seen, updated_at = now()
  WHERE x.space = a.space AND x.ip = a.ip AND x.state IN ('leased', 'bound')
$$;

-- Bound.

-- Binds what a host holds to the running containers that its last report shows. Answers what is news.
CREATE FUNCTION bind_seen(holder uuid)
RETURNS TABLE (network text, ip text, container text, docker_id text, mac text, generation bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  UPDATE address a
  SET state = 'bound', container_name = s.name, docker_id = s.docker_id, seen_mac = s.mac, since = s.since, updated_at = now()
  FROM (
    SELECT DISTINCT ON (e.network_id, v.ip) e.network_id, v.ip, e.name, e.docker_id, e.mac, e.since
    FROM endpoint e CROSS JOIN LATERAL (VALUES (e.ipv4), (e.ipv6)) AS v (ip)
    WHERE e.host_id = bind_seen.holder AND v.ip IS NOT NULL AND e.state IN ('running', 'paused')
    ORDER BY e.network_id, v.ip, e.since, e.docker_id
  ) AS s
  JOIN network n ON n.id = s.network_id
  WHERE a.host_id = bind_seen.holder AND a.network_id = s.network_id AND a.ip = s.ip
    AND (a.state <> 'bound' OR (a.container_name, a.docker_id, a.seen_mac, a.since) IS DISTINCT FROM (s.name, s.docker_id, s.mac, s.since))
  RETURNING n.name, host(a.ip), s.name, s.docker_id, s.mac, a.generation;
END $$;

-- Binds an address to a container that Trunkline runs and that was seen on it. Answers whether that is news.
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

-- A container that Trunkline runs has stopped: its addresses are reserved for it again. Answers whether that is news.
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

-- Binds an address that nobody has to a container that is seen on it. `only_seen`: its host did not ask for it.
CREATE FUNCTION bind_in_use(s subnet, wanted inet, holder uuid, container text, its_docker_id text, its_mac text, seen_since timestamptz,
                            only_seen boolean)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM address x WHERE x.space = s.space AND x.ip = wanted AND is_explained(x, its_mac);
  PERFORM take_out(s, wanted);
  INSERT INTO address (space, ip, subnet_id, network_id, cidr, state, host_id, container_name, docker_id, seen_mac, since, from_inventory)
  VALUES (s.space, wanted, s.id, s.network_id, s.cidr, 'bound', holder, container, its_docker_id, its_mac, seen_since, only_seen);
END $$;

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

-- Binds an address in dispute to the one container that has it. Whom it is kept for gets it back after that container.
CREATE FUNCTION bind_undisputed(a address, e endpoint) RETURNS void LANGUAGE sql AS $$
  UPDATE address x
  SET state = 'bound', host_id = e.host_id, container_name = e.name, docker_id = e.docker_id, seen_mac = e.mac, since = e.since,
      labels = x.labels - dispute_label(), recheck_at = NULL, reservation = is_reserved(x), from_inventory = true,
      generation = nextval('address_generation'), updated_at = now()
  WHERE x.space = a.space AND x.ip = a.ip AND is_disputed(x)
$$;

-- Binds an address to the container that a host lists on it after the database went back.
CREATE FUNCTION bind_compared(a address, c recovery_claim) RETURNS void LANGUAGE sql AS $$
  UPDATE address x
  SET state = 'bound', host_id = c.host_id, container_name = c.container, docker_id = c.docker_id, seen_mac = c.mac, since = now(),
      quarantined_until = NULL, awaiting_host_id = NULL, gone = false, reservation = x.state = 'reserved',
      generation = nextval('address_generation'), updated_at = now()
  WHERE x.space = a.space AND x.ip = a.ip AND x.state <> 'conflicted'
$$;

-- A host holds an address, and no live container has it, unlike before the database went back.
CREATE FUNCTION unbind_compared(a address) RETURNS void LANGUAGE sql AS $$
  UPDATE address x
  SET state = 'leased', container_name = NULL, docker_id = NULL, seen_mac = NULL, since = NULL, reservation = is_reserved(x),
      from_inventory = false, generation = nextval('address_generation'), updated_at = now()
  WHERE x.space = a.space AND x.ip = a.ip AND x.state = 'bound' AND x.container_id IS NULL
$$;

-- A host keeps an address for a container that does not run, after the database went back. A return gives it back to whom it is
-- reserved for.
CREATE FUNCTION lease_compared(a address, c recovery_claim) RETURNS void LANGUAGE sql AS $$
  UPDATE address x
  SET state = 'leased', host_id = c.host_id, container_name = NULL, docker_id = NULL, seen_mac = NULL, since = NULL,
      quarantined_until = NULL, awaiting_host_id = NULL, gone = false, reservation = x.state = 'reserved' OR is_reserved(x),
      from_inventory = false, generation = nextval('address_generation'), updated_at = now()
  WHERE x.space = a.space AND x.ip = a.ip AND x.state <> 'conflicted'
$$;

-- Holds that end, and releases.

-- Deletes the row of an address and puts the address back into the free space. A step of the functions below; the subnet is locked.
CREATE FUNCTION free_address(a address) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM address x WHERE x.space = a.space AND x.ip = a.ip;
  PERFORM give_back(a.subnet_id, a.ip);
END $$;

-- Ends the hold of a host on one address; the subnets are locked. `unused` frees at once what was never seen on a container.
-- `is_proven`: the host itself looked, and nothing is on it.
CREATE FUNCTION end_hold(a address, reason text, foreign_mac text, is_proven boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  quarantine interval;
  next_state address_state;
BEGIN
  IF a.host_id IS NULL THEN RETURN; END IF;
  SELECT make_interval(secs => n.quarantine_seconds) INTO quarantine FROM network n WHERE n.id = a.network_id;
  next_state := CASE
    WHEN reason = 'conflicted' THEN 'conflicted'
    WHEN is_reserved(a) THEN 'reserved'
    WHEN reason = 'unused' AND a.state = 'leased' OR quarantine = interval '0' THEN NULL
    ELSE 'quarantined'
  END::address_state;
  IF next_state IS NULL THEN
    PERFORM free_address(a);
    PERFORM leave_station_of_host(a.network_id, a.ip, a.host_id);
    RETURN;
  END IF;
  UPDATE address x
  SET state = next_state, host_id = NULL, previous_host_id = a.host_id, container_name = NULL, docker_id = NULL,
      since = NULL, seen_mac = CASE WHEN next_state = 'conflicted' THEN foreign_mac END,
      quarantined_until = CASE WHEN next_state = 'quarantined' THEN now() + quarantine END,
      recheck_at = CASE WHEN next_state = 'conflicted' THEN now() + interval '10 minutes' END,
      reservation = CASE WHEN next_state = 'conflicted' THEN x.reservation ELSE false END,
      gone = is_proven AND next_state = 'quarantined' AND reason = 'released', from_inventory = false,
      generation = nextval('address_generation'), updated_at = now()
  WHERE x.space = a.space AND x.ip = a.ip;
  PERFORM leave_station_of_host(a.network_id, a.ip, a.host_id);
END $$;

-- Releases addresses, whoever has them. Answers how many. `immediate`: an operator forces it, and they are free at once. What is in
-- conflict stays so otherwise, as nobody's: the one who lets go of it is not the only one who has it.
CREATE FUNCTION release_addresses(network uuid, ips inet[], immediate boolean) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  quarantine interval;
  freed record;
  released integer;
  n integer := 0;
BEGIN
  SELECT make_interval(secs => x.quarantine_seconds) INTO quarantine FROM network x WHERE x.id = network;
  PERFORM lock_subnets(network, 4), lock_subnets(network, 6);
  IF NOT immediate THEN n := leave_conflict(network, ips, NULL); END IF;
  IF immediate OR quarantine = interval '0' THEN
    FOR freed IN
      WITH a AS (
        DELETE FROM address x
        WHERE x.network_id = network AND x.ip = ANY (release_addresses.ips) AND (immediate OR x.state <> 'conflicted')
        RETURNING x.subnet_id, x.ip
      )
      SELECT a.subnet_id, array_agg(a.ip) AS ips FROM a GROUP BY a.subnet_id
    LOOP
      PERFORM give_back(freed.subnet_id, freed.ips);
      n := n + cardinality(freed.ips);
    END LOOP;
    PERFORM leave_stations(network, ips);
    RETURN n;
  END IF;
  UPDATE address x
  SET state = 'quarantined', quarantined_until = now() + quarantine, previous_owner = x.owner, previous_host_id = x.host_id,
      owner = NULL, container_id = NULL, host_id = NULL, mac = NULL, reservation = false, container_name = NULL,
      docker_id = NULL, seen_mac = NULL, since = NULL, recheck_at = NULL, generation = nextval('address_generation'),
      claim = 'owner', for_host_id = NULL, gone = false, from_inventory = false, updated_at = now()
  WHERE x.network_id = network AND x.ip = ANY (ips) AND x.state NOT IN ('quarantined', 'conflicted');
  GET DIAGNOSTICS released = ROW_COUNT;
  PERFORM leave_stations(network, ips);
  RETURN n + released;
END $$;

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
  UPDATE address x
  SET state = 'quarantined', quarantined_until = now(), previous_owner = NULL, previous_host_id = NULL, awaiting_host_id = loser,
      owner = NULL, container_id = NULL, host_id = NULL, mac = NULL, reservation = false, container_name = NULL, docker_id = NULL,
      seen_mac = NULL, since = NULL, recheck_at = NULL, claim = 'owner', for_host_id = NULL, gone = false, from_inventory = false,
      generation = nextval('address_generation'), updated_at = now()
  WHERE x.space = held.space AND x.ip = held.ip;
  PERFORM leave_stations(network, ARRAY[wanted]);
  RETURN loser;
END $$;

-- Quarantined.

-- Frees an address that a host was awaited for; the subnets are locked.
CREATE FUNCTION end_awaiting(a address) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF a.awaiting_host_id IS NOT NULL THEN PERFORM free_address(a); END IF;
END $$;

-- Frees addresses whose quarantine is over. Answers how many.
CREATE FUNCTION end_quarantine(subnet uuid, max_count integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  ended inet[];
BEGIN
  WITH a AS (
    DELETE FROM address x WHERE (x.space, x.ip) IN (
      SELECT y.space, y.ip FROM address y
      WHERE y.subnet_id = subnet AND y.state = 'quarantined' AND y.quarantined_until <= now() AND y.awaiting_host_id IS NULL
      ORDER BY y.quarantined_until LIMIT max_count
    ) RETURNING x.ip
  )
  SELECT COALESCE(array_agg(a.ip), '{}') INTO ended FROM a;
  PERFORM give_back(subnet, ended);
  RETURN cardinality(ended);
END $$;

-- Takes addresses out of quarantine whose time is not over, those with the earliest end first: nothing else is left.
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

-- Quarantines end no later than so many seconds after they began.
CREATE FUNCTION shorten_quarantines(network uuid, seconds integer) RETURNS void LANGUAGE sql AS $$
  UPDATE address x
  SET quarantined_until = LEAST(x.quarantined_until, x.updated_at + make_interval(secs => shorten_quarantines.seconds))
  WHERE x.network_id = shorten_quarantines.network AND x.state = 'quarantined' AND x.awaiting_host_id IS NULL
$$;

-- Keeps out of a subnet what a host has not given up yet, from an earlier subnet; the subnet is locked.
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

-- Conflicted.

-- Notes that somebody else has an address that nobody has; the subnets are locked.
CREATE FUNCTION add_conflict(s subnet, wanted inet, foreign_mac text, its_labels jsonb, later interval) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM carve_out(s.id, wanted);
  INSERT INTO address (space, ip, subnet_id, network_id, cidr, state, seen_mac, labels, recheck_at)
  VALUES (s.space, wanted, s.id, s.network_id, s.cidr, 'conflicted', foreign_mac, its_labels, now() + later);
END $$;

-- Keeps an address in conflict for a further while, with the MAC that answers for it now.
CREATE FUNCTION recheck_later(wanted_space text, wanted inet, foreign_mac text, later interval) RETURNS void LANGUAGE sql AS $$
  UPDATE address x SET recheck_at = now() + recheck_later.later, seen_mac = recheck_later.foreign_mac
  WHERE x.space = recheck_later.wanted_space AND x.ip = recheck_later.wanted AND x.state = 'conflicted'
$$;

-- Several hosts, or one that it is not for, list containers on an address after the database went back. A further one joins those
-- that did so before.
CREATE FUNCTION contest_address(a address, foreign_mac text, claimants text[]) RETURNS void LANGUAGE sql AS $$
  UPDATE address x
  SET state = 'conflicted', host_id = NULL, container_name = NULL, docker_id = NULL, since = NULL, seen_mac = foreign_mac,
      quarantined_until = NULL, awaiting_host_id = NULL, gone = false, from_inventory = false,
      recheck_at = now() + interval '1 minute', generation = nextval('address_generation'),
      labels = x.labels || dispute_labels(ARRAY(SELECT DISTINCT name FROM unnest(claimants || claimants_of(x)) AS name ORDER BY name)),
      updated_at = now()
  WHERE x.space = a.space AND x.ip = a.ip
$$;

-- Ends the conflict of an address: reserved again for whom it is kept, else free. The subnets are locked.
CREATE FUNCTION end_conflict(a address) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF a.state <> 'conflicted' THEN RETURN; END IF;
  IF NOT is_reserved(a) THEN
    PERFORM free_address(a);
    RETURN;
  END IF;
  UPDATE address x
  SET state = 'reserved', labels = x.labels - dispute_label(), recheck_at = NULL, seen_mac = NULL, reservation = false,
      updated_at = now()
  WHERE x.space = a.space AND x.ip = a.ip;
END $$;

-- Who keeps addresses lets go of them: what is in conflict stays so, as nobody's. With a container: where it keeps them. The
-- subnets are locked. Answers how many.
CREATE FUNCTION leave_conflict(network uuid, ips inet[], container uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  n integer;
BEGIN
  UPDATE address x SET owner = NULL, container_id = NULL, mac = NULL, reservation = false, updated_at = now()
  WHERE x.network_id = leave_conflict.network AND x.ip = ANY (leave_conflict.ips) AND x.state = 'conflicted'
    AND (leave_conflict.container IS NULL OR x.container_id = leave_conflict.container);
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;

-- Subnets and networks that leave. Their free space goes with them.

-- Drops what does not keep a subnet. What hosts hold of it was revoked before (revoke_subnet).
CREATE FUNCTION drop_of_subnet(subnet uuid) RETURNS void LANGUAGE sql AS $$
  DELETE FROM address x WHERE x.subnet_id = drop_of_subnet.subnet AND NOT keeps_subnet(x)
$$;

-- Drops what does not keep a network. Its hosts have removed it, or are given up.
CREATE FUNCTION drop_of_network(network uuid) RETURNS void LANGUAGE sql AS $$
  DELETE FROM address x WHERE x.network_id = drop_of_network.network AND x.state <> 'reserved' AND NOT is_reserved(x)
$$;
