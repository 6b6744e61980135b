import type { Logger } from 'pino';
import type { AddressBook, Gift } from './address-book.ts';
import { keyOf, returning, type Endpoint, type LeaseKey, type LeaseRecord } from './lease-record.ts';
import type { LeaseStore } from './lease-store.ts';
import type { NetworkWire } from './network-wire.ts';
import type { Pool } from './pools.ts';
import { DriverRefusal } from './refusal.ts';

/** What the guard works with. */
export type WireGuardDeps = {
  readonly book: AddressBook;
  readonly store: Pick<LeaseStore, 'get' | 'all' | 'apply'>;
  readonly wire: Pick<NetworkWire, 'holderOf'>;
  /** What this host holds has changed. */
  readonly onChange: () => void;
  readonly now: () => number;
  readonly log: Logger;
};

/** After this no other address is tried, in milliseconds: Docker has to be answered. */
const longestMs = 5000;
/** A container that is restarted, or connected again, takes the address that it had: nobody else came to it in this time, in milliseconds. */
const justReleasedMs = 10_000;

/**
 * An address book that asks the wire before Docker hears of an address. What is of the warm pool was asked for when it came and
 * costs nothing; whatever else is on its way to a container is asked for now, however it was chosen, but for what a container of
 * this host released a moment ago. It is granted first, on disk, so that nobody else can get it meanwhile.
 *
 * The MACs that the container has, and that the last one on this address had, are not foreign: the kernel of this host
 * says better whether that one is gone. What is taken goes back to the server as in conflict, so that no other host gives it; a
 * container that named no address gets another one.
 */
export function guardedByWire({ book, store, wire, onChange, now, log }: WireGuardDeps): AddressBook {
  async function takenBy(gift: Gift, pool: Pool, endpoint: Endpoint, before: Before): Promise<string | null> {
    const { networkId } = pool;
    const { ip } = gift;
    const key = keyOf({ networkId, ip });
    const old = before.get(key);
    if (old !== undefined && isKnownFree(old, now())) return null;
    const known = [old?.lastMac ?? null, endpoint.mac].flatMap((mac) =>
      mac === null ? [] : [mac.toLowerCase()],
    );
    const mac = await wire.holderOf({ networkId, ip, known });
    if (mac === null) return null;
    log.warn({ networkId, ip, mac }, 'something foreign answers for an address, it is given to nobody');
    const record = store.get(key);
    if (record?.use === 'used') await store.apply([returning(record, now(), mac)]);
    onChange();
    return mac;
  }

  return {
    release: book.release,
    request: async (pool, ip, endpoint) => {
      const until = now() + longestMs;
      const taken: string[] = [];
      for (;;) {
        const before: Before = new Map(store.all());
        const gift = await book.request(pool, ip, endpoint);
        const mac = await takenBy(gift, pool, endpoint, before);
        if (mac === null) return gift;
        taken.push(`${gift.ip} is in use on the network by ${mac}`);
        if (ip !== null || now() >= until) throw new DriverRefusal(refusalOf(taken));
      }
    },
  };
}

/** Asked for when it came, Docker's already, or a container's of this host until a moment ago. */
function isKnownFree({ use, since }: LeaseRecord, now: number): boolean {
  if (use === 'free' || use === 'used') return true;
  return (use === 'resting' || use === 'kept') && now - since < justReleasedMs;
}

type Before = ReadonlyMap<LeaseKey, LeaseRecord>;

function refusalOf(taken: readonly string[]): string {
  const more = taken.length > 1 ? ` (${taken.length} addresses in a row are)` : '';
  return `${taken.at(-1) ?? ''}, which is no container of this host${more}: choose another address, or give that machine another one`;
}
