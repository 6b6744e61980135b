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
import { RangeText } from './subnets.ts';
import { Closed, Described, Nullable, Words } from './schema.ts';
import { SharedBy } from './stacks.ts';

export const addressStates = ['reserved', 'leased', 'bound', 'quarantined', 'conflicted'] as const;

export const AddressState = Words(addressStates, {
  description:
    '`reserved`: an owner holds it, and nothing runs on it yet. `leased`: a host holds it, and no container was seen on it yet. `bound`: a container uses it. ' +
    '`quarantined`: freed, and not given out again before `quarantinedUntil`. `conflicted`: a foreign station answers for it on the wire, and it is probed again after ten minutes; or containers of several hosts claim it since a backup was restored, and it ends when one of them is left. An address that is not listed is free.',
  examples: ['reserved'],
});
export type AddressState = Static<typeof AddressState>;

export const addressClaims = ['owner', 'anyone'] as const;

export const AddressClaim = Words(addressClaims, {
  description:
    'Who may take a reservation with `docker run --ip`. `owner`: the container that is named as its owner (the Engine sends the name from version 29 on), ' +
    'unless `mac` or `forHost` restrict it. `anyone`: every container that names the address. `mac` and `forHost` apply in either case.',
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
      description: 'Key of the owner; null: it has no owner.',
      examples: ['web-1'],
    }),
    host: Nullable(HostName, {
      description: 'The host that holds it.',
      examples: ['docker01'],
    }),
    container: Nullable(Type.String({ maxLength: 255 }), {
      description:
        'The container that it is for, or the one last seen on it, whatever started that container.',
      examples: ['box1'],
    }),
    dockerId: Nullable(Type.String({ maxLength: 128 }), {
      description: "Docker's id of the container last seen on it.",
      examples: ['8e2f4a…'],
    }),
    sharedBy: SharedBy,
    since: Nullable(Timestamp, {
      description: 'When the host first saw that container on it.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
    mac: Nullable(MacAddress, {
      description:
        'The Ethernet address seen, else the requested one (`requestedMac`); of a conflict, that of the foreign station or of one of the containers that claim it.',
      examples: ['02:42:ac:10:64:0a'],
    }),
    requestedMac: Nullable(MacAddress, {
      description:
        'The Ethernet address that it is reserved for; null: for none. A container that already uses the address keeps the one it has: `mac` shows that until its next start.',
      examples: ['02:42:ac:10:64:0a'],
    }),
    claim: AddressClaim,
    forHost: Nullable(HostName, {
      description: 'Of a reservation: the only host whose containers may take it; null: any host.',
      examples: [null],
    }),
    allocatable: Type.Boolean({
      description:
        'Whether it may be given out without being named: it is inside the ranges and not excluded. When `ranges` or `exclude` change, an address that no longer qualifies stays with its holder, and is given to nobody afterwards.',
      examples: [true],
    }),
    awaitingHost: Nullable(HostName, {
      description:
        'The host that it was revoked from and that has not confirmed the revocation. A `quarantined` address is given to nobody before that. Any other address was given out without the confirmation (`unconfirmed=true`), and a container of that host may still use it.',
      examples: [null],
    }),
    labels: Labels,
    generation: Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description:
        'Raised by every change of holder, so that a release under an older generation frees nothing.',
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
      'IP version; left out: that of the address that the owner has, else IPv4 where the network has it.',
    examples: ['ipv4'],
  }),
);
const labels = Type.Optional(Labels);
const claim = Type.Optional(AddressClaim);
const forHost = Type.Optional(
  Described(HostName, {
    description: 'Only containers of this host may take it; left out: containers of any host.',
    examples: ['docker01'],
  }),
);

export const AddressReserve = Closed(
  {
    address: Type.Optional(
      Described(IpAddress, {
        description: 'This address; left out: the next free one.',
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
          'Reserve this many at once, all or none; the answer is then a list. Not with `address`, `owner` or `mac`.',
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
        description: 'This address; left out: the one that the owner has, else the next free one.',
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
    description: 'The address that an owner should have. Repeating the request changes nothing.',
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
    count: Described(Count, { description: 'Number of addresses in the range.', examples: ['244'] }),
  },
  { $id: 'FreeRange', description: 'A run of free addresses.' },
);
export type FreeRange = Static<typeof FreeRange>;
