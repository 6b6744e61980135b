import type { AddressState } from '@trunkline/contracts';

/** What decides whether an address may be let go. */
export interface HeldAddress {
  ip: string;
  state: AddressState;
  container: string | null;
  host: string | null;
}

/** What a release by an operator does to an address. */
export type ReleaseDecision =
  | { release: true; immediately: boolean }
  /** It rests already: there is nothing to do. */
  | { release: false; because: 'resting' }
  | { release: false; because: 'in-use'; detail: string };

/**
 * Whether an operator may release an address. Something that runs on it keeps it: an address is freed on evidence that
 * its endpoint is gone, or by `force`, which says that the operator knows better (promise 4).
 */
export function decideRelease(address: HeldAddress, force: boolean): ReleaseDecision {
  if (force) return { release: true, immediately: true };
  if (address.state === 'quarantined') return { release: false, because: 'resting' };
  if (address.container !== null) {
    return {
      release: false,
      because: 'in-use',
      detail: `${address.ip} belongs to container ${address.container}: remove the container, or release with ?force=true`,
    };
  }
  if (address.state === 'bound' || address.state === 'leased') {
    return {
      release: false,
      because: 'in-use',
      detail: `${address.ip} is ${address.state} on host ${address.host ?? 'unknown'}: stop what runs on it, or release with ?force=true`,
    };
  }
  return { release: true, immediately: false };
}
