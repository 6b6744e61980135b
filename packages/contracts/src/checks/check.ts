import { Type, type Static } from 'typebox';
import { ContainerName, HostName, Id, IpAddress, NetworkName, Timestamp } from '../common.ts';
import { Closed, Described, Nullable, Words } from '../schema.ts';
import { AddressesResult } from './addresses-result.ts';
import { ConnectivityResult } from './connectivity-result.ts';
import { DiagnosisResult } from './diagnosis-result.ts';
import { matrixBounds, MatrixResult } from './matrix-result.ts';
import { WireResult } from './wire-result.ts';

/** The kinds of checks: what each is for, and which fields of a request it needs and takes beside `timeoutSeconds`. */
export const checkKindTable = {
  connectivity: { means: 'Whether one container reaches another.', needs: ['from', 'to'], takes: ['count'] },
  addresses: {
    means: 'Whether the recorded addresses match what the hosts last saw.',
    needs: [],
    takes: ['network'],
  },
  wire: {
    means:
      'Whether frames pass between the hosts of a network, tried without containers: every host puts a probe with an address of its own on the network for some seconds, and tries the others and the gateways.',
    needs: ['network'],
    takes: [],
  },
  diagnose: {
    means:
      'Why something does not work: the hosts concerned look at their interfaces, firewalls, settings, Docker and containers, before and after traffic that the diagnosis sends, and the answer is one ordered list of findings. Takes one of `network`, `host` and `container`, or `from` and `to` together.',
    needs: [],
    takes: ['network', 'host', 'container', 'from', 'to'],
  },
  matrix: {
    means:
      'Who reaches whom, by address, name and TCP port: all running containers of a network among each other, or chosen pairs, also from a host, to a host, to a gateway or to any address. Takes one of `network` and `pairs`.',
    needs: [],
    takes: ['network', 'pairs', 'port', 'names', 'count'],
  },
} as const satisfies Record<
  string,
  { means: string; needs: readonly CheckField[]; takes: readonly CheckField[] }
>;
type CheckField = 'from' | 'to' | 'network' | 'host' | 'container' | 'count' | 'pairs' | 'port' | 'names';
export type CheckKindName = keyof typeof checkKindTable;
const checkKinds = Object.keys(checkKindTable) as CheckKindName[];

export const CheckKind = Words(checkKinds, {
  description: checkKinds.map((kind) => `\`${kind}\`: ${checkKindTable[kind].means}`).join(' '),
  examples: ['connectivity'],
});
const Endpoint = Closed(
  { container: ContainerName },
  { description: 'A container.', examples: [{ container: 'box1' }] },
);
const port = Type.Integer({
  minimum: 1,
  maximum: 65_535,
  description: 'A TCP port that is connected to.',
  examples: [80],
});

const MatrixFrom = Closed(
  {
    container: Type.Optional(
      Described(ContainerName, {
        description: 'A running container, whether Trunkline or somebody else runs it.',
        examples: ['box1'],
      }),
    ),
    host: Type.Optional(
      Described(HostName, {
        description:
          'A host itself. It does not reach its own macvlan containers unless their network has `hostAccess`.',
        examples: ['docker01'],
      }),
    ),
  },
  { description: 'Where it is tried from: one of the fields.', examples: [{ container: 'box1' }] },
);
const MatrixTo = Closed(
  {
    container: Type.Optional(
      Described(ContainerName, {
        description:
          'A container: its addresses on the networks that both are on, or all of them where there is none.',
        examples: ['box2'],
      }),
    ),
    host: Type.Optional(
      Described(HostName, {
        description: 'A host: the addresses of its interfaces that are not those of Docker.',
        examples: ['docker02'],
      }),
    ),
    gateway: Type.Optional(
      Described(NetworkName, {
        description: 'A network: the gateways of its subnets.',
        examples: ['mac_net1'],
      }),
    ),
    address: Type.Optional(Described(IpAddress, { description: 'Any address.', examples: ['172.16.100.1'] })),
  },
  { description: 'What is tried: one of the fields.', examples: [{ container: 'box2' }] },
);
const MatrixPair = Closed(
  {
    from: MatrixFrom,
    to: MatrixTo,
    port: Type.Optional(
      Described(port, {
        description: 'A TCP port for this pair; left out: that of the check, if it has one.',
        examples: [443],
      }),
    ),
  },
  { description: 'One direction.' },
);
export type MatrixPair = Static<typeof MatrixPair>;
const pairsMeaning = `Directions to try, up to ${matrixBounds.pairs}. From one host up to ${matrixBounds.triesOfHost} addresses are tried.`;
const pairsExamples = [
  [
    { from: { container: 'box1' }, to: { container: 'box2' } },
    { from: { host: 'docker01' }, to: { gateway: 'mac_net1' } },
  ],
];
const Pairs = Type.Array(MatrixPair, {
  minItems: 1,
  maxItems: matrixBounds.pairs,
  description: pairsMeaning,
  examples: pairsExamples,
});

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
        description:
          'The container that sends the pings. `connectivity`: required. `diagnose`: together with `to`.',
        examples: [{ container: 'box1' }],
      }),
    ),
    to: Type.Optional(
      Described(Endpoint, {
        description:
          'The container that the pings should reach. `connectivity`: required. `diagnose`: together with `from`.',
        examples: [{ container: 'box2' }],
      }),
    ),
    network: Type.Optional(
      Described(NetworkName, {
        description:
          '`addresses`: the network to compare; left out: all networks. `wire`: the network to try, required. `diagnose`: the network to look at, on all of its hosts. `matrix`: the network whose running containers try each other.',
        examples: ['mac_net1'],
      }),
    ),
    host: Type.Optional(
      Described(HostName, {
        description:
          '`diagnose` only: the host to look at, with its networks. With `container`: the host that this container is on, which also finds one that is on none of our networks.',
        examples: ['docker02'],
      }),
    ),
    container: Type.Optional(
      Described(ContainerName, {
        description:
          '`diagnose` only: the container to look at, whether Trunkline or somebody else runs it on one of its networks.',
        examples: ['box1'],
      }),
    ),
    pairs: Type.Optional(
      Described(Pairs, { description: `\`matrix\` only. ${pairsMeaning}`, examples: pairsExamples }),
    ),
    port: Type.Optional(
      Described(port, {
        description: '`matrix` only: a TCP port to connect to, at each address; left out: none.',
        examples: [80],
      }),
    ),
    names: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          '`matrix` only: from containers to containers, whether the name of the target resolves to it, by the hosts file and the resolver of the container that tries it.',
        examples: [true],
      }),
    ),
    count: Type.Optional({
      ...settings.count,
      description: 'Echo requests to each address; left out: 5, for `matrix` 3.',
    }),
    timeoutSeconds: Type.Optional({ ...settings.timeoutSeconds, default: 30 }),
  },
  {
    $id: 'CheckCreate',
    description: 'A check to run once.',
    examples: [
      { kind: 'connectivity', from: { container: 'box1' }, to: { container: 'box2' } },
      { kind: 'addresses', network: 'mac_net1' },
      { kind: 'wire', network: 'mac_net1' },
      { kind: 'diagnose', from: { container: 'box1' }, to: { container: 'box2' } },
      { kind: 'matrix', network: 'mac_net1', names: true },
      {
        kind: 'matrix',
        pairs: [
          { from: { container: 'box1' }, to: { container: 'box2' }, port: 80 },
          { from: { host: 'docker01' }, to: { gateway: 'mac_net1' } },
        ],
      },
    ],
  },
);
export type CheckCreate = Static<typeof CheckCreate>;

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
      description: 'The container that sends the pings; null: the check is not about two containers.',
    }),
    to: Type.Union([Endpoint, Type.Null()], {
      description: 'The container that the pings should reach; null: the check is not about two containers.',
    }),
    network: Nullable(NetworkName, {
      description:
        'The network that was compared, tried or looked at; null: all, or it is about something else.',
      examples: [null],
    }),
    container: Nullable(ContainerName, {
      description: 'The container that was looked at (`diagnose`); null: it is about something else.',
      examples: [null],
    }),
    pairs: Type.Union([Pairs, Type.Null()], {
      description: 'The directions that were asked for (`matrix`); null: none by name.',
    }),
    port: Nullable(port, {
      description: 'The TCP port that was asked for (`matrix`); null: none.',
      examples: [null],
    }),
    names: Type.Boolean({ description: 'Names were asked for (`matrix`).', examples: [false] }),
    ...settings,
    host: Nullable(HostName, {
      description:
        'The host that runs it, or that was looked at (`diagnose`); null: the server itself, or several hosts.',
      examples: ['docker01'],
    }),
    state: CheckState,
    result: Type.Union(
      [ConnectivityResult, AddressesResult, WireResult, DiagnosisResult, MatrixResult, Type.Null()],
      {
        description: 'What it found, when `done`.',
      },
    ),
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
