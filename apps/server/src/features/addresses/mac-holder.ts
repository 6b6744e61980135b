import type { Query } from '../../platform/database/query.ts';
import { ApiError } from '../../platform/errors.ts';
import { addressColumns, addressJoins, addressPath, type AddressRow } from './address-rows.ts';
import { holderOf } from './holder-of.ts';

/**
 * What is answered to a request that failed. That a MAC is reserved once in a family of a network is held by an index
 * (`address_mac_once`), whose refusal names nobody: here it is said whose it is. Every other failure stays what it is.
 */
export async function sayWhoHasMac(
  query: Query,
  failure: unknown,
  { network, family, mac }: { network: string; family: 4 | 6 | null; mac: string | undefined },
): Promise<unknown> {
  const isOfMac =
    failure instanceof ApiError && failure.code === 'address_taken' && failure.data === undefined;
  if (!isOfMac || mac === undefined) return failure;
  const [holder] = await query<AddressRow>(
    `SELECT ${addressColumns} FROM address a ${addressJoins}
     WHERE n.name = $1 AND a.mac = $2 AND ($3::int IS NULL OR family(a.ip) = $3::int) ORDER BY a.ip LIMIT 1`,
    [network, mac, family],
  );
  if (holder === undefined) return failure;
  return new ApiError(
    'address_taken',
    `${mac} is one station, and ${holder.ip} of ${network}, which is ${holderOf(holder)}, is for it: release that, or take another MAC`,
    { data: { holder: addressPath(network, holder.ip), network, address: holder.ip, owner: holder.owner } },
  );
}
