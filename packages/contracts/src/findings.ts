import { Type, type Static } from 'typebox';
import { AddressState } from './addresses.ts';
import { HostName, IpAddress, MacAddress, NetworkName, Timestamp } from './common.ts';
import { Closed, Described, Nullable, Words } from './schema.ts';

/** What a check of addresses may find, once, the most serious first. Programs may depend on the words. */
export const findingTable = {
  'two-holders':
    'Two running containers have the address, or a running container and a host itself, which then is a holder without a container.',
  'two-macs': 'Its container has the MAC of another one on the network.',
  conflicted:
    'A foreign station answers for it on the wire; `mac` is its MAC. With a holder: a running container has it too. Or containers of several hosts claim it since a backup was restored.',
  'seen-not-bound': 'A container runs on it, but its host does not hold it.',
  outside: 'A container has an address that is in no subnet of the network.',
  'bound-not-seen': 'Its host no longer sees the container it is bound to.',
} as const satisfies Record<string, string>;

export type FindingKind = keyof typeof findingTable;

/** Every kind, the most serious first. */
export const findingKinds = Object.keys(findingTable) as FindingKind[];

const seenAt = (description: string) =>
  Nullable(Timestamp, { description, examples: ['2026-11-24T09:30:00.000Z'] });

export const AddressFinding = Closed(
  {
    kind: Words(findingKinds, {
      description: findingKinds.map((kind) => `\`${kind}\`: ${findingTable[kind]}`).join(' '),
      examples: ['bound-not-seen'],
    }),
    network: NetworkName,
    ip: Described(IpAddress, { description: 'The address.', examples: ['172.16.100.10'] }),
    state: Type.Union([AddressState, Type.Null()], { description: 'Its recorded state; null: free.' }),
    mac: Nullable(MacAddress, {
      description: 'The Ethernet address seen.',
      examples: ['02:42:ac:10:64:0a'],
    }),
    holders: Type.Array(
      Closed(
        {
          host: HostName,
          container: Nullable(Type.String({ maxLength: 255 }), {
            description: 'Name of the container; null: not known, or the host itself has the address.',
            examples: ['web'],
          }),
          dockerId: Nullable(Type.String({ maxLength: 128 }), {
            description: "Docker's id of it.",
            examples: ['8e2f4a…'],
          }),
          mac: Nullable(MacAddress, { description: 'Its Ethernet address.' }),
          since: seenAt('When its host first saw it there.'),
          observedAt: seenAt('When its host last looked.'),
        },
        { description: 'A container, or a host itself, on the address.' },
      ),
      { maxItems: 1000, description: 'The containers concerned.' },
    ),
    message: Type.String({
      maxLength: 4096,
      description: 'What does not match, in one sentence.',
      examples: [
        '172.16.100.10 is bound to web on docker01, whose last report (2026-11-24T09:30:00.000Z) shows no container on it',
      ],
    }),
    remedy: Type.String({
      maxLength: 4096,
      description: 'What to do.',
      examples: ['stop all but one of them'],
    }),
  },
  { description: 'An address whose record and what the hosts saw do not match.' },
);
export type AddressFinding = Static<typeof AddressFinding>;
