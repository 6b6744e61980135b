-- Questions about the row of an address: who may have it, and who may not. Nothing here writes.

-- The label of an address that several hosts claim since a backup was restored: their names. The one place of SQL that spells it.
CREATE FUNCTION dispute_label() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'io.trunkline.claimed-by' $$;

-- Whether an address is in conflict since several hosts claim it after a restored backup: no foreign station answers for it.
CREATE FUNCTION is_disputed(a address) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT a.state = 'conflicted' AND a.labels ? dispute_label()
$$;

-- The hosts that claim an address in dispute.
CREATE FUNCTION claimants_of(a address) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN is_disputed(a) THEN string_to_array(a.labels ->> dispute_label(), ' ') ELSE '{}' END
$$;

-- The labels of a dispute of these hosts; none without hosts.
CREATE FUNCTION dispute_labels(claimants text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN cardinality(claimants) > 0 THEN jsonb_build_object(dispute_label(), array_to_string(claimants, ' ')) ELSE '{}' END
$$;

-- Addresses that go back to a reservation: its owner, container or operator keeps them.
CREATE FUNCTION is_reserved(a address) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT a.owner IS NOT NULL OR a.container_id IS NOT NULL OR a.reservation
$$;

-- Nobody can be on it any more: its host returned it itself, and no report shows it on a container.
CREATE FUNCTION is_gone(a address) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT a.gone AND NOT EXISTS (
    SELECT 1 FROM endpoint e JOIN network n ON n.id = e.network_id
    WHERE n.space = a.space AND e.state IN ('running', 'paused') AND (e.ipv4 = a.ip OR e.ipv6 = a.ip))
$$;

-- Why a container may not take a reservation; NULL: it may. A container that Trunkline runs has its own on its own host.
CREATE FUNCTION who_may_not(a address, claimant uuid, its_mac text, container text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN a.mac IS NOT NULL AND a.mac IS DISTINCT FROM its_mac THEN 'other_mac'
    WHEN a.container_id IS NOT NULL
      -- Docker names the container that starts from Engine 29 on. Before, whoever names the address on its host may be the one.
      THEN CASE WHEN EXISTS (SELECT 1 FROM container c WHERE c.id = a.container_id AND c.host_id = claimant
                             AND c.name = COALESCE(who_may_not.container, c.name)) THEN NULL ELSE 'taken' END
    WHEN a.for_host_id <> claimant THEN 'other_host'
    WHEN a.mac IS NOT NULL OR a.for_host_id IS NOT NULL OR a.claim = 'anyone' OR a.owner = container THEN NULL
    ELSE 'not_for'
  END
$$;

-- Who on the host that holds a reservation may take it by its address alone.
CREATE FUNCTION who_may(a address) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN who_may_not(a, a.host_id, a.mac, NULL) IS NULL THEN 'anyone' ELSE 'owner' END
$$;

-- The host that may give an address to a container: the one that holds it, else the one whose container it is reserved for.
-- That host has a promise of it in its document, and may have it on its disk after the container stopped.
CREATE FUNCTION may_give(a address) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT COALESCE(a.host_id, (SELECT c.host_id FROM container c WHERE c.id = a.container_id))
$$;

-- Why a subnet gives an address to nobody by its name; NULL: it may. No subnet: the address is outside.
CREATE FUNCTION why_not_given(s subnet, wanted inet) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN s.id IS NULL THEN 'outside'
    WHEN wanted = s.gateway THEN 'gateway'
    WHEN masklen(s.cidr) < CASE family(s.cidr) WHEN 4 THEN 31 ELSE 127 END AND wanted = host(s.cidr)::inet THEN 'network_address'
    WHEN family(s.cidr) = 4 AND masklen(s.cidr) < 31 AND wanted = host(broadcast(s.cidr))::inet THEN 'broadcast_address'
    WHEN EXISTS (SELECT 1 FROM subnet_range r WHERE r.subnet_id = s.id AND r.kind = 'excluded' AND r.first <= wanted AND r.last >= wanted)
      THEN 'excluded'
  END
$$;

-- Why an address that a host holds is given to no further container, since its subnet has changed; NULL: it may be.
CREATE FUNCTION not_to_give(a address) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT why_not_given(s, a.ip) FROM subnet s WHERE s.id = a.subnet_id
$$;

-- Whether what answered for an address on the wire is this container: no foreign station then. What is kept for somebody, and
-- what several containers claim, stays in conflict.
CREATE FUNCTION is_explained(a address, its_mac text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT a.state = 'conflicted' AND a.seen_mac = its_mac AND NOT is_reserved(a) AND NOT is_disputed(a)
$$;

-- An awaited host has given the address up: it confirmed that, and a later report showed nothing on it.
CREATE FUNCTION is_let_go(a address) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (SELECT 1 FROM revocation r WHERE r.space = a.space AND r.ip = a.ip AND r.host_id = a.awaiting_host_id)
$$;

-- Addresses that keep their subnet: what is quarantined, or held and on no container, does not.
CREATE FUNCTION keeps_subnet(a address) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT a.state <> 'quarantined' AND (a.state IN ('reserved', 'bound') OR is_reserved(a))
$$;

-- Every host that claims an address in dispute has looked at its Docker since the dispute began, but those that were retired. What a
-- host gave to a container that was about to start shows in its reports within half a minute.
CREATE FUNCTION have_claimants_reported(a address) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (
    SELECT 1 FROM host h WHERE h.name = ANY (claimants_of(a))
      AND (h.observed_at IS NULL OR h.observed_at < a.updated_at + interval '30 seconds'
        OR h.facts #>> '{docker,reachable}' IS DISTINCT FROM 'true'))
$$;

-- Whether a container may have an address in dispute as the only one on it: the address is kept for nobody, or for that container.
CREATE FUNCTION may_keep(a address, e endpoint) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT NOT is_reserved(a)
    OR who_may_not(a, e.host_id, e.mac, e.name) IS NULL
      AND (a.container_id IS NULL OR EXISTS (SELECT 1 FROM container c WHERE c.id = a.container_id AND c.name = e.name))
$$;
