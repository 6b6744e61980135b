import { addressPath, type EventDataOf } from '@trunkline/contracts';
import type { ChangeContext } from '../../platform/changes.ts';
import { holdUntil } from '../../platform/database/change-feed.ts';
import { poolQuery, transactionQuery } from '../../platform/database/query.ts';
import { ApiError } from '../../platform/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import type { AddressRow } from './address-rows.ts';
import { decideRelease } from './address-states.ts';
import { isAwaited, lockAddress, releaseAddresses, revokeAddress } from './addresses.store.ts';
import { HeldByHosts } from './held-by-hosts.ts';

/** Whatever runs on it; `unconfirmed`: also where its host has not confirmed that it lets go of it. */
export type ReleaseForce = boolean | 'unconfirmed';

/** How long a host is waited for that has to let go of an address, in milliseconds: it hears of it at once, or not. */
const confirmWaitMs = 5_000;

type Released = 'done' | { awaited: string };

const unconfirmed = (network: string, ip: string, host: string): ApiError =>
  new ApiError(
    'release_unconfirmed',
    `${ip} was revoked from host ${host}, which has not confirmed it: the address is given to nobody before that, and is free afterwards. If nothing on ${host} can run any more, repeat the request with ?force=true&unconfirmed=true`,
    { data: { network, address: ip, awaitingHost: host }, retryAfterSeconds: 5 },
  );

/** An operator lets go of an address; see decideRelease. */
export async function releaseAddress(
  { database, changes, feed, stopping }: Pick<Platform, 'database' | 'changes' | 'feed' | 'stopping'>,
  {
    network,
    ip,
    force,
    owner: onlyOf,
  }: {
    network: string;
    ip: string;
    force: ReleaseForce;
    /** Only while it is this owner's. */
    owner?: string;
  },
  context: ChangeContext,
  idOf: (network: string) => Promise<string>,
): Promise<void> {
  const id = await idOf(network);
  const released = await changes.make(context, async (change): Promise<Released> => {
    const query = transactionQuery(change.db);
    const row = await lockAddress(query, id, ip);
    if (row === undefined || (onlyOf !== undefined && row.owner !== onlyOf))
      throw new ApiError(
        'address_not_found',
        `${onlyOf ?? 'nobody'} ${onlyOf === undefined ? 'holds' : 'no longer has'} ${ip} on ${network}: there is nothing to release`,
      );
    const record = (type: 'address.released' | 'address.revoked'): void => {
      change.record({ type, subject: addressPath(network, ip), network, data: eventData(row, force) });
      const { state, owner, host, container, labels, claim } = row;
      change.audit({
        subject: addressPath(network, ip),
        before: { state, owner, host, container, labels, claim, forced: force !== false },
      });
    };
    const decision = decideRelease(row, force);
    if (decision.release) {
      const host = force === false ? undefined : await revokeAddress(query, id, ip);
      await releaseAddresses(query, id, [ip], decision.immediately);
      if (host !== undefined) change.notifyHosts([host]);
      record('address.released');
      return 'done';
    }
    switch (decision.because) {
      case 'quarantined':
        return 'done';
      case 'awaited':
        return { awaited: row.awaitingHost ?? 'unknown' };
      case 'revoke': {
        const host = await revokeAddress(query, id, ip);
        if (host !== undefined) change.notifyHosts([host]);
        record('address.revoked');
        return { awaited: row.giver ?? 'unknown' };
      }
      case 'leased':
        throw new HeldByHosts(
          'address_taken',
          decision.detail,
          { network, address: ip },
          { data: { network, address: ip, state: row.state, host: row.host, container: null } },
        );
      case 'in-use':
        throw new ApiError('address_in_use', decision.detail, {
          data: { state: row.state, host: row.host, container: row.container },
        });
    }
  });
  if (released === 'done' || context.dryRun === true) return;
  const pool = poolQuery(database.pool);
  const isConfirmed = async (): Promise<boolean> => !(await isAwaited(pool, id, ip));
  await holdUntil(feed, isConfirmed, confirmWaitMs, stopping);
  if (!(await isConfirmed())) throw unconfirmed(network, ip, released.awaited);
}

const eventData = (row: AddressRow, force: ReleaseForce): EventDataOf<'address.revoked'> => ({
  owner: row.owner,
  container: row.container,
  host: row.host,
  forced: force !== false,
  ...(force === 'unconfirmed' ? { unconfirmed: true } : {}),
  generation: Number(row.generation),
});
