import type { AddressBook } from './allocation/address-book.ts';
import { takenAway, type Grant } from './allocation/grants.ts';
import { DriverRefusal, NotConfirmed } from './allocation/refusal.ts';
import type { Comparison } from './bindings/comparison.ts';
import { keyOf } from './leases/lease-record.ts';
import type { LeaseStore } from './leases/lease-store.ts';
import type { StartGate } from './leases/start-gate.ts';

/** How long the start of a container waits for a comparison, in milliseconds; the book needs time as well. */
const confirmMs = 4000;

/**
 * The leases on disk, where a grant fails with `NotConfirmed` while the server has not confirmed what this host holds: what
 * is granted once a comparison has begun is not in what the server was sent. `unconfirmed`: why, null when it is.
 */
export function confirmedStore(store: LeaseStore, unconfirmed: () => string | null): LeaseStore {
  return {
    ...store,
    apply: (changes) => {
      const pending = unconfirmed();
      const grants = changes.some(
        (change) => !('drop' in change) && change.use === 'used' && store.get(keyOf(change))?.use !== 'used',
      );
      return pending !== null && grants ? Promise.reject(new NotConfirmed(pending)) : store.apply(changes);
    },
  };
}

/** The address book as Docker asks it: every request waits a bounded time for the server to confirm what this host holds. */
export function confirmedBook<B extends Pick<AddressBook, 'request'>>(
  book: B,
  {
    comparison,
    gate,
    unconfirmed,
  }: {
    readonly comparison: Pick<Comparison, 'done'>;
    readonly gate: Pick<StartGate, 'opened'>;
    readonly unconfirmed: () => string | null;
  },
): B {
  return {
    ...book,
    request: async (...asked: Parameters<AddressBook['request']>) => {
      await Promise.all([comparison.done(confirmMs), gate.opened(confirmMs)]);
      const pending = unconfirmed();
      if (pending !== null) throw new DriverRefusal(pending);
      const request = (): Promise<Grant> => book.request(...asked);
      const grant = await request().catch(async (error: unknown) => {
        // The database turned out to be older while this was decided.
        if (!(error instanceof NotConfirmed)) throw error;
        await comparison.done(confirmMs);
        return request();
      });
      // And while the wire was asked.
      await comparison.done(confirmMs);
      const doubt = unconfirmed() ?? (grant.isHeld() ? null : takenAway(grant.ip));
      if (doubt === null) return grant;
      await grant.rollback();
      throw new DriverRefusal(doubt);
    },
  };
}
