-- Ethernet addresses of a network: who has which (docs/decisions/0028-what-becomes-of-an-address.md).

-- Whether the claim of a MAC is over: its time is, and its host has reported since, which shows what has the MAC there. A silent
-- host keeps what it claimed: a container may run with it.
CREATE FUNCTION is_lapsed(s station) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT COALESCE(s.until <= now(), false)
    AND NOT EXISTS (SELECT 1 FROM host h WHERE h.id = s.host_id AND (h.observed_at IS NULL OR h.observed_at <= s.until))
$$;

-- Notes that a host has a MAC, or asks for it, on a network. False where it is somebody else's: of another host, or reserved
-- for another address. On one host the agent and the kernel decide. Two that come at once wait for each other.
CREATE FUNCTION take_station(network uuid, fam integer, its_mac text, its_ip inet, host uuid, its_name text, claimed_until timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO station AS s (network_id, family, mac, ip, host_id, name, until)
  VALUES (network, fam, its_mac, its_ip, host, its_name, claimed_until)
  ON CONFLICT ON CONSTRAINT station_pkey DO UPDATE
  SET host_id = EXCLUDED.host_id, ip = CASE WHEN s.reserved THEN s.ip ELSE EXCLUDED.ip END,
      name = COALESCE(EXCLUDED.name, s.name), until = EXCLUDED.until
  WHERE is_lapsed(s) AND NOT s.reserved
    OR (s.host_id IS NULL OR s.host_id = EXCLUDED.host_id OR is_lapsed(s)) AND (NOT s.reserved OR s.ip = EXCLUDED.ip);
  RETURN FOUND;
END $$;

-- As take_station, for a host that claims: fails as the primary key does.
CREATE FUNCTION claim_station(network uuid, fam integer, its_mac text, its_ip inet, host uuid, its_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF its_mac IS NULL OR take_station(network, fam, its_mac, its_ip, host, its_name, now() + interval '120 seconds') THEN RETURN; END IF;
  RAISE unique_violation USING CONSTRAINT = 'station_pkey', MESSAGE = 'the MAC is another station''s';
END $$;

-- Reserves a MAC for an address; fails as the primary key does where it is somebody else's, or on a container elsewhere.
CREATE FUNCTION reserve_station(network uuid, its_ip inet, its_mac text, its_owner text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF its_mac IS NULL THEN RETURN; END IF;
  INSERT INTO station AS s (network_id, family, mac, ip, name, reserved)
  VALUES (network, family(its_ip), its_mac, its_ip, its_owner, true)
  ON CONFLICT ON CONSTRAINT station_pkey DO UPDATE
  SET reserved = true, ip = EXCLUDED.ip, name = COALESCE(EXCLUDED.name, s.name), until = NULL,
      host_id = CASE WHEN is_lapsed(s) THEN NULL ELSE s.host_id END
  WHERE s.ip = EXCLUDED.ip OR is_lapsed(s) AND NOT s.reserved;
  IF FOUND THEN RETURN; END IF;
  RAISE unique_violation USING CONSTRAINT = 'station_pkey', MESSAGE = 'the MAC is another station''s';
END $$;

-- Addresses are let go of: what was reserved with them goes; what a container has stays until reports no longer show it.
CREATE FUNCTION leave_stations(network uuid, ips inet[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM station s WHERE s.network_id = network AND s.ip = ANY (ips) AND s.reserved AND s.host_id IS NULL;
  UPDATE station s SET reserved = false WHERE s.network_id = network AND s.ip = ANY (ips) AND s.reserved;
END $$;

-- A host no longer holds an address: what was reserved with it stays reserved, what a container of the host had goes.
CREATE FUNCTION leave_station_of_host(network uuid, its_ip inet, host uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE station s SET host_id = NULL WHERE s.network_id = network AND s.ip = its_ip AND s.host_id = host AND s.reserved;
  DELETE FROM station s WHERE s.network_id = network AND s.ip = its_ip AND s.host_id = host AND NOT s.reserved;
END $$;

-- A subnet leaves its network, and all that is known of stations with its addresses.
CREATE FUNCTION drop_stations_of_subnet(subnet uuid) RETURNS void LANGUAGE sql AS $$
  DELETE FROM station x USING subnet s
  WHERE s.id = drop_stations_of_subnet.subnet AND x.network_id = s.network_id AND x.ip <<= s.cidr
$$;

-- Puts what a host was seen with in place of what it was seen with before; writes only what differs, in one order for all.
CREATE FUNCTION put_stations(host uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  x record;
BEGIN
  FOR x IN
    WITH live AS (
      SELECT DISTINCT ON (e.network_id, v.fam, e.mac) e.network_id, v.fam, e.mac, v.ip, e.name
      FROM endpoint e CROSS JOIN LATERAL (VALUES (4, e.ipv4), (6, e.ipv6)) AS v (fam, ip)
      WHERE e.host_id = put_stations.host AND v.ip IS NOT NULL AND e.mac IS NOT NULL AND e.state IN ('running', 'paused')
      ORDER BY e.network_id, v.fam, e.mac, e.since, e.docker_id
    )
    SELECT COALESCE(l.network_id, s.network_id) AS network, COALESCE(l.fam, s.family) AS fam, COALESCE(l.mac, s.mac) AS mac,
           l.ip, l.name, l.mac IS NOT NULL AS seen
    FROM live l FULL JOIN (SELECT * FROM station WHERE host_id = put_stations.host) AS s
      ON s.network_id = l.network_id AND s.family = l.fam AND s.mac = l.mac
    WHERE l.mac IS NULL AND (s.until IS NULL OR is_lapsed(s))
       OR l.mac IS NOT NULL AND (s.mac IS NULL OR s.until IS NOT NULL OR NOT s.reserved AND (s.ip, s.name) IS DISTINCT FROM (l.ip, l.name))
    ORDER BY 1, 2, 3
  LOOP
    IF x.seen THEN
      PERFORM take_station(x.network, x.fam, x.mac, x.ip, put_stations.host, x.name, NULL);
    ELSE
      UPDATE station s SET host_id = NULL, until = NULL
      WHERE s.network_id = x.network AND s.family = x.fam AND s.mac = x.mac AND s.host_id = put_stations.host AND s.reserved;
      DELETE FROM station s
      WHERE s.network_id = x.network AND s.family = x.fam AND s.mac = x.mac AND s.host_id = put_stations.host AND NOT s.reserved;
    END IF;
  END LOOP;
END $$;
ALTER FUNCTION put_stations SET plan_cache_mode = force_generic_plan;
