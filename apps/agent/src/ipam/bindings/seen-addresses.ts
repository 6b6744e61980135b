import { formatIp, tryParseIp } from '@trunkline/netaddr';
import type { DockerContainer } from '../../host/docker-engine.ts';
import { plainCidr } from '../../observation/marks.ts';
import { isCoordinated } from '../../observation/network-fit.ts';
import type { Observed, ObservedDocker } from '../../observation/observed.ts';
import { namedId, type NetworkResolver, type StandsFor } from '../../observation/stands-for.ts';
import { vagueKey, type SeenAddress, type SeenAddresses } from './bindings-plan.ts';
import { keyOf, type LeaseKey } from '../leases/lease-record.ts';

/**
 * What has its addresses as Docker lists them. Of all others the list may still show an address that they have no longer
 * (20.10 after a start that failed, 29 of the first network of one that failed at its second): what is starting is covered
 * by its open grant and by the kernel.
 */
export const liveStatus = new Set<DockerContainer['status']>(['running', 'paused', 'removing', 'unknown']);

/** Docker's networks whose addresses our driver gives: their ids, and the networks of ours that they stand for. */
function drivenNetworks(
  docker: Pick<ObservedDocker, 'networks'>,
  standsFor: NetworkResolver,
): ReadonlyMap<string, StandsFor> {
  return new Map(docker.networks.filter(isCoordinated).map((network) => [network.id, standsFor(network)]));
}

/**
 * Networks of ours that Docker has here, by id: the subnets of each Docker network that asks for addresses of one. Null where
 * Docker did not answer.
 */
export function placedNetworks(
  { docker }: Pick<Observed, 'docker'>,
  standsFor: NetworkResolver,
): ReadonlyMap<string, readonly (readonly string[])[]> | null {
  if (!docker.reachable) return null;
  const placed = new Map<string, string[][]>();
  for (const network of docker.networks.filter(isCoordinated)) {
    const named = namedId(network);
    const cidrs = network.subnets.map(({ cidr }) => plainCidr(cidr));
    for (const networkId of named === null ? standsFor(network).ids : [named])
      placed.set(networkId, [...(placed.get(networkId) ?? []), cidrs]);
  }
  return placed;
}

/**
 * The subnets whose addresses Docker takes for a request to a pool: its own, and those that every Docker network with that
 * pool has. Docker starts nothing on an address that its network has no subnet for. Null while no look showed the pool,
 * as after a boot. Pure.
 */
export function subnetsBeside(
  { networkId, subnet }: { readonly networkId: string; readonly subnet: string },
  placed: ReadonlyMap<string, readonly (readonly string[])[]>,
): ReadonlySet<string> | null {
  const having = (placed.get(networkId) ?? []).filter((subnets) => subnets.includes(subnet));
  const [first] = having;
  if (first === undefined) return null;
  return new Set([subnet, ...first.filter((one) => having.every((subnets) => subnets.includes(one)))]);
}

/** An address that a running container has, on whichever network. */
interface Placed {
  readonly of: StandsFor;
  /** Interface of the host below it; null where Docker does not show it. */
  readonly parent: string | null;
  readonly ip: string;
  readonly mac: string | null;
}

/** What a Docker network with another driver stands for. */
const notDriven: StandsFor = { ids: [], certain: true };

/** What one look at Docker shows of networks with our driver. */
export interface ShownAddresses {
  /** When the look began, milliseconds since 1970. */
  readonly at: number;
  /** What running containers have. */
  readonly live: readonly SeenAddress[];
  /** What existing containers ask for by name, whether they run or not, and one that does. */
  readonly asked: ReadonlyMap<LeaseKey, SeenAddress>;
  /** See `SeenAddresses`. */
  readonly vague: ReadonlySet<string>;
  /** Addresses of Docker networks themselves: gateways and `--aux-address`. */
  readonly own: ReadonlySet<LeaseKey>;
  /** See `SeenAddresses`. */
  readonly undescribed: SeenAddresses['undescribed'];
  /** Whether an address that the kernel shows is known to be another network's, with other neighbours. */
  readonly isElsewhere: (networkId: string, ip: string, mac: string | null) => boolean;
}

/**
 * Which addresses a look shows, on networks whose addresses our driver gives. Null where Docker did not answer: then
 * nothing is known, and nothing may be concluded.
 */
export function shownAddresses(
  observed: Pick<Observed, 'at' | 'docker'>,
  standsFor: NetworkResolver,
): ShownAddresses | null {
  const { docker, at } = observed;
  if (!docker.reachable) return null;
  const ours = drivenNetworks(docker, standsFor);
  const idByName = new Map(docker.networks.map(({ id, name }) => [name, id]));
  const parentById = new Map(docker.networks.map(({ id, options }) => [id, options['parent'] ?? null]));
  const live: SeenAddress[] = [];
  const asked = new Map<LeaseKey, SeenAddress>();
  const vague = new Set<string>();
  const placed: Placed[] = [];
  for (const container of docker.containers) {
    const { id, name, status } = container;
    for (const endpoint of container.endpoints) {
      // A container that never ran knows its networks by name only.
      const dockerId = endpoint.networkId === '' ? idByName.get(endpoint.networkName) : endpoint.networkId;
      const of = ours.get(dockerId ?? '') ?? notDriven;
      const { mac } = endpoint;
      const has = liveStatus.has(status) ? canonical(endpoint.ipv4, endpoint.ipv6) : [];
      const parent = parentById.get(dockerId ?? '') ?? null;
      placed.push(...has.map((ip) => ({ of, parent, ip, mac })));
      for (const networkId of of.ids) {
        for (const ip of canonical(endpoint.requestedIpv4, endpoint.requestedIpv6)) {
          asked.set(keyOf({ networkId, ip }), { networkId, ip, container: id, name, mac });
        }
        live.push(...has.map((ip) => ({ networkId, ip, container: id, name, mac })));
        if (!liveStatus.has(status)) continue;
        if (endpoint.ipv4 === null) vague.add(vagueKey(id, networkId, 'ipv4'));
        if (endpoint.ipv6 === null) vague.add(vagueKey(id, networkId, 'ipv6'));
      }
    }
  }
  const isElsewhere: ShownAddresses['isElsewhere'] = (networkId, ip, mac) => {
    const parents = new Set(
      [...ours].flatMap(([id, { ids }]) => (ids.includes(networkId) ? [parentById.get(id)] : [])),
    );
    return placed.some(
      ({ of, parent, ...one }) =>
        one.ip === ip && one.mac === mac && of.certain && !of.ids.includes(networkId) && !parents.has(parent),
    );
  };
  return { at, live, asked, vague, ...ownAddresses(docker, ours), isElsewhere };
}

function ownAddresses(
  { networks }: Pick<ObservedDocker, 'networks'>,
  ours: ReadonlyMap<string, StandsFor>,
): Pick<ShownAddresses, 'own' | 'undescribed'> {
  const own = new Set<LeaseKey>();
  const undescribed = new Map<string, number>();
  for (const { id, subnets, created } of networks) {
    for (const networkId of ours.get(id)?.ids ?? []) {
      for (const { gateway, aux } of subnets) {
        for (const ip of canonical(gateway, ...Object.values(aux))) own.add(keyOf({ networkId, ip }));
        if (gateway !== null) continue;
        const madeAt = created === null ? 0 : Date.parse(created);
        undescribed.set(networkId, Math.min(madeAt, undescribed.get(networkId) ?? madeAt));
      }
    }
  }
  return { own, undescribed };
}

function canonical(...texts: readonly (string | null)[]): string[] {
  return texts.flatMap((text) => {
    const ip = text === null ? undefined : tryParseIp(text);
    return ip === undefined ? [] : [formatIp(ip)];
  });
}
