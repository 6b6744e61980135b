import type { DesiredNetwork, DiagnosisTask, HostFinding, Ping } from '@trunkline/contracts';
import type { CommandResult, RunOptions } from '../host/command.ts';
import { CommandFailed } from '../host/command.ts';
import { noProbe, type Ask } from '../wire/address-probe.ts';
import { document, type FakeHost } from '../reconcile/subjects.fixture.ts';
import type { Examined, Examiner, Traffic } from './examiner.ts';
import { openScene, type Scene } from './scene.ts';

/** What a host answers besides its links and its Docker. */
export interface World {
  /** What programs answer, by their argv in one line; a number is an exit code. What is not named is not installed. */
  readonly programs?: Readonly<Record<string, string | number>>;
  /** Text of files by path. */
  readonly files?: Readonly<Record<string, string>>;
  readonly folders?: Readonly<Record<string, readonly string[]>>;
  /** Who answers on the wire; nobody can be asked unless said. */
  readonly recheck?: Ask;
}

/** A scene on a host in memory. */
export async function sceneOn(
  host: FakeHost,
  networks: readonly DesiredNetwork[],
  containers: readonly string[],
  world: World = {},
): Promise<Scene> {
  const desired = document(networks);
  const task: DiagnosisTask = {
    networkIds: networks.map(({ id }) => id),
    containers: [...containers],
    pings: [],
    wire: null,
  };
  const deps = {
    docker: host.docker,
    desired: () => desired,
    look: () => host.look(desired),
    probe: { recheck: world.recheck ?? noProbe.recheck },
    run: async (file: string, argv: readonly string[], options?: RunOptions) =>
      answer([file, ...argv], world.programs ?? {}, options),
    readFile: async (path: string) => {
      const text = world.files?.[path];
      if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      return text;
    },
    readFolder: async (path: string) => world.folders?.[path] ?? [],
  };
  return await openScene(task, deps, new AbortController().signal);
}

function answer(
  argv: readonly string[],
  programs: Readonly<Record<string, string | number>>,
  options: RunOptions = {},
): CommandResult {
  const said = programs[argv.join(' ')];
  if (typeof said === 'string') return { stdout: said, stderr: '', code: 0 };
  if (said !== undefined && options.acceptCodes?.includes(said) === true) {
    return { stdout: '', stderr: '', code: said };
  }
  const failure =
    said === undefined
      ? ({ kind: 'spawn', reason: 'not installed on this host (looked in PATH)' } as const)
      : ({ kind: 'exit', reason: `exit code ${said}` } as const);
  throw new CommandFailed({ ...failure, argv, code: said ?? null, stdout: '', stderr: '' });
}

/** A ping of a diagnosis, with how many of its five requests came back. */
export function tried(
  from: string,
  to: string,
  address: string,
  received: number,
  size: Traffic['pings'][number]['size'] = null,
): Traffic['pings'][number] {
  const ping: Ping = {
    address,
    sent: 5,
    received,
    lossPercent: 100 - received * 20,
    rttMs: null,
    mac: null,
    error: null,
  };
  return { from, to, ping, size };
}

/** What an examiner finds around these pings. */
export async function examine(
  examiner: Examiner,
  scene: Scene,
  pings: Traffic['pings'] = [],
): Promise<Examined> {
  const end = await examiner.begin(scene);
  return await end({
    pings,
    hostPings: [],
    wire: null,
    isLost: pings.some(({ ping }) => ping.received < ping.sent),
  });
}

/** The codes of findings with what they are about. */
export const shown = (findings: readonly HostFinding[]): readonly string[] =>
  findings.map(({ code, subject }) => `${code}: ${subject}`);
