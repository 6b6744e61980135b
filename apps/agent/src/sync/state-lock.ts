import { readFile, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfAny } from '../lib/atomic-file.ts';

/** Another agent works with this state folder. */
export class StateFolderBusy extends Error {
  override readonly name = 'StateFolderBusy';

  constructor(folder: string, pid: number) {
    super(
      `another agent (process ${pid}) uses ${folder}: stop it, or give this agent a folder of its own in TRUNKLINE_STATE_DIR`,
    );
  }
}

/** A process, distinguished from a later one with the same id. */
export interface ProcessMark {
  readonly pid: number;
  readonly startTime: string;
}

/** How a process is looked up; null when it does not run. */
export type StartTimeOf = (pid: number) => Promise<string | null>;

/** Start time of a process in clock ticks since boot (proc(5), /proc/pid/stat field 22), null when it does not run. */
export async function startTimeOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field, the name, may hold spaces and brackets; fields are counted from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[19] ?? null;
  } catch {
    return null;
  }
}

/**
 * Takes a state folder for this process alone, and answers what gives it back. The lock of a process that is gone is
 * taken over: process id and start time show whether it is. It is a symbolic link that leads nowhere and has both in its
 * target: made at once or not at all (symlink(2)), it needs no block of a disk that is full. Fails with {@link StateFolderBusy}.
 */
export async function lockStateFolder(
  folder: string,
  pid: number = process.pid,
  lookUp: StartTimeOf = startTimeOf,
): Promise<() => Promise<void>> {
  const path = join(folder, 'agent.lock');
  const mark = markOf({ pid, startTime: (await lookUp(pid)) ?? 'unknown' });
  for (let attempt = 0; attempt < 5; attempt += 1) {
    if (await linked(mark, path)) return () => release(path, mark);
    const holder = await holderOf(path);
    if (holder !== null && (await lookUp(holder.pid)) === holder.startTime) {
      throw new StateFolderBusy(folder, holder.pid);
    }
    await rm(path, { force: true });
  }
  throw new Error(`${path} keeps changing; are several agents starting with this folder?`);
}

async function release(path: string, mark: string): Promise<void> {
  if ((await targetOf(path)) === mark) await rm(path, { force: true });
}

async function linked(target: string, path: string): Promise<boolean> {
  try {
    await symlink(target, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Null: there is none, or it is no link. */
async function targetOf(path: string): Promise<string | null> {
  return await readlink(path).catch(() => null);
}

/** The process that the lock names; null where there is no lock, or an unreadable one. */
async function holderOf(path: string): Promise<ProcessMark | null> {
  const target = await targetOf(path);
  if (target !== null) return readMark(target);
  // As earlier agents wrote it: a file.
  return readOldMark(await readFileIfAny(path));
}

const markOf = ({ pid, startTime }: ProcessMark): string => `${pid}:${startTime}`;

function readMark(text: string): ProcessMark | null {
  const [, pid, startTime] = /^(\d+):(.+)$/.exec(text) ?? [];
  return pid === undefined || startTime === undefined ? null : { pid: Number(pid), startTime };
}

function readOldMark(text: string | null): ProcessMark | null {
  if (text === null) return null;
  try {
    const { pid, startTime } = JSON.parse(text) as Partial<ProcessMark>;
    return typeof pid === 'number' && typeof startTime === 'string' ? { pid, startTime } : null;
  } catch {
    return null;
  }
}
