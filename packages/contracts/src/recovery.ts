import { Type, type Static } from 'typebox';
import { HostName, Id, IpAddress, MacAddress, Timestamp } from './common.ts';
import { Lease } from './leases.ts';
import { Closed, Nullable, Words } from './schema.ts';

export const RecoveryPhase = Words(['open', 'settling', 'recovering'], {
  description:
    '`open`: addresses are given out. `settling`: PostgreSQL was started, and the server waits some seconds to hear from hosts first. `recovering`: the database went back in time, and no address is given out until every host has compared its addresses or was let go.',
  examples: ['open'],
});
export type RecoveryPhase = Static<typeof RecoveryPhase>;

const RecoveryHost = Closed(
  {
    host: HostName,
    state: Words(['waited_for', 'compared', 'let_go'], {
      description:
        'State of the host in the recovery. A host that was let go stays listed until it has compared.',
      examples: ['waited_for'],
    }),
    at: Nullable(Timestamp, { description: 'When it compared, or was let go.' }),
    by: Nullable(Type.String({ maxLength: 256 }), { description: 'Who let it go.', examples: [null] }),
  },
  { description: 'A host of a recovery.' },
);

export const Recovery = Closed(
  {
    phase: RecoveryPhase,
    recovery: Nullable(Id, { description: 'Id of the recovery under way; null: none.', examples: [null] }),
    since: Nullable(Timestamp, { description: 'When the phase began.' }),
    reason: Nullable(Type.String({ maxLength: 1024 }), {
      description: 'What showed that the database went back in time.',
      examples: [null],
    }),
    hosts: Type.Array(RecoveryHost, {
      maxItems: 65_536,
      description: 'Hosts that the recovery waits for, or waited for.',
    }),
  },
  { $id: 'Recovery', description: 'Whether the database is recovering from a restored backup.' },
);
export type Recovery = Static<typeof Recovery>;

export const CompareItem = Closed(
  {
    networkId: Id,
    ip: IpAddress,
    generation: Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Generation under which the agent holds the address; 0: it does not hold it.',
      examples: [17],
    }),
    use: Words(['live', 'asked', 'idle'], {
      description:
        '`live`: a container that runs has the address. `asked`: none that runs is seen on it, but it is kept: a stopped container asks for exactly this address, or Docker was given it for one that is not seen yet. `idle`: the host holds it for its next containers.',
      examples: ['live'],
    }),
    container: Nullable(Type.String({ maxLength: 255 }), {
      description: 'The container that has it, or asks for it.',
      examples: ['box1'],
    }),
    dockerId: Nullable(Type.String({ maxLength: 128 }), {
      description: "Docker's id of the container.",
      examples: ['7c1b8a'],
    }),
    mac: Nullable(MacAddress, { description: 'Its Ethernet address.', examples: ['02:42:ac:10:64:0a'] }),
  },
  { description: 'An address that the host holds, or that one of its containers has or asks for.' },
);
export type CompareItem = Static<typeof CompareItem>;

export const CompareRequest = Closed(
  {
    items: Type.Array(CompareItem, {
      maxItems: 65_536,
      description:
        'All addresses that the host holds, and all that its containers have or ask for according to Docker now.',
    }),
  },
  { description: 'The addresses of a host, for a database that was restored.' },
);
export type CompareRequest = Static<typeof CompareRequest>;

export const CompareAnswer = Closed(
  {
    held: Type.Array(Lease, {
      maxItems: 65_536,
      description:
        'All addresses that the host holds from now on. It gives out nothing else that it has on its disk.',
    }),
  },
  { description: 'The addresses that the host holds.' },
);
export type CompareAnswer = Static<typeof CompareAnswer>;
