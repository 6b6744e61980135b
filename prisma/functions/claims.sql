-- One address for one container that is being started.

-- Gives a host one address for a container that is being started: `wanted`, or the one reserved for a MAC or a name.
-- Outcomes: held, created (the host holds it from now on), none (nothing is reserved); elsewhere (unused on another host,
-- which is asked to return it), taken, other_mac, other_host, not_for (see who_may_not), revoked (it was taken away from this
-- host, and something runs on it there), unused (the host holds as many as it may, see lease_room), conflicted, quarantined (the address in the way is answered); those of
-- claim_address; no_network, deleting, not_placed, no_family. Fails as `station_pkey` does for a MAC that another host has.
CREATE FUNCTION claim_lease(claimant uuid, network uuid, fam integer, wanted inet, wanted_mac text, container text, max_unused integer)
RETURNS TABLE (outcome text, ip text, by_mac boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  net network;
  held address;
  s subnet;
  notified uuid[];
  by_host text;
  until_gone boolean;
BEGIN
  -- Most containers have nothing reserved for them. Answered without a lock, it waits neither for others nor for the disk.
  IF wanted IS NULL AND EXISTS (
    SELECT 1 FROM placement p JOIN network n ON n.id = p.network_id JOIN subnet s ON s.network_id = n.id
    WHERE p.network_id = claim_lease.network AND p.host_id = claimant AND NOT p.removing AND n.deleting_since IS NULL AND family(s.cidr) = fam
  ) AND NOT EXISTS (SELECT 1 FROM address a WHERE a.network_id = claim_lease.network AND a.mac = wanted_mac)
    AND NOT EXISTS (SELECT 1 FROM address a WHERE a.network_id = claim_lease.network AND family(a.ip) = fam AND a.owner = container) THEN
    -- A note of who asked, worth nothing after a crash: nobody waits for the disk.
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM claim_station(claim_lease.network, fam, wanted_mac, NULL, claimant, container);
    outcome := 'none'; by_mac := false; RETURN NEXT; RETURN;
  END IF;

  PERFORM lock_subnets(network, fam);
  PERFORM assert_past();
  SELECT * INTO net FROM network n WHERE n.id = claim_lease.network;
  outcome := CASE
    WHEN net.id IS NULL THEN 'no_network'
    WHEN net.deleting_since IS NOT NULL THEN 'deleting'
    WHEN NOT EXISTS (SELECT 1 FROM placement p WHERE p.network_id = net.id AND p.host_id = claimant AND NOT p.removing) THEN 'not_placed'
    WHEN NOT EXISTS (SELECT 1 FROM subnet s WHERE s.network_id = net.id AND family(s.cidr) = fam) THEN 'no_family'
  END;
  by_mac := false;
  IF outcome IS NOT NULL THEN RETURN NEXT; RETURN; END IF;

  IF wanted IS NULL THEN
    -- A MAC is one station on the wire, whatever its host; of a name there may be one on each host.
    SELECT * INTO held FROM address a
    WHERE a.network_id = net.id AND family(a.ip) = fam AND (is_reserved(a) OR a.state = 'reserved')
      AND (a.mac = wanted_mac
        OR a.owner = container AND (a.mac IS NULL OR a.mac = wanted_mac) AND (a.host_id IS NULL OR a.host_id = claimant)
          AND (a.for_host_id IS NULL OR a.for_host_id = claimant))
      AND (a.container_id IS NULL OR EXISTS (SELECT 1 FROM container c WHERE c.id = a.container_id AND c.host_id = claimant))
    ORDER BY a.mac IS NOT DISTINCT FROM wanted_mac DESC, a.ip LIMIT 1 FOR UPDATE OF a;
    IF NOT FOUND THEN
      PERFORM claim_station(net.id, fam, wanted_mac, NULL, claimant, container);
      outcome := 'none'; RETURN NEXT; RETURN;
    END IF;
  ELSE
    SELECT * INTO held FROM address a WHERE a.space = net.space AND a.ip = wanted AND a.network_id = net.id FOR UPDATE;
  END IF;
  ip := host(COALESCE(held.ip, wanted));
  -- Found by the MAC of its station: with that MAC a container would be a second one, on whatever address.
  by_mac := wanted IS NULL AND COALESCE(held.mac = wanted_mac, false);

  until_gone := EXISTS (
    SELECT 1 FROM revocation r WHERE r.space = net.space AND r.ip = COALESCE(held.ip, wanted) AND r.host_id = claimant
  );
  IF until_gone AND held.host_id IS DISTINCT FROM claimant THEN
    outcome := CASE WHEN held.host_id IS NOT NULL OR held.state = 'reserved' THEN 'taken' ELSE 'revoked' END;
    RETURN NEXT; RETURN;
  END IF;
  IF held.ip IS NULL OR held.state = 'quarantined' THEN
    SELECT * INTO s FROM subnet x WHERE x.network_id = net.id AND x.cidr >>= ip::inet;
    outcome := CASE
      WHEN lease_room(net, fam, claimant, max_unused) = 0 THEN 'unused'
      WHEN held.awaiting_host_id IS NOT NULL THEN 'awaiting'
      -- Who had it last may have it back at once: neighbours that still remember it remember the right one. So may anybody
      -- once it is gone from where it was: the claimant probes it first.
      WHEN held.quarantined_until > now() AND held.previous_host_id IS DISTINCT FROM claimant
        AND (container IS NULL OR held.previous_owner IS DISTINCT FROM container) AND NOT is_gone(held) THEN 'quarantined'
      ELSE COALESCE(why_not_given(s, ip::inet), 'created')
    END;
    IF outcome <> 'created' THEN RETURN NEXT; RETURN; END IF;
    PERFORM claim_station(net.id, fam, wanted_mac, ip::inet, claimant, container);
    PERFORM lease_named(s, ip::inet, claimant);
  ELSE
    outcome := CASE
      WHEN held.state = 'conflicted' THEN 'conflicted'
      WHEN held.mac IS DISTINCT FROM COALESCE(wanted_mac, '') AND held.mac IS NOT NULL THEN 'other_mac'
      WHEN held.host_id = claimant AND held.state = 'leased' AND NOT is_reserved(held) THEN COALESCE(not_to_give(held), 'held')
      WHEN held.host_id = claimant AND held.state = 'leased' THEN COALESCE(who_may_not(held, claimant, wanted_mac, container), 'held')
      -- One that starts again has it on. Nobody can know who that is where the Engine names no container.
      WHEN held.host_id = claimant AND is_reserved(held) AND (container IS NULL OR container IS DISTINCT FROM held.container_name)
        THEN COALESCE(who_may_not(held, claimant, wanted_mac, container), 'held')
      WHEN held.host_id = claimant THEN 'held'
      WHEN held.state = 'leased' AND NOT is_reserved(held) THEN COALESCE(not_to_give(held), 'elsewhere')
      WHEN held.host_id IS NOT NULL THEN 'taken'
      ELSE COALESCE(who_may_not(held, claimant, wanted_mac, container), 'created')
    END;
    IF outcome IN ('held', 'created') THEN PERFORM claim_station(net.id, fam, wanted_mac, held.ip, claimant, container); END IF;
    IF outcome = 'elsewhere' THEN
      notified := recall_leases(net.id, fam, ARRAY[held.host_id], 10);
      IF cardinality(notified) > 0 THEN PERFORM append_events(jsonb_build_array(shortage_event(net.name, fam, notified)), notified); END IF;
    END IF;
    IF outcome = 'held' THEN
      -- A new use: a return of the one before, which may still be on its way, must not end it.
      PERFORM renew_hold(held, false);
    END IF;
    IF outcome <> 'created' THEN RETURN NEXT; RETURN; END IF;
    PERFORM lease_reserved(held, claimant);
  END IF;
  SELECT h.name INTO by_host FROM host h WHERE h.id = claimant;
  PERFORM append_events(jsonb_build_array(jsonb_build_object(
    'type', 'address.leased', 'subject', address_path(net.name, ip::inet), 'network', net.name,
    'host', by_host, 'actor', 'agent:' || by_host, 'data', jsonb_build_object('owner', held.owner, 'container', container))), '{}');
  RETURN NEXT;
END $$;
ALTER FUNCTION claim_lease SET enable_seqscan = off;
ALTER FUNCTION claim_lease SET plan_cache_mode = force_generic_plan;
