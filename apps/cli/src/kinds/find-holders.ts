import type { ApiClient } from '@trunkline/client';
import type { Address, Container, Endpoint, Host, Network } from '@trunkline/contracts';
import { formatIp, parseMac, tryParseIp } from '@trunkline/netaddr';
import { collect } from '../lib/collect.ts';
import { unlessMissing } from '../lib/unless-missing.ts';
import { subnetAround } from './addresses.ts';
import { inNetworks } from './in-networks.ts';
import { wholePages } from './kind.ts';

/** What somebody asks about: an address, a MAC, or a name. */
export type Asked =
  | { readonly by: 'ip'; readonly ip: string }
  | { readonly by: 'mac'; readonly mac: string }
  | { readonly by: 'name'; readonly name: string };

/** Reads a question: what looks like an address or a MAC is one. */
export function readAsked(text: string): Asked {
  const ip = tryParseIp(text);
  if (ip !== undefined) return { by: 'ip', ip: formatIp(ip) };
  if (/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return { by: 'mac', mac: parseMac(text) };
  return { by: 'name', name: text };
}

/** One thing that has what was asked about. */
export interface Holder {
  /** What it is: `address`, `container`, `endpoint`, `network`, `host` or `interface`. */
  readonly what: string;
  readonly name: string;
  readonly network: string | null;
  readonly host: string | null;
  readonly container: string | null;
  readonly owner: string | null;
  readonly state: string | null;
  readonly mac: string | null;
}

/** All that is read to answer. */
export interface Fleet {
  readonly networks: readonly Network[];
  readonly hosts: readonly Host[];
  readonly addresses: readonly Address[];
  readonly endpoints: readonly Endpoint[];
  readonly containers: readonly Container[];
}

/** Reads what may have it, and of addresses no more than has to be looked through. */
export async function readFleet(client: ApiClient, asked: Asked): Promise<Fleet> {
  const [networks, hosts, endpoints, containers] = await Promise.all([
    collect(client.networks.all(wholePages)),
    collect(client.hosts.all(wholePages)),
    collect(client.endpoints.all(wholePages)),
    collect(client.containers.all(wholePages)),
  ]);
  const addresses = await collect(
    inNetworks(client, undefined, (network) => {
      const { subnets } = networks.find(({ name }) => name === network) ?? { subnets: [] };
      return mayHave(client, network, subnets, asked);
    }),
  );
  return { networks, hosts, addresses, endpoints, containers };
}

/** Addresses of a network that may be what is asked about. */
async function* mayHave(
  client: ApiClient,
  network: string,
  subnets: Network['subnets'],
  asked: Asked,
): AsyncGenerator<Address> {
  if (asked.by === 'mac') yield* client.addresses.all(network, wholePages);
  else if (asked.by === 'ip') {
    if (subnetAround({ subnets }, asked.ip) === undefined) return;
    const found = await unlessMissing(client.addresses.get(network, asked.ip));
    if (found !== undefined) yield found.body;
  } else {
    const known = new Set<string>();
    for (const filter of [{ owner: asked.name }, { container: asked.name }])
      for await (const one of client.addresses.all(network, { ...wholePages, ...filter }))
        if (!known.has(one.ip)) {
          known.add(one.ip);
          yield one;
        }
  }
}

const nothing = { network: null, host: null, container: null, owner: null, state: null, mac: null };

/** Everything that has it. An endpoint whose address is listed already is not listed again. */
export function holdersIn(fleet: Fleet, asked: Asked): Holder[] {
  const addresses = fleet.addresses.filter((one) => isAddress(one, asked));
  const listed = new Set(addresses.map(({ network, ip }) => `${network} ${ip}`));
  const endpoints = fleet.endpoints.filter(
    (one) =>
      isEndpoint(one, asked) &&
      ![one.ipv4, one.ipv6].some((ip) => ip !== null && listed.has(`${one.network} ${ip}`)),
  );
  return [
    ...addresses.map(({ ip, network, host, container, owner, state, mac }): Holder => ({
      what: 'address',
      name: ip,
      network,
      host,
      container,
      owner,
      state,
      mac,
    })),
    ...endpoints.map(({ ipv4, ipv6, network, host, container, state, mac }): Holder => ({
      ...nothing,
      what: 'endpoint',
      name: ipv4 ?? ipv6 ?? container,
      network,
      host,
      container,
      state,
      mac,
    })),
    ...containersIn(fleet, asked),
    ...networksIn(fleet, asked),
    ...hostsIn(fleet, asked),
  ];
}

function isAddress({ ip, owner, container, mac, requestedMac }: Address, asked: Asked): boolean {
  if (asked.by === 'ip') return ip === asked.ip;
  if (asked.by === 'mac') return mac === asked.mac || requestedMac === asked.mac;
  return owner === asked.name || container === asked.name;
}

function isEndpoint({ ipv4, ipv6, mac, container, aliases }: Endpoint, asked: Asked): boolean {
  if (asked.by === 'ip') return ipv4 === asked.ip || ipv6 === asked.ip;
  if (asked.by === 'mac') return mac === asked.mac;
  return container === asked.name || aliases.includes(asked.name);
}

function containersIn({ containers }: Fleet, asked: Asked): Holder[] {
  return containers
    .filter(
      ({ name, attachments }) =>
        (asked.by === 'name' && name === asked.name) ||
        (asked.by === 'mac' && attachments.some(({ mac }) => mac === asked.mac)),
    )
    .map(({ name, host, running, observed }) => ({
      ...nothing,
      what: 'container',
      name,
      host,
      container: name,
      state: running ? 'running' : (observed?.state ?? null),
    }));
}

function networksIn({ networks }: Fleet, asked: Asked): Holder[] {
  return networks.flatMap(({ name, subnets }) => {
    if (asked.by === 'name')
      return name === asked.name ? [{ ...nothing, what: 'network', name, network: name }] : [];
    if (asked.by === 'mac') return [];
    return subnets
      .filter(({ gateway }) => gateway === asked.ip)
      .map(({ cidr }) => ({ ...nothing, what: 'gateway', name: `of ${cidr}`, network: name }));
  });
}

function hostsIn({ hosts }: Fleet, asked: Asked): Holder[] {
  return hosts.flatMap(({ name, online, facts }) => {
    const state = online ? 'online' : 'silent';
    if (asked.by === 'name')
      return name === asked.name ? [{ ...nothing, what: 'host', name, host: name, state }] : [];
    return (facts?.interfaces ?? [])
      .filter(({ mac, addresses }) =>
        asked.by === 'mac' ? mac === asked.mac : addresses.some((one) => one.split('/')[0] === asked.ip),
      )
      .map((link) => ({ ...nothing, what: 'interface', name: link.name, host: name, state, mac: link.mac }));
  });
}
