import { Type, type Static } from 'typebox';
import {
  IpAddress,
  CidrText,
  Count,
  HostName,
  Labels,
  MacAddress,
  NetworkName,
  OwnerKey,
  Timestamp,
} from './common.ts';
import { maxPage } from './bounds.ts';
import { RangeText } from './networks.ts';
import { Closed, Described, Nullable, Words } from './schema.ts';

export const addressStates = ['reserved', 'leased', 'bound', 'quarantined', 'conflicted'] as const;

export const AddressState = Words(addressStates, {
  description:
    '`reserved`: an owner holds it, nothing runs on it yet. `leased`: a host holds it, and no container was seen on it yet. `bound`: on a live container. ' +
    '`quarantined`: freed, not to be reused before a time. `conflicted`: something foreign answers for it on the wire; looked at again after ten minutes. An address that is not listed is free.',
  examples: ['reserved'],
});
export type AddressState = Static<typeof AddressState>;

export const addressClaims = ['owner', 'anyone'] as const;

export const AddressClaim = Words(addressClaims, {
  description:
    'Who may take a reservation with `docker run --ip`. `owner`: the container that is named as its owner (Engines from 29 on tell the name), ' +
    'unless `mac` or `forHost` say who. `anyone`: every container that names the address. `mac` and `forHost` hold in either case.',
  examples: ['owner'],
});
export type AddressClaim = Static<typeof AddressClaim>;

export const Family = Words(['ipv4', 'ipv6'], { description: 'IP version.', examples: ['ipv4'] });

export const Address = Closed(
  {
    ip: Described(IpAddress, { description: 'The address.', examples: ['172.16.100.10'] }),
    network: NetworkName,
    subnet: Described(CidrText, { description: 'The subnet it lies in.', examples: ['172.16.100.0/24'] }),
    state: AddressState,
    owner: Nullable(OwnerKey, {
      description: 'Key of the owner; null: reserved without one.',
      examples: ['web-1'],
    }),
    host: Nullable(HostName, {
      description: 'The host it is leased to or bound on.',
      examples: ['docker01'],
    }),
    container: Nullable(Type.String({ maxLength: 255 }), {
      description: 'The container it is for, or the one last seen on it, whoever started that.',
      examples: ['box1'],
    }),
    dockerId: Nullable(Type.String({ maxLength: 128 }), {
      description: "Docker's id of the container last seen on it.",
      examples: ['8e2f4a…'],
    }),
    since: Nullable(Timestamp, {
      description: 'When the host of that container first looked and saw it there.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
    mac: Nullable(MacAddress, {
      description: 'The Ethernet address seen, else the one asked for; of a conflict, that of the foreigner.',
      examples: ['02:42:ac:10:64:0a'],
    }),
    claim: AddressClaim,
    forHost: Nullable(HostName, {
      description: 'Of a reservation: the one host whose containers may take it; null: any host.',
      examples: [null],
    }),
    allocatable: Type.Boolean({
      description:
        'Whether its subnet gives it out by itself: inside the ranges and not excluded. When `ranges` or `exclude` changed, one that is not stays with whom has it, and is given to nobody after that.',
      examples: [true],
    }),
    awaitingHost: Nullable(HostName, {
      description:
        'The host that it was taken away from and that has not confirmed it. A `quarantined` address is given to nobody before that; any other was given on without it (`unconfirmed=true`), and a container of that host may still run on it.',
      examples: [null],
    }),
    labels: Labels,
    generation: Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Raised by every change of holder; an old release frees nothing.',
      examples: [1],
    }),
    quarantinedUntil: Nullable(Timestamp, {
      description: 'When a quarantined address is free again.',
      examples: [null],
    }),
    createdAt: Described(Timestamp, {
      description: 'When it was first taken.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
    updatedAt: Described(Timestamp, {
      description: 'When its state last changed.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
  },
  { $id: 'Address', description: 'One IP address of a subnet with its state and its owner.' },
);
export type Address = Static<typeof Address>;

const family = Type.Optional(
  Described(Family, {
    description:
      'Which IP version; left out: that of the address that the owner has, else IPv4 where the network has it.',
    examples: ['ipv4'],
  }),
);
const labels = Type.Optional(Labels);
const claim = Type.Optional(AddressClaim);
const forHost = Type.Optional(
  Described(HostName, {
    description: 'Only containers of this host may take it; left out: of any host.',
    examples: ['docker01'],
  }),
);

export const AddressReserve = Closed(
  {
    address: Type.Optional(
      Described(IpAddress, {
        description: 'This one; left out: the next free.',
        examples: ['172.16.100.10'],
      }),
    ),
    owner: Type.Optional(OwnerKey),
    family,
    mac: Type.Optional(
      Described(MacAddress, {
        description: 'The Ethernet address that will use it.',
        examples: ['02:42:ac:10:64:0a'],
      }),
    ),
    claim,
    forHost,
    labels,
    count: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        description:
          'This many at once, all or none; the answer is then a list. Not with `address`, `owner` or `mac`.',
        examples: [1],
      }),
    ),
  },
  {
    $id: 'AddressReserve',
    description: 'What to reserve; `{}` is the next free address.',
    examples: [{ owner: 'web-1' }, { address: '172.16.100.10', owner: 'web-1' }, { count: 8 }],
  },
);
export type AddressReserve = Static<typeof AddressReserve>;

export const AddressByOwner = Closed(
  {
    address: Type.Optional(
      Described(IpAddress, {
        description: 'This one; left out: the one it has, else the next free.',
        examples: ['172.16.100.10'],
      }),
    ),
    family,
    mac: Type.Optional(
      Described(MacAddress, {
        description: 'The Ethernet address that will use it.',
        examples: ['02:42:ac:10:64:0a'],
      }),
    ),
    claim,
    forHost,
    labels,
  },
  {
    $id: 'AddressByOwner',
    description: 'The address an owner should have. Asking again changes nothing.',
    examples: [{}],
  },
);
export type AddressByOwner = Static<typeof AddressByOwner>;

export const AddressList = Closed(
  {
    items: Type.Array(Address, {
      maxItems: maxPage,
      description: 'The addresses, in the order they were taken.',
    }),
  },
  { $id: 'AddressList', description: 'Addresses reserved together.' },
);

export const FreeRange = Closed(
  {
    subnet: Described(CidrText, { description: 'The subnet.', examples: ['172.16.100.0/24'] }),
    range: Described(RangeText, {
      description: 'First and last free address.',
      examples: ['172.16.100.11-172.16.100.254'],
    }),
    count: Described(Count, { description: 'How many that are.', examples: ['244'] }),
  },
  { $id: 'FreeRange', description: 'A run of free addresses.' },
);
export type FreeRange = Static<typeof FreeRange>;
