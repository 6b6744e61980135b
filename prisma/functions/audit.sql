-- The audit log (docs/decisions/0063-the-audit-log.md).

-- Appends entries, in their order. Called last in a transaction, after the revision. Answers the last sequence.
CREATE FUNCTION append_audit(entries jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  n integer := jsonb_array_length(entries);
  last_sequence bigint;
BEGIN
  UPDATE audit_head SET value = value + n RETURNING value INTO last_sequence;
  INSERT INTO audit_entry (sequence, at, actor, token_id, source, request_id, operation, subject, outcome, code, times, before, after)
  SELECT last_sequence - n + e.ordinality, clock_timestamp(), e.item ->> 'actor', (e.item ->> 'tokenId')::uuid, e.item ->> 'source',
         e.item ->> 'requestId', e.item ->> 'operation', e.item ->> 'subject', COALESCE(e.item ->> 'outcome', 'done'), e.item ->> 'code',
         COALESCE((e.item ->> 'times')::integer, 1), NULLIF(e.item -> 'before', 'null'), NULLIF(e.item -> 'after', 'null')
  FROM jsonb_array_elements(entries) WITH ORDINALITY AS e (item, ordinality);
  RETURN last_sequence;
END $$;

-- Appends events, raises the desired documents of hosts, and appends audit entries: all that ends a change of somebody.
CREATE FUNCTION append_change(events jsonb, hosts uuid[], entries jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  last_revision bigint := append_events(events, hosts);
BEGIN
  PERFORM append_audit(entries);
  RETURN last_revision;
END $$;

-- What the audit log keeps of an address that somebody got. `origin`: tokenId, source and operation of the request.
CREATE FUNCTION address_given(origin jsonb, actor text, request_id text, network text, ip inet, owner text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN origin || jsonb_build_object('actor', actor, 'requestId', request_id, 'subject', address_path(network, ip),
    'after', jsonb_build_object('address', host(ip), 'owner', owner));
END $$;
