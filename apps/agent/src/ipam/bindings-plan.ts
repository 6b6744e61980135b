import type { Lease } from '@trunkline/contracts';
import {
  arrived,
  cleared,
  given,
  keyOf,
  kept,
  namelessGateway,
  released,
  returning,
  seenInUse,
  type Endpoint,
  type LeaseKey,
  type LeaseRecord,
} from './lease-record.ts';
import type { LeaseChange } from './lease-journal.ts';
import { familyOf } from './exchange-plan.ts';

/** An address that Docker shows a container to have, or to ask for at its next start. */
export type SeenAddress = {
  readonly networkId: string;
  readonly ip: string;
  /** Docker's id of the container. */
  readonly container: string;
  readonly name: string;
  readonly mac: string | null;
  /** It has it now; else it is stopped and asks for it. */
  readonly live: boolean;
};

/** What one look at Docker shows of networks with our driver. */
export type SeenAddresses = {
  /** When the look began, milliseconds since 1970. */
  readonly at: number;
  readonly addresses: readonly SeenAddress[];
  /**
   * Running containers whose address on a network Docker does not tell at this moment, as `container networkId family`:
   * it is being connected, or not told in full. Nothing of theirs is taken for unused.
   */
  readonly vague: ReadonlySet<string>;
};

/** What is remembered of an address between looks; gone with the agent, which only makes it wait longer. */
export type Memory = {
  /** The container that was last seen on it. */
  readonly container: string | null;
  /** When the first of the looks began that saw nobody on it without a break; null: somebody was on it at the last. */
  readonly unseenSince: number | null;
};

/** What a look changes. */
export type BindingsPlan = {
  readonly changes: readonly LeaseChange[];
  readonly memory: ReadonlyMap<LeaseKey, Memory>;
  /** Seen on a container and not held, as far as this disk knows: to be claimed. */
  readonly unheld: readonly SeenAddress[];
  /** When the next grace is over, milliseconds since 1970; null: nothing waits for one. */
  readonly nextAt: number | null;
};

/**
 * For how long after a release Docker may still show the container with its address, in milliseconds: it tells the driver
 * first, and notes that the container has ended after that (seen with 20.10).
 */
const releaseMs = 10_000;
/** Longest grace of an address that is reserved for an owner, in milliseconds. */
const ownedMs = 10_000;

/** Compares what this host holds with what its containers have. Pure. Only for a look at which Docker answered. */
export function planBindings(input: {
  readonly held: ReadonlyMap<LeaseKey, LeaseRecord>;
  readonly seen: SeenAddresses;
  readonly memory: ReadonlyMap<LeaseKey, Memory>;
  readonly graceMs: number;
  readonly now: number;
}): BindingsPlan {
  const { held, seen, now } = input;
  const live = new Map(seen.addresses.filter((one) => one.live).map((one) => [keyOf(one), one]));
  const wanted = new Set(seen.addresses.filter((one) => !one.live).map((one) => keyOf(one)));
  const changes: LeaseChange[] = [];
  const memory = new Map<LeaseKey, Memory>();
  const waits: number[] = [];
  for (const [key, record] of held) {
    const graceMs = graceOf(record, input.graceMs);
    if (record.use === 'used' && record.lastName === namelessGateway.name) continue;
    const holder = live.get(key);
    const before = input.memory.get(key);
    if (holder !== undefined) {
      memory.set(key, { container: holder.container, unseenSince: null });
      const isReleased = record.use === 'resting' || record.use === 'kept';
      if (isReleased && seen.at - record.since < releaseMs) waits.push(record.since + releaseMs);
      // What is on its way back is claimed anew once that has an end.
      else if (record.use !== 'used' && record.use !== 'returning' && seen.at > record.since) {
        changes.push(seenInUse(record, now));
      }
      continue;
    }
    // The look may be older than what was done with the address since.
    if (seen.at <= record.since) {
      if (record.use === 'used' || record.use === 'suspect') waits.push(record.since + graceMs);
      continue;
    }
    if (record.use === 'resting') {
      if (wanted.has(key)) changes.push(kept(record, now));
      else if (!record.cleared) changes.push(cleared(record));
    } else if (record.use === 'kept') {
      if (!wanted.has(key)) changes.push({ ...released(record, now), cleared: true });
    } else if (record.use === 'used' || record.use === 'suspect') {
      const container = before?.container ?? null;
      if (isVague(container, record, seen)) {
        memory.set(key, { container, unseenSince: null });
        continue;
      }
      const unseenSince = before?.unseenSince ?? seen.at;
      memory.set(key, { container, unseenSince });
      const over = seen.at - unseenSince >= graceMs && seen.at - record.since >= graceMs;
      if (!over) waits.push(Math.max(unseenSince, record.since) + graceMs);
      else if (wanted.has(key)) changes.push(kept(record, now));
      // Docker did not say so itself, and may be slow: only the server gives it again, after its quarantine.
      else changes.push(returning(record, now));
    }
  }
  const unheld = [...live.values()].filter((one) => {
    const record = held.get(keyOf(one));
    return record === undefined || (record.generation === 0 && record.use === 'used');
  });
  return { changes, memory, unheld, nextAt: waits.length === 0 ? null : Math.min(...waits) };
}

/**
 * What the claim of an address changes that a container was seen on. The server holds it in a new generation from then on:
 * whatever became of it here meanwhile, a return of the old one would free nothing. Null: nothing. Pure.
 */
export function planClaimed(
  current: LeaseRecord | undefined,
  lease: Lease,
  endpoint: Endpoint,
  now: number,
): LeaseRecord | null {
  if (current === undefined || current.generation === 0 || current.use === 'suspect') {
    return given(arrived(lease, 'suspect', now), endpoint, now);
  }
  // What is on its way back has its generation on the wire; the server answers that it is held all the same.
  if (current.use === 'returning' || current.generation >= lease.generation) return null;
  return { ...current, generation: lease.generation, owner: lease.owner, mac: lease.mac };
}

/**
 * What is reserved for an owner goes back to that owner only: if it was taken back too early, from a container that was
 * slow to start, nobody else gets it before that is seen.
 */
function graceOf({ owner }: LeaseRecord, graceMs: number): number {
  return owner === null ? graceMs : Math.min(graceMs, ownedMs);
}

/** All of a container's addresses are believed to be gone, or none: also those it has that Docker does not tell now. */
function isVague(container: string | null, record: LeaseRecord, { vague }: SeenAddresses): boolean {
  return container !== null && vague.has(vagueKey(container, record.networkId, familyOf(record.ip)));
}

/** Names an address of a container that Docker does not tell. */
export function vagueKey(container: string, networkId: string, family: string): string {
  return `${container} ${networkId} ${family}`;
}
