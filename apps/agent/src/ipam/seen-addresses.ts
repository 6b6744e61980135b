import { formatIp, tryParseIp } from '@trunkline/netaddr';
import type { DockerContainer, DockerEndpoint } from '../host/docker-engine.ts';
import { ipamNetworkOption } from '../reconcile/marks.ts';
import { isCoordinated } from '../reconcile/network-fit.ts';
import type { Observed, ObservedDocker } from '../reconcile/observe.ts';
import { vagueKey, type SeenAddress, type SeenAddresses } from './bindings-plan.ts';

const live = new Set<DockerContainer['status']>(['running', 'paused', 'removing', 'unknown']);
/** Being started, it may have its address already; else it has none. */
const starting = new Set<DockerContainer['status']>(['created', 'restarting']);

/**
 * Docker's networks whose addresses our driver gives: their ids, and the networks of ours that they stand for. `idOf`: our
 * network's id for what was named by `--ipam-opt`.
 */
function drivenNetworks(
  docker: Pick<ObservedDocker, 'networks'>,
  idOf: (named: string) => string,
): ReadonlyMap<string, string> {
  return new Map(
    docker.networks
      .filter(isCoordinated)
      .map(({ id, ipamOptions }) => [id, idOf(ipamOptions[ipamNetworkOption] ?? '')]),
  );
}

/** Networks of ours that Docker has here, by id. Null where Docker did not answer. */
export function placedNetworks(
  { docker }: Pick<Observed, 'docker'>,
  idOf: (named: string) => string,
): ReadonlySet<string> | null {
  return docker.reachable ? new Set(drivenNetworks(docker, idOf).values()) : null;
}

/**
 * Which addresses a look shows, on networks whose addresses our driver gives. Null where Docker did not answer: then
 * nothing is known, and nothing may be concluded.
 */
export function seenAddresses(
  observed: Pick<Observed, 'at' | 'docker'>,
  idOf: (named: string) => string,
): SeenAddresses | null {
  const { docker, at } = observed;
  if (!docker.reachable) return null;
  const ours = drivenNetworks(docker, idOf);
  const addresses: SeenAddress[] = [];
  const vague = new Set<string>();
  for (const container of docker.containers) {
    for (const endpoint of container.endpoints) {
      const networkId = ours.get(endpoint.networkId);
      if (networkId === undefined) continue;
      const isLive = live.has(container.status);
      addresses.push(...addressesOf(container, endpoint, networkId));
      if (!isLive) continue;
      if (endpoint.ipv4 === null) vague.add(vagueKey(container.id, networkId, 'ipv4'));
      if (endpoint.ipv6 === null) vague.add(vagueKey(container.id, networkId, 'ipv6'));
    }
  }
  return { at, addresses, vague };
}

function addressesOf(
  { id: container, name, status }: DockerContainer,
  endpoint: DockerEndpoint,
  networkId: string,
): SeenAddress[] {
  const { mac } = endpoint;
  const has = [endpoint.ipv4, endpoint.ipv6].flatMap((text) => canonical(text));
  if (live.has(status) || (starting.has(status) && has.length > 0)) {
    return has.map((ip) => ({ networkId, ip, container, name, mac, live: true }));
  }
  return [endpoint.requestedIpv4, endpoint.requestedIpv6]
    .flatMap((text) => canonical(text))
    .map((ip) => ({ networkId, ip, container, name, mac, live: false }));
}

function canonical(text: string | null): string[] {
  const ip = text === null ? undefined : tryParseIp(text);
  return ip === undefined ? [] : [formatIp(ip)];
}
