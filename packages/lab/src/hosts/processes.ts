import { readdirSync, readFileSync, readlinkSync, statfsSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { MEMBER_VARIABLE } from './names.ts';
import { patient } from './patience.ts';

/** A process that cannot be confused with a later one of the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, proc(5): clock ticks between boot and start. */
  readonly startTime: string;
}

/**
 * How processes of a lab (or of one host) are distinguished from all others. One match is enough; none of them is
 * a process's name. What a matching process started belongs too.
 */
export interface Membership {
  /** Beginning of the member variable's value, such as `3f9a01/` or `3f9a01/docker01/`. */
  readonly member: string;
  /** Cgroup of the containers, whose environment is their own. */
  readonly cgroup: string;
  /** Namespaces as /proc/PID/ns/* shows them, such as `net:[4026532300]`. */
  readonly namespaces: ReadonlySet<string>;
}

/** statfs(2) type of a bound namespace file. */
const NSFS_MAGIC = 0x6e736673;

interface Stat {
  readonly state: string;
  readonly parent: number;
  readonly startTime: string;
}

/** Any error reads as "not there": processes end while they are looked at. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function readStat(pid: number): Stat | undefined {
  const text = attempt(() => readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
  // The name in parentheses may itself hold blanks and parentheses.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parent] = fields ?? [];
  const startTime = fields?.[19];
  if (state === undefined || parent === undefined || startTime === undefined) return undefined;
  return { state, parent: Number(parent), startTime };
}

/** Names a process for later; undefined when it is gone. A zombie counts as gone. */
export function identify(pid: number): ProcessId | undefined {
  const stat = readStat(pid);
  return stat === undefined || stat.state === 'Z' ? undefined : { pid, startTime: stat.startTime };
}

/** Whether the very process still runs. */
export function isRunning(id: ProcessId): boolean {
  return identify(id.pid)?.startTime === id.startTime;
}

/** One namespace of a process, such as `mnt:[4026532301]`; undefined when the process is gone. */
export function namespaceOf(pid: number | 'self', kind: 'net' | 'mnt'): string | undefined {
  return attempt(() => readlinkSync(`/proc/${String(pid)}/ns/${kind}`));
}

/** The namespace behind a file of /run/netns; undefined when the file is a plain one or missing. */
export function namespaceOfFile(file: string): string | undefined {
  return attempt(() =>
    statfsSync(file).type === NSFS_MAGIC ? `net:[${String(statSync(file).ino)}]` : undefined,
  );
}

/** The program and arguments of a process; empty when it is gone. */
export function commandLine(pid: number): readonly string[] {
  const text = attempt(() => readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8')) ?? '';
  return text.split('\0').slice(0, -1);
}

function runningProcesses(): Map<number, Stat> {
  const all = new Map<number, Stat>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = readStat(Number(entry));
    if (stat !== undefined && stat.state !== 'Z') all.set(Number(entry), stat);
  }
  return all;
}

function matches(pid: number, membership: Membership): boolean {
  const environment = attempt(() => readFileSync(`/proc/${String(pid)}/environ`, 'utf8')) ?? '';
  if (`\0${environment}`.includes(`\0${MEMBER_VARIABLE}=${membership.member}`)) return true;
  const cgroups = attempt(() => readFileSync(`/proc/${String(pid)}/cgroup`, 'utf8')) ?? '';
  if (cgroups.includes(`:/${membership.cgroup}/`)) return true;
  return (['net', 'mnt'] as const).some((kind) => {
    const namespace = namespaceOf(pid, kind);
    return namespace !== undefined && membership.namespaces.has(namespace);
  });
}

/** This process and all it was started by: a lab never kills whoever asked for its end. */
function ownLine(all: ReadonlyMap<number, Stat>): Set<number> {
  const line = new Set<number>();
  let pid = process.pid;
  while (pid > 0 && !line.has(pid)) {
    line.add(pid);
    pid = all.get(pid)?.parent ?? 0;
  }
  return line;
}

/** Numbers of all running processes that belong, with their descendants. */
export function findMembers(membership: Membership): readonly number[] {
  const all = runningProcesses();
  const never = ownLine(all);
  const members = new Set<number>();
  for (const pid of all.keys()) {
    if (!never.has(pid) && matches(pid, membership)) members.add(pid);
  }
  let grew = members.size > 0;
  while (grew) {
    grew = false;
    for (const [pid, stat] of all) {
      if (members.has(stat.parent) && !members.has(pid) && !never.has(pid)) {
        members.add(pid);
        grew = true;
      }
    }
  }
  return [...members];
}

/** Sends a signal; a process that is already gone is fine. */
export function signal(pid: number, name: NodeJS.Signals): void {
  attempt(() => process.kill(pid, name));
}

/**
 * Kills all members with SIGKILL, and those that were being born meanwhile, until none is left. Throws
 * after `deadlineMs` with the numbers of those that would not die.
 */
export async function killMembers(membership: Membership, deadlineMs = 20_000): Promise<void> {
  const end = Date.now() + patient(deadlineMs);
  for (;;) {
    const members = findMembers(membership);
    if (members.length === 0) return;
    if (Date.now() > end) {
      throw new Error(`processes ${members.join(', ')} do not end on SIGKILL: see /proc/PID/stack for why`);
    }
    for (const pid of members) signal(pid, 'SIGKILL');
    await delay(20);
  }
}
