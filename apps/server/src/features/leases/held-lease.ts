import type { Lease } from '@trunkline/contracts';
import type { HeldRow } from './leases.store.ts';

/** A host as far as its leases go. */
export interface LeaseHost {
  id: string;
  name: string;
}

export const families = { ipv4: 4, ipv6: 6 } as const;
export const familyWords = { 4: 'ipv4', 6: 'ipv6' } as const;

/** A reservation that nobody put a key to is its own: its address is its key, and it is for nobody else. */
export const heldLease = (row: HeldRow): Lease => ({
  networkId: row.networkId,
  ip: row.ip,
  subnet: row.cidr,
  generation: Number(row.generation),
  owner: row.owner ?? (row.reserved ? row.ip : null),
  mac: row.mac,
  ...(row.claim === null ? {} : { claim: row.claim }),
  bound: row.state === 'bound',
});
