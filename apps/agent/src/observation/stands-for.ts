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

/** The network that a Docker network with our driver names by its id: Docker asks for addresses of that one, known or not. */
export function namedId({ ipamOptions }: Pick<DockerNetwork, 'ipamOptions'>): string | null {
  return plainNetworkId(ipamOptions[ipamNetworkOption] ?? '');
}

/**
 * The one network with a subnet of a Docker network whose own the server does not know, as when it was deleted and made again
 * after the backup that was restored. What containers have there are addresses of this one, whatever its id. Null where there is
 * none, or several, of which any may be meant.
 */
function twinOf(cidrs: ReadonlySet<string>, networks: KnownNetworks['networks']): string | null {
  const having = networks.filter((network) => [...cidrs].some((cidr) => hasSubnet(network, cidr)));
  return having.length === 1 ? (having[0]?.id ?? null) : null;
}

/**
 * As `requestPool` takes a Docker network when it is made. Docker does not show what it was answered then, and networks have come
 * and gone since: one that does not name its network by id is of every network that it may have been made for. One that names
 * a network which is no more is also of the one that has its subnet now. Pure.
 */
export function standsFor(
  { ipamOptions, subnets }: Pick<DockerNetwork, 'ipamOptions' | 'subnets'>,
  { networks, held }: KnownNetworks,
): StandsFor {
  const named = ipamOptions[ipamNetworkOption] ?? '';
  const cidrs = new Set(subnets.map(({ cidr }) => plainCidr(cidr)));
  const id = namedId({ ipamOptions });
  if (id !== null) {
    const twin = networks.some((network) => network.id === id) ? null : twinOf(cidrs, networks);
    return { ids: twin === null ? [id] : [id, twin], certain: twin === null };
  }
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
