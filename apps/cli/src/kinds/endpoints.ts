import type { Endpoint } from '@trunkline/contracts';
import { orDash } from '../format/table.ts';
import { ageColumn, kind, wholePages } from './kind.ts';

export const endpoints = kind<Endpoint>('endpoint', {
  list: (client, { host, network, container }) =>
    client.endpoints.all({ ...wholePages, host, network, container }),
  nameOf: ({ host, network, container }) => `${host}/${network}/${container}`,
  columns: [
    { heading: 'HOST', cell: ({ host }) => host },
    { heading: 'NETWORK', cell: ({ network }) => network },
    { heading: 'CONTAINER', cell: ({ container }) => container },
    {
      heading: 'STATE',
      cell: ({ state }) => ({ text: state, tone: state === 'running' ? 'good' : 'doubt' }),
    },
    { heading: 'IPV4', cell: ({ ipv4 }) => orDash(ipv4) },
    { heading: 'IPV6', cell: ({ ipv6 }) => orDash(ipv6) },
    { heading: 'MAC', wide: true, cell: ({ mac }) => orDash(mac) },
    { heading: 'MANAGED', wide: true, cell: ({ managed }) => (managed ? 'yes' : 'no') },
    { heading: 'ALIASES', wide: true, cell: ({ aliases }) => orDash(aliases.join(',')) },
    ageColumn('SINCE', ({ since }) => since, true),
    ageColumn('SEEN', ({ observedAt }) => observedAt, true),
  ],
});
