import { Type, type Static } from 'typebox';
import { HostName, NetworkName, Revision, Timestamp } from './common.ts';
import { eventTypes } from './events/event-table.ts';
import { Closed, Described, Nullable, Words } from './schema.ts';

export const Event = Closed(
  {
    revision: Described(Revision, {
      description: 'Position in the log. It is the SSE id, for `Last-Event-ID` and `after`.',
      examples: ['1042'],
    }),
    at: Described(Timestamp, {
      description: 'When it was recorded.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
    type: Words(eventTypes, {
      description:
        'Type of the event: `<what>.<happened>`. What each type means, and its `data`, is under [/docs/events](/docs/events).',
      examples: ['network.created'],
    }),
    subject: Type.String({
      maxLength: 1024,
      description: 'Path of the resource that it is about.',
      examples: ['/v1/networks/mac_net1'],
    }),
    network: Nullable(NetworkName, { description: 'The network it concerns.' }),
    host: Nullable(HostName, { description: 'The host it concerns.' }),
    actor: Type.String({
      maxLength: 128,
      description: 'Who caused it: `token:<name>`, `agent:<host>` or `server`.',
      examples: ['token:admin'],
    }),
    requestId: Nullable(Type.String({ maxLength: 64 }), {
      description: 'The request that caused it.',
      examples: ['req-4f2a'],
    }),
    data: Type.Record(Type.String(), Type.Unknown(), {
      maxProperties: 64,
      description: 'Data that belongs to the type; see [/docs/events](/docs/events).',
      examples: [{ generation: 1 }],
    }),
  },
  { $id: 'Event', description: 'A recorded event. Events are kept in order.' },
);
export type Event = Static<typeof Event>;
