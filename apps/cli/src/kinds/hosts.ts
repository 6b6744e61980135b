import type { Host } from '@trunkline/contracts';
import { orDash } from '../format/table.ts';
import { collect } from '../lib/collect.ts';
import { endpoints } from './endpoints.ts';
import { ageColumn, kind, labelsText, readyCell, readyMessage, wholePages, yesNo } from './kind.ts';

export const hosts = kind<Host>('host', {
  list: (client, { label }) => client.hosts.all({ ...wholePages, label }),
  find: async (client, name) => (await client.hosts.get(name)).body,
  nameOf: ({ name }) => name,
  columns: [
    { heading: 'NAME', cell: ({ name }) => name },
    { heading: 'ONLINE', cell: ({ online }) => yesNo(online) },
    { heading: 'READY', cell: ({ conditions }) => readyCell(conditions) },
    ageColumn('SEEN', ({ lastSeenAt }) => lastSeenAt),
    { heading: 'DOCKER', cell: ({ facts }) => orDash(facts?.docker.version) },
    { heading: 'AGENT', cell: ({ facts }) => orDash(facts?.agentVersion) },
    { heading: 'KERNEL', wide: true, cell: ({ facts }) => orDash(facts?.kernel) },
    { heading: 'OS', wide: true, cell: ({ facts }) => orDash(facts?.os) },
    { heading: 'LABELS', wide: true, cell: ({ labels }) => orDash(labelsText(labels)) },
    { heading: 'MESSAGE', wide: true, cell: ({ conditions }) => readyMessage(conditions) },
  ],
  conditionsOf: ({ conditions }) => conditions,
  related: async (client, { name }) => [
    {
      title: 'Containers on networks',
      kind: endpoints,
      items: await collect(client.endpoints.all({ ...wholePages, host: name })),
    },
  ],
  eventsOf: ({ name }) => ({ filters: { host: name } }),
});
