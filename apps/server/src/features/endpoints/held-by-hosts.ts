import type { AddressFinding, AddressState } from '@trunkline/contracts';
import type { TransactionClient } from '../../platform/database/database.ts';

/** A running container on an address that a host itself has on an interface. */
interface HeldByHost {
  network: string;
  ip: string;
  state: AddressState | null;
  host: string;
  container: string;
  dockerId: string;
  containerMac: string | null;
  since: Date;
  observedAt: Date;
  /** The host that has it, with the interface, its MAC, and when the host last looked. */
  keeper: string;
  link: string;
  mac: string | null;
  keeperObservedAt: Date | null;
}

/**
 * Running containers whose address a host itself has, of one network or of all: a host that has the network, or another of its space,
 * answers ARP for each of its addresses on each of its interfaces (arp_ignore, kernel ip-sysctl).
 */
export async function heldByHosts(
  db: TransactionClient,
  networkId: string | null,
  most: number,
): Promise<AddressFinding[]> {
  const rows = await db.$queryRaw<HeldByHost[]>`
    SELECT n.name AS network, host(v.ip) AS ip, a.state::text AS state, h.name AS host, e.name AS container, e.docker_id AS "dockerId",
           e.mac AS "containerMac", e.since, h.observed_at AS "observedAt",
           k.name AS keeper, o.link, o.mac, k.observed_at AS "keeperObservedAt"
    FROM addresses_of_hosts() AS o JOIN host k ON k.name = o.host
    CROSS JOIN endpoint e CROSS JOIN LATERAL (VALUES (e.ipv4), (e.ipv6)) AS v (ip)
    JOIN network n ON n.id = e.network_id JOIN host h ON h.id = e.host_id
    LEFT JOIN address a ON a.space = n.space AND a.ip = v.ip
    WHERE v.ip = o.ip AND e.state IN ('running', 'paused') AND (${networkId}::uuid IS NULL OR e.network_id = ${networkId}::uuid)
      AND EXISTS (SELECT 1 FROM placement p JOIN network w ON w.id = p.network_id WHERE p.host_id = k.id AND w.space = n.space)
    ORDER BY n.name, v.ip, h.name, e.docker_id LIMIT ${most}`;
  return rows.map(findingOf);
}

function findingOf({ network, ip, state, mac, keeper, link, ...row }: HeldByHost): AddressFinding {
  return {
    kind: 'two-holders',
    network,
    ip,
    state,
    mac,
    holders: [
      {
        host: row.host,
        container: row.container,
        dockerId: row.dockerId,
        mac: row.containerMac,
        since: row.since.toISOString(),
        observedAt: row.observedAt.toISOString(),
      },
      {
        host: keeper,
        container: null,
        dockerId: null,
        mac,
        since: null,
        observedAt: row.keeperObservedAt?.toISOString() ?? null,
      },
    ],
    message: `${ip} is on container ${row.container} on ${row.host}, and host ${keeper} itself has it on ${link}`,
    remedy: `take ${ip} off ${link} of ${keeper}, or stop ${row.container} and start it again without a fixed address`,
  };
}
