import type { DesiredDocument } from '@trunkline/contracts';
import { formatIp, parseIp } from '@trunkline/netaddr';
import { familyOf } from '../leases/exchange-plan.ts';
import { whyLive, whyNot } from './grantable.ts';
import { ipOption } from './ip-option.ts';
import { misfitOf, refusalOf, subnetGone } from '../leases/lease-fit.ts';
import {
  idle,
  isContainers,
  keyOf,
  type Endpoint,
  type LeaseKey,
  type LeaseRecord,
  type LeaseUse,
} from '../leases/lease-record.ts';
import type { Evidence } from '../bindings/live-addresses.ts';
import type { Pool } from './pools.ts';

/** What a container that is being started needs. */
export interface AddressRequest {
  readonly pool: Pool;
  /** The one address that will do (`--ip`), in canonical form; null: any. */
  readonly ip: string | null;
  readonly endpoint: Endpoint;
}

/** What a decision is made from. */
export interface AllocationState {
  readonly held: ReadonlyMap<LeaseKey, LeaseRecord>;
  readonly desired: DesiredDocument | null;
  readonly now: number;
  /** Subnets whose addresses Docker takes for the pool that is asked; null: not known, all of the network. */
  readonly subnets?: ReadonlySet<string> | null;
  /** What is known of the one address that will do; null: nothing beyond its record. */
  readonly evidence: Evidence | null;
  /** Why the server cannot be asked, in a clause; null: it can, as far as is known. */
  readonly serverAway: string | null;
  /** What has been tried for this request already. */
  readonly tried: {
    /** The server was asked what it knows of this MAC or name: nothing stands against it, or no answer came. */
    readonly reservation?: boolean;
    /** `--ip` was asked for, and no answer came: why. */
    readonly claim?: string;
    /** The end of a return was waited for. */
    readonly awaited?: boolean;
    /** The server was asked for any address and gave none: why. */
    readonly onDemand?: string;
    /** Addresses of this host that turned out not to be grantable. */
    readonly passed?: ReadonlySet<LeaseKey>;
  };
}

/** What to do about a request. */
export type Decision =
  /** Give this one, which this host holds. */
  | { readonly do: 'grant'; readonly record: LeaseRecord }
  /** Ask the server for this address; null: for the one that is reserved for the MAC or name. */
  | { readonly do: 'claim'; readonly ip: string | null }
  /** The address is on its way back to the server: that must end before it can be claimed again. */
  | { readonly do: 'await-return' }
  /** Ask the server for any address at once. */
  | { readonly do: 'ask' }
  | { readonly do: 'refuse'; readonly reason: string };

const refuse = (reason: string): Decision => ({ do: 'refuse', reason });

/** One request: give, ask or refuse. Pure. */
export function decide(request: AddressRequest, state: AllocationState): Decision {
  return request.ip === null ? decideAny(request, state) : decideExplicit(request, request.ip, state);
}

const unasked: Evidence = { kernel: null, docker: null };

function decideExplicit({ pool, endpoint }: AddressRequest, ip: string, state: AllocationState): Decision {
  const { held, desired, now, serverAway, tried } = state;
  const evidence = state.evidence ?? unasked;
  const misfit = refusalOf({ networkId: pool.networkId, ip, subnet: pool.subnet }, desired);
  if (misfit !== null) return refuse(misfit);
  const record = held.get(keyOf({ networkId: pool.networkId, ip }));
  // Also what this host does not hold, or is giving back.
  const live = whyLive(ip, evidence, record);
  if (live !== null) return refuse(live);
  const ours = unclaimedOf(pool, ip, desired, now);
  if (ours !== null && isContainers(endpoint) && endpoint.name !== null && !isFor(ours, endpoint))
    return refuse(
      `${ip} is reserved for ${ours.owner ?? ''}: choose another address, or leave ${ipOption(ip)} out`,
    );
  // What the desired document promises to a container of this host is given to no other host, however a return of it
  // that is under way ends: it is claimed again, or given on the document's word.
  const mayBeReturned = record?.use === 'returning' && ours !== null;
  if (record !== undefined && !(mayBeReturned && (serverAway !== null || tried.awaited === true))) {
    if (record.use === 'returning') return decideReturning(ip, tried.awaited === true);
    const reason = whyNot(record, evidence, now) ?? whyNotFor(record, endpoint);
    if (reason !== null) return refuse(reason);
    // The server knows whether the reservation still stands. Without the server, this disk decides.
    const stranger = ours === null ? whyStranger(record, endpoint) : null;
    if (stranger !== null && serverAway === null && tried.claim === undefined) return { do: 'claim', ip };
    if (stranger !== null && record.claim !== undefined) return refuse(stranger);
    // That this host holds the address proves nothing about the MAC: only the server knows who has it on another host.
    if (record.generation > 0)
      return mayAskFor(endpoint, state) ? { do: 'claim', ip } : { do: 'grant', record };
    // What the server never gave, or gives no longer, is claimed like what is not held; the document stands in where it is away.
    if (ours !== null && (serverAway !== null || tried.claim !== undefined)) return { do: 'grant', record };
  }
  if (tried.claim !== undefined || (serverAway !== null && ours !== null)) {
    if (ours !== null) return { do: 'grant', record: ours };
    return refuse(
      `${ip} cannot be proven free, ${tried.claim ?? 'the server cannot be asked'}: leave ${ipOption(ip)} out to take an address that this host holds, or try again when the server is back`,
    );
  }
  return { do: 'claim', ip };
}

function decideReturning(ip: string, awaited: boolean): Decision {
  return awaited
    ? refuse(
        `${ip} was freed a moment ago and the server has not confirmed it: try again in a minute, or leave ${ipOption(ip)} out`,
      )
    : { do: 'await-return' };
}

/**
 * Why a container may not take a reservation by its address alone, by the rule of the server (`who_may_not`). Also where this
 * disk does not know who may: an older agent wrote the record.
 */
function whyStranger(record: LeaseRecord, endpoint: Endpoint): string | null {
  const { ip, owner, mac, claim } = record;
  if (owner === null || mac !== null || claim === 'anyone' || isFor(record, endpoint)) return null;
  const named =
    owner === ip
      ? 'it names no container; reserve it again with'
      : 'a container with that name may take it (Docker sends the name from Engine 29 on), or allow others at the reservation:';
  return `${ip} is reserved${owner === ip ? '' : ` for ${owner}`}: ${named} {"claim":"anyone"}, a mac or a forHost; or choose another address`;
}

/** What stands against granting an address that could be granted to just this endpoint. */
function whyNotFor({ ip, owner, mac, pinned }: LeaseRecord, endpoint: Endpoint): string | null {
  if (owner !== null && mac !== null && mac !== endpoint.mac) {
    return `${ip} is reserved for ${owner} with the Ethernet address ${mac}: start that container with --mac-address ${mac}, or choose another address`;
  }
  if (pinned && !isContainers(endpoint)) {
    return `${ip} is kept for a container of this host that asks for it by name: choose another address`;
  }
  return null;
}

function decideAny({ pool, endpoint }: AddressRequest, state: AllocationState): Decision {
  const { held, desired, now, serverAway, tried } = state;
  const here = [...held.values()]
    .filter(({ networkId, ip }) => networkId === pool.networkId && familyOf(ip) === pool.family)
    .filter(
      ({ subnet }) =>
        subnet === pool.subnet ||
        (mayLieElsewhere(endpoint) && (state.subnets == null || state.subnets.has(subnet))),
    )
    .filter((record) => record.generation > 0 && tried.passed?.has(keyOf(record)) !== true)
    .toSorted((a, b) => Number(b.subnet === pool.subnet) - Number(a.subnet === pool.subnet));
  const reserved = here.find((record) => isFor(record, endpoint) && isAtHand(record));
  if (mayAskFor(endpoint, state)) {
    const leaving = here.some((record) => record.use === 'returning' && isFor(record, endpoint));
    return leaving && reserved === undefined && tried.awaited !== true
      ? { do: 'await-return' }
      : { do: 'claim', ip: null };
  }
  if (reserved !== undefined) return { do: 'grant', record: reserved };

  const anybodys = here.filter(({ owner, pinned }) => owner === null && !pinned);
  const fitting = anybodys.filter((record) => misfitOf(record, desired) === null);
  const warm =
    fitting.find((record) => record.use === 'released' && wasFor(record, endpoint)) ??
    oldest(fitting, 'free') ??
    oldest(fitting, 'probing');
  if (warm !== undefined) return { do: 'grant', record: warm };
  const askable = tried.onDemand === undefined;
  if (askable && serverAway === null) return { do: 'ask' };
  const restMs = quarantineMs(pool, desired);
  const rested =
    oldest(
      fitting.filter((record) => record.cleared && now - record.since >= restMs),
      'released',
    ) ??
    oldest(
      fitting.filter((record) => record.cleared),
      'released',
    ) ??
    oldest(fitting, 'released');
  if (rested !== undefined) return { do: 'grant', record: rested };
  if (askable) return { do: 'ask' };
  const gone = subnetGone({ networkId: pool.networkId, subnet: pool.subnet }, desired);
  if (gone !== null) return refuse(gone);
  const inUse = [...held.values()].filter(
    ({ networkId, ip, use }) =>
      networkId === pool.networkId && familyOf(ip) === pool.family && use === 'used',
  ).length;
  return refuse(
    `no address is left on this host in ${pool.subnet} (${inUse} in use): ${tried.onDemand ?? 'the server granted none'}`,
  );
}

/** Whether the server is still to be asked what it knows of the MAC or name of a container. */
function mayAskFor(endpoint: Endpoint, { serverAway, tried }: AllocationState): boolean {
  const isNamed = endpoint.mac !== null || (endpoint.name !== null && isContainers(endpoint));
  return isNamed && serverAway === null && tried.reservation !== true;
}

/**
 * Whether an address of another subnet of the network will do. For a container Docker asks for one of a network's first subnet
 * only, and takes one of another as well. A gateway must lie in its own subnet.
 */
export function mayLieElsewhere(endpoint: Endpoint): boolean {
  return endpoint.mac !== null || (endpoint.name !== null && isContainers(endpoint));
}

/** Reserved for just this MAC or name. Containers that Trunkline runs have the owner key `container:<name>`. */
function isFor({ owner, mac }: LeaseRecord, endpoint: Endpoint): boolean {
  if (owner === null) return false;
  if (mac !== null) return mac === endpoint.mac;
  return endpoint.name !== null && (owner === endpoint.name || owner === `container:${endpoint.name}`);
}

/** The same endpoint had it before. */
function wasFor({ lastMac, lastName }: LeaseRecord, { mac, name }: Endpoint): boolean {
  return (mac !== null && mac === lastMac) || (name !== null && name === lastName);
}

/** This host may give it to whom it is for. */
export function isAtHand({ use }: LeaseRecord): boolean {
  return use === 'free' || use === 'probing' || use === 'released' || use === 'kept';
}

/** Of the subnet that comes first. */
function oldest(records: readonly LeaseRecord[], use: LeaseUse): LeaseRecord | undefined {
  const fitting = records.filter((record) => record.use === use);
  const subnet = fitting[0]?.subnet;
  return fitting.filter((record) => record.subnet === subnet).toSorted((a, b) => a.since - b.since)[0];
}

/** The gateway of a pool as the desired document has it; null where it has none. */
export function gatewayOf(pool: Pool, desired: DesiredDocument | null): string | null {
  const network = desired?.networks.find(({ id }) => id === pool.networkId);
  return network?.subnets.find(({ cidr }) => cidr === pool.subnet)?.gateway ?? null;
}

function quarantineMs({ networkId }: Pool, desired: DesiredDocument | null): number {
  return (desired?.networks.find(({ id }) => id === networkId)?.quarantineSeconds ?? 0) * 1000;
}

/**
 * An address that the desired document promises to a container of this host: its reservation is proof enough where the
 * server cannot be asked. Null where it promises it to nobody, or it was taken away from that container.
 */
export function unclaimedOf(
  pool: Pool,
  ip: string,
  desired: DesiredDocument | null,
  now: number,
): LeaseRecord | null {
  const promised = desired?.containers.find(
    ({ state, attachments }) =>
      state === 'present' &&
      attachments.some(
        ({ networkId, address, address6, withdrawn = [] }) =>
          networkId === pool.networkId &&
          (isSame(address, ip) || isSame(address6, ip)) &&
          !withdrawn.some((one) => isSame(one, ip)),
      ),
  );
  if (promised === undefined) return null;
  return {
    networkId: pool.networkId,
    ip,
    subnet: pool.subnet,
    generation: 0,
    owner: `container:${promised.name}`,
    mac: null,
    use: 'free',
    since: now,
    touched: false,
    ...idle,
    lastMac: null,
    lastName: null,
    returnAs: null,
  };
}

function isSame(text: string | null, ip: string): boolean {
  return text !== null && formatIp(parseIp(text)) === ip;
}
