import { Type, type Static } from 'typebox';
import { ContainerName, HostName, Id, NetworkName, Timestamp } from '../common.ts';
import { Closed, Described, Nullable, Words } from '../schema.ts';
import { AddressesResult } from './addresses-result.ts';
import { ConnectivityResult } from './connectivity-result.ts';
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
} as const satisfies Record<
  string,
  { means: string; needs: readonly CheckField[]; takes: readonly CheckField[] }
>;
type CheckField = 'from' | 'to' | 'network' | 'count';
export type CheckKindName = keyof typeof checkKindTable;
const checkKinds = Object.keys(checkKindTable) as CheckKindName[];

export const CheckKind = Words(checkKinds, {
  description: checkKinds.map((kind) => `\`${kind}\`: ${checkKindTable[kind].means}`).join(' '),
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
        description:
          '`addresses`: the network to compare; left out: all networks. `wire`: the network to try, required.',
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
      { kind: 'wire', network: 'mac_net1' },
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
      description: 'The container that sends the pings; null for other kinds than `connectivity`.',
    }),
    to: Type.Union([Endpoint, Type.Null()], {
      description: 'The container that the pings should reach; null for other kinds than `connectivity`.',
    }),
    network: Nullable(NetworkName, {
      description: 'The network that was compared or tried; null: all, or `connectivity`.',
      examples: [null],
    }),
    ...settings,
    host: Nullable(HostName, {
      description: 'The host that runs it; null: the server itself, or all hosts of the network (`wire`).',
      examples: ['docker01'],
    }),
    state: CheckState,
    result: Type.Union([ConnectivityResult, AddressesResult, WireResult, Type.Null()], {
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
