import { open, rename, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { HeldLease, Revocation } from '@trunkline/contracts';
import { messageOf } from '@trunkline/log';
import type { Logger } from 'pino';
import { readFileIfAny, writeFileAtomically } from '../../lib/atomic-file.ts';
import { journalLine, readJournal, type LeaseChange } from './lease-journal.ts';
import { revokedChanges } from './lease-fit.ts';
import { keyOf, unheld, type LeaseKey, type LeaseRecord } from './lease-record.ts';

/** The addresses that this host holds, in memory and on disk. */
export interface LeaseStore {
  /** The current records, with changes that are still on their way to the disk. */
  readonly all: () => ReadonlyMap<LeaseKey, LeaseRecord>;
  readonly get: (key: LeaseKey) => LeaseRecord | undefined;
  /**
   * Makes changes, all or none. Every reader sees them at once, and they are safe on disk when it resolves: nothing may be passed
   * on before that. Fails when the disk does not take them; then they, and all changes since, are undone.
   */
  readonly apply: (changes: readonly LeaseChange[]) => Promise<void>;
  /**
   * Ends holds that the server took away, on disk when it resolves. From the call on no record of them is taken in, by whatever
   * answer or change: one that was on its way is late.
   */
  readonly revoke: (revocations: readonly Revocation[]) => Promise<void>;
  /** Whether the server has taken away the hold that a record or lease stands for. */
  readonly isOver: (hold: HeldLease) => boolean;
  /** Why the last write failed; null: it did not. */
  readonly whyNotWritten: () => string | null;
  /** Tries whether the disk takes a write again, where the last one failed. Never fails. */
  readonly writeAgain: () => Promise<void>;
  /** Waits for what is on its way, and closes the file. */
  readonly close: () => Promise<void>;
}

const fileName = 'leases.jsonl';
/** The file is written again when it has more lines than this and four times the addresses. */
const linesBeforeCompaction = 2000;
/**
 * Revocations that are remembered for answers that are still on their way. One exchange confirms 4096 at most, and a call ends
 * after 20 s at the latest. The server never grants an address again under an old generation, so to remember longer harms nobody.
 */
const maxRevoked = 32_768;

interface Waiting {
  readonly changes: readonly LeaseChange[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens the store of a state folder. A file that cannot be relied on is put aside and logged: the store is
 * then empty, and the server knows what this host holds. `onWritable`: the disk takes no writes any more, or takes them again.
 */
export async function openLeaseStore(
  stateFolder: string,
  log: Logger,
  now: () => number = Date.now,
  onWritable: () => void = () => {},
): Promise<LeaseStore> {
  const path = join(stateFolder, fileName);
  let durable = new Map(await load(path, log, now));
  let current = new Map(durable);
  let waiting: Waiting[] = [];
  let writing: Promise<void> | null = null;
  // The first write makes the file again: without what was cut off or superseded.
  let file: FileHandle | null = null;
  let lines = 0;
  let closed = false;
  let whyNotWritten: string | null = null;
  const revoked = new Map<LeaseKey, number>();

  async function rewrite(next: ReadonlyMap<LeaseKey, LeaseRecord>): Promise<void> {
    await file?.close().catch(() => {});
    file = null;
    await writeFileAtomically(path, [...next.values()].map((record) => journalLine(record)).join(''));
    file = await open(path, 'a');
    lines = next.size;
  }

  async function write(changes: readonly LeaseChange[]): Promise<void> {
    const next = new Map(durable);
    for (const change of changes) put(next, change);
    if (file === null || lines > Math.max(linesBeforeCompaction, 4 * next.size)) {
      await rewrite(next);
    } else {
      try {
        await file.appendFile(changes.map((change) => journalLine(change)).join(''));
        await file.datasync();
        lines += changes.length;
      } catch (error) {
        // What of it reached the disk is not known: the next write makes the file again.
        await file.close().catch(() => {});
        file = null;
        throw error;
      }
    }
    durable = next;
  }

  /** Null: a write succeeded. */
  function noteWritten(error: unknown): void {
    const before = whyNotWritten;
    whyNotWritten = error === null ? null : messageOf(error);
    if ((before === null) === (error === null)) return;
    if (error === null) log.info({ path }, 'leases can be written again');
    else
      log.error({ err: error, path }, 'leases cannot be written: no address is given out until they can be');
    onWritable();
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        await write(batch.flatMap(({ changes }) => changes));
        noteWritten(null);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        noteWritten(error);
        // Those that came meanwhile were made on top of what is undone.
        const undone = [...batch, ...waiting];
        waiting = [];
        current = new Map(durable);
        for (const { reject } of undone) reject(error);
      }
    }
    writing = null;
  }

  const isOver = (hold: HeldLease): boolean =>
    hold.generation > 0 && hold.generation <= (revoked.get(keyOf(hold)) ?? 0);

  /** A change as it is to be made: one of a hold that is over leaves no more than that a container uses the address. */
  function fitting(change: LeaseChange): readonly LeaseChange[] {
    if ('drop' in change || !isOver(change)) return [change];
    const known = current.get(keyOf(change));
    if (known !== undefined && known.generation > change.generation && !isOver(known)) return [];
    if (change.use === 'used') return [unheld(change)];
    return known === undefined || known.generation === 0 ? [] : [{ drop: keyOf(change) }];
  }

  function apply(changes: readonly LeaseChange[]): Promise<void> {
    const made = changes.flatMap((change) => fitting(change));
    if (made.length === 0) return Promise.resolve();
    if (closed) return Promise.reject(new Error('the agent has stopped'));
    for (const change of made) put(current, change);
    return written(made);
  }

  function written(made: readonly LeaseChange[]): Promise<void> {
    const done = new Promise<void>((resolve, reject) => waiting.push({ changes: made, resolve, reject }));
    writing ??= writeAll();
    return done;
  }

  return {
    all: () => current,
    get: (key) => current.get(key),
    apply,
    isOver,
    revoke: (revocations) => {
      for (const one of revocations) {
        const key = keyOf(one);
        const generation = Math.max(one.generation, revoked.get(key) ?? 0);
        // The oldest go first.
        revoked.delete(key);
        revoked.set(key, generation);
        const [oldest] = revoked.keys();
        if (revoked.size > maxRevoked && oldest !== undefined) revoked.delete(oldest);
      }
      return apply(revokedChanges(current, revocations));
    },
    whyNotWritten: () => whyNotWritten,
    writeAgain: async () => {
      if (whyNotWritten !== null && !closed) await written([]).catch(() => {});
    },
    close: async () => {
      closed = true;
      await writing;
      await file?.close();
      file = null;
    },
  };
}

function put(records: Map<LeaseKey, LeaseRecord>, change: LeaseChange): void {
  if ('drop' in change) records.delete(change.drop);
  else records.set(keyOf(change), change);
}

async function load(
  path: string,
  log: Logger,
  now: () => number,
): Promise<ReadonlyMap<LeaseKey, LeaseRecord>> {
  const text = await readFileIfAny(path);
  if (text === null) return new Map();
  try {
    const { records, torn } = readJournal(text);
    if (torn) log.warn({ path }, 'the last change of the leases is incomplete and was never reported');
    // The clock was set back since they were written: times in the future become the present.
    const at = now();
    return new Map([...records].map(([key, one]) => [key, one.since > at ? { ...one, since: at } : one]));
  } catch (error) {
    const aside = `${path}.damaged-${now()}`;
    await rename(path, aside);
    log.error(
      { err: error, aside },
      'leases on disk are damaged and were set aside: the agent asks the server for the leases of this host',
    );
    return new Map();
  }
}
