import type { ErrorCode } from './errors.ts';

/** What the database makes of a request for addresses. `refusedWith`: the code that the caller gets; null: it got addresses. */
export interface AllocationOutcomeKind {
  means: string;
  refusedWith: ErrorCode | null;
}

/** What comes of a request for addresses: the words of `outcome` in prisma/functions/allocation.sql. */
export const allocationOutcomeTable = {
  created: { means: 'The owner got the addresses.', refusedWith: null },
  existing: { means: 'The owner had the address already.', refusedWith: null },
  owner_has_other: { means: 'The owner has another address.', refusedWith: 'owner_has_address' },
  taken: { means: 'Somebody else has the address.', refusedWith: 'address_taken' },
  quarantined: { means: 'The address was freed a short while ago.', refusedWith: 'address_quarantined' },
  awaiting: {
    means: 'A host has not confirmed that it lets go of the address.',
    refusedWith: 'address_quarantined',
  },
  outside: {
    means: 'The address is in no subnet of the network.',
    refusedWith: 'address_not_allocatable',
  },
  gateway: { means: 'The address is the gateway.', refusedWith: 'address_not_allocatable' },
  network_address: {
    means: 'The address is that of the subnet itself.',
    refusedWith: 'address_not_allocatable',
  },
  broadcast_address: {
    means: 'The address is the broadcast address.',
    refusedWith: 'address_not_allocatable',
  },
  excluded: {
    means: 'The address is excluded from the subnet.',
    refusedWith: 'address_not_allocatable',
  },
  full: { means: 'Not enough addresses are free.', refusedWith: 'subnet_full' },
  no_network: { means: 'There is no such network.', refusedWith: 'network_not_found' },
  no_family: {
    means: 'The network has no subnet of this family.',
    refusedWith: 'address_not_allocatable',
  },
  deleting: { means: 'The network is being removed.', refusedWith: 'network_deleting' },
} as const satisfies Record<string, AllocationOutcomeKind>;

export type AllocationOutcome = keyof typeof allocationOutcomeTable;

type RefusedWith<O extends AllocationOutcome> = (typeof allocationOutcomeTable)[O]['refusedWith'];

/** An outcome without an address. */
export type AllocationRefusal = {
  [O in AllocationOutcome]: RefusedWith<O> extends null ? never : O;
}[AllocationOutcome];

/**
 * How a request for addresses ended; each is a series of the metrics of the server. `replayed`: its Idempotency-Key had
 * been answered before. `error`: it failed.
 */
export type AllocationResult =
  Exclude<AllocationOutcome, AllocationRefusal> | RefusedWith<AllocationRefusal> | 'replayed' | 'error';

export const allocationResults: readonly AllocationResult[] = [
  'created',
  'existing',
  ...new Set(Object.values(allocationOutcomeTable).flatMap(({ refusedWith }) => refusedWith ?? [])),
  'replayed',
  'error',
];

/** Why a host got fewer addresses than it asked for; each is a series of the metrics of the server. */
export const leaseShortageTable = {
  no_network: 'There is no such network.',
  deleting: 'The network is being removed.',
  not_placed: 'The network is not on this host.',
  no_family: 'The network has no subnet of this family.',
  no_subnet: 'The network does not have the subnet that was asked for.',
  recalled: 'Another host waits for addresses of the network.',
  full: 'No address is free now; other hosts may return unused ones.',
  exhausted: 'No address is free, and no host holds an unused one.',
  unused: 'The host already holds as many addresses without a container as it may.',
} as const;

export type LeaseShortage = keyof typeof leaseShortageTable;

/** What came of the claim of one address; each is a series of the metrics of the server. */
export const claimOutcomeTable = {
  held: 'The host held the address already.',
  created: 'The host got the address.',
  none: 'Nothing is reserved for the MAC or the name.',
  elsewhere: 'Another host holds the address without a container.',
  taken: 'Somebody else has the address.',
  unused: 'The host already holds as many addresses without a container as it may.',
  other_mac: 'The address is reserved for another MAC.',
  other_host: 'The address is reserved for another host.',
  not_for: 'The address is reserved for another container.',
  revoked: 'The address was taken away from this host, and a container of it runs there.',
  awaiting: 'Another host has not confirmed that it lets go of the address.',
  conflicted: 'A foreign machine uses the address.',
  quarantined: 'The address was freed a short while ago.',
  outside: 'The address is in no subnet of the network.',
  gateway: 'The address is the gateway.',
  network_address: 'The address is that of the subnet itself.',
  broadcast_address: 'The address is the broadcast address.',
  excluded: 'The address is excluded from the subnet.',
  no_network: 'There is no such network.',
  deleting: 'The network is being removed.',
  not_placed: 'The network is not on this host.',
  no_family: 'The network has no subnet of this family.',
  mac_in_use: 'Another host of the network has the MAC.',
} as const;

export type ClaimResult = keyof typeof claimOutcomeTable;
