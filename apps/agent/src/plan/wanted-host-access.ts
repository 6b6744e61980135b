import type { DesiredNetwork } from '@trunkline/contracts';
import {
  cidrContains,
  parseCidr,
  parseMac,
  tryParseIp,
  formatIp,
  type Family,
  type Ip,
} from '@trunkline/netaddr';
import type { DockerContainer, DockerNetwork } from '../host/docker-engine.ts';
import type { Link } from '../host/links.ts';
import type { WantedShimRoute } from '../host/shim-routes.ts';
import { addressFacing, hostAddresses, type HostAddress } from '../observation/host-addresses.ts';
import { isCoordinated, isOurs } from '../observation/network-fit.ts';
import type { Observed, ObservedDocker } from '../observation/observed.ts';
import { isShim } from '../observation/shims.ts';
import { standsFor } from '../observation/stands-for.ts';

/** How a container is to reach one address of its host. */
export interface WayToHost {
  /** The address of the host. */
  readonly ip: string;
  /** The container's own address on the interface that leads there. */
  readonly from: string;
  /** MAC of the shim that leads there. */
  readonly mac: string;
}

/** All routes between this host and its containers, as they should be. Addresses are in canonical form. */
export interface WantedHostAccess {
  /** The routes of the host over each shim, by its name. */
  readonly overShims: ReadonlyMap<string, readonly (WantedShimRoute & { readonly networkId: string })[]>;
  /** The routes in each container, by Docker's id. */
  readonly inContainers: ReadonlyMap<string, readonly WayToHost[]>;
}

/** An address of a running container on a network with host access. */
interface Place {
  readonly networkId: string;
  readonly docker: DockerNetwork;
  readonly container: DockerContainer;
  readonly ip: Ip;
  readonly mac: string;
  readonly shim: Link;
  readonly shimMac: string;
}

/** The Docker networks whose containers are on a network of ours. */
export function dockerNetworksOf(
  network: DesiredNetwork,
  networks: readonly DesiredNetwork[],
  { adopted }: Pick<Observed, 'adopted'>,
  docker: ObservedDocker,
): readonly DockerNetwork[] {
  return docker.networks.filter(
    (one) =>
      one.driver === 'macvlan' &&
      (isOurs(one, network) ||
        adopted[network.id] === one.id ||
        (isCoordinated(one) && standsFor(one, { networks, held: [] }).ids.includes(network.id))),
  );
}

/** Running containers on Docker networks, by name. */
export function runningOn(
  docker: ObservedDocker,
  networks: readonly Pick<DockerNetwork, 'id'>[],
): readonly DockerContainer[] {
  const ids = new Set(networks.map(({ id }) => id));
  return docker.containers
    .filter(
      ({ status, endpoints }) =>
        (status === 'running' || status === 'paused') &&
        endpoints.some(({ networkId }) => ids.has(networkId)),
    )
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The routes between this host and its containers. A container reaches each address of its host over one interface: the one in the
 * same subnet, else that of its first network by name. What the host sends to any of its addresses goes the same way, so that both
 * directions pass `rp_filter`. Pure.
 */
export function wantedHostAccess(networks: readonly DesiredNetwork[], observed: Observed): WantedHostAccess {
  const overShims = new Map<string, (WantedShimRoute & { networkId: string })[]>();
  const inContainers = new Map<string, WayToHost[]>();
  for (const [id, places] of placesByContainer(networks, observed)) {
    for (const family of [4, 6] as const) {
      const own = places.filter(({ ip }) => ip.family === family);
      const [first] = own;
      if (first === undefined) continue;
      const known = addressesFor(first, observed, family, places);
      const over = (address: HostAddress): Place => own.find((one) => isBeside(one, address)) ?? first;
      const ways = known.map((address) => {
        const place = over(address);
        return { ip: address.text, from: formatIp(place.ip), mac: place.shimMac };
      });
      inContainers.set(id, [...(inContainers.get(id) ?? []), ...ways]);
      for (const place of own) {
        const near = addressesFor(place, observed, family, places).filter(({ text }) =>
          known.some((one) => one.text === text),
        );
        const source = addressFacing(near, place.ip);
        if (source === null) continue;
        const { shim, mac } = over(source);
        const route = { ip: formatIp(place.ip), source: source.text, mac, networkId: place.networkId };
        overShims.set(shim.name, [...(overShims.get(shim.name) ?? []), route]);
      }
    }
  }
  return { overShims, inContainers };
}

function placesByContainer(
  networks: readonly DesiredNetwork[],
  observed: Observed,
): ReadonlyMap<string, readonly Place[]> {
  const { docker } = observed;
  const found = new Map<string, Place[]>();
  if (!docker.reachable) return found;
  for (const network of networks.filter(({ hostAccess }) => hostAccess)) {
    for (const one of dockerNetworksOf(network, networks, observed, docker)) {
      const shim = observed.links.find((link) => isShim(link) && link.parent === one.options['parent']);
      const shimMac = shim?.mac ?? null;
      if (shim === undefined || shimMac === null) continue;
      for (const container of runningOn(docker, [one])) {
        const before = found.get(container.id) ?? [];
        if (before.some((place) => place.docker.id === one.id)) continue;
        const endpoint = container.endpoints.find(({ networkId }) => networkId === one.id);
        const mac = plainMac(endpoint?.mac ?? null);
        if (mac === null) continue;
        const ips = [endpoint?.ipv4, endpoint?.ipv6]
          .flatMap((text) => tryParseIp(text ?? '') ?? [])
          .filter((ip) => !isRoutedByHand(ip, observed));
        const base = { networkId: network.id, docker: one, container, mac, shim, shimMac };
        found.set(container.id, [...before, ...ips.map((ip) => ({ ...base, ip }))]);
      }
    }
  }
  const byName = (a: Place, b: Place): number => (a.docker.name < b.docker.name ? -1 : 1);
  return new Map([...found].map(([id, places]) => [id, places.toSorted(byName)]));
}

/**
 * Whether somebody else has made a route to just this address, as for a shim of their own: both ways then go as they made them. Where
 * ours led only one of them, `rp_filter` would drop it.
 */
function isRoutedByHand(ip: Ip, { links, kernel }: Observed): boolean {
  const shims = links.filter(isShim).map(({ name }) => name);
  return kernel.routes.some(({ cidr, link }) => cidr === `${formatIp(ip)}/32` && !shims.includes(link));
}

/** The addresses of the host that a container may be given a way to: none that it has itself. */
function addressesFor(
  { shim }: Place,
  { links, defaultRoute }: Observed,
  family: Family,
  places: readonly Place[],
): readonly HostAddress[] {
  const nic = links.find(({ name }) => name === shim.parent)?.parent ?? null;
  const own = new Set(places.map(({ ip }) => formatIp(ip)));
  return hostAddresses(links, [shim.parent, nic, defaultRoute], family).filter(({ text }) => !own.has(text));
}

/** Whether an address of the host is in the subnet of a place. */
function isBeside({ docker, ip }: Place, address: HostAddress): boolean {
  return docker.subnets.some(({ cidr }) => {
    const subnet = parseCidr(cidr);
    return cidrContains(subnet, ip) && cidrContains(subnet, address.ip);
  });
}

function plainMac(text: string | null): string | null {
  try {
    return text === null ? null : parseMac(text);
  } catch {
    return null;
  }
}
