import type { DesiredContainer, DesiredDocument } from '@trunkline/contracts';
import type { ContainerRoute } from '../host/container-routes.ts';
import type { DockerContainer, DockerContainerDetail, DockerEngine } from '../host/docker-engine.ts';
import { CommandFailed } from '../host/command.ts';
import { DockerError, DockerNotFound } from '../host/docker-errors.ts';
import type { Kernel } from '../host/kernel.ts';
import type { Link, Links } from '../host/links.ts';
import type { ShimRoute } from '../host/shim-routes.ts';
import type { Detached } from './detached.ts';
import { createFailedStarts, type FailedStarts } from './failed-starts.ts';
import type { HostAccessLook } from './host-access.ts';
import type { LinksToRestore } from './links-to-restore.ts';
import { containersThatShowLoss } from './lost-network.ts';
import { containerLabel, isMadeFrom } from './marks.ts';
import {
  servingBook,
  type DockerDown,
  type Observed,
  type ObservedBook,
  type ObservedDocker,
} from './observed.ts';
import type { Permissions } from './permissions.ts';
import { isShim } from './shims.ts';
import { emptyStackMemory, type StackMemory } from './stack-memory.ts';
import { findStackSharers, inFull as sharersInFull } from './stack-sharers.ts';
import { joinedStack } from './stack-sharing.ts';
import { wholeWire, type WireState } from './wire-state.ts';

/** What a look reads. */
export interface ObserveSources {
  readonly links: Pick<Links, 'list'>;
  readonly docker: Pick<DockerEngine, 'version' | 'networks' | 'containers' | 'container' | 'imageExists'>;
  readonly kernel: Pick<Kernel, 'observe'>;
  /** Interfaces in the network namespace of a process, lo left out; null when it is gone. */
  readonly interfacesOf: (pid: number) => Promise<number | null>;
  /** Default routes in the network namespace of a process; null when it is gone. Default: nobody can look. */
  readonly routesOf?: (pid: number) => Promise<readonly ContainerRoute[] | null>;
  /** The network namespace of a process; null when it is gone. Default: nobody can look. */
  readonly sandboxOf?: (pid: number) => number | null;
  /** Default: nothing is remembered. */
  readonly stackMemory?: () => StackMemory;
  /** The routes over a shim. Default: nobody can look. */
  readonly shimRoutesOf?: (shim: string) => Promise<readonly ShimRoute[]>;
  /** Default: nobody can look. */
  readonly hostAccessOf?: HostAccessLook;
  readonly adopted: () => Readonly<Record<string, string>>;
  readonly detached: () => Detached;
  /** Default: none. */
  readonly linksToRestore?: () => LinksToRestore;
  /** Default: whole. */
  readonly wire?: () => Promise<WireState>;
  /** Default: one that serves. */
  readonly book?: () => ObservedBook;
  /** Default: everything. */
  readonly permitted?: Permissions;
  /** Default: one that remembers nothing. */
  readonly failedStarts?: FailedStarts;
  /** How long a look waits for Docker, in milliseconds. Default: as long as it takes. */
  readonly dockerMs?: number;
  readonly now: () => number;
}

/**
 * Observes the whole host. That Docker does not answer is part of the result. Links that cannot be listed fail the look, as
 * `Links.list` does.
 *
 * `below`: an earlier look whose links and Docker version are taken over, with its time: a result is as old as its oldest part.
 */
export async function observe(
  sources: ObserveSources,
  desired: DesiredDocument | null,
  below: Observed | null = null,
): Promise<Observed> {
  const at = below?.at ?? sources.now();
  const linksToRestore = sources.linksToRestore?.() ?? {};
  // Asked for again where it decides whether a link is set down.
  const sameRoutes = below !== null && Object.keys(linksToRestore).length === 0;
  const [links, kernel, docker, wire] = await Promise.all([
    below?.links ?? sources.links.list(),
    sameRoutes ? below.kernel : sources.kernel.observe(),
    withinBound(sources.dockerMs, observeDocker(sources, desired, below)),
    sources.wire?.() ?? wholeWire,
  ]);
  const shims = links.filter(isShim);
  const [shimRoutes, hostAccess] = await Promise.all([
    routesOver(shims, sources.shimRoutesOf),
    hostAccessBeside(shims, docker, sources.hostAccessOf),
  ]);
  return {
    at,
    links,
    defaultRoute: kernel.defaultRoutes[0] ?? null,
    kernel,
    docker: hostAccess === null ? docker : { ...docker, ...hostAccess },
    shimRoutes,
    adopted: sources.adopted(),
    detached: sources.detached(),
    linksToRestore,
    wire,
    book: sources.book?.() ?? servingBook,
    ...(sources.permitted === undefined ? {} : { permitted: sources.permitted }),
  };
}

/** A shim that vanished since the links were listed is left out. */
async function routesOver(
  shims: readonly Link[],
  routesOf: ObserveSources['shimRoutesOf'],
): Promise<ReadonlyMap<string, readonly ShimRoute[]>> {
  if (routesOf === undefined) return new Map();
  const found = await Promise.all(
    shims.map(async ({ name }): Promise<(readonly [string, readonly ShimRoute[]])[]> => {
      try {
        return [[name, await routesOf(name)]];
      } catch (error) {
        if (error instanceof CommandFailed) return [];
        throw error;
      }
    }),
  );
  return new Map(found.flat());
}

/** What running containers whose Docker network hangs on the parent of a shim have of the way to this host. Null: nobody looked. */
async function hostAccessBeside(
  shims: readonly Link[],
  docker: Observed['docker'],
  lookInto: HostAccessLook | undefined,
): Promise<Pick<ObservedDocker, 'hostAccess'> | null> {
  if (lookInto === undefined || !docker.reachable || shims.length === 0) return null;
  const parents = new Set(shims.map(({ parent }) => parent));
  const beside = new Set(
    docker.networks
      .filter(({ driver, options }) => driver === 'macvlan' && parents.has(options['parent'] ?? null))
      .map(({ id }) => id),
  );
  const containers = docker.containers.filter(
    ({ status, endpoints }) =>
      (status === 'running' || status === 'paused') &&
      endpoints.some(({ networkId }) => beside.has(networkId)),
  );
  try {
    return { hostAccess: await lookInto(containers) };
  } catch (error) {
    if (error instanceof DockerError) return null;
    throw error;
  }
}

/** Docker's answer, or, after `boundMs`, that there is none yet. */
async function withinBound(
  boundMs: number | undefined,
  docker: Promise<Observed['docker']>,
): Promise<Observed['docker']> {
  if (boundMs === undefined) return docker;
  const late = Promise.withResolvers<DockerDown>();
  const timer = setTimeout(() => {
    late.resolve({
      reachable: false,
      message: `Docker has not answered for ${boundMs / 1000} s yet`,
      pending: true,
    });
  }, boundMs);
  try {
    return await Promise.race([docker, late.promise]);
  } finally {
    clearTimeout(timer);
    docker.catch(() => undefined);
  }
}

async function observeDocker(
  {
    docker,
    interfacesOf,
    routesOf,
    sandboxOf = () => null,
    adopted,
    stackMemory = () => emptyStackMemory,
    failedStarts = createFailedStarts(),
    now,
  }: Pick<
    ObserveSources,
    'docker' | 'interfacesOf' | 'routesOf' | 'sandboxOf' | 'adopted' | 'stackMemory' | 'failedStarts' | 'now'
  >,
  desired: DesiredDocument | null,
  below: Observed | null,
): Promise<Observed['docker']> {
  const began = now();
  const starts = failedStarts.look();
  try {
    const [version, networks, containers] = await Promise.all([
      below?.docker.reachable === true ? below.docker.version : docker.version(),
      docker.networks(),
      docker.containers(),
    ]);
    const names = new Set(desired?.containers.map(({ name }) => name));
    const ours = containers.filter((one) => names.has(one.name) || one.labels[containerLabel] !== undefined);
    const mayHaveFailed = starts.toInspect(containers, networks);
    const memory = stackMemory();
    const sharers = findStackSharers({ containers, networks }, new Set(Object.values(adopted())), memory);
    const inspected = [
      ...new Set([
        ...ours,
        ...containersThatShowLoss(containers, networks),
        ...mayHaveFailed,
        ...sharers.flatMap(({ sharer, owner }) => (owner === null ? [sharer] : [sharer, owner])),
      ]),
    ];
    const present = new Map(containers.map((one) => [one.name, one]));
    const outdated = new Set(
      desired?.containers.filter((one) => isOutdated(one, present.get(one.name))).map(({ name }) => name),
    );
    const needsImage = (name: string): boolean => !present.has(name) || outdated.has(name);
    const images = new Set(
      desired?.containers
        .filter(({ state, name }) => state === 'present' && needsImage(name))
        .map(({ image }) => image),
    );
    const [details, here] = await Promise.all([
      Promise.all(inspected.map(({ id }) => detailOf(docker, id))),
      Promise.all([...images].map(async (image) => ((await docker.imageExists(image)) ? [image] : []))),
    ]);
    const inFull = new Map(details.filter((one) => one !== null).map((one) => [one.id, one]));
    const [interfaces, routes] = await Promise.all([
      byContainer([...inFull.values()], interfacesOf),
      byContainer(
        [...inFull.values()].filter(({ endpoints }) => endpoints.length > 1),
        routesOf ?? (async () => null),
      ),
    ]);
    const gone = new Set(inspected.map(({ id }) => id).filter((id) => !inFull.has(id)));
    return {
      reachable: true,
      version,
      networks,
      containers: containers.filter(({ id }) => !gone.has(id)),
      details: inFull,
      failedStarts: starts.among(mayHaveFailed.flatMap(({ id }) => inFull.get(id) ?? [])),
      interfaces,
      routes,
      stackSharers: sharersInFull(sharers, inFull),
      restartingSharers: memory.restarting,
      sandboxes: sandboxesOf([...inFull.values()], sandboxOf),
      images: new Set(here.flat()),
      outage: null,
      tookMs: now() - began,
    };
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    failedStarts.forget();
    return { reachable: false, message: error.message };
  }
}

/** Of those that share a stack, and those whose stack they share. */
function sandboxesOf(
  containers: readonly DockerContainerDetail[],
  sandboxOf: (pid: number) => number | null,
): ReadonlyMap<string, number> {
  const joined = new Set(containers.map(joinedStack));
  const found = containers.flatMap((one): [string, number][] => {
    const concerns = joinedStack(one) !== null || joined.has(one.id) || joined.has(one.name);
    const sandbox = one.pid === null || !concerns ? null : sandboxOf(one.pid);
    return sandbox === null ? [] : [[one.id, sandbox]];
  });
  return new Map(found);
}

/** What is found in the network namespaces of containers that run; what cannot be looked into is left out. */
async function byContainer<T>(
  containers: readonly DockerContainerDetail[],
  lookInto: (pid: number) => Promise<T | null>,
): Promise<ReadonlyMap<string, T>> {
  const found = new Map<string, T>();
  await Promise.all(
    containers.map(async ({ id, pid }) => {
      const one = pid === null ? null : await lookInto(pid);
      if (one !== null) found.set(id, one);
    }),
  );
  return found;
}

/** Null for a container that was removed between the list and its inspection. */
async function detailOf(docker: ObserveSources['docker'], id: string): Promise<DockerContainerDetail | null> {
  try {
    return await docker.container(id);
  } catch (error) {
    if (error instanceof DockerNotFound) return null;
    throw error;
  }
}

/** Whether a container of ours was made from another generation than the desired one. */
const isOutdated = (wanted: DesiredContainer, there: DockerContainer | undefined): boolean =>
  there?.labels[containerLabel] === wanted.id && !isMadeFrom(wanted, there);
