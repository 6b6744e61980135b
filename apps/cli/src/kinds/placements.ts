import type { ApiClient } from '@trunkline/client';
import { placementPath, type Placement } from '@trunkline/contracts';
import { orDash } from '../format/table.ts';
import { misuse } from '../lib/failure.ts';
import { ageColumn, kind, readyCell, readyMessage, wholePages } from './kind.ts';
import { inNetworks } from './in-networks.ts';
import type { Filters } from './kind-table.ts';

/** The placements of one network. */
export const placementsOf = (client: ApiClient, network: string): AsyncIterable<Placement> =>
  client.networks.allPlacements(network, wholePages);

export const placements = kind<Placement>('placement', {
  list: (client, filters) => listed(client, filters),
  find: async (client, name) => {
    const [network, host, ...more] = name.split('/');
    if (network === undefined || network === '' || host === undefined || host === '' || more.length > 0)
      throw misuse(`"${name}" names no placement: write NETWORK/HOST, such as mac_net1/docker01`);
    return (await client.request<Placement>({ method: 'GET', path: placementPath(network, host) })).body;
  },
  nameOf: ({ network, host }) => `${network}/${host}`,
  columns: [
    { heading: 'NETWORK', cell: ({ network }) => network },
    { heading: 'HOST', cell: ({ host }) => host },
    { heading: 'READY', cell: ({ conditions }) => readyCell(conditions) },
    { heading: 'LINK', cell: ({ link }) => orDash(link) },
    ageColumn('SEEN', ({ observedAt }) => observedAt),
    {
      heading: 'GENERATION',
      wide: true,
      cell: ({ observedGeneration, generation }) => `${observedGeneration}/${generation}`,
    },
    { heading: 'MACS', wide: true, cell: ({ stations }) => String(stations.macs) },
    { heading: 'LAST ACTION', wide: true, cell: ({ lastAction }) => orDash(lastAction) },
    { heading: 'MESSAGE', wide: true, cell: ({ conditions }) => readyMessage(conditions) },
  ],
  conditionsOf: ({ conditions }) => conditions,
  eventsOf: ({ network, host }) => ({ filters: { network, host } }),
});

async function* listed(client: ApiClient, { network, host }: Filters): AsyncGenerator<Placement> {
  for await (const one of inNetworks(client, network, (name) => placementsOf(client, name)))
    if (host === undefined || one.host === host) yield one;
}
