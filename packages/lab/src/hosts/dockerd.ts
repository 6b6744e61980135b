import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { spawnInHost, findHolder } from './docker-host.ts';
import { engineRequest } from './engine-request.ts';
import type { HostNames } from './names.ts';
import { commandLine, identify, isRunning, namespaceOf, signal, type ProcessId } from './processes.ts';
import { waitFor } from './wait.ts';

/** A start may have to wait for restart policies and absent plugins (facts.md: 163 s were seen). */
const START_DEADLINE_MS = 240_000;

const pidFile = (host: HostNames): string => path.join(host.runDirectory, 'docker.pid');
const containerdPidFile = (host: HostNames): string =>
  path.join(host.runDirectory, 'docker/containerd/containerd.pid');

/** The daemon's options: no default bridge and no firewall rules, all else as the distribution has it. */
export function dockerdArguments(host: HostNames): readonly string[] {
  return [
    'dockerd',
    '--bridge=none',
    '--iptables=false',
    '--ip6tables=false',
    '--host=unix:///run/docker.sock',
    '--data-root=/var/lib/docker',
    '--exec-root=/run/docker',
    '--pidfile=/run/docker.pid',
    // systemd's driver would put containers where the lab could not tell them from others.
    '--exec-opt=native.cgroupdriver=cgroupfs',
    `--cgroup-parent=/${host.cgroup}`,
  ];
}

function findDaemon(host: HostNames, program: string, file: string): ProcessId | undefined {
  const holder = findHolder(host);
  if (holder === undefined || !existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, 'utf8'));
  const isOurs =
    path.basename(commandLine(pid)[0] ?? '') === program &&
    namespaceOf(pid, 'mnt') === namespaceOf(holder.pid, 'mnt');
  return isOurs ? identify(pid) : undefined;
}

/** The host's running dockerd; undefined when there is none. */
export function findDockerd(host: HostNames): ProcessId | undefined {
  return findDaemon(host, 'dockerd', pidFile(host));
}

/** The containerd that dockerd started for itself; undefined when there is none. */
function findContainerd(host: HostNames): ProcessId | undefined {
  return findDaemon(host, 'containerd', containerdPidFile(host));
}

/** Whether the host's Docker answers. */
export async function dockerAnswers(host: HostNames): Promise<boolean> {
  if (!existsSync(host.dockerSocket)) return false;
  return await engineRequest({
    socket: host.dockerSocket,
    method: 'GET',
    path: '/_ping',
    timeoutMs: 5_000,
  }).then(
    (answer) => answer.status === 200,
    () => false,
  );
}

/** dockerd gives its containerd 15 s and then ends (moby, libcontainerd/supervisor); systemd would start both again. */
const SLOW_CONTAINERD = 'timeout waiting for containerd to start';

/** How often dockerd is started where its containerd was too slow; what was read from the disk is there the next time. */
const maxStarts = 8;

/**
 * Starts the host's dockerd and returns once it answers. It lives on when this process ends. Throws with
 * the end of its log when it gives up. Does nothing when it runs already.
 */
export async function startDockerd(host: HostNames): Promise<void> {
  if (findDockerd(host) !== undefined) {
    await waitFor(`Docker of ${host.name}`, async () => await dockerAnswers(host), START_DEADLINE_MS);
    return;
  }
  for (let start = 1; ; start += 1) {
    const printed = await startOnce(host);
    if (printed === undefined) return;
    if (start < maxStarts && printed.includes(SLOW_CONTAINERD)) continue;
    throw new Error(`dockerd of ${host.name} gave up, see ${host.dockerLog}:\n${printed}`);
  }
}

/** Undefined when it answers, else its last words. */
async function startOnce(host: HostNames): Promise<string | undefined> {
  // Left by a kill; the number may be another process's by now. dockerd waits in vain for a containerd
  // that is dead but not yet reaped, or whose number somebody else has.
  await rm(pidFile(host), { force: true });
  if (findContainerd(host) === undefined) await rm(containerdPidFile(host), { force: true });
  const log = openSync(host.dockerLog, 'a');
  const child = spawnInHost(host, dockerdArguments(host), { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  child.once('error', () => undefined);
  child.unref();
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  await waitFor(
    `Docker of ${host.name}`,
    async () => hasEnded() || (await dockerAnswers(host)),
    START_DEADLINE_MS,
  );
  return hasEnded()
    ? readFileSync(host.dockerLog, 'utf8').trim().split('\n').slice(-5).join('\n')
    : undefined;
}

async function endDockerd(host: HostNames, how: NodeJS.Signals, deadlineMs: number): Promise<void> {
  const daemon = findDockerd(host);
  const containerd = findContainerd(host);
  if (daemon === undefined) return;
  signal(daemon.pid, how);
  await waitFor(`end of dockerd on ${host.name}`, () => !isRunning(daemon), deadlineMs);
  if (containerd === undefined) return;
  // The kernel kills it when dockerd dies (prctl(2), PR_SET_PDEATHSIG); here only its end is waited for.
  await waitFor(`end of containerd on ${host.name}`, () => !isRunning(containerd), deadlineMs);
}

/** Kills the daemon with SIGKILL; its containers stay until it starts again. Fine when it does not run. */
export async function killDockerd(host: HostNames): Promise<void> {
  await endDockerd(host, 'SIGKILL', 10_000);
}

/** Stops the daemon and its containers in order, as `systemctl stop docker` does. Fine when it does not run. */
export async function stopDockerd(host: HostNames): Promise<void> {
  await endDockerd(host, 'SIGTERM', 90_000);
}
