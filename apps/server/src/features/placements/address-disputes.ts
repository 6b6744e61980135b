import { listed } from '@trunkline/log';
import type { Condition, DisputeReason, OwnReasonOf } from '@trunkline/contracts';
import { condition } from '../../platform/conditions.ts';
import { disputeInWords } from '../addresses/dispute.ts';
import type { TransactionClient } from '../../platform/database/database.ts';

/** A running container that does not fit the book of addresses, as the last report of its host had it. */
export interface Dispute {
  hostId: string;
  container: string;
  ip: string;
  mac: string | null;
  since: Date;
  why: DisputeReason;
  /** Who has the address, or the MAC, in the book. */
  holder: string | null;
  /** The hosts that claim the address since a backup was restored; null: it is not in dispute among hosts. */
  claimants: string[] | null;
}

/** Disputes of a network, on one of its hosts or on all, worst first. */
export function disputesOf(
  db: TransactionClient,
  networkId: string,
  host: string | null,
): Promise<Dispute[]> {
  return db.$queryRaw`
    SELECT e.host_id AS "hostId", e.name AS container, host(COALESCE(e.ipv4, e.ipv6)) AS ip, e.mac, e.since, e.conflict AS why,
           CASE WHEN e.conflict = 'mac' THEN (
             SELECT COALESCE(s.name, host(s.ip)) || COALESCE(' on ' || x.name, '') FROM station s LEFT JOIN host x ON x.id = s.host_id
             WHERE s.network_id = e.network_id AND s.mac = e.mac ORDER BY s.family LIMIT 1
           ) ELSE (
             SELECT COALESCE(c.name, a.container_name, a.owner, a.state::text) || COALESCE(' on ' || x.name, '')
             FROM network n JOIN address a ON a.space = n.space AND (a.ip = e.ipv4 OR a.ip = e.ipv6)
             LEFT JOIN host x ON x.id = a.host_id LEFT JOIN container c ON c.id = a.container_id
             WHERE n.id = e.network_id AND a.host_id IS DISTINCT FROM e.host_id ORDER BY a.ip LIMIT 1
           ) END AS holder,
           (
             SELECT claimants_of(a) FROM network n JOIN address a ON a.space = n.space AND (a.ip = e.ipv4 OR a.ip = e.ipv6)
             WHERE n.id = e.network_id AND is_disputed(a) ORDER BY a.ip LIMIT 1
           ) AS claimants
    FROM endpoint e JOIN host h ON h.id = e.host_id
    WHERE e.network_id = ${networkId}::uuid AND e.conflict IS NOT NULL AND (${host}::text IS NULL OR h.name = ${host})
    ORDER BY h.name, e.conflict, e.name LIMIT 1000`;
}

const reasons: Record<DisputeReason, OwnReasonOf<'AddressesAgree'>> = {
  revoked: 'AddressTakenAway',
  held: 'AddressHeldElsewhere',
  reserved: 'AddressReserved',
  conflicted: 'AddressConflicted',
  mac: 'MacInUse',
  gateway: 'AddressIsGateway',
};

function inWords({ container, ip, mac, why, holder, claimants }: Dispute): string {
  const who = holder ?? 'nobody';
  switch (why) {
    case 'revoked':
      return `${container} still uses ${ip}, which was revoked from this host${holder === null ? '' : ` and is held by ${holder}`}`;
    case 'held':
      return `${container} uses ${ip}, which is held by ${who}`;
    case 'reserved':
      return `${container} uses ${ip}, which is reserved (${who})`;
    case 'conflicted':
      return claimants === null
        ? `${container} uses ${ip}, which a foreign station answers for on the wire`
        : `${container} uses ${ip}, which is ${disputeInWords(claimants)}`;
    case 'mac':
      return `${container} has the Ethernet address ${mac ?? ''}, which is that of ${who}`;
    case 'gateway':
      return `${container} uses ${ip}, which is the gateway`;
  }
}

/** Condition `AddressesAgree` of a placement; undefined where nothing is in dispute. Pure. */
export function disputeCondition(
  disputes: readonly Dispute[],
  observedGeneration: number,
): Condition | undefined {
  const [first] = disputes;
  if (first === undefined) return undefined;
  const latest = Math.max(...disputes.map(({ since }) => since.getTime()));
  return condition(
    'AddressesAgree',
    'False',
    reasons[first.why],
    `${listed(disputes.map(inWords), { joint: '; ' })}: stop the container and start it with another address or MAC`,
    { generation: observedGeneration, since: new Date(latest) },
  );
}
