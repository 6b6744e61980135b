-- What a change asks of the database one after the other costs a round trip each: what belongs together is one call.

-- Says anew what may be given out of a subnet that is locked, or being made: writes its ranges, builds its free space, and
-- keeps what hosts have of it. `size`: how many addresses may be given out. Answers as keep_for_hosts does.
CREATE FUNCTION prepare_subnet(subnet uuid, kinds text[], firsts inet[], lasts inet[], size numeric)
RETURNS TABLE (network text, ip text, mac text, host text, link text) LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM subnet_range r WHERE r.subnet_id = prepare_subnet.subnet;
  INSERT INTO subnet_range (subnet_id, kind, first, last)
  SELECT prepare_subnet.subnet, r.kind::subnet_range_kind, r.first, r.last FROM unnest(kinds, firsts, lasts) AS r (kind, first, last);
  PERFORM rebuild_free_space(prepare_subnet.subnet, size);
  RETURN QUERY SELECT * FROM keep_for_hosts(prepare_subnet.subnet);
END $$;

-- Whoever writes what a host is by its reports (facts, conditions, when it was seen) takes its turn first: waits until the
-- transactions of those before have ended. Answers the host as it is then; no row for one that was retired. No row is
-- locked by it, so it stands outside the order of locks.
CREATE FUNCTION take_host_turn(host uuid)
RETURNS TABLE (name text, version integer, created_at timestamptz, last_seen_at timestamptz, observed_at timestamptz,
               conditions jsonb, facts jsonb, desired_revision bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('trunkline.report:' || take_host_turn.host, 0));
  -- A statement of its own, which sees what was committed while this one waited.
  RETURN QUERY
  SELECT h.name, h.version, h.created_at, h.last_seen_at, h.observed_at, h.conditions, h.facts, d.revision
  FROM host h JOIN host_desired d ON d.host_id = h.id WHERE h.id = take_host_turn.host;
END $$;

-- Appends events, and tells hosts that what they should be has changed with them. Called last in a transaction. Answers the
-- last revision.
CREATE FUNCTION append_events(events jsonb, hosts uuid[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  last_revision bigint := append_events(events);
BEGIN
  -- In one order, so that two changes do not wait for each other.
  INSERT INTO host_desired (host_id, revision) SELECT id, last_revision FROM unnest(hosts) AS id ORDER BY id
  ON CONFLICT (host_id) DO UPDATE SET revision = EXCLUDED.revision;
  RETURN last_revision;
END $$;

-- The plans depend on nothing but that every look-up has its index, so each connection makes them once.
ALTER FUNCTION prepare_subnet SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION keep_for_hosts SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION put_inventory SET plan_cache_mode = force_generic_plan;
