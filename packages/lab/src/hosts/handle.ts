import type { ChildProcess } from 'node:child_process';
import { cleanLab } from './clean.ts';
import { run, type CommandOptions, type CommandResult, type Run } from './commands.ts';
import {
  bootHost,
  findHolder,
  hostVariables,
  insideHost,
  powerOff,
  spawnInHost,
  type HostSpawnOptions,
} from './docker-host.ts';
import { dockerAnswers, killDockerd, startDockerd, stopDockerd } from './dockerd.ts';
import { expose, unexpose, type Exposed } from './exposure.ts';
import { withMachineLock } from './machine-lock.ts';
import { restoreMachine } from './machine-marks.ts';
import {
  hostNames,
  labNames,
  MEMBER_VARIABLE,
  SWITCH_ADDRESS,
  type HostNames,
  type LabNames,
} from './names.ts';
import { addStation, removeStation, type Station, type StationOptions } from './station.ts';
import type { LabState } from './state.ts';
import { setPort, setVlan } from './switch.ts';

/** One Docker host of a lab. */
export interface LabHost {
  readonly name: string;
  /** Reachable from the machine; inside the host the same socket is /run/docker.sock. */
  readonly dockerSocket: string;
  /** Name under /run/netns. */
  readonly netns: string;
  /** The host's one NIC. */
  readonly uplink: string;
  readonly address: string;
  readonly mac: string;
  /** The host's dockerd writes here. */
  readonly dockerLog: string;
  /** Runs `argv` inside the host (network, mounts, host name) to its end; a non-zero code is a result. */
  exec(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Starts `argv` inside the host. Signals reach it; it is killed at `reboot` and `down`. */
  spawn(argv: readonly string[], options?: HostSpawnOptions): ChildProcess;
}

/** How a host comes back from {@link Lab.reboot}. */
export interface RebootOptions {
  /** False leaves Docker stopped, for `startDockerd` later. */
  readonly docker?: boolean;
  /** Runs inside the booted host before Docker starts, as a unit ordered before docker.service would. */
  readonly beforeDocker?: () => Promise<void>;
}

/** A lab that is up. Hosts are named `docker01` on; an unknown name throws. */
export interface Lab {
  readonly name: string;
  readonly id: string;
  readonly directory: string;
  /** The machine that runs the lab, as its hosts see it. */
  readonly switchAddress: string;
  readonly switchNetns: string;
  readonly hosts: readonly LabHost[];
  host(name: string): LabHost;
  /** Lets hosts reach 127.0.0.1:`targetPort` (`port` when left out) of the machine as `switchAddress`:`port`. */
  expose(port: number, targetPort?: number): Promise<Exposed>;
  unexpose(port: number): Promise<void>;
  /** Pulls the host's cable: its uplink loses carrier. */
  cut(host: string): Promise<void>;
  /** Plugs the cable back in. */
  mend(host: string): Promise<void>;
  /** Whether the host's port of the switch carries a VLAN; see `setVlan` of switch.ts. */
  setVlan(host: string, vlan: number, state: 'carried' | 'missing'): Promise<void>;
  /** SIGKILL to dockerd; its containers stay. */
  killDockerd(host: string): Promise<void>;
  /** Stops dockerd and its containers in order. */
  stopDockerd(host: string): Promise<void>;
  /** Starts dockerd where it does not run and returns when it answers. */
  startDockerd(host: string): Promise<void>;
  /** Power off and on: everything in the host is gone but its disk. A cut cable is mended by it. */
  reboot(host: string, options?: RebootOptions): Promise<void>;
  /** Power off and on, first half: the host is gone from the switch until `powerOn`. */
  powerOff(host: string): Promise<void>;
  powerOn(host: string, options?: RebootOptions): Promise<void>;
  addStation(options: StationOptions): Promise<Station>;
  removeStation(name: string): Promise<void>;
  /** Whether each host is built and its Docker answers. */
  status(): Promise<readonly { name: string; running: boolean; docker: boolean }[]>;
  /** Removes every trace of the lab. Fine when somebody else did. */
  down(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

function hostHandle(host: HostNames): LabHost {
  const { name, dockerSocket, netns, uplink, address, mac, dockerLog } = host;
  return {
    name,
    dockerSocket,
    netns,
    uplink,
    address,
    mac,
    dockerLog,
    exec: async (argv, options) => {
      const env = { ...options?.env, ...hostVariables(host) };
      return await run(insideHost(host, argv), { ...options, env });
    },
    spawn: (argv, options) => spawnInHost(host, argv, options),
  };
}

/** Marks every command as the lab's: one that outlives a killed owner is found and ended with the rest. */
export function markedRun(names: LabNames): Run {
  const mark = { [MEMBER_VARIABLE]: `${names.id}/command/` };
  return async (argv, options) => await run(argv, { ...options, env: { ...options?.env, ...mark } });
}

/** Access to a lab whose state is known, whether it is whole or not. */
export function labHandle(root: string, state: LabState): Lab {
  const names = labNames(root, state.name, state.id, state.engine);
  const act = markedRun(names);
  const all = Array.from({ length: state.hosts }, (_, index) => hostNames(names, index + 1));
  const handles = all.map((host) => hostHandle(host));
  const find = (name: string): HostNames => {
    const host = all.find((candidate) => candidate.name === name);
    if (host !== undefined) return host;
    const known = all.map((candidate) => candidate.name).join(', ');
    throw new Error(`lab ${state.name} has no host ${JSON.stringify(name)}; it has ${known}`);
  };
  const powerOn = async (name: string, options: RebootOptions = {}): Promise<void> => {
    const host = find(name);
    if (findHolder(host) !== undefined) throw new Error(`host ${name} is on: use reboot`);
    await bootHost(act, names, host);
    await options.beforeDocker?.();
    if (options.docker !== false) await startDockerd(host);
  };
  const down = async (): Promise<void> => {
    await withMachineLock(root, async () => {
      await cleanLab(run, root, { name: state.name, state });
      await restoreMachine(run, root);
    });
  };
  return {
    name: state.name,
    id: state.id,
    directory: names.directory,
    switchAddress: SWITCH_ADDRESS,
    switchNetns: names.switchNetns,
    hosts: handles,
    host: (name) => hostHandle(find(name)),
    expose: async (port, targetPort = port) => await expose(names, port, targetPort),
    unexpose: async (port) => {
      await unexpose(names, port);
    },
    cut: async (name) => {
      await setPort(act, names, find(name).port, 'down');
    },
    mend: async (name) => {
      await setPort(act, names, find(name).port, 'up');
    },
    setVlan: async (name, vlan, carries) => {
      await setVlan(act, names, find(name).port, vlan, carries);
    },
    killDockerd: async (name) => {
      await killDockerd(find(name));
    },
    stopDockerd: async (name) => {
      await stopDockerd(find(name));
    },
    startDockerd: async (name) => {
      await startDockerd(find(name));
    },
    reboot: async (name, options) => {
      await powerOff(act, names, find(name));
      await powerOn(name, options);
    },
    powerOff: async (name) => {
      await powerOff(act, names, find(name));
    },
    powerOn,
    addStation: async (options) =>
      await withMachineLock(root, async () => await addStation(act, names, options)),
    removeStation: async (name) => {
      await removeStation(act, names, name);
    },
    status: async () =>
      await Promise.all(
        all.map(async (host) => ({
          name: host.name,
          running: findHolder(host) !== undefined,
          docker: await dockerAnswers(host),
        })),
      ),
    down,
    [Symbol.asyncDispose]: down,
  };
}
