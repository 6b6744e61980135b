import type { DesiredDocument, DesiredNetwork, DiagnosisTask } from '@trunkline/contracts';
import type { RunCommand } from '../host/command.ts';
import type { DockerContainerDetail, DockerEngine, DockerNetwork } from '../host/docker-engine.ts';
import type { Link } from '../host/links.ts';
import { isCoordinated } from '../observation/network-fit.ts';
import type { Observed } from '../observation/observed.ts';
import { standsFor } from '../observation/stands-for.ts';
import { linkOf } from '../plan/link-users.ts';
import type { AddressProbe, Ask } from '../wire/address-probe.ts';

/** What a diagnosis is about, as this host has it now. */
export interface Scene {
  readonly networks: readonly SceneNetwork[];
  readonly containers: readonly SceneContainer[];
  /** A look at the whole host. */
  readonly observed: Observed;
  /** A container as Docker has it now, by its id; null: not at all, or Docker does not answer. */
  readonly inspect: (id: string) => Promise<DockerContainerDetail | null>;
  /** Asks the wire for a second who has an address; see `AddressProbe`. */
  readonly recheck: Ask;
  /** Runs a program of this host, in the network of the host. */
  readonly run: RunCommand;
  /** Reads a text file of this host. */
  readonly readFile: (path: string) => Promise<string>;
  /** Names of what a folder of this host has; empty where there is no such folder. */
  readonly readFolder: (path: string) => Promise<readonly string[]>;
  readonly signal: AbortSignal;
}

/** A network of the diagnosis. */
export interface SceneNetwork {
  readonly network: DesiredNetwork;
  /** Name of the interface that its containers hang on; null: it names none, and there is no default route. */
  readonly linkName: string | null;
  /** That interface; null: the host has none of this name. */
  readonly link: Link | null;
}

/** A container of the diagnosis. */
export interface SceneContainer {
  readonly name: string;
  /** As Docker has it; null: not at all, or Docker does not answer. */
  readonly detail: DockerContainerDetail | null;
}

/** What a scene is made from. */
export interface SceneDeps {
  readonly docker: Pick<DockerEngine, 'container'>;
  readonly desired: () => DesiredDocument | null;
  readonly look: () => Promise<Observed>;
  readonly probe: Pick<AddressProbe, 'recheck'>;
  readonly run: RunCommand;
  readonly readFile: (path: string) => Promise<string>;
  readonly readFolder: (path: string) => Promise<readonly string[]>;
}

/** Looks at this host again. Fails when `look` fails. */
export async function openScene(task: DiagnosisTask, deps: SceneDeps, signal: AbortSignal): Promise<Scene> {
  const observed = await deps.look();
  const wanted = deps.desired()?.networks ?? [];
  const networks = task.networkIds.flatMap((networkId): SceneNetwork[] => {
    const network = wanted.find(({ id, state }) => id === networkId && state === 'present');
    if (network === undefined) return [];
    const linkName = linkOf(network, observed.defaultRoute);
    return [{ network, linkName, link: observed.links.find(({ name }) => name === linkName) ?? null }];
  });
  // A Docker that hangs would keep whoever asks. That it does not answer is the finding of its own examiner.
  const isThere = observed.docker.reachable;
  const inspect: Scene['inspect'] = async (id) =>
    isThere ? await deps.docker.container(id).catch(() => null) : null;
  const containers = await Promise.all(
    task.containers.map(async (name) => ({ name, detail: await inspect(name) })),
  );
  const { run, readFile, readFolder } = deps;
  const { recheck } = deps.probe;
  return { networks, containers, observed, inspect, recheck, run, readFile, readFolder, signal };
}

/** Whether a Docker network is that of a network of the diagnosis: by its name, or because its addresses are asked for there. */
export function standsForScene(docker: DockerNetwork, { network }: Pick<SceneNetwork, 'network'>): boolean {
  if (docker.name === network.name) return true;
  return (
    isCoordinated(docker) && standsFor(docker, { networks: [network], held: [] }).ids.includes(network.id)
  );
}

/** The links that frames of a network pass on this host: its own, those below it, and the bridge or bond that it is a port of. */
export function linksBelow({ link }: SceneNetwork, { observed }: Pick<Scene, 'observed'>): readonly Link[] {
  const found: Link[] = [];
  const add = (name: string | null): void => {
    const next = observed.links.find((one) => one.name === name);
    if (next === undefined || found.includes(next)) return;
    found.push(next);
    add(next.parent);
    add(next.master);
    for (const port of observed.links) if (port.master === next.name) add(port.name);
  };
  add(link?.name ?? null);
  return found;
}
