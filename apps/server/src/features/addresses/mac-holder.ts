import { addressPath } from '@trunkline/contracts';
import type { Query } from '../../platform/database/query.ts';
import { ApiError } from '../../platform/errors.ts';

/** Who has a MAC of a network. */
interface StationRow {
  network: string;
  ip: string | null;
  host: string | null;
  name: string | null;
  reserved: boolean;
}

const inWords = ({ network, ip, host, name, reserved }: StationRow, mac: string): string => {
  if (reserved && host === null)
    return `${ip ?? 'an address'} of ${network} is reserved for ${mac}${name === null ? '' : ` (${name})`}: release that, or use another MAC`;
  const where = `on host ${host ?? 'unknown'}`;
  return `${name === null ? 'a container' : `container ${name}`} ${where} has ${mac} on ${network}${ip === null ? '' : `, at ${ip}`}: stop it there, or use another MAC`;
};

/**
 * What is answered to a request that failed. That a MAC is one station of a network is held by a primary key
 * (`station_pkey`), whose refusal names nobody: here the answer names the holder. Every other failure stays what it is.
 * `network`: its name or its id.
 */
export async function sayWhoHasMac(
  query: Query,
  failure: unknown,
  { network, family, mac }: { network: string; family: 4 | 6 | null; mac: string | undefined },
): Promise<unknown> {
  const isOfMac = failure instanceof ApiError && failure.code === 'mac_in_use' && failure.data === undefined;
  if (!isOfMac || mac === undefined) return failure;
  const holder = await findStation(query, network, family, mac);
  return holder === undefined ? failure : macInUse(holder, mac);
}

/** Refuses a MAC that a station of the network has, or had until a short while ago. */
export async function refuseTakenMac(
  query: Query,
  network: { id: string; name: string },
  mac: string,
  pointer: string,
): Promise<void> {
  const holder = await findStation(query, network.id, null, mac);
  if (holder === undefined) return;
  throw macInUse(holder, mac, pointer);
}

async function findStation(
  query: Query,
  network: string,
  family: 4 | 6 | null,
  mac: string,
): Promise<StationRow | undefined> {
  const [holder] = await query<StationRow>(
    `SELECT n.name AS network, host(s.ip) AS ip, h.name AS host, s.name, s.reserved
     FROM station s JOIN network n ON n.id = s.network_id LEFT JOIN host h ON h.id = s.host_id
     WHERE (n.name = $1 OR n.id::text = $1) AND s.mac = $2 AND ($3::int IS NULL OR s.family = $3::int)
       AND NOT is_lapsed(s) ORDER BY s.family LIMIT 1`,
    [network, mac, family],
  );
  return holder;
}

function macInUse(holder: StationRow, mac: string, pointer?: string): ApiError {
  const { ip, host, name } = holder;
  return new ApiError('mac_in_use', `the Ethernet address is taken: ${inWords(holder, mac)}`, {
    data: {
      ...(ip === null ? {} : { holder: addressPath(holder.network, ip) }),
      network: holder.network,
      mac,
      address: ip,
      host,
      container: holder.reserved && host === null ? null : name,
      owner: holder.reserved ? name : null,
    },
    ...(pointer === undefined
      ? {}
      : { errors: [{ pointer, message: `is the MAC of another station on ${holder.network}` }] }),
  });
}
