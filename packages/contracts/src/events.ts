import { Type, type Static } from 'typebox';
import { HostName, NetworkName, Revision, Timestamp } from './common.ts';
import { Closed, Described, Nullable } from './schema.ts';

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
    type: Type.String({
      maxLength: 64,
      description: 'Type of the event: `<what>.<happened>`.',
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
      description: 'Data that belongs to the type.',
      examples: [{ generation: 1 }],
    }),
  },
  { $id: 'Event', description: 'A recorded event. Events are kept in order.' },
);
export type Event = Static<typeof Event>;
