import type { DesiredDocument } from '@trunkline/contracts';
import type { ContainerRoute } from '../host/container-routes.ts';
import type {
  DockerContainer,
  DockerContainerDetail,
  DockerEngine,
  DockerNetwork,
  DockerVersion,
} from '../host/docker-engine.ts';
import { DockerError, DockerNotFound } from '../host/docker-errors.ts';
import type { Kernel, KernelState } from '../host/kernel.ts';
import type { Link, Links } from '../host/links.ts';
import { wholeWire, type WireState } from '../wire/wire-state.ts';
import type { Detached } from './detached.ts';
import type { LeftUp } from './left-up.ts';
import { containerLabel } from './marks.ts';
import { witnessesOfLoss } from './lost-network.ts';

/** What is on this host, as of one look. */
export type Observed = {
  /** When the look began, milliseconds since 1970. */
  readonly at: number;
  readonly links: readonly Link[];
  /** The link of the best default route, IPv4 before IPv6; null without one. */
  readonly defaultRoute: string | null;
  readonly kernel: KernelState;
  readonly docker: ObservedDocker | DockerDown;
  /** Networks that were there before us and that we use: our network id to Docker's. */
  readonly adopted: Readonly<Record<string, string>>;
  /** Containers that we took off a network and have yet to connect again. */
  readonly detached: Detached;
  /** Links that changes which were undone have set up, and that have yet to be looked after. */
  readonly leftUp: LeftUp;
  /** How far the wire can be asked and told. */
  readonly wire: WireState;
  readonly book: ObservedBook;
};

/** The address book of this host, which Docker asks for addresses. */
export type ObservedBook = {
  /** Why Docker cannot ask it; null: it can. */
  readonly notServing: string | null;
  /** Addresses that Docker networks of this host were given for a gateway that they do not have, by earlier agents. */
  readonly standIns?: readonly StandIn[];
};

/** An address of a subnet that Docker was given for its gateway, which the network does not have. */
export type StandIn = {
  readonly networkId: string;
  readonly subnet: string;
  readonly ip: string;
  /** When, milliseconds since 1970. */
  readonly since: number;
};

/** A book that serves. */
export const servingBook: ObservedBook = { notServing: null };

/** What Docker said. */
export type ObservedDocker = {
  readonly reachable: true;
  readonly version: DockerVersion;
  readonly networks: readonly DockerNetwork[];
  readonly containers: readonly DockerContainer[];
  /** In full, by Docker's id: ours, those that have a name we want, and those that can tell of a network that Docker lost. */
  readonly details: ReadonlyMap<string, DockerContainerDetail>;
  /**
   * How many network interfaces a running container really has, lo left out, by Docker's id; absent where nobody
   * could look. Docker does not notice that one vanished with the link below it.
   */
  readonly interfaces: ReadonlyMap<string, number>;
  /** Default routes inside running containers on several networks, by Docker's id; absent where nobody could look. */
  readonly routes: ReadonlyMap<string, readonly ContainerRoute[]>;
  /** Of the images that desired containers name, those that are here. */
  readonly images: ReadonlySet<string>;
  /**
   * When Docker was last away, milliseconds since 1970; null for never. What ended in between was not stopped by
   * anybody: Docker kills what outlived a crash of its own, and then takes `unless-stopped` for stopped by hand
   * (seen with 20.10).
   */
  readonly outage: { readonly from: number; readonly to: number } | null;
  /** How long all that was asked of Docker took, in milliseconds. */
  readonly tookMs?: number;
};

/** Docker did not answer; `pending`: not yet, which is no sign that it is away. */
export type DockerDown = {
  readonly reachable: false;
  readonly message: string;
  readonly pending?: boolean;
};

/** What is looked at. */
export type ObserveSources = {
  readonly links: Pick<Links, 'list'>;
  readonly docker: Pick<DockerEngine, 'version' | 'networks' | 'containers' | 'container' | 'imageExists'>;
  readonly kernel: Pick<Kernel, 'observe'>;
  /** Interfaces in the network namespace of a process, lo left out; null when it is gone. */
  readonly interfacesOf: (pid: number) => Promise<number | null>;
  /** Default routes in the network namespace of a process; null when it is gone. Default: nobody can look. */
  readonly routesOf?: (pid: number) => Promise<readonly ContainerRoute[] | null>;
  readonly adopted: () => Readonly<Record<string, string>>;
  readonly detached: () => Detached;
  /** Default: none. */
  readonly leftUp?: () => LeftUp;
  /** Default: whole. */
  readonly wire?: () => Promise<WireState>;
  /** Default: one that serves. */
  readonly book?: () => ObservedBook;
  /** How long Docker is waited for, in milliseconds; it is asked all the same. Default: as long as it may take. */
  readonly dockerMs?: number;
  readonly now: () => number;
};

/**
 * Looks at the whole truth. Docker that does not answer is part of it; links that cannot be listed are not, and fail
 * as `Links.list` does.
 *
 * `below`: an earlier look whose links and Docker version are taken over, with its time: what is said is then as old as its oldest part.
 */
export async function observe(
  sources: ObserveSources,
  desired: DesiredDocument | null,
  below: Observed | null = null,
): Promise<Observed> {
  const at = below?.at ?? sources.now();
  const leftUp = sources.leftUp?.() ?? {};
  // Asked for again where it decides whether a link is set down.
  const sameRoutes = below !== null && Object.keys(leftUp).length === 0;
  const [links, kernel, docker, wire] = await Promise.all([
    below?.links ?? sources.links.list(),
    sameRoutes ? below.kernel : sources.kernel.observe(),
    withinBound(sources.dockerMs, observeDocker(sources, desired, below)),
    sources.wire?.() ?? wholeWire,
  ]);
  return {
    at,
    links,
    defaultRoute: kernel.defaultRoutes[0] ?? null,
    kernel,
    docker,
    adopted: sources.adopted(),
    detached: sources.detached(),
    leftUp,
    wire,
    book: sources.book?.() ?? servingBook,
  };
}

/** What Docker said, or, after so long, that it has not said it yet. */
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
    now,
  }: Pick<ObserveSources, 'docker' | 'interfacesOf' | 'routesOf' | 'now'>,
  desired: DesiredDocument | null,
  below: Observed | null,
): Promise<Observed['docker']> {
  const began = now();
  try {
    const [version, networks, containers] = await Promise.all([
      below?.docker.reachable === true ? below.docker.version : docker.version(),
      docker.networks(),
      docker.containers(),
    ]);
    const names = new Set(desired?.containers.map(({ name }) => name));
    const ours = containers.filter((one) => names.has(one.name) || one.labels[containerLabel] !== undefined);
    const inspected = [...new Set([...ours, ...witnessesOfLoss(containers, networks)])];
    const present = new Set(containers.map(({ name }) => name));
    const images = new Set(
      desired?.containers
        .filter(({ state, name }) => state === 'present' && !present.has(name))
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
      interfaces,
      routes,
      images: new Set(here.flat()),
      outage: null,
      tookMs: now() - began,
    };
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    return { reachable: false, message: error.message };
  }
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

/** Null for one that went away between the list and the look. */
async function detailOf(docker: ObserveSources['docker'], id: string): Promise<DockerContainerDetail | null> {
  try {
    return await docker.container(id);
  } catch (error) {
    if (error instanceof DockerNotFound) return null;
    throw error;
  }
}

/** How much a look takes in: `all`, or Docker alone with the links of the look before. */
export type LookScope = 'all' | 'docker';

/** Shares looks between those who ask at the same time. */
export type Observer = {
  /** What is, as of a look that begins after this call. */
  readonly look: (scope?: LookScope) => Promise<Observed>;
  /** When the look that runs began, milliseconds since 1970; null while none does. */
  readonly lookingSince: () => number | null;
  /** The last look that came to an end, or null. */
  readonly latest: () => Observed | null;
  /** The last look at which Docker answered, or null. */
  readonly latestWithDocker: () => Observed | null;
  /** The connection to Docker broke; the next look that it answers ends the outage. */
  readonly dockerLost: () => void;
};

/**
 * Runs at most one look at a time; whoever asks while one runs gets the next, which takes in all that was asked for.
 * `run` gets the look to take the links from, or null to look at all.
 */
export function createObserver(
  run: (below: Observed | null) => Promise<Observed>,
  now: () => number,
): Observer {
  let running: Promise<unknown> | null = null;
  let next: { scope: LookScope; readonly look: Promise<Observed> } | null = null;
  let latest: Observed | null = null;
  let withDocker: Observed | null = null;
  let lostAt: number | null = null;
  let lookingSince: number | null = null;
  let outage: ObservedDocker['outage'] = null;

  async function begin(scope: () => LookScope, after: Promise<unknown> | null): Promise<Observed> {
    if (after !== null) await after;
    const asked = scope();
    lookingSince = now();
    let observed: Observed;
    try {
      observed = withOutage(await run(asked === 'docker' ? latest : null));
    } finally {
      lookingSince = null;
    }
    latest = observed;
    if (observed.docker.reachable) withDocker = observed;
    return observed;
  }

  function withOutage(observed: Observed): Observed {
    if (!observed.docker.reachable) {
      if (observed.docker.pending !== true) lostAt ??= observed.at;
      return observed;
    }
    if (lostAt !== null) {
      outage = { from: lostAt, to: now() };
      lostAt = null;
    }
    return { ...observed, docker: { ...observed.docker, outage } };
  }

  function track(look: Promise<Observed>): Promise<Observed> {
    const settled: Promise<void> = look.then(forget, forget);
    running = settled;
    function forget(): void {
      if (running === settled) running = null;
    }
    return look;
  }

  return {
    look: (scope = 'all') => {
      if (next !== null) {
        if (scope === 'all') next.scope = 'all';
        return next.look;
      }
      if (running === null) return track(begin(() => scope, null));
      let asked = scope;
      const look = track(
        begin(() => {
          asked = next?.scope ?? asked;
          next = null;
          return asked;
        }, running),
      );
      next = { scope, look };
      return look;
    },
    lookingSince: () => lookingSince,
    latest: () => latest,
    latestWithDocker: () => withDocker,
    dockerLost: () => {
      lostAt ??= now();
    },
  };
}
