-- Names by which containers reach each other.

-- What runs on these networks changed: agents that wait for their names are woken. Those without names are left out, so that
-- a fleet that does not use names locks and notifies nothing.
CREATE FUNCTION raise_names(networks uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO network_names AS v (network_id)
  SELECT n.id FROM network n WHERE n.id = ANY (raise_names.networks) AND n.names ORDER BY n.id
  ON CONFLICT (network_id) DO UPDATE SET version = v.version + 1;
  IF FOUND THEN PERFORM pg_notify('trunkline', ''); END IF;
END $$;

-- A host leaves with all that was seen on it.
CREATE FUNCTION raise_names_of_host(host uuid) RETURNS void LANGUAGE sql AS $$
  SELECT raise_names(ARRAY(SELECT DISTINCT e.network_id FROM endpoint e WHERE e.host_id = raise_names_of_host.host))
$$;
