import { messageOf } from '@trunkline/log';
import { ApiError } from '@trunkline/client';
import type { DesiredDocument, Lease } from '@trunkline/contracts';
import type { Logger } from 'pino';
import {
  decide,
  gatewayOf,
  isAtHand,
  mayLieElsewhere,
  unclaimedOf,
  type AddressRequest,
  type AllocationState,
} from './decide-address.ts';
import { whyNot } from './grantable.ts';
import { familyOf } from '../leases/exchange-plan.ts';
import { ipOption } from './ip-option.ts';
import { createKeyTurns } from '../../lib/key-turns.ts';
import {
  given,
  isHere,
  keyOf,
  released,
  rightsOf,
  seenInUse,
  takenIn,
  type Endpoint,
  type LeaseKey,
  type LeaseRecord,
} from '../leases/lease-record.ts';
import type { LeaseSource } from '../leases/lease-source.ts';
import type { LeaseStore } from '../leases/lease-store.ts';
import type { LiveAddresses } from '../bindings/live-addresses.ts';
import { addressIn, addressOf, type Pool } from './pools.ts';
import type { Reachability } from '../leases/reachability.ts';
import { DriverRefusal } from './refusal.ts';
import type { OnDemandRequests } from './on-demand.ts';

/** What the book works with. */
export interface AddressBookDeps {
  readonly store: LeaseStore;
  readonly desired: () => DesiredDocument | null;
  /** Subnets whose addresses Docker takes for a request to a pool. */
  readonly subnetsBeside?: (pool: Pool) => ReadonlySet<string> | null;
  /** Null until this host has joined. */
  readonly source: () => LeaseSource | null;
  readonly reachability: Reachability;
  readonly urgent: OnDemandRequests;
  /** Who has an address on this host. */
  readonly live: Pick<LiveAddresses, 'of'>;
  /** Brings an address that is on its way back to the server there; resolves when that has an end, or cannot have one. */
  readonly flushReturns: (timeoutMs: number) => Promise<void>;
  /** What this host holds has changed. */
  readonly onChange: () => void;
  readonly now: () => number;
  readonly log: Logger;
}

/** An address that was given, and how to take it back where nobody heard of it. */
export interface Grant {
  readonly ip: string;
  /** The subnet it lies in: the pool's, or another one of the same network. */
  readonly subnet: string;
  /** Whether this host holds it still, so that Docker may hear of it: the server may have taken it away since it was granted. */
  readonly isHeld: () => boolean;
  readonly rollback: () => Promise<void>;
}

/** Gives addresses to Docker and takes them back. Fails with {@link DriverRefusal}, never slower than {@link maxCallMs}. */
export interface AddressBook {
  readonly request: (pool: Pool, ip: string | null, endpoint: Endpoint) => Promise<Grant>;
  readonly release: (pool: Pool, ip: string) => Promise<void>;
}

/** Bound of one call of Docker, which has none of its own, in milliseconds. */
export const maxCallMs = 10_000;
/** How long the start of a container waits to hear whether something is reserved for it. */
const reservationMs = 1000;
/** How long is tried to reach a server that was away at the last call. */
const awayMs = 2000;
/** Room for what comes after an answer of the server: writing it down. */
const reserveMs = 500;

type Tried = { -readonly [step in keyof AllocationState['tried']]: AllocationState['tried'][step] };

/** Makes the book. Whatever it gives is on disk before. */
export function createAddressBook(deps: AddressBookDeps): AddressBook {
  const { store, reachability, now, log } = deps;
  const turns = createKeyTurns();

  /**
   * The one way by which an address is granted, in the turn of its key: nobody is seen on it, and it is on disk before
   * Docker is answered. `base`: what the store said of it when it was chosen; null where that is no longer so, or where it
   * is not grantable, and another has to be chosen.
   */
  async function grantInTurn(
    record: LeaseRecord,
    base: LeaseRecord | undefined,
    request: AddressRequest,
  ): Promise<Grant | { readonly why: string } | null> {
    const key = keyOf(record);
    if (store.get(key) !== base) return null;
    const evidence = await deps.live.of(record);
    if (store.get(key) !== base) return null;
    const why = whyNot(record, evidence, now());
    if (why !== null) {
      const isSeen = evidence.kernel !== null && evidence.kernel !== 'unknown';
      if (isSeen && record.use !== 'used') await write([seenInUse(record, now())]);
      else if (record !== base) await write([record]);
      return { why };
    }
    // An answer that came after the server had taken it away again, or the document said so while it was written.
    if (store.isOver(record)) return { why: takenAway(record.ip) };
    const grant = given(record, request.endpoint, now(), request.ip !== null);
    await write([grant]);
    deps.onChange();
    const granted = grantedAs(grant, request.pool);
    if (granted.isHeld()) return granted;
    await granted.rollback();
    return { why: takenAway(record.ip) };
  }

  /** A grant that is on disk. It may be looked at again as long as nobody has heard of it. */
  function grantedAs(grant: LeaseRecord, pool: Pool): Grant {
    const { ip, subnet, generation } = grant;
    const key = keyOf(grant);
    return {
      ip,
      subnet,
      isHeld: () => {
        // Without a lease it was granted on the word of the document, which may be another one by now.
        if (generation === 0) return unclaimedOf(pool, ip, deps.desired(), now()) !== null;
        const record = store.get(key);
        return record?.use === 'used' && record.generation >= generation && !store.isOver(grant);
      },
      rollback: async () => {
        const record = store.get(key);
        if (record !== undefined && isSameGrant(record, grant)) await write([released(record, now())]);
        deps.onChange();
      },
    };
  }

  /** Grants what was chosen. A container that named its address has its turn already, and hears why it gets none. */
  async function tryGrant(record: LeaseRecord, request: AddressRequest, tried: Tried): Promise<Grant | null> {
    const base = store.get(keyOf(record));
    const isOwnTurn = request.ip !== null && request.ip === record.ip;
    const come = isOwnTurn
      ? await grantInTurn(record, base, request)
      : await turns.take(keyOf(record), () => grantInTurn(record, base, request));
    if (come === null || !('why' in come)) return come;
    if (isOwnTurn) throw new DriverRefusal(come.why);
    tried.passed = new Set([...(tried.passed ?? []), keyOf(record)]);
    return null;
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

  /** The record to give for a lease that the server answered; null where what this disk says of it stands against it. */
  function recordFor(lease: Lease): LeaseRecord | null {
    const known = store.get(keyOf(lease));
    const news = takenIn(known, lease, now());
    if (news !== null) return news;
    // What is on its way back under this generation may be freed at any moment.
    if (known === undefined || !isAtHand(known)) return null;
    const isSame = known.owner === lease.owner && known.mac === lease.mac && known.claim === lease.claim;
    return isSame ? known : { ...known, ...rightsOf(lease) };
  }

  /** `isHeld`: the address is on this disk, and no more than the MAC is asked about. */
  async function claim(
    request: AddressRequest,
    ip: string | null,
    isHeld: boolean,
    leftMs: number,
  ): Promise<Lease | null> {
    const client = deps.source();
    if (client === null) throw new Error('this host has not joined yet');
    const { pool, endpoint } = request;
    const bound = ip === null || isHeld ? reservationMs : reachability.away() === null ? leftMs : awayMs;
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

  /** What a claim brought: a grant, or what is to be decided with next. */
  async function tryClaim(
    request: AddressRequest,
    ip: string | null,
    leftMs: number,
    tried: Tried,
  ): Promise<Grant | null> {
    const known = ip === null ? undefined : store.get(keyOf({ networkId: request.pool.networkId, ip }));
    const isHeld = known !== undefined && isHere(known);
    try {
      const lease = await claim(request, ip, isHeld, leftMs);
      if (ip === null || isHeld) tried.reservation = true;
      if (lease === null) return null;
      const record = recordFor(lease);
      const grant = record === null ? null : await tryGrant(record, request, tried);
      if (grant === null) await keep(lease);
      return grant;
    } catch (error) {
      if (error instanceof DriverRefusal) throw error;
      reachability.failed(error);
      if (error instanceof ApiError && isMacInUse(error)) throw new DriverRefusal(detailOf(error));
      if (ip === null || isHeld) {
        if (isHeld && error instanceof ApiError && isNotOurs(error)) throw new DriverRefusal(detailOf(error));
        tried.reservation = true;
        if (isHeld) tried.claim = reachability.away()?.why ?? 'the server cannot be asked';
        log.debug({ err: error }, 'could not find out whether an address is reserved for a container');
        return null;
      }
      if (error instanceof ApiError && reachability.away() === null) {
        throw new DriverRefusal(detailOf(error));
      }
      tried.claim = reachability.away()?.why ?? 'the server cannot be asked';
      return null;
    }
  }

  async function tryAsk(request: AddressRequest, leftMs: number, tried: Tried): Promise<Grant | null> {
    const timeoutMs = Math.max(1, Math.min(leftMs, reachability.away() === null ? leftMs : awayMs));
    const beside = deps.subnetsBeside?.(request.pool);
    const only = !mayLieElsewhere(request.endpoint) || beside?.size === 1;
    const got = await deps.urgent.ask(request.pool, timeoutMs, only);
    if ('lease' in got) {
      const record = takenIn(store.get(keyOf(got.lease)), got.lease, now());
      const grant = record === null ? null : await tryGrant(record, request, tried);
      // Chosen again from what is held now, this among it.
      if (grant === null) await keep(got.lease);
      return grant;
    }
    tried.urgent = got.why;
    return null;
  }

  /** Takes in a lease that could not be given at once. */
  async function keep(lease: Lease): Promise<void> {
    const news = takenIn(store.get(keyOf(lease)), lease, now());
    if (news !== null) await write([news]);
  }

  /** What may be chosen from: for any address, without those that somebody else is about to be granted. */
  function choosable({ ip }: AddressRequest): ReadonlyMap<LeaseKey, LeaseRecord> {
    const all = store.all();
    return ip === null ? new Map([...all].filter(([key]) => !turns.isBusy(key))) : all;
  }

  /** Of two NICs that carry one network the kernel of a host knows nothing: it refuses a MAC twice on one of them only. */
  async function refuseTwin({ pool, ip: asked, endpoint: { mac } }: AddressRequest): Promise<void> {
    if (mac === null) return;
    const alike = [...store.all().values()].filter(
      ({ networkId, ip, use, lastMac }) =>
        networkId === pool.networkId &&
        familyOf(ip) === pool.family &&
        // Whoever has the address itself is found by that.
        ip !== asked &&
        use === 'used' &&
        lastMac === mac,
    );
    for (const record of alike) {
      const { kernel } = await deps.live.of(record);
      if (kernel === null || kernel === 'unknown' || kernel.mac !== mac) continue;
      throw new DriverRefusal(
        `the Ethernet address ${mac} is on container ${kernel.name ?? record.ip} of this host, with ${record.ip}: stop that one, or choose another --mac-address`,
      );
    }
  }

  async function answer(request: AddressRequest, until: number): Promise<Grant> {
    const { networkId } = request.pool;
    await refuseTwin(request);
    const tried: Tried = {};
    while (now() < until) {
      const leftMs = until - now() - reserveMs;
      const evidence = request.ip === null ? null : await deps.live.of({ networkId, ip: request.ip });
      const state: AllocationState = {
        held: choosable(request),
        desired: deps.desired(),
        subnets: deps.subnetsBeside?.(request.pool) ?? null,
        now: now(),
        evidence,
        serverAway: reachability.away()?.why ?? null,
        tried,
      };
      const decision = decide(request, state);
      let grant: Grant | null = null;
      switch (decision.do) {
        case 'grant':
          grant = await tryGrant(decision.record, request, tried);
          break;
        case 'claim':
          grant = await tryClaim(request, decision.ip, leftMs, tried);
          break;
        case 'ask':
          grant = await tryAsk(request, leftMs, tried);
          break;
        case 'await-return':
          tried.awaited = true;
          await deps.flushReturns(leftMs);
          break;
        case 'refuse':
          throw new DriverRefusal(decision.reason);
      }
      if (grant !== null) return grant;
    }
    throw new DriverRefusal(`the Trunkline server did not answer within ${maxCallMs / 1000} s: try again`);
  }

  return {
    request: async (pool, text, endpoint) => {
      const ip = text === null ? null : addressIn(pool, text);
      // The wall clock may be set back meanwhile; the bound of the call itself is the server's of the socket.
      const until = now() + maxCallMs - reserveMs;
      const work = (): Promise<Grant> => answer({ pool, ip, endpoint }, until);
      return ip === null ? await work() : await turns.take(keyOf({ networkId: pool.networkId, ip }), work);
    },
    release: async (pool, text) => {
      // Docker names the pool that it asked, and the address may be of another subnet of the same network.
      const ip = addressOf(text);
      const record = store.get(keyOf({ networkId: pool.networkId, ip }));
      // Released twice, or the gateway, or something that was never ours: that is as Docker wants it. A release frees
      // nothing by itself: what a container has is seen before it is granted again.
      if (record?.use !== 'used' || ip === gatewayOf(pool, deps.desired())) return;
      await write([released(record, now())]);
      deps.onChange();
    },
  };
}

/** Whether a record is as a grant left it, whatever the server said of it since: granted to nobody else, and on no container. */
function isSameGrant(record: LeaseRecord, grant: LeaseRecord): boolean {
  const marks = ['use', 'since', 'grants', 'seen', 'lastMac', 'lastName'] as const;
  return marks.every((mark) => record[mark] === grant[mark]);
}

/** Why an address is refused that the server took away while it was granted. */
export function takenAway(ip: string): string {
  return `${ip} was revoked from this host a moment ago: choose another address, or leave ${ipOption(ip)} out`;
}

/** Another container of the network has the Ethernet address, on whatever host: no address makes that right. */
function isMacInUse({ code }: ApiError): boolean {
  return code === 'mac_in_use';
}

/** Whatever this disk says, the server gives the address to nobody here: it was taken away, or is for somebody else. */
function isNotOurs({ code }: ApiError): boolean {
  return code === 'address_taken' || code === 'address_quarantined' || code === 'address_not_allocatable';
}

function detailOf(error: ApiError): string {
  return error.problem?.detail ?? error.message;
}

/** Container names are owner keys, but for what the contract does not take. */
function ownerKey(name: string | null): string | null {
  return name !== null && /^[a-zA-Z0-9][a-zA-Z0-9_.:@/-]{0,127}$/.test(name) ? name : null;
}
