-- Free space of subnets, kept as maximal runs of addresses (docs/decisions/0004-allocation.md).

-- Locks the subnets of one family of a network, in the order of docs/locking.md.
CREATE FUNCTION lock_subnets(network uuid, fam integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  n integer;
BEGIN
  PERFORM 1 FROM subnet s WHERE s.network_id = network AND family(s.cidr) = fam ORDER BY s.id FOR UPDATE;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;

-- Takes one named address out of the free space, when it is there.
CREATE FUNCTION carve_out(subnet uuid, ip inet) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  e free_extent;
BEGIN
  SELECT * INTO e FROM free_extent x WHERE x.subnet_id = subnet AND x.last >= ip ORDER BY x.last LIMIT 1;
  IF NOT FOUND OR e.first > ip THEN RETURN; END IF;
  DELETE FROM free_extent x WHERE x.subnet_id = subnet AND x.first = e.first;
  IF e.first < ip THEN INSERT INTO free_extent VALUES (subnet, e.first, ip - 1); END IF;
  IF e.last > ip THEN INSERT INTO free_extent VALUES (subnet, ip + 1, e.last); END IF;
  UPDATE subnet s SET free = s.free - 1 WHERE s.id = subnet;
END $$;

-- Takes up to `wanted` addresses from the runs that end at or after `start`; touches as many runs as it must.
CREATE FUNCTION take_run(subnet uuid, start inet, wanted integer) RETURNS inet[] LANGUAGE plpgsql AS $$
DECLARE
  e record;
  n bigint;
  taken inet[] := '{}';
  emptied inet[] := '{}';
BEGIN
  FOR e IN
    SELECT x.first AS run_first, GREATEST(x.first, start) AS first, x.last FROM free_extent x
    WHERE x.subnet_id = subnet AND x.last >= start ORDER BY x.last LIMIT wanted
  LOOP
    -- inet - inet overflows beyond 2^63: subtract only when the run is shorter than what is wanted.
    n := wanted - cardinality(taken);
    IF e.first + (n - 1) > e.last THEN n := e.last - e.first + 1; END IF;
    IF n = 1 THEN
      taken := taken || e.first;
    ELSE
      SELECT taken || array_agg(e.first + i ORDER BY i) INTO taken FROM generate_series(0, n - 1) AS i;
    END IF;
    -- What stays of the run: the part before `start` (only the first can have one) and the part behind.
    IF e.first + (n - 1) < e.last THEN
      IF e.run_first < e.first THEN
        UPDATE free_extent x SET last = e.first - 1 WHERE x.subnet_id = subnet AND x.first = e.run_first;
        INSERT INTO free_extent VALUES (subnet, e.first + n, e.last);
      ELSE
        UPDATE free_extent x SET first = e.first + n WHERE x.subnet_id = subnet AND x.first = e.run_first;
      END IF;
    ELSIF e.run_first < e.first THEN
      UPDATE free_extent x SET last = e.first - 1 WHERE x.subnet_id = subnet AND x.first = e.run_first;
    ELSE
      emptied := emptied || e.run_first;
    END IF;
    EXIT WHEN cardinality(taken) >= wanted;
  END LOOP;
  IF cardinality(emptied) > 0 THEN
    DELETE FROM free_extent x WHERE x.subnet_id = subnet AND x.first = ANY (emptied);
  END IF;
  RETURN taken;
END $$;

-- The next free addresses, going round from the last one given, so that reuse comes last.
CREATE FUNCTION take_free(s subnet, wanted integer) RETURNS inet[] LANGUAGE plpgsql AS $$
DECLARE
  taken inet[];
BEGIN
  PERFORM assert_past();
  taken := take_run(s.id, COALESCE(s.last_given + 1, host(s.cidr)::inet), wanted);
  IF cardinality(taken) < wanted AND s.last_given IS NOT NULL THEN
    taken := taken || take_run(s.id, host(s.cidr)::inet, wanted - cardinality(taken));
  END IF;
  IF cardinality(taken) > 0 THEN
    UPDATE subnet x SET last_given = taken[cardinality(taken)], free = x.free - cardinality(taken) WHERE x.id = s.id;
  END IF;
  RETURN taken;
END $$;

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

-- Puts one address back into the free space.
CREATE FUNCTION give_back(subnet uuid, ip inet) RETURNS void LANGUAGE sql AS $$
  SELECT give_back(subnet, ARRAY[ip])
$$;

-- Rebuilds the free space of a subnet from its ranges and its addresses: after it was made, or its ranges
-- changed. `size` is the count of allocatable addresses (inet - inet cannot give it for IPv6). Answers how many are free.
CREATE FUNCTION rebuild_free_space(subnet uuid, size numeric) RETURNS numeric LANGUAGE sql AS $$
  DELETE FROM free_extent e WHERE e.subnet_id = subnet;
  WITH held AS (
    SELECT r.first, r.last, a.ip,
           lag(a.ip) OVER (PARTITION BY r.first ORDER BY a.ip) AS before,
           lead(a.ip) OVER (PARTITION BY r.first ORDER BY a.ip) AS after
    FROM subnet_range r
    LEFT JOIN address a ON a.subnet_id = subnet AND a.ip BETWEEN r.first AND r.last
    WHERE r.subnet_id = subnet AND r.kind = 'allocatable'
  ), gap AS (
    SELECT COALESCE(before + 1, first) AS first, CASE WHEN ip IS NULL THEN last ELSE ip - 1 END AS last FROM held
    UNION ALL
    SELECT ip + 1, last FROM held WHERE ip IS NOT NULL AND after IS NULL
  )
  INSERT INTO free_extent SELECT subnet, first, last FROM gap WHERE first <= last;
  UPDATE subnet s SET allocatable = size, free = size - (
    SELECT count(*) FROM address a
    JOIN subnet_range r ON r.subnet_id = subnet AND r.kind = 'allocatable' AND a.ip BETWEEN r.first AND r.last
    WHERE a.subnet_id = subnet
  ) WHERE s.id = subnet RETURNING s.free;
$$;

-- Prepares a subnet that is locked, or being made: writes its ranges, builds its free space, and
-- keeps what hosts have of it. `size`: how many addresses may be given out. Answers as keep_for_hosts does.
CREATE FUNCTION prepare_subnet(subnet uuid, kinds text[], firsts inet[], lasts inet[], size numeric)
RETURNS TABLE (network text, ip text, mac text, host text, link text) LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM subnet_range r WHERE r.subnet_id = prepare_subnet.subnet;
  INSERT INTO subnet_range (subnet_id, kind, first, last)
  SELECT prepare_subnet.subnet, r.kind::subnet_range_kind, r.first, r.last FROM unnest(kinds, firsts, lasts) AS r (kind, first, last);
  PERFORM rebuild_free_space(prepare_subnet.subnet, size);
  PERFORM keep_for_awaited(prepare_subnet.subnet);
  RETURN QUERY SELECT * FROM keep_for_hosts(prepare_subnet.subnet);
END $$;
ALTER FUNCTION prepare_subnet SET plan_cache_mode = force_generic_plan;

-- Whether a subnet gives out an address by itself: it lies in its ranges, and is not excluded.
CREATE FUNCTION is_allocatable(subnet uuid, ip inet) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT 1 FROM subnet_range r WHERE r.subnet_id = subnet AND r.kind = 'allocatable' AND r.first <= ip AND r.last >= ip)
$$;

-- Addresses for one family of a network, or of its one subnet `within`: free ones first, then those whose quarantine is over,
-- then, with `waits`, since somebody waits for them, those whose quarantine is not over. Fewer than wanted when the subnets are full.
CREATE FUNCTION take_next(network uuid, fam integer, within inet, wanted integer, waits boolean)
RETURNS TABLE (subnet_id uuid, cidr inet, ip inet) LANGUAGE plpgsql AS $$
DECLARE
  s subnet;
  pass integer;
  missing integer := wanted;
  taken inet[];
BEGIN
  FOR pass IN 1..CASE WHEN waits THEN 3 ELSE 2 END LOOP
    FOR s IN
      SELECT x.* FROM subnet x
      WHERE x.network_id = network AND family(x.cidr) = fam AND (within IS NULL OR x.cidr = within) ORDER BY x.ordinal
    LOOP
      EXIT WHEN missing = 0;
      CONTINUE WHEN pass = 1 AND s.free = 0;
      IF pass = 2 THEN CONTINUE WHEN end_quarantine(s.id, missing) = 0; END IF;
      taken := CASE WHEN pass < 3 THEN take_free(s, missing) ELSE take_quarantined(s.id, missing) END;
      missing := missing - cardinality(taken);
      RETURN QUERY SELECT s.id, s.cidr, t.ip FROM unnest(taken) AS t (ip);
    END LOOP;
    EXIT WHEN missing = 0;
  END LOOP;
END $$;
