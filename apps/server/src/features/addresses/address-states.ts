import { conflictRemedy, holderOf, type HeldBy } from './holder-of.ts';

/** What decides whether an address may be let go. */
export interface HeldAddress extends HeldBy {
  ip: string;
  /** The host that may give it to a container: it holds it, or runs the container that it is reserved for. */
  giver?: string | null;
  /** The host that has to confirm that it lets go of it. */
  awaitingHost: string | null;
}

/** What a release by an operator does to an address. */
export type ReleaseDecision =
  | { release: true; immediately: boolean }
  /** Its host has to confirm first that it lets go of it. */
  | { release: false; because: 'revoke' }
  | { release: false; because: 'awaited' }
  /** Its host does not use it, as far as is known, and is asked for it. */
  | { release: false; because: 'leased'; detail: string }
  /** It is quarantined already: there is nothing to do. */
  | { release: false; because: 'quarantined' }
  | { release: false; because: 'in-use'; detail: string };

const inUse = (detail: string): ReleaseDecision => ({ release: false, because: 'in-use', detail });

/**
 * Whether an operator may release an address. Something that runs on it keeps it: an address is freed on evidence that
 * its endpoint is gone, or by `force`, with which the operator takes responsibility (promise 4). What a host holds is given on
 * once the host has confirmed that it lets go of it; with `unconfirmed` that is not waited for.
 */
export function decideRelease(address: HeldAddress, force: boolean | 'unconfirmed'): ReleaseDecision {
  if (force === 'unconfirmed') return { release: true, immediately: true };
  if (force && address.awaitingHost !== null && address.state === 'quarantined')
    return { release: false, because: 'awaited' };
  if (force && (address.giver ?? null) !== null) return { release: false, because: 'revoke' };
  if (force) return { release: true, immediately: true };
  if (address.state === 'quarantined') return { release: false, because: 'quarantined' };
  const { ip, state, container, host } = address;
  if (container !== null && address.owner === `container:${container}`)
    return inUse(
      `${ip} belongs to container ${container}: remove the container, or release with ?force=true`,
    );
  if (state === 'bound')
    return inUse(
      `${ip} is bound to container ${container ?? 'unknown'} on host ${host ?? 'unknown'}: stop it, or release with ?force=true`,
    );
  if (state === 'leased')
    return {
      release: false,
      because: 'leased',
      detail: `${ip} is leased to host ${host ?? 'unknown'}, whose reports show no container on it: the host was asked to return it and has not done so; try again when the host is online, or release with ?force=true`,
    };
  if (state === 'conflicted') return inUse(`${ip} is ${holderOf(address)}; ${conflictRemedy(address)}`);
  return { release: true, immediately: false };
}
