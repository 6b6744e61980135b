import type { AddressState } from '@trunkline/contracts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { ownLabels } from '../addresses/hosts-own.ts';

/** A running container on an address where something does not fit: with the row of that address, if there is one. */
export interface OddEndpoint {
  network: string;
  ip: string;
  host: string;
  container: string;
  dockerId: string;
  mac: string | null;
  since: Date;
  observedAt: Date;
  /** The address lies in a subnet of the network. */
  inside: boolean;
  state: AddressState | null;
  /** The hosts that claim the address since a backup was restored; null: it is not in dispute among hosts. */
  claimants: string[] | null;
  /** The host that holds it. */
  heldBy: string | null;
  /** Running containers with this address, over all hosts of the space. */
  holders: number;
  /** Running containers with this Ethernet address on the network. */
  stations: number;
}

/** An address that the book has on a container, or in conflict, and that no report shows there. */
export interface OddAddress {
  network: string;
  ip: string;
  state: 'bound' | 'conflicted';
  host: string | null;
  container: string | null;
  dockerId: string | null;
  mac: string | null;
  since: Date | null;
  /** As of an {@link OddEndpoint}. */
  claimants: string[] | null;
  /** When the host last looked; null for a conflict. */
  observedAt: Date | null;
}

export interface SilentHost {
  host: string;
  lastSeenAt: Date | null;
  observedAt: Date | null;
}

/** Running containers that do not fit the book, of one network or of all, in the order of networks and addresses. */
export function oddEndpoints(
  db: TransactionClient,
  networkId: string | null,
  most: number,
): Promise<OddEndpoint[]> {
  return db.$queryRaw`
    WITH seen AS (
      SELECT e.*, n.space, n.name AS network, v.ip, count(*) OVER (PARTITION BY n.space, v.ip)::int AS holders,
             CASE WHEN e.mac IS NULL THEN 1 ELSE count(*) OVER (PARTITION BY e.network_id, e.mac, family(v.ip)) END::int AS stations
      FROM endpoint e JOIN network n ON n.id = e.network_id CROSS JOIN LATERAL (VALUES (e.ipv4), (e.ipv6)) AS v (ip)
      WHERE v.ip IS NOT NULL AND e.state IN ('running', 'paused')
    )
    SELECT s.network, host(s.ip) AS ip, h.name AS host, s.name AS container, s.docker_id AS "dockerId", s.mac, s.since, h.observed_at AS "observedAt",
           s.holders, s.stations, i.inside, a.state::text AS state, holder.name AS "heldBy",
           CASE WHEN is_disputed(a) THEN claimants_of(a) END AS claimants
    FROM seen s JOIN host h ON h.id = s.host_id
    LEFT JOIN address a ON a.space = s.space AND a.ip = s.ip
    LEFT JOIN host holder ON holder.id = a.host_id
    CROSS JOIN LATERAL (
      SELECT EXISTS (SELECT 1 FROM subnet x WHERE x.network_id = s.network_id AND x.cidr >>= s.ip) AS inside
    ) AS i
    WHERE (${networkId}::uuid IS NULL OR s.network_id = ${networkId}::uuid)
      AND (s.holders > 1 OR s.stations > 1 OR NOT i.inside OR a.state IS DISTINCT FROM 'bound' OR a.host_id <> s.host_id)
    ORDER BY s.network, s.ip, h.name, s.docker_id LIMIT ${most}`;
}

/** Addresses of the book that no report bears out. One that a stopped container was made with is kept for it. */
export function oddAddresses(
  db: TransactionClient,
  networkId: string | null,
  most: number,
): Promise<OddAddress[]> {
  return db.$queryRaw`
    SELECT n.name AS network, host(a.ip) AS ip, a.state::text AS state, h.name AS host,
           COALESCE(a.container_name, c.name) AS container, a.docker_id AS "dockerId", COALESCE(a.seen_mac, a.mac) AS mac,
           COALESCE(a.since, a.updated_at) AS since, h.observed_at AS "observedAt",
           CASE WHEN is_disputed(a) THEN claimants_of(a) END AS claimants
    FROM address a JOIN network n ON n.id = a.network_id
    LEFT JOIN host h ON h.id = a.host_id LEFT JOIN container c ON c.id = a.container_id
    WHERE (${networkId}::uuid IS NULL OR a.network_id = ${networkId}::uuid)
      AND (a.state = 'conflicted' AND (is_reserved(a) OR NOT a.labels ? ${ownLabels.host}::text) OR a.state = 'bound' AND NOT EXISTS (
        SELECT 1 FROM endpoint e
        WHERE e.host_id = a.host_id AND e.network_id = a.network_id AND (e.ipv4 = a.ip OR e.ipv6 = a.ip)))
    ORDER BY n.name, a.ip LIMIT ${most}`;
}

/** Hosts with the network, or with any, and when they were last heard. */
export function hostsLooking(db: TransactionClient, networkId: string | null): Promise<SilentHost[]> {
  return db.$queryRaw`
    SELECT h.name AS host, h.last_seen_at AS "lastSeenAt", h.observed_at AS "observedAt" FROM host h
    WHERE EXISTS (SELECT 1 FROM placement p WHERE p.host_id = h.id AND (${networkId}::uuid IS NULL OR p.network_id = ${networkId}::uuid))
    ORDER BY h.name`;
}
