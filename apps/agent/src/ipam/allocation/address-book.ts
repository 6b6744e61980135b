import { ApiError } from '@trunkline/client';
import type { Lease } from '@trunkline/contracts';
import type { Logger } from 'pino';
import {
  decide,
  gatewayOf,
  isAtHand,
  mayLieElsewhere,
  type AddressRequest,
  type AllocationState,
} from './decide-address.ts';
import { createGrants, type Grant, type GrantsDeps } from './grants.ts';
import { familyOf } from '../leases/exchange-plan.ts';
import {
  isHere,
  keyOf,
  released,
  rightsOf,
  takenIn,
  type Endpoint,
  type LeaseKey,
  type LeaseRecord,
} from '../leases/lease-record.ts';
import type { LeaseSource } from '../leases/lease-source.ts';
import { whyTwin } from './grantable.ts';
import { addressIn, addressOf, type Pool } from './pools.ts';
import type { Reachability } from '../leases/reachability.ts';
import { DriverRefusal } from './refusal.ts';
import type { OnDemandRequests } from './on-demand.ts';
import { whileServerAnswers, type ServerWatchDeps } from './server-watch.ts';

/** What the book works with. */
export interface AddressBookDeps extends GrantsDeps, ServerWatchDeps {
  /** Subnets whose addresses Docker takes for a request to a pool. */
  readonly subnetsBeside?: (pool: Pool) => ReadonlySet<string> | null;
  /** Null until this host has joined. */
  readonly source: () => LeaseSource | null;
  readonly reachability: Reachability;
  readonly onDemand: OnDemandRequests;
  /** Returns to the server what is on its way back. Resolves when that succeeded or failed, after `timeoutMs`, or when aborted. */
  readonly flushReturns: (timeoutMs: number, signal: AbortSignal) => Promise<void>;
  readonly log: Logger;
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
/** How long a call may take to a server that was away at the last one. */
const awayMs = 1500;
/** Room for what comes after an answer of the server: writing it down. */
const reserveMs = 500;

type Tried = { -readonly [step in keyof AllocationState['tried']]: AllocationState['tried'][step] };

/** Makes the book. Every address is on disk before it is given. */
export function createAddressBook(deps: AddressBookDeps): AddressBook {
  const { store, reachability, now, log } = deps;
  const grants = createGrants(deps);
  const { write } = grants;

  /** Grants what was chosen. A container that named its address hears why it gets none; for another one, another is chosen. */
  async function tryGrant(record: LeaseRecord, request: AddressRequest, tried: Tried): Promise<Grant | null> {
    const come = await grants.grant(record, request);
    if (come === null || !('why' in come)) return come;
    if (request.ip !== null && request.ip === record.ip) throw new DriverRefusal(come.why);
    tried.passed = new Set([...(tried.passed ?? []), keyOf(record)]);
    return null;
  }

  /** The record to grant for a lease that the server answered; null where the record on this disk forbids it. */
  function recordFor(lease: Lease): LeaseRecord | null {
    const known = store.get(keyOf(lease));
    const news = takenIn(known, lease, now());
    if (news !== null) return news;
    // What is on its way back under this generation may be freed at any moment.
    if (known === undefined || !isAtHand(known)) return null;
    const isSame = known.owner === lease.owner && known.mac === lease.mac && known.claim === lease.claim;
    return isSame ? known : { ...known, ...rightsOf(lease) };
  }

  /** How long a call to the server may take, in milliseconds. */
  function boundOf(leftMs: number): number {
    return Math.max(1, reachability.away() === null ? leftMs : Math.min(awayMs, leftMs));
  }

  /** Claims an address of the server. `isHeld`: this disk has the address, and the server is asked about the MAC only. */
  async function claim(
    request: AddressRequest,
    ip: string | null,
    isHeld: boolean,
    leftMs: number,
  ): Promise<Lease | null> {
    const client = deps.source();
    if (client === null) throw new Error('this host has not joined yet');
    const { pool, endpoint } = request;
    const timeoutMs = ip === null || isHeld ? Math.min(reservationMs, boundOf(leftMs)) : boundOf(leftMs);
    const { lease } = await whileServerAnswers(deps, timeoutMs, (signal) =>
      client.claimLease(
        {
          networkId: pool.networkId,
          family: pool.family,
          ip,
          mac: endpoint.mac,
          name: ownerKey(endpoint.name),
        },
        { timeoutMs, signal },
      ),
    );
    reachability.answered();
    return lease;
  }

  /** Claims, and grants what was claimed. Null: what was learned is in `tried`, for the next decision. */
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
    const timeoutMs = boundOf(leftMs);
    const beside = deps.subnetsBeside?.(request.pool);
    const only = !mayLieElsewhere(request.endpoint) || beside?.size === 1;
    const got = await deps.onDemand.ask(request.pool, timeoutMs, only);
    if ('lease' in got) {
      const record = takenIn(store.get(keyOf(got.lease)), got.lease, now());
      const grant = record === null ? null : await tryGrant(record, request, tried);
      // Chosen again from what is held now, this among it.
      if (grant === null) await keep(got.lease);
      return grant;
    }
    tried.onDemand = got.why;
    return null;
  }

  /** Takes in a lease that could not be given at once. */
  async function keep(lease: Lease): Promise<void> {
    const news = takenIn(store.get(keyOf(lease)), lease, now());
    if (news !== null) await write([news]);
  }

  /** The records to choose from. For a request of any address, those that another request is about to get are left out. */
  function choosable({ ip }: AddressRequest): ReadonlyMap<LeaseKey, LeaseRecord> {
    const all = store.all();
    return ip === null ? new Map([...all].filter(([key]) => !grants.isBusy(key))) : all;
  }

  /** Refuses a MAC that another container of this host has on the network, or may have: as for an address, see `whyNot`. */
  async function refuseTwin({ pool, ip: asked, endpoint }: AddressRequest): Promise<void> {
    const { mac } = endpoint;
    if (mac === null) return;
    const alike = [...store.all().values()].filter(
      ({ networkId, ip, lastMac }) =>
        networkId === pool.networkId &&
        familyOf(ip) === pool.family &&
        // Whoever has the address itself is found by that.
        ip !== asked &&
        lastMac === mac,
    );
    for (const record of alike) {
      const why = whyTwin(record, endpoint, await deps.live.of(record), now());
      if (why !== null) throw new DriverRefusal(why);
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
          await whileServerAnswers(deps, boundOf(leftMs), (signal) =>
            deps.flushReturns(boundOf(leftMs), signal),
          );
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
      const { networkId, family } = pool;
      const decided = (): Promise<Grant> => answer({ pool, ip, endpoint }, until);
      const work = (): Promise<Grant> =>
        ip === null ? decided() : grants.inTurn(keyOf({ networkId, ip }), decided);
      // A MAC is granted once as well: two containers that start at once are seen nowhere yet. MACs first, then addresses.
      return await (endpoint.mac === null
        ? work()
        : grants.inTurn(`${networkId} ${family} ${endpoint.mac}`, work));
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

/** Another container of the network has the Ethernet address, on any host. No other address would help. */
function isMacInUse({ code }: ApiError): boolean {
  return code === 'mac_in_use';
}

/** The server gives the address to nobody on this host, also where this disk has it: it was taken away, or is for somebody else. */
function isNotOurs({ code }: ApiError): boolean {
  return code === 'address_taken' || code === 'address_quarantined' || code === 'address_not_allocatable';
}

function detailOf(error: ApiError): string {
  return error.problem?.detail ?? error.message;
}

/** The owner key of a container: its name, or null where the contract does not accept the name as a key. */
function ownerKey(name: string | null): string | null {
  return name !== null && /^[a-zA-Z0-9][a-zA-Z0-9_.:@/-]{0,127}$/.test(name) ? name : null;
}
