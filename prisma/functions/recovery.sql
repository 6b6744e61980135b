-- A database that went back in time (docs/decisions/0030-a-restored-backup.md).

-- Serialises those who give addresses (shared) with those who decide whether any may be given (exclusive). Its place in the
-- order of locks is in docs/locking.md.
CREATE FUNCTION past_lock() RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT 7420301 $$;

-- Whether the row is what the transaction that it names wrote: a copy by statements has another xmin.
CREATE FUNCTION is_as_written(p past, row_xmin xid) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT p.written_by::text::numeric % 4294967296 = row_xmin::text::numeric
$$;

-- Fails where no address may be given: TL001 while the database recovers, TL002 when its past has to be looked at first.
CREATE FUNCTION assert_past() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  why text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(past_lock());
  SELECT CASE
    WHEN p.postmaster <> pg_postmaster_start_time() OR NOT is_as_written(p, p.xmin)
      OR p.database <> (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) THEN 'TL002'
    WHEN p.phase = 'recovering' THEN 'TL001'
    WHEN p.phase = 'settling' AND p.settle_until > now() AND EXISTS (SELECT 1 FROM recovery_host) THEN 'TL001'
  END INTO why FROM past p;
  IF why IS NOT NULL THEN
    RAISE EXCEPTION 'no address is given while the database recovers' USING ERRCODE = why;
  END IF;
END $$;

-- Writes the row of the past, in this transaction's name. The exclusive lock is held.
CREATE FUNCTION write_past(new_incarnation uuid, new_phase recovery_phase, new_recovery uuid, new_reason text, until timestamptz,
                           new_mark text, new_boot text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  own oid := (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
BEGIN
  INSERT INTO incarnation (id, revision, generation)
  SELECT new_incarnation, r.value, s.last_value FROM revision r, address_generation s
  ON CONFLICT (id) DO NOTHING;
  INSERT INTO past AS p (incarnation, written_by, postmaster, database, mark, boot, phase, recovery, reason, settle_until)
  VALUES (new_incarnation, pg_current_xact_id(), pg_postmaster_start_time(), own, new_mark, new_boot, new_phase, new_recovery, new_reason, until)
  ON CONFLICT (id) DO UPDATE
  SET incarnation = EXCLUDED.incarnation, written_by = EXCLUDED.written_by, postmaster = EXCLUDED.postmaster,
      database = EXCLUDED.database, mark = EXCLUDED.mark, boot = EXCLUDED.boot, phase = EXCLUDED.phase,
      recovery = EXCLUDED.recovery, reason = EXCLUDED.reason, settle_until = EXCLUDED.settle_until,
      since = CASE WHEN p.phase = EXCLUDED.phase AND p.recovery IS NOT DISTINCT FROM EXCLUDED.recovery THEN p.since ELSE now() END;
END $$;

-- Keeps the mark that was written for this incarnation.
CREATE FUNCTION put_mark(new_mark text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  p past;
BEGIN
  PERFORM pg_advisory_xact_lock(past_lock());
  SELECT x.* INTO p FROM past x;
  PERFORM write_past(p.incarnation, p.phase, p.recovery, p.reason, p.settle_until, new_mark, p.boot);
END $$;

-- Raises the sequences above what a host heard. Answers nothing; both only ever go up.
CREATE FUNCTION lift_sequences(heard_revision bigint, heard_generation bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM setval('address_generation', GREATEST(s.last_value, heard_generation) + 1000) FROM address_generation s
  WHERE heard_generation IS NOT NULL AND heard_generation >= s.last_value;
  UPDATE revision SET value = heard_revision + 1000 WHERE value <= heard_revision;
END $$;

-- Time went back: nothing is given until every host has compared. The generations of networks and containers go up too,
-- so that what hosts report about a lost one is not taken for one to come. What was created from the generation before is as
-- it should be. Answers the recovery.
CREATE FUNCTION begin_recovery(why text, heard_revision bigint, heard_generation bigint, new_incarnation uuid, new_mark text, new_boot text)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  new_recovery uuid := gen_random_uuid();
  waited jsonb;
BEGIN
  PERFORM 1 FROM network n ORDER BY n.id FOR NO KEY UPDATE;
  UPDATE network SET generation = generation + 1000;
  UPDATE container SET same_as = same_as || generation, generation = generation + 1000;
  PERFORM pg_advisory_xact_lock(past_lock());
  DELETE FROM recovery_claim;
  DELETE FROM recovery_host;
  INSERT INTO recovery_host (host_id, recovery) SELECT h.id, new_recovery FROM host h;
  SELECT COALESCE(jsonb_agg(x.name), '[]') INTO waited FROM (SELECT h.name FROM host h ORDER BY h.name LIMIT 100) AS x;
  PERFORM lift_sequences(GREATEST(heard_revision, 0), heard_generation);
  PERFORM lift_sequences((SELECT value FROM revision), (SELECT last_value FROM address_generation));
  PERFORM write_past(new_incarnation, 'recovering', new_recovery, why, NULL, new_mark, new_boot);
  PERFORM append_events(jsonb_build_array(jsonb_build_object('type', 'recovery.started', 'subject', '/v1/recovery', 'actor', 'server',
    'data', jsonb_build_object('recovery', new_recovery, 'reason', why, 'hosts', waited))),
    ARRAY(SELECT h.id FROM host h));
  RETURN new_recovery;
END $$;

-- Looks at the past of a database whose server, or whose PostgreSQL, was started. `seen_mark`, `seen_boot`: of the server's own
-- PostgreSQL, else NULL; `next`: the incarnation and `next_mark` the mark that stand for what begins now, where something does.
-- Answers `same` (nothing happened), `new`, `proven`, `settling` or `recovering`.
CREATE FUNCTION check_past(seen_mark text, seen_boot text, next uuid, next_mark text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  p past;
  as_written boolean;
  why text;
  settle timestamptz;
BEGIN
  -- Before the lock of the past (docs/locking.md).
  PERFORM 1 FROM network n ORDER BY n.id FOR NO KEY UPDATE;
  PERFORM pg_advisory_xact_lock(past_lock());
  SELECT x.* INTO p FROM past x;
  IF p.id IS NULL THEN
    PERFORM write_past(next, 'open', NULL, NULL, NULL, next_mark, seen_boot);
    RETURN 'new';
  END IF;
  SELECT is_as_written(p, x.xmin) INTO as_written FROM past x;
  why := CASE
    WHEN p.database <> (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) OR NOT as_written THEN
      'the database was restored from a dump'
    WHEN seen_mark IS NOT NULL AND p.mark IS NOT NULL AND p.mark <> seen_mark THEN
      'the data directory is a copy, or it and the database are of different times'
  END;
  IF why IS NOT NULL THEN
    PERFORM begin_recovery(why, 0, 0, next, next_mark, seen_boot);
    RETURN 'recovering';
  END IF;
  IF p.postmaster = pg_postmaster_start_time() THEN RETURN 'same'; END IF;
  IF p.phase = 'recovering' THEN
    PERFORM write_past(next, 'recovering', p.recovery, p.reason, NULL, next_mark, seen_boot);
    RETURN 'recovering';
  END IF;
  IF seen_mark IS NOT NULL AND p.boot = seen_boot THEN
    PERFORM write_past(next, 'open', NULL, NULL, NULL, next_mark, seen_boot);
    RETURN 'proven';
  END IF;
  -- Nothing says that time went back, and nothing that it did not: those who were there a moment ago are heard first.
  DELETE FROM recovery_host WHERE recovery IS NULL;
  INSERT INTO recovery_host (host_id)
  SELECT h.id FROM host h WHERE h.last_seen_at > (SELECT max(x.last_seen_at) FROM host x) - interval '2 minutes'
  ON CONFLICT DO NOTHING;
  settle := CASE WHEN EXISTS (SELECT 1 FROM recovery_host r WHERE r.recovery IS NULL) THEN now() + interval '15 seconds' END;
  PERFORM write_past(next, CASE WHEN settle IS NULL THEN 'open' ELSE 'settling' END::recovery_phase, NULL,
    'PostgreSQL was started; for some seconds hosts report before addresses are given out', settle, next_mark, seen_boot);
  RETURN CASE WHEN settle IS NULL THEN 'proven' ELSE 'settling' END;
END $$;

-- Whether what a host heard is ahead of the database: an incarnation that it does not know, a document that it was never sent,
-- or a lease that was never given. (Leases of the next incarnation may be heard before it is.)
CREATE FUNCTION is_ahead(host uuid, heard uuid, heard_revision bigint, heard_generation bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT heard IS NOT NULL AND NOT EXISTS (SELECT 1 FROM incarnation i WHERE i.id = heard)
    OR heard_revision > (SELECT d.revision FROM host_desired d WHERE d.host_id = is_ahead.host)
    OR heard_generation > (SELECT s.last_value FROM address_generation s)
$$;

-- A host is heard, with what it heard last. Answers `known`, `started` (a recovery begins), or `lifted`: it has to compare, and
-- the sequences are above what it heard.
CREATE FUNCTION hear_host(host uuid, heard uuid, heard_revision bigint, heard_generation bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  p past;
  ahead boolean;
  waited boolean;
BEGIN
  PERFORM 1 FROM network n ORDER BY n.id FOR NO KEY UPDATE;
  PERFORM pg_advisory_xact_lock(past_lock());
  SELECT x.* INTO p FROM past x;
  ahead := is_ahead(host, heard, heard_revision, heard_generation);
  IF NOT ahead THEN
    DELETE FROM recovery_host r WHERE r.host_id = hear_host.host AND r.recovery IS NULL;
    RETURN 'known';
  END IF;
  SELECT true INTO waited FROM recovery_host r
  WHERE r.host_id = hear_host.host AND r.recovery IS NOT NULL AND r.compared_at IS NULL;
  IF waited IS NULL THEN
    PERFORM begin_recovery(format('host %s has newer state than the database, which was probably restored from a backup',
        (SELECT h.name FROM host h WHERE h.id = hear_host.host)),
      heard_revision, heard_generation, gen_random_uuid(), p.mark, p.boot);
    RETURN 'started';
  END IF;
  PERFORM lift_sequences(heard_revision, heard_generation);
  -- Its document is newer than what it has, with no more to say than that it compares.
  PERFORM append_events(jsonb_build_array(jsonb_build_object('type', 'recovery.host-heard', 'subject', host_path(h.name),
    'host', h.name, 'actor', 'server', 'data', jsonb_build_object('recovery', p.recovery))), ARRAY[h.id])
  FROM host h WHERE h.id = hear_host.host;
  RETURN 'lifted';
END $$;

-- An address event of a recovery.
CREATE FUNCTION recovery_event(kind text, c recovery_claim, more jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('type', kind, 'subject', address_path(n.name, c.ip), 'network', n.name,
    'host', h.name, 'actor', 'server', 'data', jsonb_build_object('container', c.container, 'mac', c.mac) || more)
  FROM network n, host h WHERE n.id = c.network_id AND h.id = c.host_id
$$;

-- Settles what containers use and the rows of addresses have otherwise; the subnets are locked. What depends on a host that has not compared
-- waits, unless this is the end. Answers the events.
CREATE FUNCTION settle_claims(at_end boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  c recovery_claim;
  s subnet;
  a address;
  outcome text;
  claimants text[];
  events jsonb := '[]';
BEGIN
  FOR c IN SELECT x.* FROM recovery_claim x ORDER BY x.network_id, x.ip, x.host_id LOOP
    SELECT x.* INTO s FROM subnet x WHERE x.network_id = c.network_id AND x.cidr >>= c.ip;
    SELECT x.* INTO a FROM address x WHERE x.space = s.space AND x.ip = c.ip FOR UPDATE;
    SELECT array_agg(h.name ORDER BY h.name) INTO claimants FROM recovery_claim x JOIN host h ON h.id = x.host_id
    WHERE x.network_id = c.network_id AND x.ip = c.ip;
    outcome := CASE
      WHEN s.id IS NULL OR c.ip = s.gateway THEN 'outside'
      WHEN cardinality(claimants) > 1 THEN 'conflict'
      WHEN a.ip IS NULL THEN 'taken_in'
      WHEN a.network_id <> c.network_id THEN 'outside'
      -- Another host may have it on yet; it is free once that one has confirmed.
      WHEN a.state = 'quarantined' AND NOT c.live AND a.awaiting_host_id <> c.host_id THEN 'awaited'
      WHEN a.state = 'quarantined' THEN 'bound'
      WHEN a.host_id = c.host_id THEN 'bound'
      WHEN a.host_id IS NOT NULL AND NOT at_end AND EXISTS (
        SELECT 1 FROM recovery_host r WHERE r.host_id = a.host_id AND r.compared_at IS NULL AND r.released_at IS NULL) THEN 'waits'
      WHEN a.state = 'reserved' AND (a.mac = c.mac OR EXISTS (
        SELECT 1 FROM container k WHERE k.id = a.container_id AND k.host_id = c.host_id AND k.name = c.container)) THEN 'bound'
      ELSE 'conflict'
    END;
    CONTINUE WHEN outcome = 'waits';
    IF outcome = 'taken_in' AND NOT c.live THEN
      PERFORM lease_named(s, c.ip, c.host_id);
    ELSIF outcome = 'bound' AND NOT c.live THEN
      PERFORM lease_compared(a, c);
    ELSIF outcome = 'taken_in' THEN
      PERFORM bind_in_use(s, c.ip, c.host_id, c.container, c.docker_id, c.mac, now(), false);
    ELSIF outcome = 'bound' THEN
      PERFORM bind_compared(a, c);
    ELSIF outcome = 'conflict' AND a.ip IS NULL THEN
      PERFORM add_conflict(s, c.ip, c.mac, dispute_labels(claimants), interval '1 minute');
    ELSIF outcome = 'conflict' THEN
      -- Whoever had it is a claimant as well.
      SELECT array_agg(DISTINCT x.name ORDER BY x.name) INTO claimants FROM (
        SELECT unnest(claimants) AS name UNION SELECT h.name FROM host h WHERE h.id = a.host_id) AS x;
      PERFORM contest_address(a, c.mac, claimants);
    END IF;
    events := events || COALESCE(CASE
      WHEN outcome = 'awaited' THEN '[]'
      WHEN outcome IN ('taken_in', 'bound') THEN recovery_event('address.taken-in', c, '{}')
      ELSE recovery_event('address.conflicted', c, jsonb_build_object('owner', a.owner, 'claimedBy', to_jsonb(claimants)))
    END, '[]');
    IF outcome = 'conflict' THEN DELETE FROM recovery_claim x WHERE x.network_id = c.network_id AND x.ip = c.ip;
    ELSE DELETE FROM recovery_claim x WHERE x.host_id = c.host_id AND x.network_id = c.network_id AND x.ip = c.ip;
    END IF;
  END LOOP;
  RETURN events;
END $$;

-- Ends a recovery of which every host has compared or was let go; the subnets are locked. Answers the events, and nothing
-- where it goes on.
CREATE FUNCTION end_recovery_if_done() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  p past;
  events jsonb;
BEGIN
  PERFORM pg_advisory_xact_lock(past_lock());
  SELECT x.* INTO p FROM past x;
  IF p.phase IS DISTINCT FROM 'recovering'
    OR EXISTS (SELECT 1 FROM recovery_host r WHERE r.compared_at IS NULL AND r.released_at IS NULL) THEN RETURN '[]'; END IF;
  events := settle_claims(true);
  DELETE FROM recovery_host r WHERE r.compared_at IS NOT NULL;
  PERFORM write_past(p.incarnation, 'open', NULL, NULL, NULL, p.mark, p.boot);
  RETURN events || jsonb_build_array(jsonb_build_object('type', 'recovery.ended', 'subject', '/v1/recovery', 'actor', 'server',
    'data', jsonb_build_object('recovery', p.recovery, 'letGo', (SELECT COALESCE(jsonb_agg(h.name), '[]') FROM recovery_host r JOIN host h ON h.id = r.host_id))));
END $$;

-- Locks every subnet, in the order of docs/locking.md.
CREATE FUNCTION lock_all_subnets() RETURNS void LANGUAGE sql AS $$
  SELECT lock_subnets(x.id, x.fam) FROM (
    SELECT n.id, f.fam FROM network n CROSS JOIN (VALUES (4), (6)) AS f (fam) ORDER BY n.name COLLATE "C", f.fam OFFSET 0) AS x
$$;

-- A host says all that it holds and uses. What it held before the database went back and does not list is gone there;
-- what it uses and nobody has is bound, or leased where no live container has it. Answers whether it was waited for.
-- listed: [{networkId, ip, generation, use: live | asked | idle, container, dockerId, mac}]
CREATE FUNCTION compare_host(host uuid, listed jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  began bigint;
  events jsonb := '[]';
  a address;
BEGIN
  PERFORM lock_all_subnets();
  PERFORM pg_advisory_xact_lock(past_lock());
  IF NOT EXISTS (SELECT 1 FROM recovery_host r WHERE r.host_id = compare_host.host AND r.recovery IS NOT NULL) THEN RETURN false; END IF;
  SELECT max(i.generation) INTO began FROM incarnation i JOIN past p ON p.incarnation = i.id;
  PERFORM lift_sequences(-1, (SELECT max((x ->> 'generation')::bigint) FROM jsonb_array_elements(listed) AS x));
  FOR a IN
    SELECT y.* FROM address y WHERE y.host_id = compare_host.host AND NOT y.from_inventory AND y.generation <= began AND NOT EXISTS (
      SELECT 1 FROM jsonb_to_recordset(listed) AS x ("networkId" uuid, ip inet) WHERE x."networkId" = y.network_id AND x.ip = y.ip)
    FOR UPDATE
  LOOP
    PERFORM end_hold(a, 'released', NULL, false);
    events := events || jsonb_build_array(jsonb_build_object('type', 'address.released',
      'subject', address_path(n.name, a.ip), 'network', n.name, 'host', h.name, 'actor', 'agent:' || h.name,
      'data', jsonb_build_object('owner', a.owner, 'container', a.container_name, 'forced', false)))
    FROM network n, host h WHERE n.id = a.network_id AND h.id = compare_host.host;
  END LOOP;
  PERFORM unbind_compared(y)
  FROM jsonb_to_recordset(listed) AS x ("networkId" uuid, ip inet, use text), address y
  WHERE x.use <> 'live' AND y.host_id = compare_host.host AND y.network_id = x."networkId" AND y.ip = x.ip AND y.generation <= began;
  -- What both have is a new use: a return from before, which may be on its way, must not end it.
  PERFORM renew_hold(y, y.from_inventory)
  FROM jsonb_to_recordset(listed) AS x ("networkId" uuid, ip inet, generation bigint), address y
  WHERE y.host_id = compare_host.host AND y.network_id = x."networkId" AND y.ip = x.ip AND y.generation <> x.generation;
  INSERT INTO recovery_claim (host_id, network_id, ip, container, docker_id, mac, live)
  SELECT DISTINCT ON (n.id, x.ip) compare_host.host, n.id, x.ip, x.container, x."dockerId", x.mac, x.use = 'live'
  FROM jsonb_to_recordset(listed) AS x ("networkId" uuid, ip inet, use text, container text, "dockerId" text, mac text)
  JOIN network n ON n.id = x."networkId"
  WHERE x.use <> 'idle' AND NOT EXISTS (
    SELECT 1 FROM address y WHERE y.host_id = compare_host.host AND y.network_id = n.id AND y.ip = x.ip)
  ORDER BY n.id, x.ip, x.use = 'live' DESC
  ON CONFLICT DO NOTHING;
  UPDATE recovery_host r SET compared_at = now() WHERE r.host_id = compare_host.host;
  -- A late one, which was let go: nobody else compares with it.
  events := events || settle_claims((SELECT p.phase <> 'recovering' FROM past p)) || end_recovery_if_done();
  DELETE FROM recovery_host r USING past p WHERE r.host_id = compare_host.host AND p.phase <> 'recovering';
  PERFORM finish_recovery(events, ARRAY[compare_host.host]);
  RETURN true;
END $$;

-- Appends the events of a step of a recovery, and wakes its host, or all when it ended.
CREATE FUNCTION finish_recovery(events jsonb, hosts uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM append_events(
    CASE WHEN events = '[]' THEN jsonb_build_array(jsonb_build_object('type', 'recovery.host-compared', 'subject', '/v1/recovery',
      'actor', 'server', 'host', (SELECT h.name FROM host h WHERE h.id = hosts[1]))) ELSE events END,
    CASE WHEN events @> '[{"type": "recovery.ended"}]' THEN ARRAY(SELECT h.id FROM host h) ELSE hosts END);
END $$;

-- An operator lets go of a host, or something else ended what was waited for (its retirement).
CREATE FUNCTION go_on_without(host_name text, by_whom text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  events jsonb := '[]';
  of_host uuid := (SELECT h.id FROM host h WHERE h.name = host_name);
BEGIN
  IF host_name IS NOT NULL AND of_host IS NULL THEN RETURN 'no_host'; END IF;
  PERFORM lock_all_subnets();
  PERFORM pg_advisory_xact_lock(past_lock());
  IF host_name IS NOT NULL THEN
    UPDATE recovery_host r SET released_at = now(), released_by = by_whom
    WHERE r.host_id = of_host AND r.recovery IS NOT NULL AND r.compared_at IS NULL AND r.released_at IS NULL
      AND EXISTS (SELECT 1 FROM past p WHERE p.phase = 'recovering');
    IF NOT FOUND THEN RETURN 'not_waited_for'; END IF;
    events := jsonb_build_array(jsonb_build_object('type', 'recovery.host-let-go', 'subject', '/v1/recovery', 'host', host_name,
      'actor', by_whom));
  END IF;
  events := events || end_recovery_if_done();
  IF events <> '[]' THEN PERFORM finish_recovery(events, CASE WHEN of_host IS NULL THEN '{}' ELSE ARRAY[of_host] END); END IF;
  RETURN 'done';
END $$;
