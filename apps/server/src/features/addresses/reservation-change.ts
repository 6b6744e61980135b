import { addressPath } from '@trunkline/contracts';
import type { ChangeContext } from '../../platform/changes.ts';
import { poolQuery, transactionQuery } from '../../platform/database/query.ts';
import { ApiError } from '../../platform/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import type { AddressRow } from './address-rows.ts';
import { findAddress, lockAddress } from './addresses.store.ts';
import { differsFromRequest, writeReservation, type ReservationRequest } from './reservation.store.ts';

/** An address and the owner who asks for it again. */
export interface Reservation {
  network: string;
  networkId: string;
  ip: string;
  owner: string;
}

/**
 * Makes a reservation what its owner asks of it. Answers the address afterwards; undefined when there was nothing to
 * change, which costs one look-up. Throws `conflict` when the owner lost it meanwhile.
 */
export async function changeReservation(
  { database, changes }: Pick<Platform, 'database' | 'changes'>,
  context: ChangeContext,
  { network, networkId, ip, owner }: Reservation,
  request: ReservationRequest,
): Promise<AddressRow | undefined> {
  if (Object.values(request).every((value) => value === null)) return undefined;
  if (!(await differsFromRequest(poolQuery(database.pool), networkId, ip, request))) return undefined;
  return changes.make(context, async (change) => {
    const query = transactionQuery(change.db);
    const row = await lockAddress(query, networkId, ip);
    if (row?.owner !== owner)
      throw new ApiError('conflict', `${ip} was released in the meantime: repeat the request`, {
        retryAfterSeconds: 1,
      });
    const written = await writeReservation(query, networkId, ip, request);
    if (written === undefined) return row;
    change.record({
      type: 'address.changed',
      subject: addressPath(network, ip),
      network,
      data: { owner, ...written },
    });
    const now = await findAddress(query, networkId, ip);
    if (now !== undefined)
      change.audit({ subject: addressPath(network, ip), before: shown(row), after: shown(now) });
    return now;
  });
}

/** What the owner of a reservation can change of it, for the audit log. */
const shown = ({ requestedMac: mac, labels, claim, forHost }: AddressRow): object => ({
  mac,
  labels,
  claim,
  forHost,
});
