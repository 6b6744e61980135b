import { containerPath, type Container } from '@trunkline/contracts';
import { orDash } from '../format/table.ts';
import { ageColumn, kind, readyMessage, wholePages, yesNo } from './kind.ts';

export const containers = kind<Container>('container', {
  list: (client, { host, network }) => client.containers.all({ ...wholePages, host, network }),
  find: async (client, name) => (await client.containers.get(name)).body,
  nameOf: ({ name }) => name,
  columns: [
    { heading: 'NAME', cell: ({ name }) => name },
    { heading: 'HOST', cell: ({ host }) => host },
    { heading: 'IMAGE', cell: ({ image }) => image },
    { heading: 'ADDRESSES', cell: (container) => orDash(addressesOf(container).join(',')) },
    { heading: 'STATE', cell: ({ observed }) => orDash(observed?.state) },
    {
      heading: 'RUNNING',
      cell: ({ running, deletingSince }) =>
        deletingSince === null ? yesNo(running) : { text: 'being removed', tone: 'doubt' },
    },
    {
      heading: 'NETWORKS',
      wide: true,
      cell: ({ attachments, networkMode }) =>
        networkMode ?? orDash(attachments.map(({ network }) => network).join(',')),
    },
    { heading: 'RESTART', wide: true, cell: ({ restart }) => restart },
    ageColumn('AGE', ({ createdAt }) => createdAt, true),
    { heading: 'MESSAGE', wide: true, cell: ({ conditions }) => readyMessage(conditions) },
  ],
  conditionsOf: ({ conditions }) => conditions,
  eventsOf: ({ name, host }) => ({
    filters: { host },
    matches: ({ subject }) => subject === containerPath(name),
  }),
});

const addressesOf = ({ attachments }: Container): string[] =>
  attachments.flatMap(({ address, address6 }) => [address, address6].filter((one) => one !== null));
