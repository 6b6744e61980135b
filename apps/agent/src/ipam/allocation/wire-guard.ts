import type { Logger } from 'pino';
import type { AddressBook } from './address-book.ts';
import { takenAway, type Grant } from './grants.ts';
import type { ProbeAnswer } from '../../wire/address-probe.ts';
import { keyOf, returning, type LeaseKey, type LeaseRecord } from '../leases/lease-record.ts';
import type { LeaseStore } from '../leases/lease-store.ts';
import type { AddressOnWire, NetworkWire } from '../bindings/network-wire.ts';
import type { Reachability } from '../leases/reachability.ts';
import type { Pool } from './pools.ts';
import { DriverRefusal } from './refusal.ts';

/** What the guard works with. */
export interface WireGuardDeps {
  readonly book: AddressBook;
  readonly store: Pick<LeaseStore, 'get' | 'all' | 'apply'>;
  readonly wire: Pick<NetworkWire, 'ask'>;
  readonly reachability: Pick<Reachability, 'away'>;
  /** An address was granted that the wire could not be asked for in time: to be asked for as soon as its container has it. */
  readonly onUnasked: (about: AddressOnWire) => void;
  /** What this host holds has changed. */
  readonly onChange: () => void;
  readonly now: () => number;
  readonly log: Logger;
}

/** After this no other address is tried, in milliseconds: Docker has to be answered. */
const maxMs = 5000;
/**
 * Bound of the question that a container waits for, in milliseconds: with the rest of a grant it is half a second. Where the link to ask
 * from is there it takes 260 ms and what the machine adds, and 10 to 40 ms where somebody answers.
 */
const questionMs = 450;
/**
 * At boot Docker asks for one address after the other. Those that are kept for containers of a network are asked for together with the
 * first of them, this many at once; silence then counts for `aheadMs` milliseconds.
 */
const maxAhead = 16;
const aheadMs = 10_000;
/** A container that is restarted without a name takes what a container of this host had: nobody else came to it in this time, in milliseconds. */
const justReleasedMs = 10_000;
/** While the server is away, this is how long the silence counts that an address of the warm pool was found in, in milliseconds. */
const warmMs = 60_000;

/**
 * An address book that asks the wire before Docker hears of an address. What is of the warm pool was asked for when it came and
 * costs nothing while the server can be asked; whatever else is on its way to a container is asked for now, however it was chosen. That
 * is so for every address that is named, also where this host holds it. It is granted first, on disk, so that nobody else can get
 * it meanwhile.
 *
 * A server that is away may have given what this host holds to somebody else: an operator retired the host, or a return was
 * carried out and its answer lost. So the warm pool is asked for again then.
 *
 * Whoever answers is foreign, whatever its MAC: no container of this host has the address, its kernel says. Two hosts give
 * containers with one address one MAC as well (Trunkline's own ones, and Docker's before 28.0). What is taken goes back to the
 * server as in conflict, so that no other host gives it; a container that named no address gets another one.
 *
 * Docker waits no longer than {@link questionMs} for it. Without an answer by then the address is granted, and asked for again as soon as
 * the container has it: what is found then is a conflict that is shown.
 */
export function guardedByWire(deps: WireGuardDeps): AddressBook {
  const { book, store, wire, reachability, onChange, now, log } = deps;
  const startedAt = now();
  /** A probe that was made before a container requests the address. */
  const ahead = new Map<LeaseKey, { readonly at: number; readonly answer: Promise<ProbeAnswer> }>();

  function put(about: AddressOnWire): Promise<ProbeAnswer> {
    return wire.ask('ask', about, AbortSignal.timeout(questionMs));
  }

  /** The answer of the probe of a moment ago where nobody had the address then, else of a probe now. */
  async function answerFor(about: AddressOnWire): Promise<ProbeAnswer> {
    const key = keyOf(about);
    const earlier = ahead.get(key);
    ahead.delete(key);
    if (earlier !== undefined && now() - earlier.at < aheadMs) {
      const answer = await earlier.answer;
      if (answer.answer === 'clear') return answer;
    }
    return put(about);
  }

  /** The others that are kept for containers of a network: they may be asked for next. */
  function askAhead(networkId: string): void {
    for (const [key, { at }] of ahead) if (now() - at >= aheadMs) ahead.delete(key);
    const others = [...store.all().values()].filter(
      (record) => record.networkId === networkId && record.use === 'kept',
    );
    for (const record of others.slice(0, Math.max(0, maxAhead - ahead.size))) {
      const key = keyOf(record);
      if (!ahead.has(key)) ahead.set(key, { at: now(), answer: put({ networkId, ip: record.ip }) });
    }
  }

  /**
   * Whether an address that nobody chose needs no question: it is of the warm pool, or a container of this host had it until a
   * moment ago. What was before `startedAt` may be long ago: a machine without a clock of its own goes on after hours where it was
   * switched off.
   */
  function isKnownFree({ use, since }: LeaseRecord): boolean {
    const age = since < startedAt || since > now() ? Number.POSITIVE_INFINITY : now() - since;
    if (reachability.away() !== null) return use === 'free' && age < warmMs;
    return use === 'free' || (use === 'released' && age < justReleasedMs);
  }

  async function takenBy(grant: Grant, pool: Pool, isNamed: boolean, before: Before): Promise<string | null> {
    const { networkId } = pool;
    const { ip } = grant;
    const key = keyOf({ networkId, ip });
    const old = before.get(key);
    // By `--ip`, or by the MAC or the name that it is reserved for.
    const isChosen = isNamed || (store.get(key)?.owner ?? null) !== null;
    if (!isChosen && old !== undefined && isKnownFree(old)) return null;
    if (old?.use === 'kept' && !ahead.has(key)) askAhead(networkId);
    const answer = await answerFor({ networkId, ip });
    if (answer.answer === 'unknown') deps.onUnasked({ networkId, ip });
    if (answer.answer !== 'taken') return null;
    const { mac } = answer;
    log.warn({ networkId, ip, mac }, 'a foreign station answers for an address, which is given to nobody');
    const record = store.get(key);
    if (record?.use === 'used') await store.apply([returning(record, now(), mac)]);
    onChange();
    return mac;
  }

  return {
    release: book.release,
    request: async (pool, ip, endpoint) => {
      const until = now() + maxMs;
      for (let taken = 0; ;) {
        const before: Before = new Map(store.all());
        const grant = await book.request(pool, ip, endpoint);
        const mac = await takenBy(grant, pool, ip !== null, before);
        if (mac === null && grant.isHeld()) return grant;
        // Taken away while the wire was asked, which the server may have heard confirmed.
        if (mac === null) await grant.rollback();
        else taken += 1;
        if (ip !== null || now() >= until)
          throw new DriverRefusal(mac === null ? takenAway(grant.ip) : refusalOf(grant.ip, mac, taken));
      }
    },
  };
}

type Before = ReadonlyMap<LeaseKey, LeaseRecord>;

/** `taken`: how many addresses were found to be taken, this one among them. */
function refusalOf(ip: string, mac: string, taken: number): string {
  const more = taken > 1 ? ` (the last of ${taken} such addresses in a row)` : '';
  return `${ip} is in use on the network by ${mac}, which is not a container of this host${more}: choose another address, or give that machine another one`;
}
