import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Timing } from '../lib/timing.ts';
import { isBare, withBlock, writeOf, type HostsLine } from './hosts-file.ts';

/** The hosts files of containers, on the disk of this host. */
export interface HostsFiles {
  /**
   * Gives a file this block; without lines, none. A file that nobody changed since is not read again. False for one that is
   * not there. Fails for one that is no plain file, is too large, or cannot be written.
   */
  readonly put: (path: string, lines: readonly HostsLine[]) => Promise<boolean>;
  /** Forgets the files that are not among these. */
  readonly keepOnly: (paths: ReadonlySet<string>) => void;
}

/** A user may have written to the file; what is larger is left alone. */
const maxFileBytes = 1024 * 1024;

/** Docker writes a file several times when a container starts. Nothing is written so soon after it, in milliseconds. */
const restMs = 50;
const maxRounds = 20;

/** What a file was when it had the block. */
interface Known {
  readonly lines: readonly HostsLine[];
  readonly mark: string;
}

interface Marks {
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

const markOf = ({ ino, size, mtimeNs, ctimeNs }: Marks): string => `${ino} ${size} ${mtimeNs} ${ctimeNs}`;

/**
 * Writes in place: the file is bound into its container, so another file in its place would never be seen there. The last part of
 * the path is not followed where it is a link, and only a plain file is opened for writing. Between the look at a file and the write
 * nothing waits for anything: Docker writes the same file, at a start and when a network comes or goes, and knows no lock.
 */
export function createHostsFiles(timing: Pick<Timing, 'now' | 'delay'>): HostsFiles {
  const known = new Map<string, Known>();
  const never = new AbortController().signal;

  /** What the file is afterwards; null where there is none. */
  async function putNow(path: string, lines: readonly HostsLine[], own: string | undefined) {
    for (let round = 0; round < maxRounds; round += 1) {
      const marks = await marksIfAny(path);
      if (marks === null) return null;
      const ageMs = timing.now() - Number(marks.mtimeNs / 1_000_000n);
      const isResting = ageMs < 0 || ageMs >= restMs || markOf(marks) === own;
      const mark = isResting ? write(path, lines) : 'busy';
      if (mark !== 'busy') return mark;
      await timing.delay(restMs, never);
    }
    throw new Error(`${path} is empty, or changes all the time`);
  }

  return {
    put: async (path, lines) => {
      const before = known.get(path);
      if (before?.lines === lines) {
        const marks = await marksIfAny(path);
        if (marks !== null && before.mark === markOf(marks)) return true;
      }
      known.delete(path);
      const mark = await putNow(path, lines, before?.mark);
      if (mark === null) return false;
      known.set(path, { lines, mark });
      return true;
    },
    keepOnly: (paths) => {
      for (const path of known.keys()) if (!paths.has(path)) known.delete(path);
    },
  };
}

/** What the file is afterwards; null where there is none, `busy` where somebody else writes. */
function write(path: string, lines: readonly HostsLine[]): string | null {
  const file = openIfAny(path);
  if (file === null) return null;
  try {
    return writeOnce(file, path, lines) ?? 'busy';
  } finally {
    closeSync(file);
  }
}

/** Null where somebody else wrote meanwhile. */
function writeOnce(file: number, path: string, lines: readonly HostsLine[]): string | null {
  const before = fstatSync(file, { bigint: true });
  if (!before.isFile()) throw new Error(`${path} is no plain file`);
  if (before.size > BigInt(maxFileBytes)) throw new Error(`${path} is larger than ${maxFileBytes} bytes`);
  const text = readUpTo(file, Number(before.size));
  if (isBare(text)) return null;
  const after = withBlock(text, lines);
  const change = writeOf(text, after);
  if (change === null) return markOf(before);
  const bytes = Buffer.from(change.text, 'latin1');
  if (markOf(fstatSync(file, { bigint: true })) !== markOf(before)) return null;
  let written = 0;
  try {
    written =
      change.at === text.length ? append(file, bytes) : writeSync(file, bytes, 0, bytes.length, change.at);
  } finally {
    // No room for all of it: what is before the change is whole, and half a block helps nobody.
    if (written < bytes.length) ftruncateSync(file, change.at);
    else if (change.length !== null) ftruncateSync(file, change.length);
  }
  if (written < bytes.length) throw new Error(`${path}: no room for the names`);
  const mark = markOf(fstatSync(file, { bigint: true }));
  return readUpTo(file, after.length) === after ? mark : null;
}

/** At the end of the file as it is at that moment: whatever Docker wrote meanwhile is before it. */
function append(file: number, bytes: Buffer): number {
  const end = openSync(`/proc/self/fd/${file}`, constants.O_WRONLY | constants.O_APPEND);
  try {
    return writeSync(end, bytes);
  } finally {
    closeSync(end);
  }
}

/** The file up to one byte more than it should have: one that grew meanwhile is seen to differ. */
function readUpTo(file: number, bytes: number): string {
  const buffer = Buffer.alloc(bytes + 1);
  let length = 0;
  for (;;) {
    const count = readSync(file, buffer, length, buffer.length - length, length);
    length += count;
    if (count === 0 || length === buffer.length) return buffer.toString('latin1', 0, length);
  }
}

function openIfAny(path: string): number | null {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

async function marksIfAny(path: string): Promise<Marks | null> {
  try {
    return await stat(path, { bigint: true });
  } catch {
    return null;
  }
}
