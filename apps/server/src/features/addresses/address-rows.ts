import type { Address, AddressClaim, AddressState } from '@trunkline/contracts';

/** An address with the names of what it belongs to. */
export interface AddressRow {
  ip: string;
  cidr: string;
  network: string;
  state: AddressState;
  owner: string | null;
  host: string | null;
  /** The container it is for, or the one last seen on it. */
  container: string | null;
  /** Docker's id of the container seen on it, and since when; left out where none can be: the address is new. */
  dockerId?: string | null;
  since?: Date | null;
  /** Names of the containers that share the stack of what is seen on it; left out as `dockerId`. */
  sharedBy?: string[];
  /** The Ethernet address seen on it, else the one asked for. */
  mac: string | null;
  /** The Ethernet address that it is reserved for. */
  requestedMac: string | null;
  labels: Record<string, string>;
  generation: string | number | bigint;
  /** Who may take the reservation, and on which host alone. */
  claim: AddressClaim;
  forHost: string | null;
  /** Whether its subnet gives it out by itself. */
  allocatable: boolean;
  /** The host that may give it to a container (`may_give` in prisma/functions); left out where none can: the address is new. */
  giver?: string | null;
  /** The host that it was taken away from and that has not confirmed it. */
  awaitingHost: string | null;
  quarantinedUntil: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

/** Columns of an AddressRow, from `address a` joined by `addressJoins`. */
export const addressColumns = `host(a.ip) AS ip, text(a.cidr) AS cidr, n.name AS network, a.state::text AS state, a.owner, h.name AS host,
  COALESCE(c.name, a.container_name) AS container, a.docker_id AS "dockerId", a.since, COALESCE(a.seen_mac, a.mac) AS mac, a.mac AS "requestedMac", a.labels, a.generation, 
  a.quarantined_until AS "quarantinedUntil", a.created_at AS "createdAt", a.updated_at AS "updatedAt", a.claim,
  (SELECT f.name FROM host f WHERE f.id = a.for_host_id) AS "forHost",
  (SELECT g.name FROM host g WHERE g.id = may_give(a)) AS giver,
  (SELECT w.name FROM revocation v JOIN host w ON w.id = v.host_id
   WHERE v.space = a.space AND v.ip = a.ip AND (v.confirmed_at IS NULL OR v.until_unseen) ORDER BY v.created_at DESC LIMIT 1) AS "awaitingHost",
  (SELECT coalesce(max(e.shared_by), '{}') FROM endpoint e
   WHERE e.network_id = a.network_id AND e.host_id = COALESCE(a.host_id, c.host_id) AND (e.ipv4 = a.ip OR e.ipv6 = a.ip)
     AND e.docker_id = COALESCE(a.docker_id, c.observed ->> 'dockerId')) AS "sharedBy",
  EXISTS (SELECT 1 FROM subnet_range g WHERE g.subnet_id = a.subnet_id AND g.kind = 'allocatable'
          AND g.first <= a.ip AND g.last >= a.ip) AS allocatable`;

export const addressJoins = `JOIN network n ON n.id = a.network_id
  LEFT JOIN host h ON h.id = a.host_id
  LEFT JOIN container c ON c.id = a.container_id`;

/** The address as the API shows it. */
export function presentAddress(row: AddressRow): Address {
  return {
    ip: row.ip,
    network: row.network,
    subnet: row.cidr,
    state: row.state,
    owner: row.owner,
    host: row.host,
    container: row.container,
    dockerId: row.dockerId ?? null,
    sharedBy: row.sharedBy ?? [],
    since: row.since?.toISOString() ?? null,
    mac: row.mac,
    requestedMac: row.requestedMac,
    claim: row.claim,
    forHost: row.forHost,
    allocatable: row.allocatable,
    awaitingHost: row.awaitingHost,
    labels: row.labels,
    generation: Number(row.generation),
    quarantinedUntil: row.quarantinedUntil?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
