import { Type, type Static } from 'typebox';
import { HostName, Timestamp } from '../common.ts';
import { AddressFinding } from '../findings.ts';
import { Closed, Nullable } from '../schema.ts';

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
