-- An address that a host itself has is nobody else's to have: given to a container, it cuts the host off. What hosts report
-- of their interfaces is kept out of the free space as anything foreign on the wire is (`conflicted`), for as long as they do.

-- An address as a host reports it, without its prefix; NULL for what is none.
CREATE FUNCTION reported_ip(written text) RETURNS inet LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN host(written::inet)::inet;
EXCEPTION WHEN invalid_text_representation THEN
  RETURN NULL;
END $$;

-- Every address of every host, with the interface that has it.
CREATE FUNCTION addresses_of_hosts() RETURNS TABLE (ip inet, mac text, host text, link text) LANGUAGE sql STABLE AS $$
  SELECT DISTINCT ON (x.ip) x.* FROM (
    SELECT reported_ip(a.written) AS ip, lower((i.item ->> 'mac')::macaddr::text) AS mac, h.name AS host, i.item ->> 'name' AS link
    FROM host h
    CROSS JOIN jsonb_array_elements(h.facts -> 'interfaces') AS i (item)
    CROSS JOIN jsonb_array_elements_text(i.item -> 'addresses') AS a (written)
  ) AS x WHERE x.ip IS NOT NULL ORDER BY x.ip, x.host
$$;

-- Keeps what hosts have of a subnet; the subnet is locked. The gateway is given to nobody anyway, and what somebody holds
-- is left alone. Answers what was not kept before. The labels say whose it is.
CREATE FUNCTION keep_for_hosts(subnet uuid) RETURNS TABLE (network text, ip text, mac text, host text, link text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  s subnet;
  own record;
BEGIN
  SELECT x.* INTO s FROM subnet x WHERE x.id = keep_for_hosts.subnet;
  FOR own IN SELECT o.* FROM addresses_of_hosts() AS o WHERE o.ip <<= s.cidr AND o.ip IS DISTINCT FROM s.gateway LOOP
    UPDATE address a SET recheck_at = now() + interval '10 minutes', seen_mac = own.mac
    WHERE a.space = s.space AND a.ip = own.ip AND a.state = 'conflicted';
    CONTINUE WHEN EXISTS (SELECT 1 FROM address a WHERE a.space = s.space AND a.ip = own.ip);
    PERFORM carve_out(s.id, own.ip);
    INSERT INTO address (space, ip, subnet_id, network_id, cidr, state, seen_mac, labels, recheck_at)
    VALUES (s.space, own.ip, s.id, s.network_id, s.cidr, 'conflicted', own.mac,
            jsonb_build_object('io.trunkline.host', own.host, 'io.trunkline.interface', own.link), now() + interval '10 minutes');
    RETURN QUERY SELECT n.name, host(own.ip), own.mac, own.host, own.link FROM network n WHERE n.id = s.network_id;
  END LOOP;
END $$;
