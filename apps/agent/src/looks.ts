import type { DesiredDocument } from '@trunkline/contracts';
import type { AgentDeps } from './agent-deps.ts';
import { readContainerHostAccess } from './host/container-host-routes.ts';
import { countInterfaces } from './host/container-interfaces.ts';
import { namespaceOf, realFiles } from './host/sandbox-files.ts';
import { containerRoutes, removeDefaultRoute, setDefaultRoute } from './host/container-routes.ts';
import { createShimRoutes } from './host/shim-routes.ts';
import { createNoGatewayRoutes } from './ipam/bindings/no-gateway-routes.ts';
import type { Ipam } from './ipam/ipam.ts';
import type { Names } from './names/names.ts';
import type { AdoptionStore } from './observation/adoption.ts';
import type { DetachedStore } from './observation/detached.ts';
import { createFailedStarts } from './observation/failed-starts.ts';
import { createHostAccessLook } from './observation/host-access.ts';
import type { LinksToRestoreStore } from './observation/links-to-restore.ts';
import type { StackStore } from './observation/stack-memory.ts';
import { observe } from './observation/observe.ts';
import { createObserver, type Observer } from './observation/observer.ts';
import { isShim } from './observation/shims.ts';
import { createAnnouncer } from './wire/announcer.ts';
import { createToolCheck } from './wire/tools.ts';

/** What looks at this host need besides the host itself. */
export interface LooksDeps {
  readonly ipam: Ipam;
  readonly adoption: AdoptionStore;
  readonly detached: DetachedStore;
  readonly linksToRestore: LinksToRestoreStore;
  readonly stacks: StackStore;
  /** What is to be carried out now. */
  readonly desired: () => DesiredDocument | null;
  /** A container may have lost the neighbours that the agent has set. */
  readonly onNeighboursLost: () => void;
  /** Those that keep the names of containers. */
  readonly names: Pick<Names, 'onObservation'>;
  /** The first look ended before Docker answered. */
  readonly onFirstWithoutDocker: () => void;
}

/** Looks at this host. */
export interface Looks {
  readonly observer: Observer;
  /** The connection to Docker broke. */
  readonly dockerLost: () => void;
  /** Ends what acts on looks. */
  readonly close: () => void;
}

/** How long the first look waits for Docker, in milliseconds. */
const firstLookMs = 5_000;

/**
 * Makes the looks, and hands each to those who act on it beside the plan: the address book, announcements of addresses, default
 * routes of containers on networks without a gateway, and names.
 */
export function createLooks(agent: AgentDeps, deps: LooksDeps): Looks {
  const { links, docker, kernel, run, readFile, timing, log } = agent;
  const { ipam } = deps;
  const wireTools = createToolCheck(run, timing.now);
  const announcer = createAnnouncer({
    docker,
    run,
    timing,
    log,
    onNeighboursLost: () => {
      if (observer.latest()?.links.some(isShim) === true) deps.onNeighboursLost();
    },
  });
  const noGatewayRoutes = createNoGatewayRoutes({
    docker,
    routesOf: (pid) => containerRoutes(pid, readFile),
    addRoute: (pid, family, gateway) => setDefaultRoute(run, pid, family, gateway),
    removeRoute: (pid, route) => removeDefaultRoute(run, pid, route),
    log,
  });
  const failedStarts = createFailedStarts();
  const sources = {
    links,
    docker,
    kernel,
    interfacesOf: (pid: number) => countInterfaces(pid, readFile),
    routesOf: (pid: number) => containerRoutes(pid, readFile),
    sandboxOf: (pid: number) => {
      const inode = namespaceOf(String(pid), realFiles);
      return Number.isNaN(inode) ? null : inode;
    },
    stackMemory: deps.stacks.all,
    shimRoutesOf: createShimRoutes(run).list,
    hostAccessOf: createHostAccessLook(docker, (pid) => readContainerHostAccess(pid, readFile)),
    permitted: agent.config.permitted,
    adopted: deps.adoption.all,
    detached: deps.detached.all,
    linksToRestore: deps.linksToRestore.all,
    wire: async () => ({ missing: await wireTools(), unannounced: announcer.failures() }),
    book: () => ({ notServing: ipam.notServing(), standIns: ipam.standIns() }),
    failedStarts,
    now: timing.now,
  };
  const observer = createObserver(async (below) => {
    const isFirst = observer.latest() === null;
    // The first report does not wait for a slow Docker: the server hears of the host, and the next look follows at once.
    const bound = isFirst ? { dockerMs: firstLookMs } : {};
    const observed = await observe({ ...sources, ...bound }, deps.desired(), below);
    if (isFirst && !observed.docker.reachable) deps.onFirstWithoutDocker();
    if (observed.docker.reachable) deps.stacks.onObservation(observed.docker);
    ipam.onObservation(observed);
    announcer.onObservation(observed);
    noGatewayRoutes.onObservation(observed);
    deps.names.onObservation(observed);
    return observed;
  }, timing.now);
  return {
    observer,
    dockerLost: () => {
      observer.dockerLost();
      failedStarts.forget();
    },
    close: () => {
      announcer.close();
      noGatewayRoutes.close();
    },
  };
}
