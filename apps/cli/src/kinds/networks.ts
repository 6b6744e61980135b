import type { ApiClient } from '@trunkline/client';
import type { Network } from '@trunkline/contracts';
import { orDash } from '../format/table.ts';
import { collect } from '../lib/collect.ts';
import { ageColumn, kind, readyCell, readyMessage, wholePages } from './kind.ts';
import { placements, placementsOf } from './placements.ts';

export const networks = kind<Network>('network', {
  list: (client) => client.networks.all(wholePages),
  find: async (client, name) => (await client.networks.get(name)).body,
  nameOf: ({ name }) => name,
  columns: [
    { heading: 'NAME', cell: ({ name }) => name },
    { heading: 'PARENT', cell: ({ parent }) => orDash(parent) },
    { heading: 'VLAN', cell: ({ vlan }) => orDash(vlan) },
    { heading: 'SUBNETS', cell: ({ subnets }) => subnets.map(({ cidr }) => cidr).join(',') },
    { heading: 'HOSTS', cell: ({ status: { hosts } }) => `${hosts.ready}/${hosts.total}` },
    { heading: 'FREE', cell: ({ status }) => status.addresses.free },
    {
      heading: 'READY',
      cell: ({ status, deletingSince }) =>
        deletingSince === null ? readyCell(status.conditions) : { text: 'being removed', tone: 'doubt' },
    },
    { heading: 'MODE', wide: true, cell: ({ mode }) => mode },
    { heading: 'SPACE', wide: true, cell: ({ space }) => space },
    { heading: 'STATIONS', wide: true, cell: ({ status }) => String(status.stations.containers) },
    ageColumn('AGE', ({ createdAt }) => createdAt, true),
    { heading: 'MESSAGE', wide: true, cell: ({ status }) => readyMessage(status.conditions) },
  ],
  conditionsOf: ({ status }) => status.conditions,
  related: async (client: ApiClient, { name }) => [
    { title: 'Placements', kind: placements, items: await collect(placementsOf(client, name)) },
  ],
  eventsOf: ({ name }) => ({ filters: { network: name } }),
});
