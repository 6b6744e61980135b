import type { DesiredDocument, DesiredNetwork, LeaseSyncAnswer, LeaseWant } from '@trunkline/contracts';
import {
  arrived,
  keyOf,
  renewed,
  returning,
  takenIn,
  type LeaseKey,
  type LeaseRecord,
} from './lease-record.ts';
import { misfitOf } from './lease-fit.ts';
import type { LeaseChange } from './lease-journal.ts';

/** What the next exchange sends to the server. */
export interface ExchangePlan {
  /** Records that go back, as `returning`: to be on disk before they are sent. */
  readonly returns: readonly LeaseRecord[];
  /** Records that the server never gave and that nobody uses. */
  readonly drops: readonly LeaseKey[];
  readonly wants: readonly LeaseWant[];
}

type Family = LeaseWant['family'];

/** Maximum of one exchange, by the contract. */
const maxReturns = 4096;
const maxWants = 256;
const maxOfAWant = 256;

export function familyOf(ip: string): Family {
  return ip.includes(':') ? 'ipv6' : 'ipv4';
}

/** Names the warm pool of a network and IP version. */
export function warmKey(networkId: string, family: Family): string {
  return `${networkId} ${family}`;
}

/**
 * What goes back and what is wanted. A host takes no addresses in advance for a network that its Docker does not have
 * (yet). What does not fit its network any more goes back unless a container uses it. `backingOff`: pools for which the server had nothing a moment ago and is not asked yet. Pure.
 */
export function planExchange(input: {
  readonly held: ReadonlyMap<LeaseKey, LeaseRecord>;
  readonly desired: DesiredDocument | null;
  readonly isPlaced: (networkId: string) => boolean;
  readonly backingOff: ReadonlySet<string>;
  readonly now: number;
}): ExchangePlan {
  const { held, desired, isPlaced, backingOff, now } = input;
  const recalled = new Set(desired?.recalls.map(({ networkId, family }) => warmKey(networkId, family)));
  const pools = poolsOf(desired);
  const leaving: LeaseRecord[] = [];
  const drops: LeaseKey[] = [];
  const spare = new Map<string, LeaseRecord[]>();
  for (const record of held.values()) {
    const pool = warmKey(record.networkId, familyOf(record.ip));
    const isLeaving = record.use === 'returning';
    if ((isLeaving || record.use === 'released') && record.generation === 0) drops.push(keyOf(record));
    else if (isLeaving) leaving.push(record);
    else if (record.use === 'released' && record.cleared) leaving.push(returning(record, now));
    else if (record.use === 'free' || record.use === 'probing') {
      const wanted = pools.get(pool);
      const fits = record.owner !== null || misfitOf(record, desired) === null;
      if (recalled.has(pool) || wanted?.state === 'absent' || !fits) leaving.push(returning(record, now));
      else spare.set(pool, [...(spare.get(pool) ?? []), record]);
    }
  }
  const wants: LeaseWant[] = [];
  for (const [pool, { network, family, state }] of pools) {
    const have = spare.get(pool) ?? [];
    // The youngest go back: those that were free for longest are given first.
    const surplus = have.toSorted((a, b) => a.since - b.since).slice(network.warm);
    leaving.push(...surplus.map((record) => returning(record, now)));
    const count = Math.min(maxOfAWant, network.warm - have.length);
    const asks = state === 'present' && isPlaced(network.id) && !recalled.has(pool) && !backingOff.has(pool);
    if (count > 0 && asks) {
      wants.push({ networkId: network.id, family, count, onDemand: false });
    }
  }
  return { returns: leaving.slice(0, maxReturns), drops, wants: wants.slice(0, maxWants) };
}

interface WarmPool {
  readonly network: DesiredNetwork;
  readonly family: Family;
  readonly state: DesiredNetwork['state'];
}

function poolsOf(desired: DesiredDocument | null): Map<string, WarmPool> {
  const pools = new Map<string, WarmPool>();
  for (const network of desired?.networks ?? []) {
    for (const { cidr } of network.subnets) {
      const family = familyOf(cidr);
      pools.set(warmKey(network.id, family), { network, family, state: network.state });
    }
  }
  return pools;
}

/**
 * What an answer changes. `sent`: the records as they were sent, held or returned. A record that has changed since is not touched
 * by an answer about the old one. Pure.
 */
export function changesOf(
  answer: Pick<LeaseSyncAnswer, 'granted' | 'unlisted' | 'unknown'>,
  sent: { readonly returns: readonly LeaseRecord[]; readonly held: ReadonlyMap<LeaseKey, LeaseRecord> },
  held: ReadonlyMap<LeaseKey, LeaseRecord>,
  now: number,
): LeaseChange[] {
  const changes: LeaseChange[] = [];
  for (const record of sent.returns) {
    const current = held.get(keyOf(record));
    if (current?.use === 'returning' && current.generation === record.generation) {
      changes.push({ drop: keyOf(record) });
    }
  }
  for (const item of answer.unknown) {
    const key = keyOf(item);
    const current = held.get(key);
    if (current === undefined || current.generation !== sent.held.get(key)?.generation) continue;
    // What a container uses is claimed again; what nobody uses is given to nobody.
    if (current.use === 'used') changes.push({ ...current, generation: 0 });
    else changes.push({ drop: key });
  }
  for (const lease of answer.granted) {
    const news = takenIn(held.get(keyOf(lease)), lease, now);
    if (news !== null) changes.push(news);
  }
  for (const lease of answer.unlisted) {
    const current = held.get(keyOf(lease));
    if (current?.use === 'used' && isNewer(lease.generation, current)) changes.push(renewed(current, lease));
    else if (isNewer(lease.generation, current)) changes.push(arrived(lease, 'suspect', now));
  }
  return changes;
}

function isNewer(generation: number, current: LeaseRecord | undefined): boolean {
  return current === undefined || current.generation < generation;
}
