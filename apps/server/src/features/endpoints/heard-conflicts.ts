import type { AddressConflict, AddressFinding } from '@trunkline/contracts';
import type { TransactionClient } from '../../platform/database/database.ts';

interface Row extends AddressConflict {
  network: string;
  host: string;
  observedAt: Date | null;
}

/** What hosts heard: something foreign speaks for an address that a running container has. */
export async function heardConflicts(
  db: TransactionClient,
  networkId: string | null,
  most: number,
): Promise<AddressFinding[]> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT n.name AS network, h.name AS host, p.observed_at AS "observedAt", c.ip, c.container, c.mac
    FROM placement p JOIN network n ON n.id = p.network_id JOIN host h ON h.id = p.host_id
    CROSS JOIN LATERAL jsonb_to_recordset(p.conflicts) AS c (ip text, container text, mac text)
    WHERE p.conflicts <> '[]' AND (${networkId}::uuid IS NULL OR p.network_id = ${networkId}::uuid)
    ORDER BY n.name, c.ip, h.name LIMIT ${most}`;
  return rows.map(({ network, host, observedAt: at, ip, container, mac }) => ({
    kind: 'conflicted',
    network,
    ip,
    state: 'bound',
    mac,
    holders: [
      { host, container, dockerId: null, mac: null, since: null, observedAt: at?.toISOString() ?? null },
    ],
    message: `a foreign station (${mac}) also answers for ${ip} of ${container} on ${host} on the wire`,
    remedy: `find that device and give it another address, or run ${container} with another one; exclude ${ip} from ${network} if it does not belong to that network`,
  }));
}
