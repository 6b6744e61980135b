import { Type, type Static } from 'typebox';
import { HostName, Id, IpAddress, MacAddress, Timestamp } from './common.ts';
import { Lease } from './leases.ts';
import { Closed, Nullable, Words } from './schema.ts';

export const RecoveryPhase = Words(['open', 'settling', 'recovering'], {
  description:
    '`open`: addresses are given. `settling`: PostgreSQL was started, and hosts are heard first, for some seconds. `recovering`: the database is older than it was, and no address is given until every host has compared or was let go.',
  examples: ['open'],
});
export type RecoveryPhase = Static<typeof RecoveryPhase>;

const RecoveryHost = Closed(
  {
    host: HostName,
    state: Words(['waited_for', 'compared', 'let_go'], {
      description: 'Where it stands. One that was let go stays listed until it has compared.',
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
    recovery: Nullable(Id, { description: 'Names the recovery under way.', examples: [null] }),
    since: Nullable(Timestamp, { description: 'When the phase began.' }),
    reason: Nullable(Type.String({ maxLength: 1024 }), {
      description: 'What showed that the database is older than it was.',
      examples: [null],
    }),
    hosts: Type.Array(RecoveryHost, {
      maxItems: 65_536,
      description: 'Hosts that it waits for, or waited for.',
    }),
  },
  { $id: 'Recovery', description: 'Whether the database recovers from a restored backup.' },
);
export type Recovery = Static<typeof Recovery>;

export const CompareItem = Closed(
  {
    networkId: Id,
    ip: IpAddress,
    generation: Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'As the agent was given it; 0: it does not hold the address.',
      examples: [17],
    }),
    inUse: Type.Boolean({
      description: 'A container has it, or a stopped one of this host asks for exactly this address.',
      examples: [true],
    }),
    container: Nullable(Type.String({ maxLength: 255 }), {
      description: 'The container.',
      examples: ['box1'],
    }),
    dockerId: Nullable(Type.String({ maxLength: 128 }), {
      description: "Docker's id of it.",
      examples: ['7c1b8a'],
    }),
    mac: Nullable(MacAddress, { description: 'Its Ethernet address.', examples: ['02:42:ac:10:64:0a'] }),
  },
  { description: 'An address that the host holds, or that a container of it has.' },
);
export type CompareItem = Static<typeof CompareItem>;

export const CompareRequest = Closed(
  {
    items: Type.Array(CompareItem, {
      maxItems: 65_536,
      description: 'All that the host holds and all that its containers have, by a look at Docker of now.',
    }),
  },
  { description: 'What a host holds, for a database that was restored.' },
);
export type CompareRequest = Static<typeof CompareRequest>;

export const CompareAnswer = Closed(
  {
    held: Type.Array(Lease, {
      maxItems: 65_536,
      description: 'All that the host holds from now on; what else it has on its disk it gives to nobody.',
    }),
  },
  { description: 'What the host holds.' },
);
export type CompareAnswer = Static<typeof CompareAnswer>;
