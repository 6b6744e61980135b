import type { ApiClient } from '@trunkline/client';
import { addressPath, type Address, type AddressState, type Network } from '@trunkline/contracts';
import { cidrContains, parseCidr, tryParseIp } from '@trunkline/netaddr';
import type { Tone } from '../format/paint.ts';
import { orDash } from '../format/table.ts';
import { collect } from '../lib/collect.ts';
import { Failure, misuse } from '../lib/failure.ts';
import { inNetworks } from './in-networks.ts';
import { ageColumn, kind, labelsText, wholePages } from './kind.ts';

const tones: Readonly<Record<AddressState, Tone>> = {
  reserved: 'plain',
  leased: 'plain',
  bound: 'good',
  quarantined: 'doubt',
  conflicted: 'bad',
};

export const addresses = kind<Address>('address', {
  list: (client, { network, state, owner, host, container }) =>
    inNetworks(client, network, (name) =>
      client.addresses.all(name, { ...wholePages, state, owner, host, container }),
    ),
  find: async (client, name) => {
    const { network, ip } = await placeOfAddress(client, name);
    return (await client.addresses.get(network, ip)).body;
  },
  nameOf: ({ network, ip }) => `${network}/${ip}`,
  columns: [
    { heading: 'NETWORK', cell: ({ network }) => network },
    { heading: 'IP', cell: ({ ip }) => ip },
    { heading: 'STATE', cell: ({ state }) => ({ text: state, tone: tones[state] ?? 'plain' }) },
    { heading: 'OWNER', cell: ({ owner }) => orDash(owner) },
    { heading: 'HOST', cell: ({ host }) => orDash(host) },
    { heading: 'CONTAINER', cell: ({ container }) => orDash(container) },
    { heading: 'MAC', wide: true, cell: ({ mac }) => orDash(mac) },
    { heading: 'CLAIM', wide: true, cell: ({ claim }) => claim },
    { heading: 'FOR HOST', wide: true, cell: ({ forHost }) => orDash(forHost) },
    { heading: 'LABELS', wide: true, cell: ({ labels }) => orDash(labelsText(labels)) },
    ageColumn('SINCE', ({ since }) => since, true),
    ageColumn('UPDATED', ({ updatedAt }) => updatedAt, true),
  ],
  eventsOf: ({ network, ip }) => ({
    filters: { network },
    matches: ({ subject }) => subject === addressPath(network, ip),
  }),
});

/** The network and the address that `NETWORK/ADDRESS` or an address alone names. */
export async function placeOfAddress(
  client: ApiClient,
  name: string,
): Promise<{ network: string; ip: string }> {
  const slash = name.lastIndexOf('/');
  const ip = name.slice(slash + 1);
  if (tryParseIp(ip) === undefined)
    throw misuse(`"${name}" names no address: write 172.16.100.10 or mac_net1/172.16.100.10`);
  if (slash !== -1) return { network: name.slice(0, slash), ip };
  const around = (await collect(client.networks.all(wholePages))).filter((network) =>
    subnetAround(network, ip),
  );
  const [only, ...more] = around;
  if (only === undefined) throw new Failure('notFound', `${ip} is in no subnet of any network`);
  if (more.length > 0)
    throw misuse(
      `${ip} is in ${around.map((network) => network.name).join(' and ')}: write ${only.name}/${ip} or another of them`,
    );
  return { network: only.name, ip };
}

/** The subnet of a network that an address lies in. */
export function subnetAround(
  network: Pick<Network, 'subnets'>,
  ip: string,
): Network['subnets'][number] | undefined {
  const address = tryParseIp(ip);
  if (address === undefined) return undefined;
  return network.subnets.find(({ cidr }) => cidrContains(parseCidr(cidr), address));
}
