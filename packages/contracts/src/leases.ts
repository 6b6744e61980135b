import { Type, type Static } from 'typebox';
import { addressClaims, Family } from './addresses.ts';
import { maxInt32 } from './bounds.ts';
import { CidrText, Id, IpAddress, MacAddress, OwnerKey } from './common.ts';
import { Closed, Described, Nullable, Words } from './schema.ts';

/*
 * How hosts get addresses in advance, and return them. The server's row is the proof of who holds an address; what
 * the agent has on its disk is a copy of the rows that name its host. Both sides compare, so an answer that was lost
 * or a disk that was wiped costs nothing but time:
 *  - every exchange of `POST /agent/v1/leases` is idempotent: what was granted but did not arrive comes back in
 *    `unlisted` as long as the agent does not list it;
 *  - an address is freed only by `returns` that name the generation which the agent was given, or by an operator.
 */

const networkId = Described(Id, {
  description: 'The network.',
  examples: ['018f6b3e-7c1a-7c00-8000-000000000001'],
});
const ip = Described(IpAddress, { description: 'The address.', examples: ['172.16.100.10'] });
const generation = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'Generation of the lease, as the server granted it; a return of an older one frees nothing.',
  examples: [17],
});

export const Lease = Closed(
  {
    networkId,
    ip,
    subnet: Described(CidrText, { description: 'The subnet it lies in.', examples: ['172.16.100.0/24'] }),
    generation,
    owner: Nullable(OwnerKey, {
      description:
        'Key of the owner whose reservation this is; null: it is not reserved. A returned address with an owner goes back to its reservation, and never into the warm pool.',
      examples: [null],
    }),
    mac: Nullable(MacAddress, {
      description: 'Ethernet address that the reservation is for; null: any one.',
      examples: [null],
    }),
    claim: Type.Optional(
      Words(addressClaims, {
        description:
          'With `owner` and without `mac`: who on this host may take the reservation by naming the address. `owner`: the container that is named as its owner. `anyone`: any container, because the reservation allows it, or is for this host, or is for a container that Trunkline runs here. Left out: not known, and the agent asks the server.',
        examples: ['owner'],
      }),
    ),
    bound: Type.Boolean({
      description: 'A container of this host had it in the last report that the server received.',
      examples: [false],
    }),
  },
  { description: 'An address that this host holds.' },
);
export type Lease = Static<typeof Lease>;

export const HeldLease = Closed(
  { networkId, ip, generation },
  { description: 'An address on the disk of the agent.' },
);
export type HeldLease = Static<typeof HeldLease>;

export const Revocation = Closed(
  { networkId, ip, generation },
  {
    description:
      'A lease that the server has revoked: the address was released by force, or its subnet is gone. The agent gives it to nobody under this generation or an older one, not even to the container that had it, and confirms that with `confirms`.',
  },
);
export type Revocation = Static<typeof Revocation>;

export const returnReasons = ['unused', 'released', 'conflicted'] as const;
export type ReturnReason = (typeof returnReasons)[number];

export const LeaseReturn = Closed(
  {
    networkId,
    ip,
    generation,
    reason: Words(returnReasons, {
      description:
        '`unused`: no container had it since it was granted, so it is free at once. `released`: a container had it, so it is quarantined, or goes back to its reservation. `conflicted`: a foreign station answers for it on the wire.',
      examples: ['released'],
    }),
    mac: Nullable(MacAddress, {
      description: 'With `conflicted`: the Ethernet address that answered, of any kind.',
      examples: [null],
    }),
  },
  { description: 'An address that the host no longer holds.' },
);
export type LeaseReturn = Static<typeof LeaseReturn>;

export const LeaseWant = Closed(
  {
    networkId,
    family: Family,
    subnet: Type.Optional(
      Described(CidrText, {
        description: 'Only addresses of this subnet. Left out: of any subnet of that IP version.',
        examples: ['172.16.100.0/24'],
      }),
    ),
    count: Type.Integer({ minimum: 1, maximum: 256, description: 'How many more addresses.', examples: [4] }),
    onDemand: Type.Boolean({
      description:
        'A container waits for the address: when nothing is free, unused leases of other hosts are recalled first, for up to `recallSeconds`. Without it nothing is granted during an address shortage.',
      examples: [false],
    }),
  },
  { description: 'Addresses that the host requests.' },
);
export type LeaseWant = Static<typeof LeaseWant>;

/** How long an on-demand request waits while other hosts return what they do not use, in seconds. */
export const recallSeconds = 8;

export const LeaseSync = Closed(
  {
    held: Nullable(Type.Array(HeldLease, { maxItems: 65_536 }), {
      description:
        'All leases on the disk of the agent after `returns`; null: nothing is compared this time.',
      examples: [null],
    }),
    returns: Type.Array(LeaseReturn, { maxItems: 4096, description: 'Addresses that it returns.' }),
    wants: Type.Array(LeaseWant, { maxItems: 256, description: 'Addresses that it requests.' }),
    confirms: Type.Optional(
      Type.Array(Revocation, {
        maxItems: 4096,
        description:
          'Leases of `revocations` that the agent has ended on its disk: it gives out nothing under them any more. Left out: none.',
        examples: [[]],
      }),
    ),
  },
  { description: 'What a host holds, returns and requests.' },
);
export type LeaseSync = Static<typeof LeaseSync>;

export const LeaseSyncAnswer = Closed(
  {
    granted: Type.Array(Lease, { maxItems: 65_536, description: 'New ones.' }),
    unlisted: Type.Array(Lease, {
      maxItems: 65_536,
      description:
        'Leases that the host holds by the database and that are not in `held`: an answer or the disk was lost. Without `held`: leases that were in `returns` under another generation, and that the host still holds. The agent sets them aside until it has looked whether a container uses them.',
    }),
    unknown: Type.Array(Closed({ networkId, ip }, { description: 'An address.' }), {
      maxItems: 65_536,
      description:
        'Leases in `held` that the host does not hold (any more), or holds under another generation (then they are in `unlisted` too). The agent gives them to nobody. An operator released them by force, or the network is gone.',
    }),
    shortages: Type.Array(
      Closed(
        {
          networkId,
          family: Family,
          missing: Type.Integer({
            minimum: 1,
            maximum: maxInt32,
            description: 'How many addresses were not granted.',
            examples: [1],
          }),
          detail: Type.String({
            maxLength: 4096,
            description: 'The reason, in a sentence that names the subnet and its holders.',
            examples: [
              '172.16.100.0/24 is full: 253 of 253 addresses are held, 127 by docker01, 126 by docker02',
            ],
          }),
        },
        { description: 'A request that was not met.' },
      ),
      { maxItems: 256, description: 'Requests that were not met in full.' },
    ),
  },
  { description: 'What the host holds from now on.' },
);
export type LeaseSyncAnswer = Static<typeof LeaseSyncAnswer>;

export const LeaseClaim = Closed(
  {
    networkId,
    family: Family,
    ip: Nullable(IpAddress, {
      description:
        'The address (`docker run --ip`); null: the one reserved for `mac` or `name`, if there is one.',
      examples: ['172.16.100.10'],
    }),
    mac: Nullable(MacAddress, {
      description: 'Ethernet address of the container, where it is known.',
      examples: ['02:42:ac:10:64:0a'],
    }),
    name: Nullable(OwnerKey, {
      description: 'Name of the container, where the Engine sends it (29.0 and newer).',
      examples: [null],
    }),
  },
  {
    description:
      'One address for a container that is being started. A claim of an address that the host already holds gives it a new generation, so that an earlier return still on its way frees nothing. 409 `address_taken` names the holder; it is also the answer for an address reserved for another MAC, another host, another container or a container of another host, and for one that was revoked from this host while a container uses it. 409 `mac_in_use`: another host of the network has the MAC.',
  },
);
export type LeaseClaim = Static<typeof LeaseClaim>;

export const LeaseClaimAnswer = Closed(
  {
    lease: Type.Union([Lease, Type.Null()], {
      description:
        'The address, held by this host from now on; null: nothing is reserved for `mac` or `name`.',
    }),
  },
  { description: 'The claimed address.' },
);
export type LeaseClaimAnswer = Static<typeof LeaseClaimAnswer>;

export const Recall = Closed(
  { networkId, family: Family },
  {
    description:
      'Another host needs an address of this network, and none is free. Return every lease that no container uses, and request none for the warm pool while this is present.',
  },
);
export type Recall = Static<typeof Recall>;
