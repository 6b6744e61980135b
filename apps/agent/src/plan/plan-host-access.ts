import type { DesiredNetwork } from '@trunkline/contracts';
import { listed } from '@trunkline/log';
import { parseCidr, type Family } from '@trunkline/netaddr';
import type { ContainerHostAccess } from '../host/container-host-routes.ts';
import type { DockerContainer } from '../host/docker-engine.ts';
import { hostAddresses } from '../observation/host-addresses.ts';
import { linkAlias, plainCidr, shimName } from '../observation/marks.ts';
import type { Observed, ObservedDocker } from '../observation/observed.ts';
import { isShim } from '../observation/shims.ts';
import { advises, fails, holds, unknown, type ConditionDraft } from './conditions.ts';
import { usersOf } from './link-users.ts';
import type { Step } from './steps.ts';
import {
  dockerNetworksOf,
  runningOn,
  wantedHostAccess,
  type WantedHostAccess,
  type WayToHost,
} from './wanted-host-access.ts';

/** The routes between this host and the containers of one network. */
export interface HostAccessPlan {
  readonly steps: readonly Step[];
  /** Null where the network has no host access. */
  readonly condition: ConditionDraft | null;
}

/**
 * Routes of the host to its containers on a network, and back, on both sides; also their end, where the network has no host access any
 * more. Pure. `problem`: what is wrong with the shim, `link`: what the network hangs on.
 */
export function planHostAccess(
  network: DesiredNetwork,
  observed: Observed,
  others: readonly DesiredNetwork[],
  { link, problem }: { readonly link: string | null; readonly problem: ConditionDraft | null },
): HostAccessPlan {
  const { docker } = observed;
  if (!network.hostAccess && !observed.links.some(isShim)) return { steps: [], condition: null };
  if (!docker.reachable) {
    const silent = unknown('HostAccess', 'DockerUnreachable', docker.message);
    return { steps: [], condition: network.hostAccess ? (problem ?? silent) : null };
  }
  const networks = [network, ...others.filter(({ id }) => id !== network.id)];
  const wanted = wantedHostAccess(networks, observed);
  const containers = runningOn(docker, dockerNetworksOf(network, networks, observed, docker));
  const steps = [
    ...shimRouteSteps(network, observed, networks, wanted),
    ...containers.flatMap((one) => containerSteps(one, docker, wanted.inContainers.get(one.id) ?? [])),
  ];
  if (!network.hostAccess) return { steps, condition: null };
  return { steps, condition: problem ?? condition(network, observed, link, containers, steps) };
}

/** What the host has over shims and should not, or should have for this network and has not. */
function shimRouteSteps(
  network: DesiredNetwork,
  observed: Observed,
  networks: readonly DesiredNetwork[],
  wanted: WantedHostAccess,
): Step[] {
  return observed.links.filter(isShim).flatMap((shim): Step[] => {
    const there = observed.shimRoutes?.get(shim.name);
    if (there === undefined) return [];
    const routes = wanted.overShims.get(shim.name) ?? [];
    const set = routes
      .filter(
        (route) =>
          route.networkId === network.id &&
          !there.some(
            ({ ip, source, mac }) => ip === route.ip && source === route.source && mac === route.mac,
          ),
      )
      .map(({ ip, source, mac }) => ({ ip, source, mac }));
    const remove =
      keeperOf(shim.alias, shim.parent, networks, observed)?.id === network.id
        ? there.map(({ ip }) => ip).filter((ip) => !routes.some((route) => route.ip === ip))
        : [];
    return set.length + remove.length === 0
      ? []
      : [{ do: 'change-shim-routes', shim: shim.name, set, remove }];
  });
}

/** The one network that takes stale routes off a shim: whose mark it has, else the first that uses it. */
function keeperOf(
  alias: string | null,
  parent: string | null,
  networks: readonly DesiredNetwork[],
  { defaultRoute }: Observed,
): DesiredNetwork | undefined {
  const marked = networks.find(({ id, state }) => state === 'present' && linkAlias(id) === alias);
  if (marked !== undefined || parent === null) return marked;
  return usersOf(parent, networks, defaultRoute).find(({ hostAccess }) => hostAccess);
}

function containerSteps(
  { id, name }: DockerContainer,
  docker: ObservedDocker,
  ways: readonly WayToHost[],
): Step[] {
  const inside = docker.hostAccess?.get(id);
  if (inside === undefined) return [];
  const routes = routesInside(ways, inside);
  // Its addresses are not there: it has just ended, or somebody changed its network.
  if (routes === null) return [];
  const remove = inside.routes
    .filter(({ ip, link }) => !routes.some((route) => route.ip === ip && route.link === link))
    .map(({ ip, link }) => ({ ip, link }));
  const isWhole = routes.every((route) =>
    inside.routes.some(({ ip, link, mac }) => ip === route.ip && link === route.link && mac === route.mac),
  );
  if (isWhole && remove.length === 0) return [];
  // All of them: what one lost, its interface may have lost of the others too.
  return [{ do: 'change-host-routes', dockerId: id, name, set: routes, remove }];
}

/** With the names of interfaces inside; null where one is not there. */
function routesInside(
  ways: readonly WayToHost[],
  inside: ContainerHostAccess,
): readonly { readonly ip: string; readonly link: string; readonly mac: string }[] | null {
  const routes = ways.flatMap(({ ip, from, mac }) => {
    const link = inside.linkOf(from);
    return link === null ? [] : [{ ip, link, mac }];
  });
  return routes.length === ways.length ? routes : null;
}

function condition(
  network: DesiredNetwork,
  { links, defaultRoute }: Observed,
  link: string | null,
  containers: readonly DockerContainer[],
  steps: readonly Step[],
): ConditionDraft {
  const nic = links.find(({ name }) => name === link)?.parent ?? null;
  const addresses = (family: Family): readonly string[] =>
    hostAddresses(links, [link, nic, defaultRoute], family).map(({ text }) => text);
  const families = [...new Set(network.subnets.map(({ cidr }) => parseCidr(plainCidr(cidr)).family))];
  const without = families.filter((family) => addresses(family).length === 0);
  const versions = without.map((family) => `IPv${family}`).join(' and ');
  const missing = `this host has no ${versions} address that containers of ${network.name} could reach it at: give it one`;
  if (without.length === families.length) return fails('HostAccess', 'NoHostAddress', missing);
  if (steps.length > 0) {
    const names = steps.flatMap((step) => (step.do === 'change-host-routes' ? [step.name] : []));
    const whom = names.length === 0 ? 'containers' : listed(names);
    return advises(
      'HostAccess',
      'RoutesMissing',
      `routes between this host and ${whom} are not as they should be; they are being set`,
    );
  }
  if (without.length > 0) {
    const rest = `; over ${families
      .filter((family) => !without.includes(family))
      .map((family) => `IPv${family}`)
      .join(' and ')} they reach each other`;
    return advises('HostAccess', 'NoHostAddress', `${missing}${rest}`);
  }
  const at = listed(families.flatMap(addresses));
  const count = containers.length === 1 ? 'its container' : `its ${containers.length} containers`;
  return holds(
    'HostAccess',
    'HostAccessOn',
    `this host and ${count} on ${network.name} reach each other over ${link === null ? '?' : shimName(link)}; containers reach it at ${at}`,
  );
}
