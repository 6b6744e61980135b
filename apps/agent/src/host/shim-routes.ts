import { formatIp, tryParseIp } from '@trunkline/netaddr';
import type { RunCommand } from './command.ts';
import { assertInterfaceName } from './interface-name.ts';
import { list, record, text } from './json-read.ts';

/** How the host reaches one address over a shim. */
export interface ShimRoute {
  /** In canonical form. */
  readonly ip: string;
  /** The address of the host that its packets come from; null where the kernel chooses. */
  readonly source: string | null;
  /** The neighbour that has the address; null where none is set. */
  readonly mac: string | null;
}

/** A route to set: all of it. */
export interface WantedShimRoute extends ShimRoute {
  readonly source: string;
  readonly mac: string;
}

/**
 * The metric of all routes between a host and its containers: a route that somebody else made to the same address is another one and
 * stays. In a container it is our mark: /proc does not show there who made a route.
 */
export const hostRouteMetric = 7400;

/** Routes of the host to single addresses over shims, each with its neighbour. */
export interface ShimRoutes {
  /** Those over one shim. Fails as `run` does, also when there is no such link. */
  readonly list: (shim: string) => Promise<readonly ShimRoute[]>;
  /** Sets and removes routes; those to remove may be gone. Fails as `run` does. */
  readonly change: (shim: string, change: ShimRouteChange) => Promise<void>;
}

/** What is to change of the routes over a shim. */
export interface ShimRouteChange {
  readonly set: readonly WantedShimRoute[];
  /** Addresses. */
  readonly remove: readonly string[];
}

/**
 * The routes in the network namespace that `run` runs in, over iproute2. The neighbours are permanent: the host never asks for
 * them over the shim, since the question would tell its second MAC to everybody on the wire.
 */
export function createShimRoutes(run: RunCommand): ShimRoutes {
  return {
    list: async (shim) => {
      assertInterfaceName(shim);
      const [routes, neighbours] = await Promise.all([
        run('ip', ['-json', 'route', 'show', 'table', 'all', 'dev', shim]),
        run('ip', ['-json', 'neigh', 'show', 'dev', shim, 'nud', 'permanent']),
      ]);
      return parseShimRoutes(routes.stdout, neighbours.stdout);
    },
    change: async (shim, { set, remove }) => {
      assertInterfaceName(shim);
      if (set.length > 0) {
        const lines = set.flatMap(({ ip, source, mac }) => [
          `neigh replace ${ip} lladdr ${mac} dev ${shim} nud permanent`,
          `route replace ${ip} dev ${shim} src ${source} metric ${hostRouteMetric}`,
        ]);
        await batch(run, lines);
      }
      if (remove.length > 0) {
        const lines = remove.flatMap((ip) => [
          `route del ${ip} dev ${shim} metric ${hostRouteMetric}`,
          `neigh del ${ip} dev ${shim}`,
        ]);
        await batch(run, lines, 'tolerant');
      }
    },
  };
}

/** What `ip -json route` and `ip -json neigh` show of a link: addresses with a route of their own, or a neighbour. */
function parseShimRoutes(routes: string, neighbours: string): readonly ShimRoute[] {
  const sources = new Map<string, string | null>();
  for (const entry of rows(routes)) {
    const ip = canonical(text(entry['dst']));
    // What has a prefix is no address.
    if (ip === null || (text(entry['type']) ?? 'unicast') !== 'unicast') continue;
    sources.set(ip, canonical(text(entry['prefsrc'])));
  }
  const macs = new Map<string, string | null>();
  for (const entry of rows(neighbours)) {
    const ip = canonical(text(entry['dst']));
    if (ip !== null) macs.set(ip, text(entry['lladdr'])?.toLowerCase() ?? null);
  }
  const bare = [...macs.keys()].filter((ip) => !sources.has(ip));
  return [
    ...[...sources].map(([ip, source]) => ({ ip, source, mac: macs.get(ip) ?? null })),
    ...bare.map((ip) => ({ ip, source: null, mac: macs.get(ip) ?? null })),
  ];
}

/**
 * Several commands in one `ip`; `tolerant`: what fails does not keep the rest from being done, and counts as done. The lines are
 * made of addresses, MACs and interface names alone, which have been checked.
 */
export async function batch(
  run: RunCommand,
  lines: readonly string[],
  failures: 'fatal' | 'tolerant' = 'fatal',
): Promise<void> {
  const input = `${lines.join('\n')}\n`;
  if (failures === 'fatal') await run('ip', ['-batch', '-'], { input });
  else await run('ip', ['-force', '-batch', '-'], { input, acceptCodes: [0, 1, 2] });
}

function rows(stdout: string): ReturnType<typeof record>[] {
  if (stdout.trim() === '') return [];
  return list(JSON.parse(stdout)).map(record);
}

function canonical(address: string | null): string | null {
  const ip = address === null ? undefined : tryParseIp(address);
  return ip === undefined ? null : formatIp(ip);
}
