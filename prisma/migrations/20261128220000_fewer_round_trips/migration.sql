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

-- Reports of one host come one after the other: waits for those before this one, until whose transaction has ended. Answers
-- when the agent looked whose report was taken last; no row for a host that was retired. No row is locked by it, so it
-- stands outside the order of locks.
CREATE FUNCTION take_report_turn(host uuid) RETURNS TABLE (observed_at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('trunkline.report:' || take_report_turn.host, 0));
  -- A statement of its own, which sees what was committed while this one waited.
  RETURN QUERY SELECT h.observed_at FROM host h WHERE h.id = take_report_turn.host;
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
