import { readdir, readFile } from 'node:fs/promises';
import { msPerTick } from './process-cost.ts';

interface Stat {
  readonly parent: number;
  /** Processor time in milliseconds, with that of children that have ended. */
  readonly cpuMs: number;
}

/** undefined: the process has ended. */
async function statOf(pid: string): Promise<Stat | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The name, in brackets, may hold anything; ppid is field 4, utime to cstime are 14 to 17 (proc_pid_stat(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((sum, n) => sum + Number(fields[n]), 0);
  return { parent: Number(fields[1]), cpuMs: ticks * msPerTick };
}

/** Processor time so far of a process and its direct children, also of those that have ended, in milliseconds. */
async function cpuOfFamily(pid: number): Promise<number> {
  const others = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(pid));
  const children = (await Promise.all(others.map(statOf))).filter((stat) => stat?.parent === pid);
  return [await statOf(String(pid)), ...children].reduce((sum, stat) => sum + (stat?.cpuMs ?? 0), 0);
}

/** Does `work`; answers what came of it, and the milliseconds of processor time that each family used meanwhile. */
export async function whileMeasured<T>(
  pids: readonly number[],
  work: () => Promise<T>,
): Promise<{ result: T; cpuMs: number[] }> {
  const before = await Promise.all(pids.map(cpuOfFamily));
  const result = await work();
  const after = await Promise.all(pids.map(cpuOfFamily));
  return { result, cpuMs: after.map((ms, n) => ms - (before[n] ?? 0)) };
}
