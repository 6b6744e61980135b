-- A MAC is one station on the wire: of one family of a network it has one reservation. Where it had several, the first keeps it.
UPDATE address a SET mac = NULL
WHERE EXISTS (
  SELECT 1 FROM address b
  WHERE b.network_id = a.network_id AND family(b.ip) = family(a.ip) AND b.mac = a.mac AND (b.created_at, b.ip) < (a.created_at, a.ip)
);
DROP INDEX address_mac;
CREATE UNIQUE INDEX address_mac_once ON address (network_id, mac, family(ip)) WHERE mac IS NOT NULL;
