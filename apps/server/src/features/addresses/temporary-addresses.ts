import { addressPath } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import { transactionQuery } from '../../platform/database/query.ts';
import { releaseAddresses } from './addresses.store.ts';
import { allocateInTransaction, reservedEvent } from './allocation-batch.ts';

/** Addresses that the server itself takes from a network for a while. */
export interface TemporaryAddresses {
  /** The next free address, reserved for an owner that nobody else is. Throws why there is none. */
  reserveNext(change: Change, request: { network: string; family: 4 | 6; owner: string }): Promise<string>;
  /** Releases what these owners have yet. */
  releaseOf(change: Change, network: { id: string; name: string }, owners: readonly string[]): Promise<void>;
}

export function createTemporaryAddresses(): TemporaryAddresses {
  return {
    async reserveNext(change, { network, family, owner }) {
      const { addresses } = await allocateInTransaction(transactionQuery(change.db), {
        network,
        family,
        item: { count: 1, owner },
      });
      const [row] = addresses;
      if (row === undefined) throw new Error('the database gave no address');
      change.record(reservedEvent(row));
      return row.ip;
    },

    async releaseOf(change, { id, name }, owners) {
      const query = transactionQuery(change.db);
      const rows = await query<{ ip: string; owner: string }>(
        `SELECT host(ip) AS ip, owner FROM address WHERE network_id = $1::uuid AND owner = ANY ($2::text[]) ORDER BY ip`,
        [id, [...owners]],
      );
      if (rows.length === 0) return;
      await releaseAddresses(
        query,
        id,
        rows.map(({ ip }) => ip),
        false,
      );
      for (const { ip, owner } of rows)
        change.record({
          type: 'address.released',
          subject: addressPath(name, ip),
          network: name,
          data: { owner, forced: false },
        });
    },
  };
}
