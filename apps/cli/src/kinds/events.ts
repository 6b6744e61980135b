import type { Event } from '@trunkline/contracts';
import { jsonLine } from '../format/data-text.ts';
import { kind, wholePages } from './kind.ts';

export const events = kind<Event>('event', {
  list: (client, { type, network, host }) => client.events.all({ ...wholePages, type, network, host }),
  nameOf: ({ revision }) => revision,
  columns: [
    { heading: 'AT', cell: ({ at }) => at },
    { heading: 'TYPE', cell: ({ type }) => type },
    { heading: 'SUBJECT', cell: ({ subject }) => subject },
    { heading: 'ACTOR', cell: ({ actor }) => actor },
    { heading: 'REVISION', wide: true, cell: ({ revision }) => revision },
    { heading: 'DATA', wide: true, cell: ({ data }) => jsonLine(data).trimEnd() },
  ],
});
