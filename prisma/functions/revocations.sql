-- Holds that the server has ended and that their hosts have to confirm (docs/decisions/0028-what-becomes-of-an-address.md).

-- Revokes what hosts hold of a subnet that leaves; the rows go with the subnet. Nobody is given the addresses before the host
-- confirms and a later report shows nothing on them, in whatever subnet they are then: the host may have been cut off, with a
-- container on one of them that no report showed yet. Answers the hosts.
CREATE FUNCTION revoke_subnet(subnet uuid) RETURNS uuid[] LANGUAGE sql AS $$
  WITH revoked AS (
    INSERT INTO revocation AS r (space, ip, host_id, network_id, generation, until_unseen)
    SELECT a.space, a.ip, a.host_id, a.network_id, a.generation, true FROM address a WHERE a.subnet_id = subnet AND a.host_id IS NOT NULL
    ON CONFLICT (space, ip, host_id) DO UPDATE
    SET network_id = EXCLUDED.network_id, generation = EXCLUDED.generation, created_at = now(), confirmed_at = NULL, until_unseen = true
    RETURNING host_id
  ), waits AS (
    -- What was awaited in the subnet that leaves stays awaited; the rows go.
    SELECT a.awaiting_host_id AS host_id FROM address a WHERE a.subnet_id = subnet AND a.awaiting_host_id IS NOT NULL
  )
  SELECT COALESCE(array_agg(DISTINCT x.host_id), '{}') FROM (SELECT host_id FROM revoked UNION ALL SELECT host_id FROM waits) AS x
$$;

-- A host has on its disk that these holds are over. Their addresses are free, unless a report has to show them unused first
-- (`until_unseen`: take_in). Answers which were freed.
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
    WITH confirmed_now AS (
      UPDATE revocation r SET confirmed_at = now()
      FROM jsonb_to_recordset(confirmed) AS c ("networkId" uuid, ip inet, generation bigint)
      WHERE r.host_id = confirm_revocations.host AND r.ip = c.ip AND r.network_id = c."networkId" AND r.generation = c.generation
        AND r.confirmed_at IS NULL
      RETURNING r.space, r.ip, r.until_unseen
    )
    SELECT x.* FROM confirmed_now h JOIN address x ON x.space = h.space AND x.ip = h.ip AND x.awaiting_host_id = confirm_revocations.host
    WHERE NOT h.until_unseen
    ORDER BY x.space, x.ip
  LOOP
    PERFORM end_awaiting(a);
    RETURN QUERY SELECT n.name, host(a.ip) FROM network n WHERE n.id = a.network_id;
  END LOOP;
END $$;

-- The host that has not confirmed yet that it gives an address up.
CREATE FUNCTION awaited_host(of_space text, of_ip inet) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT h.name FROM revocation r JOIN host h ON h.id = r.host_id
  WHERE r.space = of_space AND r.ip = of_ip AND (r.confirmed_at IS NULL OR r.until_unseen) ORDER BY r.created_at DESC LIMIT 1
$$;
