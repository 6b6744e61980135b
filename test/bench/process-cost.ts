import { readFile } from 'node:fs/promises';

/** What a process has used so far. */
export interface ProcessCost {
  /** Processor time, its own and the kernel's for it, in milliseconds. */
  readonly cpuMs: number;
  /** Memory that is its own in RAM, in bytes. */
  readonly residentBytes: number;
}

/** A clock tick in `/proc` (proc_pid_stat(5)), in milliseconds: 10 on every Linux that Docker runs on. */
export const msPerTick = 10;

/** Reads it from `/proc`. Fails when the process is gone. */
export async function costOf(pid: number): Promise<ProcessCost> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${String(pid)}/stat`, 'utf8'),
    readFile(`/proc/${String(pid)}/status`, 'utf8'),
  ]);
  // The name, in brackets, may hold anything; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const kibibytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  return { cpuMs: ticks * msPerTick, residentBytes: kibibytes * 1024 };
}
