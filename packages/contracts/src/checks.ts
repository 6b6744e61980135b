import { Type, type Static } from 'typebox';
import { ContainerName, HostName, Id, IpAddress, MacAddress, NetworkName, Timestamp } from './common.ts';
import { maxInt32 } from './bounds.ts';
import { AddressFinding } from './findings.ts';
import { Closed, Described, Nullable, Words } from './schema.ts';

export const CheckKind = Words(['connectivity', 'addresses'], {
  description:
    '`connectivity`: whether one container reaches another. `addresses`: whether the recorded addresses match what the hosts last saw.',
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
    from: Type.Optional(
      Described(Endpoint, {
        description: '`connectivity` only, and required there: the container that sends the pings.',
        examples: [{ container: 'box1' }],
      }),
    ),
    to: Type.Optional(
      Described(Endpoint, {
        description: '`connectivity` only, and required there: the container that the pings should reach.',
        examples: [{ container: 'box2' }],
      }),
    ),
    network: Type.Optional(
      Described(NetworkName, {
        description: '`addresses` only: the network to compare; left out: all networks.',
        examples: ['mac_net1'],
      }),
    ),
    count: Type.Optional({ ...settings.count, default: 5 }),
    timeoutSeconds: Type.Optional({ ...settings.timeoutSeconds, default: 30 }),
  },
  {
    $id: 'CheckCreate',
    description: 'A check to run once.',
    examples: [
      { kind: 'connectivity', from: { container: 'box1' }, to: { container: 'box2' } },
      { kind: 'addresses', network: 'mac_net1' },
    ],
  },
);
export type CheckCreate = Static<typeof CheckCreate>;

export const Ping = Closed(
  {
    address: Described(IpAddress, {
      description: 'The address that was pinged.',
      examples: ['172.16.100.20'],
    }),
    sent: Type.Integer({ minimum: 0, maximum: maxInt32, description: 'Echo requests sent.', examples: [5] }),
    received: Type.Integer({
      minimum: 0,
      maximum: maxInt32,
      description: 'Echo replies received.',
      examples: [5],
    }),
    lossPercent: Type.Number({
      minimum: 0,
      maximum: 100,
      description: 'Share of requests without a reply, in percent.',
      examples: [0],
    }),
    rttMs: Nullable(
      Closed(
        {
          min: Type.Number({ minimum: 0, maximum: maxInt32, description: 'Shortest.', examples: [0.05] }),
          avg: Type.Number({ minimum: 0, maximum: maxInt32, description: 'Mean.', examples: [0.07] }),
          max: Type.Number({ minimum: 0, maximum: maxInt32, description: 'Longest.', examples: [0.11] }),
        },
        {},
      ),
      { description: 'Round-trip times, in milliseconds; null when there was no reply.' },
    ),
    mac: Nullable(MacAddress, {
      description:
        'Ethernet address that answered ARP or neighbour discovery for the address; null: no answer.',
      examples: ['02:42:ac:10:64:14'],
    }),
    error: Nullable(Type.String({ maxLength: 4096 }), {
      description: 'Why it could not be pinged at all.',
      examples: [null],
    }),
  },
  { description: 'The result of pinging one address.' },
);
export type Ping = Static<typeof Ping>;

export const ConnectivityResult = Closed(
  {
    reachable: Type.Boolean({
      description: 'At least one address of the other container answered.',
      examples: [true],
    }),
    byAddress: Type.Array(Ping, {
      maxItems: 64,
      description: 'One entry per address of the other container.',
    }),
    byName: Closed(
      {
        name: Type.String({
          maxLength: 255,
          description: 'The name that was looked up.',
          examples: ['box2'],
        }),
        resolved: Type.Array(Type.String({ maxLength: 64 }), {
          maxItems: 64,
          description: "Addresses that the container's own resolver returned; empty: none.",
          examples: [[]],
        }),
        reachable: Type.Boolean({
          description: 'The name resolves to an address that answers.',
          examples: [false],
        }),
        message: Type.String({
          maxLength: 4096,
          description: 'What was found.',
          examples: ['box2 does not resolve from box1 (NXDOMAIN)'],
        }),
      },
      { description: 'Whether the name of the other container resolves to it.' },
    ),
    message: Type.String({
      maxLength: 4096,
      description: 'The result in one sentence.',
      examples: ['box1 reaches box2 at 172.16.100.20: 5 of 5, 0.07 ms'],
    }),
  },
  { description: 'The result of the check.' },
);
export type ConnectivityResult = Static<typeof ConnectivityResult>;

export const AddressesResult = Closed(
  {
    consistent: Type.Boolean({ description: 'Nothing was found.', examples: [true] }),
    findings: Type.Array(AddressFinding, {
      maxItems: 1000,
      description: 'What was found, the most serious first; at most 1000.',
    }),
    truncated: Type.Boolean({
      description: 'There was more than could be compared or listed.',
      examples: [false],
    }),
    silentHosts: Type.Array(
      Closed(
        {
          host: HostName,
          observedAt: Nullable(Timestamp, {
            description: 'When it last looked; null: never.',
            examples: ['2026-11-24T09:30:00.000Z'],
          }),
        },
        { description: 'A host.' },
      ),
      {
        maxItems: 65_536,
        description: 'Hosts that the server does not hear from now. Their last reports were compared.',
      },
    ),
    message: Type.String({
      maxLength: 4096,
      description: 'The result in one sentence.',
      examples: ['the addresses of mac_net1 match what 2 hosts last saw'],
    }),
  },
  { description: 'The result of comparing the recorded addresses with the last reports of the hosts.' },
);
export type AddressesResult = Static<typeof AddressesResult>;

export const CheckState = Words(['pending', 'running', 'done', 'failed', 'expired'], {
  description:
    '`done`: it ran, see `result`. `failed`: it could not run, see `error`. `expired`: the host did not answer in time.',
  examples: ['done'],
});
export type CheckState = Static<typeof CheckState>;

export const Check = Closed(
  {
    id: Id,
    kind: CheckKind,
    from: Type.Union([Endpoint, Type.Null()], {
      description: 'The container that sends the pings; null for `addresses`.',
    }),
    to: Type.Union([Endpoint, Type.Null()], {
      description: 'The container that the pings should reach; null for `addresses`.',
    }),
    network: Nullable(NetworkName, {
      description: 'The network that was compared; null: all, or `connectivity`.',
      examples: [null],
    }),
    ...settings,
    host: Nullable(HostName, {
      description: 'The host that runs it; null: the server itself.',
      examples: ['docker01'],
    }),
    state: CheckState,
    result: Type.Union([ConnectivityResult, AddressesResult, Type.Null()], {
      description: 'What it found, when `done`.',
    }),
    error: Nullable(Type.String({ maxLength: 4096 }), {
      description: 'Why it could not run, when `failed` or `expired`.',
      examples: [null],
    }),
    createdAt: Described(Timestamp, {
      description: 'When it was requested.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
    finishedAt: Nullable(Timestamp, { description: 'When it ended.' }),
  },
  { $id: 'Check', description: 'A one-shot job.' },
);
export type Check = Static<typeof Check>;

/** What a connectivity check found; null when it is of another kind, or not done. */
export const connectivityOf = ({ result }: Pick<Check, 'result'>): ConnectivityResult | null =>
  result !== null && 'byAddress' in result ? result : null;
