/**
 * Real Docker hosts on one Linux machine, for tests, demo and benchmarks. `createLab` builds one that
 * dies with this process at the latest (the next `createLab` or `lab down` on the machine removes it);
 * `openLab` gives access to one that is up.
 */
import { mkdir, statfs } from 'node:fs/promises';
import path from 'node:path';
import { cleanLabs, killProcesses } from './clean.ts';
import { mustRun, run, type Run } from './commands.ts';
import { bootHost } from './docker-host.ts';
import { startDockerd } from './dockerd.ts';
import { resolveEngine } from './engine.ts';
import { labHandle, markedRun, type Lab } from './handle.ts';
import { importBusybox, packBusybox } from './image.ts';
import { ensureInstalled, findCommand, type Log } from './install.ts';
import { withMachineLock } from './machine-lock.ts';
import { prepareMachine } from './machine-marks.ts';
import { checkLabName, hostNames, labNames, STATE_ROOT, type LabNames } from './names.ts';
import { claimLab, readState, thisProcess, writeState, type LabState } from './state.ts';
import { createSwitch } from './switch.ts';

export type { CommandOptions, CommandResult } from './commands.ts';
export type { Exposed } from './exposure.ts';
export type { Lab, LabHost, RebootOptions } from './handle.ts';
export type { Station, StationOptions } from './station.ts';

/** statfs(2) type of overlayfs, which cannot hold the upper folders of Docker's own overlays. */
const OVERLAYFS_MAGIC = 0x794c7630;

/** What a new lab shall be. */
export interface LabOptions {
  /** Number of hosts, docker01 on. */
  readonly hosts: number;
  /** 1 to 20 of a-z, 0-9 and -. Two labs need two names. */
  readonly name: string;
  /**
   * Docker Engine of its hosts: a folder with the programs of a release, or a major version (`28`) that the distribution has.
   * When left out that of the variable TRUNKLINE_LAB_ENGINE, and without it the one of the `PATH`.
   */
  readonly engine?: string;
  /** Let the lab live on when this process ends, until `down`. */
  readonly keep?: boolean;
  /** Ends the build early: it then removes what it made and throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Takes progress, line by line. */
  readonly log?: Log;
}

function requireRoot(): void {
  if (process.getuid?.() !== 0) {
    throw new Error('the lab makes network namespaces and starts dockerd: run it as root (sudo)');
  }
}

/** Docker's storage needs a real filesystem under it; on an overlay (a container, a VM) memory serves. */
async function makeDisks(act: Run, names: LabNames): Promise<void> {
  const disks = path.join(names.directory, 'disks');
  await mkdir(disks);
  if ((await statfs(disks)).type === OVERLAYFS_MAGIC) {
    await mustRun(act, ['mount', '-t', 'tmpfs', '-o', 'mode=755', `trunkline-lab-${names.id}`, disks]);
  }
}

async function build(act: Run, names: LabNames, state: LabState, log: Log): Promise<void> {
  const busybox = findCommand('busybox');
  if (busybox === undefined) throw new Error('busybox is missing: install busybox-static');
  const tar = packBusybox(act, names, busybox);
  // Awaited below; a failure of a host must not leave this one unheard.
  tar.catch(() => undefined);
  await makeDisks(act, names);
  const hosts = Array.from({ length: state.hosts }, (_, index) => hostNames(names, index + 1));
  const starts = hosts.map(async (host) => {
    await bootHost(act, names, host);
    await startDockerd(host);
    await importBusybox(host, await tar);
    log(`${host.name} is up at ${host.address}`);
  });
  // All of them settle before anything is removed again.
  const failure = (await Promise.allSettled(starts)).find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

/**
 * Installs what is missing, removes labs whose owner has died, builds a new one and returns when every
 * Docker answers. Throws, leaving nothing behind, when a lab of that name is up or something fails.
 */
export async function createLab(options: LabOptions): Promise<Lab> {
  const { name, log = () => undefined, signal } = options;
  const root = STATE_ROOT;
  requireRoot();
  checkLabName(name);
  // Checks the number before anything is made.
  hostNames(labNames(root, name, '000000'), options.hosts);
  await ensureInstalled(log);
  const engine = await resolveEngine(options.engine, log);
  signal?.throwIfAborted();
  log(
    `building lab ${name} with ${String(options.hosts)} hosts${engine === null ? '' : `, Docker of ${engine}`}`,
  );
  const { state, names } = await withMachineLock(root, async () => {
    await cleanLabs(run, root, log);
    if ((await readState(root, name)) !== undefined) {
      throw new Error(
        `lab ${name} is up already: take it down first (\`lab down --lab ${name}\`) or choose another name`,
      );
    }
    await prepareMachine(run, root);
    return await claimLab(root, name, options.hosts, thisProcess(), engine);
  });
  const lab = labHandle(root, state);
  const act = markedRun(names);
  // Whatever the build is waiting for then ends, and the build with it.
  const abort = (): void => void killProcesses(names, state).catch(() => undefined);
  signal?.addEventListener('abort', abort);
  try {
    signal?.throwIfAborted();
    // The first `ip netns add` of a machine mounts /run/netns: not twice at once.
    await withMachineLock(root, async () => {
      await createSwitch(act, names);
    });
    await build(act, names, state, log);
    signal?.throwIfAborted();
    if ((await readState(root, name))?.id !== state.id)
      throw new Error(`lab ${name} was taken down meanwhile`);
    if (options.keep === true) await writeState(names.directory, { ...state, owner: null });
  } catch (error) {
    log('failed; removing what was built');
    await lab.down();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  return lab;
}

/** Access to a lab that is up. Throws when there is none of that name. */
export async function openLab(name: string): Promise<Lab> {
  const root = STATE_ROOT;
  requireRoot();
  checkLabName(name);
  const state = await readState(root, name);
  if (state === undefined)
    throw new Error(`there is no lab ${name}: \`lab up --lab ${name} --hosts 2\` makes it`);
  return labHandle(root, state);
}

/** Removes a lab by name, and all labs whose owner has died. False when there was none of that name. */
export async function removeLab(name: string, log: Log = () => undefined): Promise<boolean> {
  const root = STATE_ROOT;
  requireRoot();
  checkLabName(name);
  return await withMachineLock(root, async () => await cleanLabs(run, root, log, name));
}
