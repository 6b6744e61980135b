import { messageOf } from '@trunkline/log';
import type { DesiredDocument } from '@trunkline/contracts';
import type { LiveAddresses } from '../bindings/live-addresses.ts';
import {
  given,
  keyOf,
  released,
  seenInUse,
  type LeaseKey,
  type LeaseRecord,
} from '../leases/lease-record.ts';
import type { LeaseStore } from '../leases/lease-store.ts';
import { createKeyTurns } from '../../lib/key-turns.ts';
import { unclaimedOf, type AddressRequest } from './decide-address.ts';
import { whyNot } from './grantable.ts';
import { ipOption } from './ip-option.ts';
import type { Pool } from './pools.ts';
import { DriverRefusal } from './refusal.ts';

/** An address that was granted, and how to take it back where Docker was not answered. */
export interface Grant {
  readonly ip: string;
  /** The subnet it lies in: the pool's, or another one of the same network. */
  readonly subnet: string;
  /** Whether this host holds it still, so that Docker may hear of it: the server may have taken it away since it was granted. */
  readonly isHeld: () => boolean;
  readonly rollback: () => Promise<void>;
}

/** What addresses are granted with. */
export interface GrantsDeps {
  readonly store: LeaseStore;
  readonly desired: () => DesiredDocument | null;
  /** Who has an address on this host. */
  readonly live: Pick<LiveAddresses, 'of'>;
  /** What this host holds has changed. */
  readonly onChange: () => void;
  readonly now: () => number;
}

/** Grants addresses, one at a time for each address. */
export interface Grants {
  /**
   * Grants what was chosen. Answers the reason where something is found on the address, and null where the store has another
   * record by now. Fails with {@link DriverRefusal} where the disk cannot be written.
   */
  readonly grant: (
    record: LeaseRecord,
    request: AddressRequest,
  ) => Promise<Grant | { readonly why: string } | null>;
  /** Writes to disk; fails with {@link DriverRefusal}. */
  readonly write: (changes: readonly LeaseRecord[]) => Promise<void>;
  /** Runs a request for one address in the turn of that address. */
  readonly inTurn: <T>(key: LeaseKey, work: () => Promise<T>) => Promise<T>;
  /** Whether somebody is about to be granted the address. */
  readonly isBusy: (key: LeaseKey) => boolean;
}

/** Makes the grants of one store. */
export function createGrants({ store, desired, live, onChange, now }: GrantsDeps): Grants {
  const turns = createKeyTurns();

  /**
   * The one way by which an address is granted, in the turn of its key: nobody is seen on it, and it is on disk before
   * Docker is answered. `base`: its record when it was chosen. Null where the store has another record by now, and another address
   * has to be chosen.
   */
  async function grantInTurn(
    record: LeaseRecord,
    base: LeaseRecord | undefined,
    request: AddressRequest,
  ): Promise<Grant | { readonly why: string } | null> {
    const key = keyOf(record);
    if (store.get(key) !== base) return null;
    const evidence = await live.of(record);
    if (store.get(key) !== base) return null;
    const why = whyNot(record, evidence, now());
    if (why !== null) {
      const isSeen = evidence.kernel !== null && evidence.kernel !== 'unknown';
      if (isSeen && record.use !== 'used') await write([seenInUse(record, now())]);
      else if (record !== base) await write([record]);
      return { why };
    }
    // The server took it away again before its answer came, or the document did while the record was written.
    if (store.isOver(record)) return { why: takenAway(record.ip) };
    const grant = given(record, request.endpoint, now(), request.ip !== null);
    await write([grant]);
    onChange();
    const granted = grantedAs(grant, request.pool);
    if (granted.isHeld()) return granted;
    await granted.rollback();
    return { why: takenAway(record.ip) };
  }

  /** A grant that is on disk, and that can be taken back as long as nobody has heard of it. */
  function grantedAs(grant: LeaseRecord, pool: Pool): Grant {
    const { ip, subnet, generation } = grant;
    const key = keyOf(grant);
    return {
      ip,
      subnet,
      isHeld: () => {
        // Without a lease it was granted on the word of the document, which may be another one by now.
        if (generation === 0) return unclaimedOf(pool, ip, desired(), now()) !== null;
        const record = store.get(key);
        return record?.use === 'used' && record.generation >= generation && !store.isOver(grant);
      },
      rollback: async () => {
        const record = store.get(key);
        if (record !== undefined && isSameGrant(record, grant)) await write([released(record, now())]);
        onChange();
      },
    };
  }

  async function write(changes: readonly LeaseRecord[]): Promise<void> {
    try {
      await store.apply(changes);
    } catch (error) {
      if (error instanceof DriverRefusal) throw error;
      throw new DriverRefusal(
        `the Trunkline agent cannot write its state folder (${messageOf(error)}): free space on its disk`,
      );
    }
  }

  return {
    grant: (record, request) => {
      const base = store.get(keyOf(record));
      const work = () => grantInTurn(record, base, request);
      // A container that named its address has its turn already.
      const isOwnTurn = request.ip !== null && request.ip === record.ip;
      return isOwnTurn ? work() : turns.take(keyOf(record), work);
    },
    write,
    inTurn: turns.take,
    isBusy: turns.isBusy,
  };
}

/** Whether a record is as a grant left it, apart from news of the server: granted to nobody else, and on no container. */
function isSameGrant(record: LeaseRecord, grant: LeaseRecord): boolean {
  const marks = ['use', 'since', 'grants', 'seen', 'lastMac', 'lastName'] as const;
  return marks.every((mark) => record[mark] === grant[mark]);
}

/** Why an address is refused that the server took away while it was granted. */
export function takenAway(ip: string): string {
  return `${ip} was revoked from this host a moment ago: choose another address, or leave ${ipOption(ip)} out`;
}
