import { Type, type Static } from 'typebox';
import { HostName, NetworkName, Revision, Timestamp } from './common.ts';
import { Closed, Described, Nullable } from './schema.ts';

export const Event = Closed(
  {
    revision: Described(Revision, {
      description: 'Place in the log; the SSE id, for `Last-Event-ID` and `after`.',
      examples: ['1042'],
    }),
    at: Described(Timestamp, {
      description: 'When it was recorded.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
    type: Type.String({ maxLength: 64, description: '`<what>.<happened>`.', examples: ['network.created'] }),
    subject: Type.String({
      maxLength: 1024,
      description: 'Path of what it is about.',
      examples: ['/v1/networks/mac_net1'],
    }),
    network: Nullable(NetworkName, { description: 'The network it concerns.' }),
    host: Nullable(HostName, { description: 'The host it concerns.' }),
    actor: Type.String({
      maxLength: 128,
      description: 'Who did it: `token:<name>`, `agent:<host>` or `server`.',
      examples: ['token:admin'],
    }),
    requestId: Nullable(Type.String({ maxLength: 64 }), {
      description: 'The request that did it.',
      examples: ['req-4f2a'],
    }),
    data: Type.Record(Type.String(), Type.Unknown(), {
      maxProperties: 64,
      description: 'Facts that belong to the type.',
      examples: [{ generation: 1 }],
    }),
  },
  { $id: 'Event', description: 'Something that happened, kept in order.' },
);
export type Event = Static<typeof Event>;
