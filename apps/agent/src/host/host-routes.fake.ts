import type {
  ContainerHostAccess,
  ContainerHostRoute,
  ContainerHostRouteChange,
} from './container-host-routes.ts';
import type { Links } from './links.ts';
import type { ShimRoute, ShimRoutes } from './shim-routes.ts';

/** Routes between a host and its containers in memory, for table tests. */
export interface FakeHostRoutes extends ShimRoutes {
  /** Puts routes over a shim there, as an earlier agent would have. */
  readonly putShimRoutes: (shim: string, routes: readonly ShimRoute[]) => void;
  /** Makes these the names of interfaces inside a container, by its own addresses. Default: every one is on `eth0`. */
  readonly setLinksInside: (pid: number, links: Readonly<Record<string, string>>) => void;
  /** What a container has; one that was never changed has no routes. */
  readonly inside: (pid: number) => ContainerHostAccess;
  readonly changeInside: (pid: number, change: ContainerHostRouteChange) => Promise<void>;
}

/** Routes go with their shim, as in the kernel. */
export function createFakeHostRoutes(links: Pick<Links, 'list'>): FakeHostRoutes {
  const overShims = new Map<string, readonly ShimRoute[]>();
  const inContainers = new Map<number, readonly ContainerHostRoute[]>();
  const names = new Map<number, Readonly<Record<string, string>>>();
  const list = async (shim: string): Promise<readonly ShimRoute[]> => {
    const there = await links.list();
    for (const name of overShims.keys()) {
      if (!there.some((link) => link.name === name)) overShims.delete(name);
    }
    return overShims.get(shim) ?? [];
  };
  return {
    list,
    change: async (shim, { set, remove }) => {
      const before = await list(shim);
      const kept = before.filter(({ ip }) => !remove.includes(ip) && !set.some((one) => one.ip === ip));
      overShims.set(shim, [...kept, ...set]);
    },
    putShimRoutes: (shim, routes) => void overShims.set(shim, routes),
    setLinksInside: (pid, to) => void names.set(pid, to),
    inside: (pid) => ({
      routes: inContainers.get(pid) ?? [],
      linkOf: (ip) => {
        const own = names.get(pid);
        return own === undefined ? 'eth0' : (own[ip] ?? null);
      },
    }),
    changeInside: async (pid, { set, remove }) => {
      const kept = (inContainers.get(pid) ?? []).filter(
        ({ ip, link }) =>
          !remove.some((one) => one.ip === ip && one.link === link) && !set.some((one) => one.ip === ip),
      );
      inContainers.set(pid, [...kept, ...set]);
    },
  };
}
