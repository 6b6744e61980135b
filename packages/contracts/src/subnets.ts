import { Type, type Static } from 'typebox';
import { CidrText, Count, Id, IpAddress } from './common.ts';
import { Closed, Described, Nullable } from './schema.ts';
import { repeatable, type ServerField } from './server-fields.ts';

export const RangeText = Type.String({
  minLength: 2,
  maxLength: 91,
  description: 'Addresses, both ends included: `first-last`, a CIDR, or a single address.',
  examples: ['172.16.100.50-172.16.100.99'],
});

const gateway = {
  description:
    'The router of the subnet, never given out; null for a subnet without a router. It must lie inside the subnet. ' +
    'Engines before 29 require a gateway in any case: they get one that is no address of the subnet, and the agent removes the route over it.',
  examples: ['172.16.100.1'],
};

export const SubnetInput = Closed(
  {
    cidr: CidrText,
    gateway: Type.Optional(Nullable(IpAddress, gateway)),
    ranges: Type.Optional(
      Type.Array(RangeText, {
        maxItems: 64,
        description:
          'Ranges from which addresses are given out; empty: the whole subnet. To share a subnet with a DHCP server, give each its own range.',
        examples: [['172.16.100.50-172.16.100.99']],
      }),
    ),
    exclude: Type.Optional(
      Type.Array(RangeText, {
        maxItems: 256,
        description: 'Addresses that are never given out, such as those of printers.',
        examples: [['172.16.100.60']],
      }),
    ),
  },
  {
    description: 'One subnet of a network.',
    examples: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
  },
);
export type SubnetInput = Static<typeof SubnetInput>;

export const Subnet = Closed(
  {
    id: Id,
    cidr: CidrText,
    gateway: Nullable(IpAddress, gateway),
    ranges: Type.Array(RangeText, {
      maxItems: 64,
      description: 'As requested; empty: the whole subnet.',
      examples: [[]],
    }),
    exclude: Type.Array(RangeText, { maxItems: 256, description: 'As requested.', examples: [[]] }),
    allocatable: Described(Count, {
      description: 'Total number of addresses that may be given out.',
      examples: ['253'],
    }),
    free: Described(Count, {
      description: 'How many of them are free: nobody holds them, and they are not quarantined.',
      examples: ['251'],
    }),
  },
  { description: 'One subnet of a network.' },
);
export type Subnet = Static<typeof Subnet>;

/** What only the server writes of a subnet. */
export const subnetServerFields = {
  id: 'kept',
  allocatable: 'observed',
  free: 'observed',
} as const satisfies Record<Exclude<keyof Subnet, keyof SubnetInput>, ServerField>;

/** A subnet in the body of a PUT. */
export const SubnetPut = Closed(
  { ...SubnetInput.properties, ...repeatable(Subnet.properties, subnetServerFields) },
  { description: 'One subnet of a network.' },
);

/** A subnet as agents are given it. */
export const DesiredSubnet = Closed(
  {
    cidr: CidrText,
    gateway: Nullable(IpAddress),
    ranges: Type.Optional(
      Type.Array(RangeText, {
        maxItems: 256,
        description:
          'Ranges from which addresses are given out without being named; empty, or left out: the whole subnet. The host returns unused addresses outside them.',
        examples: [[]],
      }),
    ),
    exclude: Type.Optional(
      Type.Array(RangeText, {
        maxItems: 256,
        description: 'Addresses that are never given out, even when a request names them; left out: none.',
        examples: [[]],
      }),
    ),
  },
  { description: 'A subnet.' },
);
