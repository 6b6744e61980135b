import type { DesiredNetwork } from '@trunkline/contracts';
import type { DockerNetwork } from '../host/docker-engine.ts';
import { ipamNetworkOption, plainCidr } from './marks.ts';

/** What this host knows of the networks that a Docker network may stand for. */
export interface KnownNetworks {
  /** Those of the desired document. */
  readonly networks: readonly Pick<DesiredNetwork, 'id' | 'name' | 'subnets'>[];
  /** What this host holds: also of networks that the document does not name. */
  readonly held: Iterable<{ readonly networkId: string; readonly subnet: string }>;
}

/** Which networks of ours a Docker network with our driver stands for. */
export interface StandsFor {
  /** More than one where it cannot be decided: what is on it may be of any of them. */
  readonly ids: readonly string[];
  /** Whether it is known to be of `ids` and no other network. Where not, nothing on it is known to be another network's. */
  readonly certain: boolean;
}

/** What a look makes of a Docker network with our driver. */
export type NetworkResolver = (docker: Pick<DockerNetwork, 'ipamOptions' | 'subnets'>) => StandsFor;

const networkIdForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id of a network as it is written everywhere; null for what is none. */
export function plainNetworkId(text: string): string | null {
  return networkIdForm.test(text) ? text.toLowerCase() : null;
}

/** The network that a request names, by its id in any case, by its name, or without either by a subnet that it alone has. */
export function namedNetwork<T extends KnownNetworks['networks'][number]>(
  named: string,
  subnet: string,
  networks: readonly T[],
): T | undefined {
  if (named !== '') return networks.find(({ id, name }) => id === plainNetworkId(named) || name === named);
  const having = networks.filter((network) => hasSubnet(network, plainCidr(subnet)));
  return having.length === 1 ? having[0] : undefined;
}

/**
 * As `requestPool` takes a Docker network when it is made. Docker does not show what it was answered then, and networks have come
 * and gone since: one that does not name its network by id is of every network that it may have been made for. Pure.
 */
export function standsFor(
  { ipamOptions, subnets }: Pick<DockerNetwork, 'ipamOptions' | 'subnets'>,
  { networks, held }: KnownNetworks,
): StandsFor {
  const named = ipamOptions[ipamNetworkOption] ?? '';
  const id = plainNetworkId(named);
  if (id !== null) return { ids: [id], certain: true };
  const cidrs = new Set(subnets.map(({ cidr }) => plainCidr(cidr)));
  const byName = named === '' ? undefined : namedNetwork(named, '', networks);
  if (byName !== undefined && [...cidrs].every((cidr) => hasSubnet(byName, cidr))) {
    return { ids: [byName.id], certain: true };
  }
  const ids = new Set(byName === undefined ? [] : [byName.id]);
  for (const network of byName === undefined ? networks : []) {
    if ([...cidrs].some((cidr) => hasSubnet(network, cidr))) ids.add(network.id);
  }
  for (const { networkId, subnet } of held) if (cidrs.has(plainCidr(subnet))) ids.add(networkId);
  return { ids: [...ids], certain: false };
}

function hasSubnet({ subnets }: Pick<DesiredNetwork, 'subnets'>, cidr: string): boolean {
  return subnets.some((one) => plainCidr(one.cidr) === cidr);
}
