import { listed } from '@trunkline/log';
import type { AddressRow } from './address-rows.ts';
import { ownLabels } from './hosts-own.ts';

/** Label of an address that several hosts claim since a backup was restored; written by prisma/functions. */
const claimedByLabel = 'io.trunkline.claimed-by';

/** Who holds an address, in words: what comes after `is`. Pure. */
export function holderOf(holder: AddressRow | undefined): string {
  if (holder === undefined) return 'taken';
  const { state, host, container, owner } = holder;
  const owned = owner === null ? '' : ` (reserved for ${owner})`;
  const { [ownLabels.host]: ofHost, [ownLabels.link]: link, [claimedByLabel]: claimedBy } = holder.labels;
  if (state === 'conflicted' && claimedBy !== undefined)
    return `in conflict${owned}: since a backup was restored, containers of ${listed(claimedBy.split(' '))} claim it`;
  if (state === 'conflicted' && owner === null)
    return ofHost === undefined
      ? `in conflict with a foreign station (${holder.mac ?? 'MAC unknown'})`
      : `the address of host ${ofHost} itself, on ${link ?? 'an interface'}`;
  if (host === null) return owner === null ? state : `${state} for ${owner}`;
  if (state === 'bound') return `bound to container ${container ?? 'unknown'} on host ${host}${owned}`;
  return `held by host ${host}${owned}`;
}
