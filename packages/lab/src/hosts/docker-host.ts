import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { commandEnvironment, mustRun, type Run } from './commands.ts';
import { MOUNT_POINTS, NETNS_DIRECTORY } from './machine-marks.ts';
import { MEMBER_VARIABLE, SWITCH_ADDRESS, SWITCH_PREFIX, type HostNames, type LabNames } from './names.ts';
import { commandLine, identify, isRunning, killMembers, namespaceOf, namespaceOfFile } from './processes.ts';
import type { Membership, ProcessId } from './processes.ts';
import { removeCgroup } from './cgroups.ts';
import { plugIn, unplug } from './switch.ts';
import { waitFor } from './wait.ts';

/**
 * The process that keeps a host's mount and host-name namespaces alive, checked against its start time.
 * Undefined when the host is not built or its holder was killed.
 */
export function findHolder(host: HostNames): ProcessId | undefined {
  try {
    // Written by startHolder and by nobody else
    const id = JSON.parse(readFileSync(host.holderFile, 'utf8')) as ProcessId;
    return isRunning(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

/** What distinguishes this host's processes, its containers among them, from all others. */
export function hostMembership(host: HostNames): Membership {
  const holder = findHolder(host);
  const candidates = [
    namespaceOfFile(path.join(NETNS_DIRECTORY, host.netns)),
    holder === undefined ? undefined : namespaceOf(holder.pid, 'mnt'),
  ];
  const never = new Set([namespaceOf('self', 'net'), namespaceOf('self', 'mnt')]);
  const namespaces = candidates.filter((entry) => entry !== undefined && !never.has(entry));
  return { member: host.member, cgroup: host.cgroup, namespaces: new Set(namespaces as string[]) };
}

/** The command line that runs `argv` inside the host: its network, mounts and host name, in folder `cwd`. */
export function insideHost(host: HostNames, argv: readonly string[], cwd = '/'): readonly string[] {
  const holder = findHolder(host);
  if (holder === undefined) {
    throw new Error(`host ${host.name} is not running: \`reboot\` it, or take the lab \`down\` and \`up\``);
  }
  // By descriptor and not with `ip netns exec`, which hides the cgroup mounts from dockerd.
  const enter = ['--target', String(holder.pid), '--mount', '--uts', '--net'];
  // A folder opened outside of the host's mounts would have no path inside them: env goes there afterwards.
  return ['nsenter', ...enter, '--', 'env', `--chdir=${cwd}`, ...argv];
}

/** Variables of every process inside the host: the mark by which it is found again, and the host's own Engine first. */
export function hostVariables(host: HostNames): Readonly<Record<string, string>> {
  const mark = { [MEMBER_VARIABLE]: host.member };
  if (host.engine === null) return mark;
  return { ...mark, PATH: `${host.engine}:${commandEnvironment()['PATH'] ?? ''}` };
}

/** Environment of a process inside the host: what was asked for, and {@link hostVariables}. */
export function hostEnvironment(host: HostNames, env?: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const all = commandEnvironment({ ...env, ...hostVariables(host) });
  // The machine's own choice of a Docker is none for a program inside a host.
  for (const name of ['DOCKER_HOST', 'DOCKER_CONTEXT']) if (env?.[name] === undefined) delete all[name];
  return all;
}

/** Of spawn's options, `cwd` (`/` when left out) is a path inside the host and `env` comes on top of ours. */
export interface HostSpawnOptions extends Omit<SpawnOptions, 'cwd' | 'env'> {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts `argv` inside the host. The child has the process's own number (nothing forks on the way), so
 * signals reach it. It ends with the host at the latest.
 */
export function spawnInHost(
  host: HostNames,
  argv: readonly string[],
  options: HostSpawnOptions = {},
): ChildProcess {
  const [file = 'nsenter', ...args] = insideHost(host, argv, options.cwd);
  return spawn(file, args, { ...options, cwd: '/', env: hostEnvironment(host, options.env) });
}

async function startHolder(host: HostNames): Promise<ProcessId> {
  const enter = [`--net=${path.join(NETNS_DIRECTORY, host.netns)}`, '--'];
  const own = ['unshare', '--mount', '--uts', '--propagation', 'private', '--'];
  const child = spawn('nsenter', [...enter, ...own, 'sleep', 'infinity'], {
    detached: true,
    stdio: 'ignore',
    cwd: '/',
    env: hostEnvironment(host),
  });
  child.once('error', () => undefined);
  child.unref();
  const { pid } = child;
  if (pid === undefined) throw new Error('cannot start nsenter: install util-linux');
  // nsenter and unshare give way to sleep in the same process once both have done their part.
  await waitFor(`namespaces of ${host.name}`, () => commandLine(pid)[0] === 'sleep', 10_000, 2);
  const id = identify(pid);
  if (id === undefined) throw new Error(`the holder of ${host.name} ended at once: is this root?`);
  await writeFile(host.holderFile, JSON.stringify(id));
  return id;
}

/** Gives the host its own /run, /sys (with its own interfaces), /etc/docker and /var/lib folders. */
async function mountOwnFolders(run: Run, host: HostNames): Promise<void> {
  const inside = async (...argv: string[]): Promise<string> => await mustRun(run, insideHost(host, argv));
  // A copy of the other namespaces' mounts would keep those alive after they are deleted.
  await run(insideHost(host, ['umount', '--recursive', '--lazy', NETNS_DIRECTORY]));
  const keep = path.join(host.runDirectory, 'cgroup');
  await mkdir(keep);
  await inside('mount', '--rbind', '/sys/fs/cgroup', keep);
  await inside('umount', '--recursive', '--lazy', '/sys');
  await inside('mount', '-t', 'sysfs', 'sysfs', '/sys');
  await inside('mount', '--move', keep, '/sys/fs/cgroup');
  await rmdir(keep);
  for (const folder of MOUNT_POINTS) {
    const own = path.join(host.diskDirectory, folder);
    await mkdir(own, { recursive: true });
    await inside('mount', '--bind', own, folder);
  }
  await inside('mount', '--bind', host.runDirectory, '/run');
}

async function bringUpNetwork(run: Run, host: HostNames): Promise<void> {
  const ip = async (...argv: string[]): Promise<string> =>
    await mustRun(run, ['ip', '-n', host.netns, ...argv]);
  await ip('link', 'set', 'lo', 'up');
  await ip('address', 'add', `${host.address}/${String(SWITCH_PREFIX)}`, 'dev', host.uplink);
  await ip('link', 'set', host.uplink, 'up');
  await ip('route', 'add', 'default', 'via', SWITCH_ADDRESS);
}

/** Builds the host on its disk (which is made when missing) and plugs it into the switch. No Docker yet. */
export async function bootHost(run: Run, lab: LabNames, host: HostNames): Promise<void> {
  await mkdir(host.diskDirectory, { recursive: true });
  await mkdir(path.join(host.runDirectory, 'trunkline'), { recursive: true });
  await mkdir(path.join(host.runDirectory, 'lock'), { recursive: true });
  await mustRun(run, ['ip', 'netns', 'add', host.netns]);
  await plugIn(run, lab, host.port, { netns: host.netns, name: host.uplink, mac: host.mac });
  await bringUpNetwork(run, host);
  await startHolder(host);
  await mustRun(run, insideHost(host, ['hostname', host.name]));
  await mountOwnFolders(run, host);
}

/** Takes the power from the host: nothing in it ends in order, all is gone but its disk. */
export async function powerOff(run: Run, lab: LabNames, host: HostNames): Promise<void> {
  await killMembers(hostMembership(host));
  await unplug(run, lab, host.port);
  const removed = await run(['ip', 'netns', 'delete', host.netns]);
  if (removed.code !== 0 && !/No such file/.test(removed.stderr)) {
    throw new Error(`cannot remove network namespace ${host.netns}: ${removed.stderr.trim()}`);
  }
  await removeCgroup(host.cgroup);
  await rm(host.holderFile, { force: true });
  // The folder itself stays: whoever watches it for the Docker socket keeps watching the right one.
  const left = await readdir(host.runDirectory).catch(() => []);
  for (const entry of left) await rm(path.join(host.runDirectory, entry), { recursive: true, force: true });
}
