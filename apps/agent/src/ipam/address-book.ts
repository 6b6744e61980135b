import { ApiError } from '@trunkline/client';
import type { DesiredDocument, Lease } from '@trunkline/contracts';
import type { Logger } from 'pino';
import {
  decide,
  gatewayOf,
  isAtHand,
  mayLieElsewhere,
  type AddressRequest,
  type Circumstances,
} from './choose.ts';
import { arrived, given, keyOf, released, type Endpoint, type LeaseRecord } from './lease-record.ts';
import type { LeaseSource } from './lease-source.ts';
import type { LeaseStore } from './lease-store.ts';
import { addressIn, addressOf, type Pool } from './pools.ts';
import type { Reachability } from './reachability.ts';
import { DriverRefusal } from './refusal.ts';
import type { Urgent } from './urgent.ts';

/** What the book works with. */
export type AddressBookDeps = {
  readonly store: LeaseStore;
  readonly desired: () => DesiredDocument | null;
  /** Null until this host has joined. */
  readonly source: () => LeaseSource | null;
  readonly reachability: Reachability;
  readonly urgent: Urgent;
  /** Brings an address that is on its way back to the server there; resolves when that has an end, or cannot have one. */
  readonly flushReturns: (timeoutMs: number) => Promise<void>;
  /** What this host holds has changed. */
  readonly onChange: () => void;
  readonly now: () => number;
  readonly log: Logger;
};

/** An address that was given, and how to take it back where nobody heard of it. */
export type Gift = {
  readonly ip: string;
  /** The subnet it lies in: the pool's, or another one of the same network. */
  readonly subnet: string;
  /** Nothing to take back where Docker had it before. */
  readonly takeBack: (() => Promise<void>) | null;
};

/** Gives addresses to Docker and takes them back. Fails with {@link DriverRefusal}, never slower than {@link longestCallMs}. */
export type AddressBook = {
  readonly request: (pool: Pool, ip: string | null, endpoint: Endpoint) => Promise<Gift>;
  readonly release: (pool: Pool, ip: string) => Promise<void>;
};

/** Bound of one call of Docker, which has none of its own, in milliseconds. */
export const longestCallMs = 10_000;
/** How long the start of a container waits to hear whether something is reserved for it. */
const reservationMs = 1000;
/** How long is tried to reach a server that was away at the last call. */
const awayMs = 2000;
/** Room for what comes after an answer of the server: writing it down. */
const reserveMs = 500;

type Tried = { -readonly [step in keyof Circumstances['tried']]: Circumstances['tried'][step] };

/** Makes the book. Whatever it gives is on disk before. */
export function createAddressBook(deps: AddressBookDeps): AddressBook {
  const { store, reachability, now, log } = deps;

  async function give(record: LeaseRecord, endpoint: Endpoint): Promise<Gift> {
    if (record.use === 'used') return { ip: record.ip, subnet: record.subnet, takeBack: null };
    const gift = given(record, endpoint, now());
    await write([gift]);
    deps.onChange();
    return {
      ip: record.ip,
      subnet: record.subnet,
      takeBack: async () => {
        if (store.get(keyOf(gift)) === gift) await store.apply([released(gift, now())]);
        deps.onChange();
      },
    };
  }

  async function write(changes: readonly LeaseRecord[]): Promise<void> {
    try {
      await store.apply(changes);
    } catch (error) {
      throw new DriverRefusal(
        `the Trunkline agent cannot write its state folder (${error instanceof Error ? error.message : String(error)}): free space on its disk`,
      );
    }
  }

  /** The record to give for a lease that the server answered; null where what this disk says of it stands against it. */
  function recordFor(lease: Lease): LeaseRecord | null {
    const known = store.get(keyOf(lease));
    // What is on its way back under this generation may be freed at any moment.
    if (known === undefined || known.use === 'suspect' || known.generation < lease.generation) {
      return arrived(lease, 'probing', now());
    }
    return isAtHand(known) ? { ...known, owner: lease.owner, mac: lease.mac } : null;
  }

  async function claim(request: AddressRequest, ip: string | null, leftMs: number): Promise<Lease | null> {
    const client = deps.source();
    if (client === null) throw new Error('this host has not joined yet');
    const { pool, endpoint } = request;
    const bound = ip === null ? reservationMs : reachability.away() === null ? leftMs : awayMs;
    const timeoutMs = Math.max(1, Math.min(bound, leftMs));
    const { lease } = await client.claimLease(
      {
        networkId: pool.networkId,
        family: pool.family,
        ip,
        mac: endpoint.mac,
        name: ownerKey(endpoint.name),
      },
      { timeoutMs, signal: AbortSignal.timeout(timeoutMs) },
    );
    reachability.answered();
    return lease;
  }

  /** What a claim brought: a gift, or what is to be decided with next. */
  async function tryClaim(
    request: AddressRequest,
    ip: string | null,
    leftMs: number,
    tried: Tried,
  ): Promise<Gift | null> {
    try {
      const lease = await claim(request, ip, leftMs);
      if (ip === null) tried.reservation = true;
      if (lease === null) return null;
      const record = recordFor(lease);
      return record === null ? null : await give(record, request.endpoint);
    } catch (error) {
      if (error instanceof DriverRefusal) throw error;
      reachability.failed(error);
      if (ip === null) {
        tried.reservation = true;
        log.debug({ err: error }, 'not known whether something is reserved for a container');
        return null;
      }
      if (error instanceof ApiError && reachability.away() === null) {
        throw new DriverRefusal(error.problem?.detail ?? error.message);
      }
      tried.claim = reachability.away()?.why ?? 'the server cannot be asked';
      return null;
    }
  }

  async function tryAsk(request: AddressRequest, leftMs: number, tried: Tried): Promise<Gift | null> {
    const timeoutMs = Math.max(1, Math.min(leftMs, reachability.away() === null ? leftMs : awayMs));
    const got = await deps.urgent.ask(request.pool, timeoutMs, !mayLieElsewhere(request.endpoint));
    if ('lease' in got) return await give(arrived(got.lease, 'probing', now()), request.endpoint);
    tried.urgent = got.why;
    return null;
  }

  async function answer(request: AddressRequest, until: number): Promise<Gift> {
    const tried: Tried = {};
    while (now() < until) {
      const leftMs = until - now() - reserveMs;
      const around: Circumstances = {
        held: store.all(),
        desired: deps.desired(),
        now: now(),
        serverAway: reachability.away()?.why ?? null,
        tried,
      };
      const decision = decide(request, around);
      let gift: Gift | null = null;
      switch (decision.do) {
        case 'give':
          return await give(decision.record, request.endpoint);
        case 'claim':
          gift = await tryClaim(request, decision.ip, leftMs, tried);
          break;
        case 'ask':
          gift = await tryAsk(request, leftMs, tried);
          break;
        case 'await-return':
          tried.awaited = true;
          await deps.flushReturns(leftMs);
          break;
        case 'refuse':
          throw new DriverRefusal(decision.reason);
      }
      if (gift !== null) return gift;
    }
    throw new DriverRefusal(
      `the Trunkline server did not answer within ${longestCallMs / 1000} s: try again`,
    );
  }

  return {
    request: (pool, ip, endpoint) =>
      answer(
        { pool, ip: ip === null ? null : addressIn(pool, ip), endpoint },
        // The wall clock may be set back meanwhile; the bound of the call itself is the server's of the socket.
        now() + longestCallMs - reserveMs,
      ),
    release: async (pool, text) => {
      // Docker names the pool that it asked, and the address may be of another subnet of the same network.
      const ip = addressOf(text);
      const record = store.get(keyOf({ networkId: pool.networkId, ip }));
      // Released twice, or the gateway, or something that was never ours: that is as Docker wants it.
      if (record?.use !== 'used' || ip === gatewayOf(pool, deps.desired())) return;
      await write([released(record, now())]);
      deps.onChange();
    },
  };
}

/** Container names are owner keys, but for what the contract does not take. */
function ownerKey(name: string | null): string | null {
  return name !== null && /^[a-zA-Z0-9][a-zA-Z0-9_.:@/-]{0,127}$/.test(name) ? name : null;
}
