import { readFileSync } from 'node:fs';
import { msPerTick } from './process-cost.ts';

/** Processor time so far of a process, with that of children that have ended, in milliseconds; 0 once it has ended. */
function cpuOf(pid: string): number {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return 0;
  }
  // The name, in brackets, may hold anything; utime to cstime are fields 14 to 17 (proc_pid_stat(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [11, 12, 13, 14].reduce((sum, n) => sum + Number(fields[n]), 0) * msPerTick;
}

/** The same of a process and its children, also of those that have ended. */
function cpuOfFamily(pid: number): number {
  const children = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8').split(' ');
  return [String(pid), ...children]
    .filter((member) => member.trim() !== '')
    .reduce((sum, member) => sum + cpuOf(member), 0);
}

/** Does `work`; answers what came of it, and the milliseconds of processor time that each family used meanwhile. */
export async function whileMeasured<T>(
  pids: readonly number[],
  work: () => Promise<T>,
): Promise<{ result: T; cpuMs: number[] }> {
  const before = pids.map(cpuOfFamily);
  const result = await work();
  const after = pids.map(cpuOfFamily);
  return { result, cpuMs: after.map((ms, n) => ms - (before[n] ?? 0)) };
}
