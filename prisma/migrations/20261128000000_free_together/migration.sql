-- Addresses that become free together go back into the free space in one step. Put back one after the other, each passed
-- over the rows that those before it had left dead in the same transaction, and the subnet stayed locked meanwhile.

-- Puts addresses back into the free space, joined with the runs beside them and with each other. Addresses outside the
-- allocatable ranges (taken by name) simply vanish. The subnet is locked; each address is given once.
CREATE FUNCTION give_back(subnet uuid, ips inet[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  freed inet[];
  -- Where the runs begin that end just below an address, or begin just above one.
  beside inet[];
  firsts inet[];
  lasts inet[];
BEGIN
  SELECT array_agg(u.ip) INTO freed FROM unnest(ips) AS u (ip)
  WHERE EXISTS (SELECT 1 FROM subnet_range r
                WHERE r.subnet_id = subnet AND r.kind = 'allocatable' AND r.first <= u.ip AND r.last >= u.ip);
  IF freed IS NULL THEN RETURN; END IF;

  -- LIMIT keeps the planner from joining the whole free space against a handful of addresses.
  SELECT array_agg(e.first) INTO beside FROM unnest(freed) AS f (ip)
  CROSS JOIN LATERAL (
    (SELECT x.first FROM free_extent x WHERE x.subnet_id = subnet AND x.last = f.ip - 1 LIMIT 1)
    UNION ALL
    (SELECT x.first FROM free_extent x WHERE x.subnet_id = subnet AND x.first = f.ip + 1 LIMIT 1)
  ) AS e;
  WITH joined AS (
    DELETE FROM free_extent x WHERE x.subnet_id = subnet AND x.first = ANY (beside) RETURNING x.first, x.last
  ), piece AS (
    SELECT f.ip AS first, f.ip AS last FROM unnest(freed) AS f (ip) UNION ALL SELECT j.first, j.last FROM joined AS j
  ), placed AS (
    SELECT p.*, lag(p.last) OVER (ORDER BY p.first) + 1 IS DISTINCT FROM p.first AS begins FROM piece AS p
  ), numbered AS (
    SELECT p.*, count(*) FILTER (WHERE p.begins) OVER (ORDER BY p.first) AS run FROM placed AS p
  ), run AS (
    SELECT min(n.first) AS first, max(n.last) AS last FROM numbered AS n GROUP BY n.run
  )
  SELECT array_agg(r.first), array_agg(r.last) INTO firsts, lasts FROM run AS r;
  INSERT INTO free_extent SELECT subnet, r.first, r.last FROM unnest(firsts, lasts) AS r (first, last);
  UPDATE subnet s SET free = s.free + cardinality(freed) WHERE s.id = subnet;
END $$;

ALTER FUNCTION give_back(uuid, inet[]) SET enable_seqscan = off;
ALTER FUNCTION give_back(uuid, inet[]) SET plan_cache_mode = force_generic_plan;

-- As before, for one address.
CREATE OR REPLACE FUNCTION give_back(subnet uuid, ip inet) RETURNS void LANGUAGE sql AS $$
  SELECT give_back(subnet, ARRAY[ip])
$$;

-- As before.
CREATE OR REPLACE FUNCTION end_quarantine(subnet uuid, most integer) RETURNS integer LANGUAGE plpgsql AS $$
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

-- As before.
CREATE OR REPLACE FUNCTION release_addresses(network uuid, ips inet[], immediate boolean) RETURNS integer LANGUAGE plpgsql AS $$
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
