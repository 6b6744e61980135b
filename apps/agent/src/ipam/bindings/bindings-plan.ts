import type { Lease } from '@trunkline/contracts';
import {
  arrived,
  cleared,
  confirmed,
  given,
  isNetworksOwn,
  keyOf,
  kept,
  namelessGateway,
  returning,
  rightsOf,
  seenInUse,
  unkept,
  type Endpoint,
  type LeaseKey,
  type LeaseRecord,
} from '../leases/lease-record.ts';
import type { LeaseChange } from '../leases/lease-journal.ts';
import { familyOf } from '../leases/exchange-plan.ts';

/** An address that a container has. */
export interface SeenAddress {
  readonly networkId: string;
  readonly ip: string;
  /** Docker's id of the container; of one that only the kernel shows, the name of its network namespace. */
  readonly container: string;
  readonly name: string;
  readonly mac: string | null;
}

/** What one look shows of networks with our driver: at Docker, and then at the kernel inside its containers. */
export interface SeenAddresses {
  /** When the look began, milliseconds since 1970. */
  readonly at: number;
  /** What containers have, as Docker or the kernel shows it. */
  readonly live: readonly SeenAddress[];
  /** What of that the kernel shows; null where it could not be asked. */
  readonly kernel: ReadonlySet<LeaseKey> | null;
  /** What existing containers ask for by name, whether they run or not, and one that does. */
  readonly asked: ReadonlyMap<LeaseKey, SeenAddress>;
  /** Addresses of Docker networks themselves: gateways and `--aux-address`. */
  readonly own: ReadonlySet<LeaseKey>;
  /** Networks with a gateway that Docker does not show, and when the first Docker network of each was made. */
  readonly undescribed: ReadonlyMap<string, number>;
  /**
   * Running containers whose address on a network Docker does not show at this moment, as `container networkId family`:
   * it is being connected, or not reported in full. Nothing of theirs is taken for unused.
   */
  readonly vague: ReadonlySet<string>;
}

/** What is remembered of an address between looks; gone with the agent, which only makes it wait longer. */
export interface Memory {
  /** The container that was last seen on it. */
  readonly container: string | null;
  /** When the first of the looks began that saw nobody on it without a break; null: somebody was on it at the last. */
  readonly unseenSince: number | null;
}

/** What becomes of a record, as long as it is still the one that was held. */
export interface Reclaim {
  readonly held: LeaseRecord;
  readonly next: LeaseRecord;
}

/** What a look changes. */
export interface BindingsPlan {
  readonly changes: readonly LeaseChange[];
  /**
   * What was granted and is taken back because nobody was seen on it for its grace. That a time is over proves nothing: to be
   * made only while no container is being started, and else decided again at the next look.
   */
  readonly reclaims: readonly Reclaim[];
  readonly memory: ReadonlyMap<LeaseKey, Memory>;
  /** Seen on a container and not held, as far as this disk knows: to be claimed. */
  readonly unheld: readonly SeenAddress[];
  /** When the next grace is over, milliseconds since 1970; null: nothing waits for one. */
  readonly nextAt: number | null;
}

/**
 * For how long after a release or a grant Docker alone is not believed that a container has the address, in milliseconds: it
 * may still show the one before, whose end it notes after it has called the driver (seen with 20.10). The kernel is.
 */
const staleMs = 10_000;
/** Longest grace of an address that is reserved for an owner, in milliseconds. */
const ownedMs = 10_000;

/** Compares what this host holds with what its containers have. Pure. Only for a look at which Docker answered. */
export function planBindings(input: {
  readonly held: ReadonlyMap<LeaseKey, LeaseRecord>;
  readonly seen: SeenAddresses;
  readonly memory: ReadonlyMap<LeaseKey, Memory>;
  readonly graceMs: number;
  /** The clock was set forward to this moment. Time before it does not count. */
  readonly countsFrom?: number;
  readonly now: number;
}): BindingsPlan {
  const { held, seen } = input;
  const live = new Map(seen.live.map((one) => [keyOf(one), one]));
  const changes: LeaseChange[] = [];
  const reclaims: Reclaim[] = [];
  const memory = new Map<LeaseKey, Memory>();
  const waits: number[] = [];
  for (const [key, record] of held) {
    const holder = live.get(key);
    const before = input.memory.get(key);
    const found =
      holder === undefined
        ? planUnseen(repinned(record, seen), before, input)
        : planSeen(repinned(record, seen), holder, input);
    if (found.memory !== null) memory.set(key, found.memory);
    if (found.reclaimed === true) reclaims.push({ held: record, next: found.next });
    else if (found.next !== record) changes.push(found.next);
    if (found.waitsUntil !== null) waits.push(found.waitsUntil);
  }
  const unheld = [...live.values()].filter((one) => {
    const record = held.get(keyOf(one));
    return record === undefined || (record.generation === 0 && record.use === 'used');
  });
  return { changes, reclaims, memory, unheld, nextAt: waits.length === 0 ? null : Math.min(...waits) };
}

/** What a look changes for one address. */
interface Found {
  readonly next: LeaseRecord;
  readonly memory: Memory | null;
  readonly waitsUntil: number | null;
  /** See {@link BindingsPlan.reclaims}. */
  readonly reclaimed?: true;
}

interface Look {
  readonly seen: SeenAddresses;
  readonly graceMs: number;
  readonly countsFrom?: number;
  readonly now: number;
}

/** Who requests it as of this look. A look that began before the last grant may not know the container yet. */
function repinned(record: LeaseRecord, { at, asked }: SeenAddresses): LeaseRecord {
  const pinned = asked.has(keyOf(record));
  return pinned === record.pinned || (!pinned && at <= record.since) ? record : { ...record, pinned };
}

/** A container has it. */
function planSeen(record: LeaseRecord, { container }: SeenAddress, { seen, now }: Look): Found {
  const memory: Memory = { container, unseenSince: null };
  const stays: Found = { next: record, memory, waitsUntil: null };
  const { use, since } = record;
  // What is on its way back is claimed again once its return has ended.
  if (use === 'returning' || seen.at <= since) return stays;
  const inKernel = seen.kernel?.has(keyOf(record)) === true;
  const isStale = !inKernel && seen.at - since < staleMs;
  const waits: Found = { ...stays, waitsUntil: since + staleMs };
  if (use === 'used' && !isNetworksOwn(record)) {
    if (record.seen && record.grants === 1) return stays;
    // Docker alone may still show the one that had it before.
    if (inKernel || (seen.kernel === null && !isStale)) return { ...stays, next: confirmed(record) };
    return seen.kernel === null ? waits : stays;
  }
  const isReleased = use === 'released' || use === 'kept';
  return isReleased && isStale ? waits : { ...stays, next: seenInUse(record, now) };
}

/** No container has it. */
function planUnseen(record: LeaseRecord, before: Memory | undefined, look: Look): Found {
  const { seen, now } = look;
  const { use, since } = record;
  const stays: Found = { next: record, memory: null, waitsUntil: null };
  const isGranted = use === 'used' || use === 'suspect';
  if (isNetworksOwn(record) && mayBeOwn(record, seen)) return stays;
  const graceMs = graceOf(record, look.graceMs);
  // The look may be older than what was done with the address since.
  if (seen.at <= since) return isGranted ? { ...stays, waitsUntil: since + graceMs } : stays;
  switch (use) {
    case 'free':
    case 'probing':
    case 'released':
      if (record.pinned) return { ...stays, next: kept(record, now) };
      return use === 'released' && !record.cleared ? { ...stays, next: cleared(record) } : stays;
    case 'kept':
      if (!record.pinned) return { ...stays, next: unkept(record, now) };
      return record.cleared ? stays : { ...stays, next: cleared(record) };
    case 'returning':
      return stays;
    case 'used':
    case 'suspect': {
      const container = before?.container ?? null;
      if (isVague(container, record, seen)) return { ...stays, memory: { container, unseenSince: null } };
      const unseenSince = Math.max(before?.unseenSince ?? seen.at, look.countsFrom ?? 0);
      const memory: Memory = { container, unseenSince };
      const isOver = seen.at - unseenSince >= graceMs && seen.at - since >= graceMs;
      if (!isOver) return { ...stays, memory, waitsUntil: Math.max(unseenSince, since) + graceMs };
      // Docker did not release it itself, and may be slow: only the server gives it again, after its quarantine.
      const next = record.pinned ? kept(record, now) : returning(record, now);
      return { ...stays, memory, next, reclaimed: true };
    }
  }
}

/** Whether a Docker network of this host can be the one that it was granted to. */
function mayBeOwn(record: LeaseRecord, { own, undescribed }: SeenAddresses): boolean {
  if (own.has(keyOf(record))) return true;
  const madeAt = undescribed.get(record.networkId);
  // What was granted before went with the Docker network that it was granted for.
  return record.lastName === namelessGateway.name && madeAt !== undefined && record.since >= madeAt - 1000;
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
  return { ...current, generation: lease.generation, ...rightsOf(lease) };
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

/** Names an address of a container that Docker does not show. */
export function vagueKey(container: string, networkId: string, family: string): string {
  return `${container} ${networkId} ${family}`;
}
