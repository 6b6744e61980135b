-- The event log and the revision.

-- Paths of what events are about, as `paths.ts` of contracts has them. Names of networks and hosts have nothing to encode.
CREATE FUNCTION host_path(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT '/v1/hosts/' || name $$;
CREATE FUNCTION network_path(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT '/v1/networks/' || name $$;
CREATE FUNCTION address_path(network text, ip inet) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT network_path(network) || '/addresses/' || host(ip)
$$;

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
CREATE FUNCTION append_events(events jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
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

-- Appends events, and raises the desired documents of hosts, which notifies them. Called last in a transaction. Answers the last
-- revision.
CREATE FUNCTION append_events(events jsonb, hosts uuid[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  last_revision bigint := append_events(events);
BEGIN
  -- In one order, so that two changes do not wait for each other.
  INSERT INTO host_desired (host_id, revision) SELECT DISTINCT h, last_revision FROM unnest(hosts) AS h ORDER BY h
  ON CONFLICT (host_id) DO UPDATE SET revision = EXCLUDED.revision;
  RETURN last_revision;
END $$;
