import { matrixBounds, type CheckCreate, type MatrixPair } from '@trunkline/contracts';
import { formatIp, parseIp, tryParseIp } from '@trunkline/netaddr';
import { listed } from '@trunkline/log';
import type { Query } from '../../platform/database/query.ts';
import { ApiError, invalidFields, type FieldError } from '../../platform/errors.ts';
import { containersNamed, type Attached, type NamedContainer } from './containers-named.store.ts';
import type { HostRow } from './diagnoses.store.ts';
import { addressesOfHost, knownLimit, whyNotTried, type AddressHolder } from './matrix-limits.ts';
import {
  acrossHosts,
  matrixCount,
  ringOf,
  ringPairs,
  type MatrixHost,
  type MatrixPlan,
  type MatrixTarget,
  type MatrixTry,
} from './matrix-plan.ts';
import { holdersOf, matrixHosts, membersOf, networksNamed, type MatrixNetwork } from './matrix.store.ts';
import { whySilent } from './why-silent.ts';

type IsOnline = (host: { lastSeenAt: Date | null }) => boolean;
type Asked = Omit<MatrixPlan, 'hosts' | 'targets' | 'tries' | 'sample'>;

/** What a request asks to try. Throws network_not_found, host_not_found, container_not_found and invalid_request. */
export async function planMatrix(
  query: Query,
  input: CheckCreate,
  timeoutSeconds: number,
  isOnline: IsOnline,
): Promise<MatrixPlan> {
  const asked: Asked = {
    network: input.network ?? null,
    pairs: input.pairs ?? null,
    port: input.port ?? null,
    names: input.names ?? false,
    count: input.count ?? matrixCount,
    timeoutSeconds,
  };
  return input.pairs === undefined
    ? await planOfNetwork(query, asked, input.network ?? '', isOnline)
    : await planOfPairs(query, asked, input.pairs, isOnline);
}

/** Hosts that are tried from, each once. */
function collectHosts(isOnline: IsOnline): { hosts: MatrixHost[]; placeOf: (host: HostRow) => number } {
  const hosts: MatrixHost[] = [];
  const places = new Map<string, number>();
  const placeOf = ({ id, name, lastSeenAt }: HostRow): number => {
    const known = places.get(id);
    if (known !== undefined) return known;
    places.set(id, hosts.length);
    hosts.push({ id, name, left: isOnline({ lastSeenAt }) ? null : whySilent(lastSeenAt) });
    return hosts.length - 1;
  };
  return { hosts, placeOf };
}

async function networkNamed(query: Query, name: string): Promise<MatrixNetwork> {
  const [network] = await networksNamed(query, [name]);
  if (network === undefined) throw new ApiError('network_not_found', `there is no network ${name}`);
  return network;
}

async function planOfNetwork(
  query: Query,
  asked: Asked,
  name: string,
  isOnline: IsOnline,
): Promise<MatrixPlan> {
  const network = await networkNamed(query, name);
  const found = await membersOf(query, network.id, matrixBounds.tries + 1, matrixBounds.triesOfHost + 1);
  const { members, others } = ringOf(acrossHosts(found));
  const { hosts, placeOf } = collectHosts(isOnline);
  const seen = new Map(found.map(({ hostId, lastSeenAt }) => [hostId, lastSeenAt]));
  const attached: Attached = {
    network: name,
    mode: network.mode,
    hostAccess: network.hostAccess,
    address: null,
  };
  const tries = ringPairs(members.length, others).flatMap(([from, target]): MatrixTry[] => {
    const [source, far] = [members[from], members[target]];
    if (source === undefined || far === undefined) return [];
    const host = placeOf({
      id: source.hostId,
      name: source.host,
      lastSeenAt: seen.get(source.hostId) ?? null,
    });
    const limit = knownLimit({ host: source.host, container: source.name, attached: [attached] }, [
      { host: far.host, attached },
    ]);
    return far.addresses.map((address) => ({
      host,
      container: source.name,
      target,
      address,
      port: asked.port,
      limit,
    }));
  });
  return {
    ...asked,
    hosts,
    targets: members.map(({ name: container, host, addresses }) => ({
      container,
      host,
      gateway: null,
      addresses,
    })),
    tries,
    sample: sampleOf(found.length, members.length, others),
  };
}

function sampleOf(found: number, taken: number, others: number): string | null {
  if (taken === found && others >= taken - 1) return null;
  const who =
    taken === found ? `each of ${taken} containers` : `each of ${taken} containers of at least ${found}`;
  return `a sample: ${who} tried ${others} of the others`;
}

/** What the names of a request mean. */
interface Known {
  containers: Map<string, NamedContainer[]>;
  hosts: Map<string, HostRow & { addresses: string[] }>;
  networks: Map<string, MatrixNetwork>;
  /** Who has an address, by its canonical text. */
  holders: Map<string, AddressHolder[]>;
}

async function planOfPairs(
  query: Query,
  asked: Asked,
  pairs: readonly MatrixPair[],
  isOnline: IsOnline,
): Promise<MatrixPlan> {
  checkShapes(pairs);
  const known = await lookUp(query, pairs);
  const { hosts, placeOf } = collectHosts(isOnline);
  const targets: MatrixTarget[] = [];
  const places = new Map<string, number>();
  const targetPlace = (target: MatrixTarget): number => {
    const key = JSON.stringify(target);
    const place = places.get(key) ?? targets.push(target) - 1;
    places.set(key, place);
    return place;
  };
  const tries = pairs.flatMap((pair, index): MatrixTry[] => {
    const source = sourceOf(pair.from, known, `/pairs/${index}/from`);
    const { target, tried } = targetOf(pair.to, source, known, `/pairs/${index}/to`);
    const shared = {
      host: placeOf(source.row),
      container: source.container,
      target: targetPlace(target),
      port: pair.port ?? asked.port,
    };
    if (tried.length === 0) return [{ ...shared, address: null, limit: null }];
    return tried.slice(0, matrixBounds.addressesOfPair).map((address) => ({
      ...shared,
      address,
      limit: knownLimit(
        { host: source.row.name, container: source.container, attached: source.attached },
        holdersOfTry(target, address, known),
      ),
    }));
  });
  checkBounds(tries, hosts);
  return { ...asked, hosts, targets, tries, sample: null };
}

/** Each end names one thing, and an address is one that a station may have. */
function checkShapes(pairs: readonly MatrixPair[]): void {
  const errors = pairs.flatMap(({ from, to }, index): FieldError[] => {
    const at = `/pairs/${index}`;
    const faults: FieldError[] = [];
    if (Object.keys(from).length !== 1)
      faults.push({ pointer: `${at}/from`, message: 'takes one of container and host' });
    if (Object.keys(to).length !== 1)
      faults.push({ pointer: `${at}/to`, message: 'takes one of container, host, gateway and address' });
    if (to.address !== undefined) {
      const ip = tryParseIp(to.address);
      const why = ip === undefined ? 'is not an IP address' : whyNotTried(ip);
      if (why !== null) faults.push({ pointer: `${at}/to/address`, message: why });
    }
    return faults;
  });
  if (errors.length > 0) throw invalidFields(errors.slice(0, 50));
}

const given = (texts: readonly (string | undefined)[]): string[] => [
  ...new Set(texts.flatMap((text) => text ?? [])),
];
const canonical = (address: string): string => formatIp(parseIp(address));

async function lookUp(query: Query, pairs: readonly MatrixPair[]): Promise<Known> {
  const containerNames = given(pairs.flatMap(({ from, to }) => [from.container, to.container]));
  const containers = Map.groupBy(
    await containersNamed(query, containerNames, { isLive: true }),
    ({ container }) => container,
  );
  const sources = given(pairs.map(({ from }) => from.container)).flatMap(
    (name) => containers.get(name) ?? [],
  );
  const hostNames = given([
    ...pairs.flatMap(({ from, to }) => [from.host, to.host]),
    ...sources.map(({ name }) => name),
  ]);
  const hosts = (await matrixHosts(query, hostNames)).map((host) => ({
    ...host,
    addresses: addressesOfHost(host.interfaces),
  }));
  const networks = await networksNamed(query, given(pairs.map(({ to }) => to.gateway)));
  const addresses = given(pairs.flatMap(({ to }) => (to.address === undefined ? [] : canonical(to.address))));
  const held = [
    ...(await holdersOf(query, addresses)).map(({ host, address, ...attached }) => ({
      address: address ?? '',
      holder: { host, attached: { ...attached, address } },
    })),
    ...hosts.flatMap(({ name, addresses: own }) =>
      own.map((address) => ({ address, holder: { host: name, attached: null } })),
    ),
  ];
  const holders = Map.groupBy(held, ({ address }) => address);
  return {
    containers,
    hosts: new Map(hosts.map((host) => [host.name, host])),
    networks: new Map(networks.map((network) => [network.name, network])),
    holders: new Map([...holders].map(([address, those]) => [address, those.map(({ holder }) => holder)])),
  };
}

interface PairSource {
  row: HostRow;
  container: string | null;
  attached: Attached[];
}

function sourceOf(from: MatrixPair['from'], known: Known, pointer: string): PairSource {
  if (from.container !== undefined) {
    const { id, name, lastSeenAt, attached } = oneNamed(from.container, known, `${pointer}/container`);
    return { row: { id, name, lastSeenAt }, container: from.container, attached };
  }
  const { id, name, lastSeenAt } = hostNamed(from.host ?? '', known);
  return { row: { id, name, lastSeenAt }, container: null, attached: [] };
}

function hostNamed(name: string, { hosts }: Known): HostRow & { addresses: string[] } {
  const host = hosts.get(name);
  if (host === undefined) throw new ApiError('host_not_found', `there is no host ${name}`);
  return host;
}

/** The container of a name. Names of containers that Trunkline does not run are unique on a host only. */
function oneNamed(name: string, { containers }: Known, pointer: string): NamedContainer {
  const found = containers.get(name) ?? [];
  const ours = found.find(({ isOurs }) => isOurs);
  const [first] = found;
  if (first === undefined)
    throw new ApiError(
      'container_not_found',
      `there is no container ${name}: a matrix is about containers that Trunkline runs, and running ones that Docker has on one of its networks`,
    );
  if (ours === undefined && found.length > 1)
    throw invalidFields([
      {
        pointer,
        message: `is the name of containers on ${listed(found.map((one) => one.name))}: rename one, or give an address`,
      },
    ]);
  return ours ?? first;
}

/** What is meant, and which of its addresses are tried from a source. */
function targetOf(
  to: MatrixPair['to'],
  source: PairSource,
  known: Known,
  pointer: string,
): { target: MatrixTarget; tried: string[] } {
  const nothing = { container: null, host: null, gateway: null };
  if (to.container !== undefined) {
    const { name: host, attached } = oneNamed(to.container, known, `${pointer}/container`);
    const withAddress = attached.filter(({ address }) => address !== null);
    const common = withAddress.filter(({ network }) =>
      source.attached.some((one) => one.network === network),
    );
    const texts = (those: readonly Attached[]): string[] =>
      given(those.map(({ address }) => address ?? undefined));
    return {
      target: { ...nothing, container: to.container, host, addresses: texts(withAddress) },
      tried: texts(common.length > 0 ? common : withAddress),
    };
  }
  if (to.host !== undefined) {
    const { name, addresses } = hostNamed(to.host, known);
    return { target: { ...nothing, host: name, addresses }, tried: ofFamilies(addresses, source) };
  }
  if (to.gateway !== undefined) {
    const network = known.networks.get(to.gateway);
    if (network === undefined) throw new ApiError('network_not_found', `there is no network ${to.gateway}`);
    if (network.gateways.length === 0)
      throw invalidFields([
        { pointer: `${pointer}/gateway`, message: `names ${to.gateway}, whose subnets have no gateway` },
      ]);
    return {
      target: { ...nothing, gateway: to.gateway, addresses: network.gateways },
      tried: ofFamilies(network.gateways, source),
    };
  }
  const address = canonical(to.address ?? '');
  return { target: { ...nothing, addresses: [address] }, tried: [address] };
}

const isIpv6 = (address: string): boolean => address.includes(':');

/** Those of the IP versions that a container has; all where they are not known, and from a host. */
function ofFamilies(addresses: readonly string[], { attached }: PairSource): string[] {
  const own = attached.flatMap(({ address }) => address ?? []);
  if (own.length === 0) return [...addresses];
  return addresses.filter((address) => own.some((one) => isIpv6(one) === isIpv6(address)));
}

function holdersOfTry(
  { container, host }: MatrixTarget,
  address: string,
  { containers, holders }: Known,
): AddressHolder[] {
  if (container === null || host === null) return holders.get(address) ?? [];
  const there = (containers.get(container) ?? []).filter(({ name }) => name === host);
  return there
    .flatMap(({ attached }) => attached)
    .filter((one) => one.address === address)
    .map((attached) => ({ host, attached }));
}

/** A host has to be through in the time of the check. */
function checkBounds(tries: readonly MatrixTry[], hosts: readonly MatrixHost[]): void {
  for (const [place, { name }] of hosts.entries()) {
    const count = tries.filter(({ host }) => host === place).length;
    if (count <= matrixBounds.triesOfHost) continue;
    const message = `lead to ${count} addresses from ${name}, and a host tries ${matrixBounds.triesOfHost} in one check: ask about fewer pairs`;
    throw invalidFields([{ pointer: '/pairs', message }]);
  }
}
