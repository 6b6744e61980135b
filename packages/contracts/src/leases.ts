import { Type, type Static } from 'typebox';
import { addressClaims, Family } from './addresses.ts';
import { maxInt32 } from './bounds.ts';
import { CidrText, Id, IpAddress, MacAddress, OwnerKey } from './common.ts';
import { Closed, Described, Nullable, Words } from './schema.ts';

/*
 * How addresses come to hosts ahead of need, and go back. The server's row is the proof of who holds an address; what
 * the agent has on its disk is a copy of the rows that name its host. Both sides compare, so an answer that was lost
 * or a disk that was wiped costs nothing but time:
 *  - every exchange of `POST /agent/v1/leases` is idempotent: what was granted but not heard of comes back in
 *    `unlisted` as long as the agent does not list it;
 *  - nothing is freed but by `returns` that name the generation which the agent was given, or by an operator.
 */

const networkId = Described(Id, {
  description: 'The network.',
  examples: ['018f6b3e-7c1a-7c00-8000-000000000001'],
});
const ip = Described(IpAddress, { description: 'The address.', examples: ['172.16.100.10'] });
const generation = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'Generation of the hold, as the server gave it; a return of an older one frees nothing.',
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
        'Key of the owner whose reservation this is; null: an address for anybody. Reserved ones go back to their reservation when they are returned, and never into the warm pool.',
      examples: [null],
    }),
    mac: Nullable(MacAddress, {
      description: 'Ethernet address that the reservation is for; null: any.',
      examples: [null],
    }),
    claim: Type.Optional(
      Words(addressClaims, {
        description:
          'With `owner` and without `mac`: who on this host may take the reservation by naming the address. `owner`: the container that is named as its owner. `anyone`: any, since it says so, is reserved for this host, or for a container that Trunkline runs here. Left out: not known; the server is asked.',
        examples: ['owner'],
      }),
    ),
    bound: Type.Boolean({
      description: 'A container of this host was seen on it when the server last heard.',
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
      'A hold that the server has ended: the address was released by force, or its subnet is gone. The agent gives it to nobody under this generation, or an older one, also not to the container that had it, and confirms that with `confirms`.',
  },
);
export type Revocation = Static<typeof Revocation>;

export const returnReasons = ['unused', 'released', 'conflicted'] as const;

export const LeaseReturn = Closed(
  {
    networkId,
    ip,
    generation,
    reason: Words(returnReasons, {
      description:
        '`unused`: it was never on a container since it was granted; free at once. `released`: a container had it; it stays in quarantine, or goes back to its reservation. `conflicted`: something foreign answers for it on the wire.',
      examples: ['released'],
    }),
    mac: Nullable(MacAddress, {
      description: 'With `conflicted`: the Ethernet address that answered, of whatever kind.',
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
        description:
          'Of this subnet alone, for what must lie in it. Left out: of any subnet of that IP version.',
        examples: ['172.16.100.0/24'],
      }),
    ),
    count: Type.Integer({ minimum: 1, maximum: 256, description: 'How many more.', examples: [4] }),
    urgent: Type.Boolean({
      description:
        'A container waits for it: when nothing is free, unused leases of other hosts are called back first, for up to `recallSeconds`. Without it nothing is granted while a subnet is short.',
      examples: [false],
    }),
  },
  { description: 'Addresses that the host would like to hold.' },
);
export type LeaseWant = Static<typeof LeaseWant>;

/** How long an urgent want is held while other hosts give back what they do not use, in seconds. */
export const recallSeconds = 8;

export const LeaseSync = Closed(
  {
    held: Nullable(Type.Array(HeldLease, { maxItems: 65_536 }), {
      description:
        'Everything the agent has on its disk after `returns`; null: nothing is compared this time.',
      examples: [null],
    }),
    returns: Type.Array(LeaseReturn, { maxItems: 4096, description: 'What it no longer holds.' }),
    wants: Type.Array(LeaseWant, { maxItems: 256, description: 'What it would like to hold.' }),
    confirms: Type.Optional(
      Type.Array(Revocation, {
        maxItems: 4096,
        description:
          'Holds of `revocations` that are over, on the disk of the agent: nothing is given under them any more. Left out: none.',
        examples: [[]],
      }),
    ),
  },
  { description: 'What a host holds, gives back and wants.' },
);
export type LeaseSync = Static<typeof LeaseSync>;

export const LeaseSyncAnswer = Closed(
  {
    granted: Type.Array(Lease, { maxItems: 65_536, description: 'New ones.' }),
    unlisted: Type.Array(Lease, {
      maxItems: 65_536,
      description:
        'Held by this host, says the database, and not in `held`: an answer that was lost, or a disk that was. Without `held`: what was in `returns` in another generation, and is held all the same. The agent keeps them apart until it has looked whether a container uses them.',
    }),
    unknown: Type.Array(Closed({ networkId, ip }, { description: 'An address.' }), {
      maxItems: 65_536,
      description:
        'In `held`, but this host does not hold them (any more), or in another generation (then they are in `unlisted` too): the agent gives them to nobody. An operator released them by force, or the network is gone.',
    }),
    short: Type.Array(
      Closed(
        {
          networkId,
          family: Family,
          missing: Type.Integer({
            minimum: 1,
            maximum: maxInt32,
            description: 'How many were not granted.',
            examples: [1],
          }),
          detail: Type.String({
            maxLength: 4096,
            description: 'Why, in a sentence that names the subnet and its holders.',
            examples: [
              '172.16.100.0/24 is full: 253 of 253 addresses are held, 127 by docker01, 126 by docker02',
            ],
          }),
        },
        { description: 'A want that was not met.' },
      ),
      { maxItems: 256, description: 'Wants that were not met in full.' },
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
        'This address (`docker run --ip`); null: the one reserved for `mac` or `name`, if there is one.',
      examples: ['172.16.100.10'],
    }),
    mac: Nullable(MacAddress, {
      description: 'Ethernet address of the container, where it is known.',
      examples: ['02:42:ac:10:64:0a'],
    }),
    name: Nullable(OwnerKey, {
      description: 'Name of the container, where the Engine tells it (29.0 and newer).',
      examples: [null],
    }),
  },
  {
    description:
      'One address for a container that is being started. Claiming what the host holds already gives it a new generation: a return of before, which may still be on its way, ends nothing. 409 `address_taken` names the holder; also for an address reserved for another MAC, another host, another container or a container of another host, and for one that was taken away from this host while a container runs on it. 409 `mac_in_use`: another host of the network has the MAC.',
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
  { description: 'What was claimed.' },
);
export type LeaseClaimAnswer = Static<typeof LeaseClaimAnswer>;

export const Recall = Closed(
  { networkId, family: Family },
  {
    description:
      'Another host needs an address of this network and none is free: return every lease that no container uses, and ask for none ahead of need while this stands.',
  },
);
export type Recall = Static<typeof Recall>;

/** Condition of a placement: what the addresses of the network are like on that host. `Ready` does not depend on it. */
export const addressBookType = 'AddressBook';

/**
 * Reason of it: Docker gives addresses there by itself, and goes on until no container is attached, or until a change
 * with force. The server takes such a placement for one that force is still about.
 */
export const movesWhenFree = 'MovesWhenFree';
