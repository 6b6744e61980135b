import { Type } from 'typebox';
import { conditionFields, HostName, Labels, NetworkName, OwnerKey, Timestamp } from '../common.ts';
import { Closed, Described, Nullable, Words } from '../schema.ts';

const text = (description: string, maxLength = 4096) => Type.String({ maxLength, description });
const flag = (description: string) => Type.Boolean({ description });
const count = (description: string) => Type.Integer({ minimum: 0, maximum: 2 ** 53 - 1, description });
const names = (description: string) =>
  Type.Array(Type.String({ maxLength: 128 }), { maxItems: 1000, description });

/** Why a container that was seen on an address does not fit the records (`seen_conflict` in SQL). */
const disputeTable = {
  revoked: 'the address was taken away from its host',
  held: 'another host holds the address',
  reserved: 'the address is reserved for somebody else',
  conflicted: 'somebody else uses the address',
  mac: 'the MAC address is that of another station of the network',
  gateway: 'the address is that of the gateway',
} as const;

export type DisputeReason = keyof typeof disputeTable;

const disputeReasons = Object.keys(disputeTable) as DisputeReason[];

/** Fields of the `data` of events, each described once. */
export const eventFields = {
  generation: count('The generation from this event on.'),
  forced: flag('Whether it was forced.'),
  forcedBy: Closed(
    {
      hosts: names('The hosts where containers may be disconnected for it.'),
      containers: names('These containers.'),
    },
    { description: 'What was forced; absent: nothing.' },
  ),
  unconfirmed: flag('Released although its host has not confirmed it.'),
  fields: names('The fields that changed.'),
  how: Words(['inPlace', 'replace'], { description: 'Whether it goes on running, or is replaced.' }),
  owner: Nullable(OwnerKey, { description: 'The owner of the address; null: nobody.' }),
  container: Nullable(text('', 256), { description: 'The container; null: not known.' }),
  dockerId: Nullable(text('', 128), { description: 'The Docker id of the container.' }),
  host: Nullable(HostName, { description: 'The host that had it; null: none.' }),
  mac: Nullable(text('', 32), { description: 'The MAC address that was seen; null: not known.' }),
  link: text('The interface of the host that has the address.', 64),
  taken: Words(['in use'], { description: 'Why the address became bound without a request: `in use`.' }),
  why: Words(disputeReasons, {
    description: `What is in dispute: ${disputeReasons.map((reason) => `\`${reason}\` (${disputeTable[reason]})`).join(', ')}.`,
  }),
  from: text('The address before.', 64),
  to: text('The address from now on.', 64),
  claim: Nullable(text('', 256), { description: 'Who may use the reservation; null: unchanged.' }),
  reservedMac: Nullable(text('', 32), { description: 'The reserved MAC address; null: unchanged.' }),
  claimedBy: names('The hosts whose containers use the address.'),
  newLabels: Nullable(Labels, { description: 'The labels from now on; null: unchanged.' }),
  labels: Described(Labels, { description: 'The labels from now on.' }),
  family: text('`ipv4` or `ipv6`.', 4),
  recalledFrom: Type.Array(HostName, {
    maxItems: 100,
    description: 'The hosts that were asked to return unused addresses.',
  }),
  ready: Described(conditionFields.status, { description: 'The status of `Ready`.' }),
  reason: Nullable(conditionFields.reason, { description: 'The reason of `Ready`.' }),
  message: Nullable(text(''), { description: 'The message of `Ready`.' }),
  action: Nullable(text('', 1024), { description: 'What the agent did last; null: nothing.' }),
  state: text('State of the container, as Docker reports it.', 32),
  exitCode: Nullable(Type.Integer({ minimum: -(2 ** 31), maximum: 2 ** 31 - 1 }), {
    description: 'The exit code of a container that ended.',
  }),
  image: text('The image of the container.', 512),
  networks: Type.Array(NetworkName, { maxItems: 1000, description: 'The networks of the container.' }),
  containers: names('The containers that the host had.'),
  addresses: names('The addresses that the host had.'),
  lastSeenAt: Described(Timestamp, { description: 'When the agent was last heard.' }),
  expiresAt: Described(Timestamp, { description: 'When it expires.' }),
  says: text('What was found and what to do.'),
  instance: text('The run of the agent that reports from now on.', 64),
  before: Nullable(text('', 64), { description: 'The run of the agent before; null: none.' }),
  condition: {
    type: Described(conditionFields.type, { description: 'The type of the condition.' }),
    status: Described(conditionFields.status, { description: 'Its status.' }),
    reason: Described(conditionFields.reason, { description: 'Its reason.' }),
    message: Described(conditionFields.message, { description: 'Its message.' }),
  },
  kind: text('The kind of the check.', 64),
  checkFrom: text('The container that the pings start from.', 256),
  checkTo: text('The container that they should reach.', 256),
  findings: count('How many differences or faults were found.'),
  error: Nullable(text(''), { description: 'Why the host could not do it; null: no error.' }),
  reachable: flag('Whether the target was reached.'),
  hosts: count('How many hosts were asked.'),
  name: text('The name of the token.', 128),
  role: text('The role of the token.', 32),
  previousSecretUntil: Described(Timestamp, {
    description: 'Until when messages are also signed with the secret before.',
  }),
  oldSecretUntil: Described(Timestamp, { description: 'Until when the secret before is still good.' }),
  delivery: text('The id of the delivery.', 64),
  disabledReason: text('Why the server disabled it: `gone` or `failing`.', 32),
  recovery: text('The id of the recovery.', 64),
  recoveryReason: text('How the server noticed that the database is older.', 1024),
  waitedFor: names('The hosts that have to compare, the first hundred by name.'),
  letGo: names('The hosts that have not compared.'),
} as const;
