-- What a network costs on the LAN, and how much of it is left (docs/decisions/0052-limits-rest-on-samples.md).

-- A container can still get the address although it is not free: a host holds it for nobody and returns it on a recall, or it is quarantined.
CREATE FUNCTION is_spare(a address) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT a.state = 'leased' AND NOT is_reserved(a) OR a.state = 'quarantined' AND a.awaiting_host_id IS NULL
$$;

-- Spare addresses of a subnet that it gives out by itself. Each count has a partial index, so that it costs what it counts; is_allocatable
-- would be called for each row.
CREATE FUNCTION spare_of(subnet uuid) RETURNS TABLE (leased bigint, quarantined bigint) LANGUAGE sql STABLE AS $$
  SELECT (SELECT count(*) FROM address a JOIN subnet_range r ON r.subnet_id = a.subnet_id AND r.kind = 'allocatable' AND a.ip BETWEEN r.first AND r.last
          WHERE a.subnet_id = spare_of.subnet AND a.state = 'leased' AND is_spare(a)),
         (SELECT count(*) FROM address a JOIN subnet_range r ON r.subnet_id = a.subnet_id AND r.kind = 'allocatable' AND a.ip BETWEEN r.first AND r.last
          WHERE a.subnet_id = spare_of.subnet AND a.state = 'quarantined' AND is_spare(a))
$$;

-- The subnets of a network with what is left, and the straight line through the samples since a time. `roomy_at`: the last of them
-- with more left than this percentage.
CREATE FUNCTION pools_of(network uuid, since timestamptz, low_percent integer)
RETURNS TABLE (ordinal integer, cidr text, family integer, allocatable text, free text, leased text, quarantined text,
               samples integer, sampled_from timestamptz, sampled_to timestamptz, per_day double precision, fit double precision, roomy_at timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT s.ordinal, text(s.cidr), family(s.cidr), text(s.allocatable), text(s.free), text(x.leased), text(x.quarantined),
         t.samples, t.sampled_from, t.sampled_to, t.per_day, t.fit, t.roomy_at
  FROM subnet s CROSS JOIN LATERAL spare_of(s.id) AS x CROSS JOIN LATERAL (
    SELECT count(*)::integer AS samples, min(p.at) AS sampled_from, max(p.at) AS sampled_to,
           regr_slope(p.taken::double precision, extract(epoch FROM p.at - pools_of.since) / 86400) AS per_day,
           regr_r2(p.taken::double precision, extract(epoch FROM p.at - pools_of.since) / 86400) AS fit,
           max(p.at) FILTER (WHERE (p.allocatable - p.taken) * 100 > p.allocatable * pools_of.low_percent) AS roomy_at
    FROM pool_sample p WHERE p.subnet_id = s.id AND p.at >= pools_of.since AND p.allocatable = s.allocatable
  ) AS t
  WHERE s.network_id = pools_of.network
$$;

-- Writes down how many addresses of each subnet are taken, at most once for a time; several servers do it. Locks nothing that anybody
-- waits for. Samples from before `since` go, and those whose subnet is gone.
CREATE FUNCTION sample_pools(at timestamptz, since timestamptz) RETURNS void LANGUAGE sql AS $$
  INSERT INTO pool_sample (subnet_id, at, allocatable, taken)
  SELECT s.id, sample_pools.at, s.allocatable, s.allocatable - s.free - x.leased - x.quarantined
  FROM subnet s CROSS JOIN LATERAL spare_of(s.id) AS x
  WHERE NOT EXISTS (SELECT 1 FROM pool_sample p WHERE p.subnet_id = s.id AND p.at = sample_pools.at)
  ORDER BY s.id
  ON CONFLICT ON CONSTRAINT pool_sample_pkey DO NOTHING;
  DELETE FROM pool_sample p WHERE p.at < sample_pools.since OR NOT EXISTS (SELECT 1 FROM subnet s WHERE s.id = p.subnet_id);
$$;
