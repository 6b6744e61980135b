import type { CheckCreate } from '@trunkline/contracts';
import { listed } from '@trunkline/log';
import type { Query } from '../../platform/database/query.ts';
import { ApiError, invalidFields } from '../../platform/errors.ts';
import { containersNamed, type NamedContainer } from './containers-named.store.ts';
import { findHost, networksById, networksOfHost, type HostRow, type NetworkRow } from './diagnoses.store.ts';
import type { DiagnosisPlan } from './diagnosis-plan.ts';
import { findWireNetwork, hostsOfNetwork } from './wire-checks.store.ts';

const maxHosts = 1000;

/** What is asked about, before the hosts are asked. */
export interface Scope {
  networks: NetworkRow[];
  /** With the containers that are asked about. */
  hosts: (HostRow & { containers: string[] })[];
  pings: DiagnosisPlan['pings'];
  /** The network to put probes on; undefined: none. */
  wire: NetworkRow | undefined;
  /** Whether hosts that are not asked about put a probe there as well. */
  hasFarEnds: boolean;
}

/** What a request asks about. Throws network_not_found, host_not_found, container_not_found and invalid_request. */
export async function scopeOf(query: Query, input: CheckCreate): Promise<Scope> {
  if (input.network !== undefined) return await scopeOfNetwork(query, input.network);
  if (input.container !== undefined) return await scopeOfContainer(query, input.container, input.host);
  if (input.host !== undefined) return await scopeOfHost(query, input.host);
  return await scopeOfPair(query, input.from?.container ?? '', input.to?.container ?? '');
}

async function scopeOfNetwork(query: Query, name: string): Promise<Scope> {
  const network = await findWireNetwork(query, name);
  if (network === undefined) throw new ApiError('network_not_found', `there is no network ${name}`);
  const hosts = await hostsOfNetwork(query, network.id, maxHosts);
  return {
    networks: [{ id: network.id, name, mtu: network.mtu }],
    hosts: hosts.map(({ id, name: host, lastSeenAt }) => ({ id, name: host, lastSeenAt, containers: [] })),
    pings: [],
    wire: network,
    hasFarEnds: false,
  };
}

async function scopeOfHost(query: Query, name: string): Promise<Scope> {
  const host = await findHost(query, name);
  if (host === undefined) throw new ApiError('host_not_found', `there is no host ${name}`);
  const networks = await networksOfHost(query, host.id);
  return { networks, hosts: [{ ...host, containers: [] }], pings: [], wire: networks[0], hasFarEnds: true };
}

async function scopeOfContainer(query: Query, name: string, on: string | undefined): Promise<Scope> {
  const found = on === undefined ? await oneNamed(query, name, '/container') : await namedOn(query, name, on);
  const { id, name: host, lastSeenAt } = found;
  const networkIds = networkIdsOf(found);
  // A container on none of our networks is asked about because it should be on one.
  const networks =
    networkIds.length === 0 ? await networksOfHost(query, id) : await networksById(query, networkIds);
  return {
    networks,
    hosts: [{ id, name: host, lastSeenAt, containers: [name] }],
    pings: [],
    wire: networks[0],
    hasFarEnds: true,
  };
}

async function scopeOfPair(query: Query, from: string, to: string): Promise<Scope> {
  const a = await oneNamed(query, from, '/from/container');
  const b = await oneNamed(query, to, '/to/container');
  const [ofA, ofB] = [networkIdsOf(a), networkIdsOf(b)];
  const networks = await networksById(query, [...new Set([...ofA, ...ofB])]);
  const common = networks.find(({ id }) => ofA.includes(id) && ofB.includes(id));
  const hosts =
    a.id === b.id
      ? [{ ...hostOf(a), containers: [...new Set([from, to])] }]
      : [
          { ...hostOf(a), containers: [from] },
          { ...hostOf(b), containers: [to] },
        ];
  return {
    networks,
    hosts,
    pings: [
      ...addressesOf(b).map((address) => ({ hostId: a.id, from, to, address })),
      ...addressesOf(a).map((address) => ({ hostId: b.id, from: to, to: from, address })),
    ],
    wire: common ?? networks[0],
    hasFarEnds: false,
  };
}

const hostOf = ({ id, name, lastSeenAt }: NamedContainer): HostRow => ({ id, name, lastSeenAt });
const networkIdsOf = ({ attached }: NamedContainer): string[] => [
  ...new Set(attached.map(({ networkId }) => networkId)),
];
const addressesOf = ({ attached }: NamedContainer): string[] => [
  ...new Set(attached.flatMap(({ address }) => address ?? [])),
];

/** The container of a name on a host, which knows of it what the server does not. */
async function namedOn(query: Query, name: string, on: string): Promise<NamedContainer> {
  const host = await findHost(query, on);
  if (host === undefined) throw new ApiError('host_not_found', `there is no host ${on}`);
  const found = await containersNamed(query, [name], { isLive: false });
  return found.find(({ id }) => id === host.id) ?? { ...host, container: name, isOurs: false, attached: [] };
}

/** The container of a name. Names are unique on a host only. */
async function oneNamed(query: Query, name: string, pointer: string): Promise<NamedContainer> {
  const found = await containersNamed(query, [name], { isLive: false });
  const ours = found.find(({ isOurs }) => isOurs);
  const [first] = found;
  if (first === undefined)
    throw new ApiError(
      'container_not_found',
      `no container ${name} is known: where it is on none of Trunkline's networks, ask about it alone, with its host: {"container": "${name}", "host": …}`,
    );
  if (ours === undefined && found.length > 1)
    throw invalidFields([
      {
        pointer,
        message: `is the name of containers on ${listed(found.map((one) => one.name))}: say on which with host, or ask about the network or the host`,
      },
    ]);
  return ours ?? first;
}
