import type { ApiClient } from '@trunkline/client';
import type { Event } from '@trunkline/contracts';
import { jsonLine } from '../format/data-text.ts';
import type { Filters } from './kind-table.ts';
import { kind } from './kind.ts';
import { logOf, recentEvents } from './recent-events.ts';

export const events = kind<Event>('event', {
  list: (client, filters) => lastEvents(client, filters),
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

/** A log has up to a million events: a list is of the last ones, and `trunkline events --after 0` shows all. */
const listed = 1000;

async function* lastEvents(client: ApiClient, filters: Filters): AsyncGenerator<Event> {
  yield* (await recentEvents(logOf(client, filters), listed)).events;
}
