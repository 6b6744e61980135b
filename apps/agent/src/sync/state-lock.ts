import { link, readFile, rm, writeFile } from 'node:fs/promises';
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
 * taken over: process id and start time show whether it is. Fails with {@link StateFolderBusy}.
 */
export async function lockStateFolder(
  folder: string,
  pid: number = process.pid,
  lookUp: StartTimeOf = startTimeOf,
): Promise<() => Promise<void>> {
  const path = join(folder, 'agent.lock');
  const own = `${path}.${pid}`;
  const mark: ProcessMark = { pid, startTime: (await lookUp(pid)) ?? 'unknown' };
  const content = JSON.stringify(mark);
  await rm(own, { force: true });
  await writeFile(own, content, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      // A hard link appears with its content or not at all, and fails where the name is taken (link(2)).
      if (await linked(own, path)) return () => release(path, content);
      const holder = readMark(await readFileIfAny(path));
      if (holder !== null && (await lookUp(holder.pid)) === holder.startTime) {
        throw new StateFolderBusy(folder, holder.pid);
      }
      await rm(path, { force: true });
    }
    throw new Error(`${path} keeps changing; are several agents starting with this folder?`);
  } finally {
    await rm(own, { force: true });
  }
}

async function release(path: string, content: string): Promise<void> {
  if ((await readFileIfAny(path)) === content) await rm(path, { force: true });
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function readMark(text: string | null): ProcessMark | null {
  if (text === null) return null;
  try {
    const { pid, startTime } = JSON.parse(text) as Partial<ProcessMark>;
    return typeof pid === 'number' && typeof startTime === 'string' ? { pid, startTime } : null;
  } catch {
    return null;
  }
}
