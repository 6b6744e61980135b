import type { AddressRow } from './address-rows.ts';
import { claimantsOf, disputeInWords, disputeRemedy } from './dispute.ts';
import { ownLabels } from './hosts-own.ts';

/** What decides who holds an address. */
export type HeldBy = Pick<AddressRow, 'state' | 'host' | 'container' | 'owner' | 'mac' | 'labels'>;

/** Who holds an address, in words: what comes after `is`. Pure. */
export function holderOf(holder: HeldBy | undefined): string {
  if (holder === undefined) return 'taken';
  const { state, host, container, owner } = holder;
  const owned = owner === null ? '' : ` (reserved for ${owner})`;
  const { [ownLabels.host]: ofHost, [ownLabels.link]: link } = holder.labels;
  const claimants = claimantsOf(holder);
  if (claimants !== null) return disputeInWords(claimants, owned);
  if (state === 'conflicted')
    return ofHost === undefined || owner !== null
      ? `in conflict${owned} with a foreign station (${holder.mac ?? 'MAC unknown'})`
      : `the address of host ${ofHost} itself, on ${link ?? 'an interface'}`;
  if (host === null) return owner === null ? state : `${state} for ${owner}`;
  if (state === 'bound') return `bound to container ${container ?? 'unknown'} on host ${host}${owned}`;
  return `held by host ${host}${owned}`;
}

/** What ends the conflict of an address, before it can be released or taken. Pure. */
export function conflictRemedy(holder: HeldBy | undefined): string {
  if (holder !== undefined && claimantsOf(holder) !== null) return disputeRemedy;
  if (holder?.owner === null && holder.labels[ownLabels.host] !== undefined)
    return 'give the host another address first';
  return 'take that station off the wire, then release the address with DELETE and ?force=true';
}
