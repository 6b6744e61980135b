import type { DockerContainer, DockerEndpoint, DockerNetwork } from '../host/docker-engine.ts';
import type { DetachedContainer } from './detached.ts';
import { ipamDriver, ipamNetworkOption, networkLabel, plainCidr, plainIp, type FixedSpec } from './marks.ts';
import { isNoGateway } from './no-gateway.ts';
import type { ObservedDocker, StandIn } from './observed.ts';
import { plainNetworkId } from './stands-for.ts';

/** Whether a Docker network is the one that we made for this network: by mark, name and driver, all three. */
export function isOurs(
  docker: DockerNetwork,
  network: { readonly id: string; readonly name: string },
): boolean {
  return (
    docker.labels[networkLabel] === network.id && docker.name === network.name && docker.driver === 'macvlan'
  );
}

/** Whether Docker asks the agent for the addresses of a network. Before there was a driver, Docker gave them by itself. */
export function isCoordinated({ ipamDriver: driver }: DockerNetwork): boolean {
  return driver === ipamDriver;
}

/** Containers attached to a Docker network, running or not: removing it would break either. By name. */
export function attachedTo(
  docker: Pick<ObservedDocker, 'containers'>,
  network: DockerNetwork,
): DockerContainer[] {
  return docker.containers
    .filter((container) => endpointOn(container, network) !== undefined)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Their names, for people. */
export function namesOf(containers: readonly { readonly name: string }[]): string {
  return containers.map(({ name }) => name).join(', ');
}

/** What a container has, or asks for, at its place on a network, so that it can be given back. */
export function detachedOf(
  { id, name }: Pick<DockerContainer, 'id' | 'name'>,
  endpoint: DockerEndpoint | undefined,
): DetachedContainer {
  return {
    id,
    name,
    ipv4: endpoint?.ipv4 ?? endpoint?.requestedIpv4 ?? null,
    ipv6: endpoint?.ipv6 ?? endpoint?.requestedIpv6 ?? null,
    mac: endpoint?.mac ?? null,
    aliases: endpoint?.aliases ?? [],
  };
}

/** Its place on a Docker network; undefined where it has none. */
export function endpointOn(
  container: Pick<DockerContainer, 'endpoints'>,
  network: Pick<DockerNetwork, 'id' | 'name'>,
): DockerEndpoint | undefined {
  return container.endpoints.find(
    ({ networkId, networkName }) =>
      networkId === network.id ||
      // A container that never ran knows its networks by name only.
      (networkId === '' && (networkName === network.name || networkName === network.id)),
  );
}

/**
 * In what a Docker network differs from what is wanted; empty when it fits. That Docker gives its addresses by itself is
 * none: such a network works, see {@link isCoordinated}.
 *
 * `ours`: an Engine before 28 gives an IPv6-only network an IPv4 pool of its own choice, which is no difference in what
 * we made.
 */
export function differences(
  docker: DockerNetwork,
  network: { readonly id: string; readonly name: string },
  wanted: FixedSpec,
  ours: boolean,
): string[] {
  if (docker.driver !== 'macvlan') return [`its driver is ${docker.driver}, not macvlan`];
  const found: string[] = [];
  const differ = (what: string, is: string, should: string): void => {
    if (is !== should) found.push(`its ${what} is ${is}, not ${should}`);
  };
  differ('parent', docker.options['parent'] ?? 'none', wanted.link);
  differ('macvlan mode', docker.options['macvlan_mode'] ?? 'bridge', wanted.mode);
  differ('internal flag', String(docker.internal), String(wanted.internal));
  if (isCoordinated(docker)) {
    const named = docker.ipamOptions[ipamNetworkOption] ?? '';
    if (named !== network.name) {
      differ('Trunkline network', named === '' ? 'not named' : (plainNetworkId(named) ?? named), network.id);
    }
  } else {
    differ('IPAM driver', docker.ipamDriver, 'default');
  }
  return [...found, ...subnetDifferences(docker, wanted, ours)];
}

/** A gateway is asked for while its network is made, in milliseconds after the time of creation that Docker shows. */
const creationMs = 60_000;

/**
 * The address that a network of ours has for a gateway where none is wanted; null: none. Earlier agents gave Docker an address
 * of the subnet, and Docker shows it or not, by its version; and the gateway may have been taken out of the network since.
 */
export function standInOf(
  docker: DockerNetwork,
  network: { readonly id: string; readonly subnets: FixedSpec['subnets'] },
  standIns: readonly StandIn[],
): string | null {
  if (!isCoordinated(docker)) return null;
  const created = docker.created === null ? null : Date.parse(docker.created);
  for (const { cidr, gateway } of network.subnets) {
    if (gateway !== null) continue;
    const shown = docker.subnets.find((one) => plainCidr(one.cidr) === plainCidr(cidr))?.gateway ?? null;
    if (shown !== null && !isNoGateway(plainIp(shown))) return plainIp(shown);
    const given = standIns.find(
      ({ networkId, subnet, since }) =>
        networkId === network.id &&
        subnet === plainCidr(cidr) &&
        created !== null &&
        since >= created - 1000 &&
        since <= created + creationMs,
    );
    if (shown === null && given !== undefined) return given.ip;
  }
  return null;
}

function subnetDifferences(docker: DockerNetwork, wanted: FixedSpec, ours: boolean): string[] {
  const found: string[] = [];
  const is = new Map(
    docker.subnets.map(({ cidr, gateway }) => [plainCidr(cidr), gateway === null ? null : plainIp(gateway)]),
  );
  for (const { cidr, gateway } of wanted.subnets) {
    const actual = is.get(cidr);
    if (actual === undefined) found.push(`it has no subnet ${cidr}`);
    // Without a gateway of our own, Docker's choice is as good as any.
    else if (gateway !== null && actual !== gateway) {
      found.push(`the gateway of ${cidr} is ${actual ?? 'not set'}, not ${gateway}`);
    }
  }
  const wantedCidrs = new Set(wanted.subnets.map(({ cidr }) => cidr));
  const wantsIpv4 = wanted.subnets.some(({ cidr }) => !cidr.includes(':'));
  for (const cidr of is.keys()) {
    const dockersOwn = ours && !wantsIpv4 && !cidr.includes(':');
    if (!wantedCidrs.has(cidr) && !dockersOwn) found.push(`it has another subnet ${cidr}`);
  }
  return found;
}
