import { Type, type Static } from 'typebox';
import { IpAddress, ContainerName, HostName, Id, MacAddress, Timestamp } from './common.ts';
import { Closed, Described, Nullable, Words } from './schema.ts';

export const CheckKind = Words(['connectivity'], {
  description: '`connectivity`: does one container reach another.',
  examples: ['connectivity'],
});
const Endpoint = Closed(
  { container: ContainerName },
  { description: 'A container that Trunkline runs.', examples: [{ container: 'box1' }] },
);
const settings = {
  count: Type.Integer({
    minimum: 1,
    maximum: 20,
    description: 'Echo requests to each address.',
    examples: [5],
  }),
  timeoutSeconds: Type.Integer({
    minimum: 5,
    maximum: 120,
    description: 'The check ends `expired` when its host has not answered by then, in seconds.',
    examples: [30],
  }),
};

export const CheckCreate = Closed(
  {
    kind: CheckKind,
    from: Described(Endpoint, { description: 'Where the pings start.', examples: [{ container: 'box1' }] }),
    to: Described(Endpoint, { description: 'Whom they should reach.', examples: [{ container: 'box2' }] }),
    count: Type.Optional({ ...settings.count, default: 5 }),
    timeoutSeconds: Type.Optional({ ...settings.timeoutSeconds, default: 30 }),
  },
  {
    $id: 'CheckCreate',
    description: 'A check to run once.',
    examples: [{ kind: 'connectivity', from: { container: 'box1' }, to: { container: 'box2' } }],
  },
);
export type CheckCreate = Static<typeof CheckCreate>;

export const Ping = Closed(
  {
    address: Described(IpAddress, {
      description: 'The address that was pinged.',
      examples: ['172.16.100.20'],
    }),
    sent: Type.Integer({ description: 'Echo requests sent.', examples: [5] }),
    received: Type.Integer({ description: 'Echo replies received.', examples: [5] }),
    lossPercent: Type.Number({
      description: 'Share of requests without a reply, in percent.',
      examples: [0],
    }),
    rttMs: Nullable(
      Closed(
        {
          min: Type.Number({ description: 'Shortest.', examples: [0.05] }),
          avg: Type.Number({ description: 'Mean.', examples: [0.07] }),
          max: Type.Number({ description: 'Longest.', examples: [0.11] }),
        },
        {},
      ),
      { description: 'Round-trip times, in milliseconds; null when nothing came back.' },
    ),
    mac: Nullable(MacAddress, {
      description: 'Who answered ARP or ND for the address; null: nobody.',
      examples: ['02:42:ac:10:64:14'],
    }),
    error: Nullable(Type.String(), { description: 'Why it could not be pinged at all.', examples: [null] }),
  },
  { description: 'What pinging one address gave.' },
);
export type Ping = Static<typeof Ping>;

export const ConnectivityResult = Closed(
  {
    reachable: Type.Boolean({
      description: 'At least one address of the other container answered.',
      examples: [true],
    }),
    byAddress: Type.Array(Ping, { description: 'One entry for each address of the other container.' }),
    byName: Closed(
      {
        name: Type.String({ description: 'The name that was asked for.', examples: ['box2'] }),
        resolved: Type.Array(Type.String(), {
          description: "Addresses the container's own resolver gave; empty: none.",
          examples: [[]],
        }),
        reachable: Type.Boolean({
          description: 'The name leads to an address that answers.',
          examples: [false],
        }),
        message: Type.String({
          description: 'What was found.',
          examples: ['box2 does not resolve from box1 (NXDOMAIN)'],
        }),
      },
      { description: 'Whether the name of the other container leads to it.' },
    ),
    message: Type.String({
      description: 'In a sentence.',
      examples: ['box1 reaches box2 at 172.16.100.20: 5 of 5, 0.07 ms'],
    }),
  },
  { description: 'What the check found.' },
);
export type ConnectivityResult = Static<typeof ConnectivityResult>;

export const CheckState = Words(['pending', 'running', 'done', 'failed', 'expired'], {
  description:
    '`done`: it ran, see `result`. `failed`: it could not run, see `error`. `expired`: the host did not answer in time.',
  examples: ['done'],
});

export const Check = Closed(
  {
    id: Id,
    kind: CheckKind,
    from: Endpoint,
    to: Endpoint,
    ...settings,
    host: Nullable(HostName, { description: 'The host that runs it.', examples: ['docker01'] }),
    state: CheckState,
    result: Type.Union([ConnectivityResult, Type.Null()], { description: 'What it found, when `done`.' }),
    error: Nullable(Type.String(), {
      description: 'Why it could not run, when `failed` or `expired`.',
      examples: [null],
    }),
    createdAt: Described(Timestamp, {
      description: 'When it was asked for.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
    finishedAt: Nullable(Timestamp, { description: 'When it ended.' }),
  },
  { $id: 'Check', description: 'A one-shot job on a host.' },
);
export type Check = Static<typeof Check>;
