import type { AddressClaim } from '@trunkline/contracts';
import type { Query } from '../../platform/database/query.ts';

/** What is asked of a reservation; null: whatever it has. */
export interface ReservationRequest {
  /** The Ethernet address that it is for, which is not the one seen on it. */
  mac: string | null;
  labels: Record<string, string> | null;
  claim: AddressClaim | null;
  /** Id of the host. */
  forHost: string | null;
}

const isOtherThanRequested = `(a.mac, a.labels, a.claim, a.for_host_id)
  IS DISTINCT FROM (COALESCE($3::text, a.mac), COALESCE($4::jsonb, a.labels), COALESCE($5::text, a.claim), COALESCE($6::uuid, a.for_host_id))`;
const requestValues = ({ mac, labels, claim, forHost }: ReservationRequest): unknown[] => [
  mac,
  labels === null ? null : JSON.stringify(labels),
  claim,
  forHost,
];

/** Whether a reservation is other than it is asked to be. */
export async function differsFromRequest(
  query: Query,
  networkId: string,
  ip: string,
  request: ReservationRequest,
): Promise<boolean> {
  const rows = await query(
    `SELECT 1 FROM address a WHERE a.network_id = $1::uuid AND a.ip = $2::inet AND ${isOtherThanRequested}`,
    [networkId, ip, ...requestValues(request)],
  );
  return rows.length > 0;
}

/** Makes a reservation as it is asked to be; answers what it is for from now on, undefined when it was so already. */
export async function writeReservation(
  query: Query,
  networkId: string,
  ip: string,
  request: ReservationRequest,
): Promise<Pick<ReservationRequest, 'mac' | 'labels' | 'claim'> | undefined> {
  const [row] = await query<Pick<ReservationRequest, 'mac' | 'labels' | 'claim'>>(
    'SELECT * FROM change_reservation($1::uuid, $2::inet, $3::text, $4::jsonb, $5::text, $6::uuid)',
    [networkId, ip, ...requestValues(request)],
  );
  return row;
}
