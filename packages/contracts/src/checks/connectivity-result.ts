import { Type, type Static } from 'typebox';
import { maxInt32 } from '../bounds.ts';
import { IpAddress, MacAddress } from '../common.ts';
import { Closed, Described, Nullable } from '../schema.ts';

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
