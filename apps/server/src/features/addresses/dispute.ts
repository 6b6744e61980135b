import { listed } from '@trunkline/log';
import type { AddressState } from '@trunkline/contracts';

/** As `dispute_label` in prisma/functions spells it: the label of an address that several hosts claim since a backup was restored. */
export const disputeLabel = 'io.trunkline.claimed-by';

/**
 * The hosts that claim an address in dispute, as `claimants_of` in prisma/functions has them; null where it is not in dispute
 * (`is_disputed`): then a foreign station, or a host itself, has what is `conflicted`. Pure.
 */
export function claimantsOf({
  state,
  labels,
}: {
  state: AddressState;
  labels: Readonly<Record<string, string>>;
}): string[] | null {
  const names = labels[disputeLabel];
  return state === 'conflicted' && names !== undefined ? names.split(' ') : null;
}

/** What a dispute is, in a clause after the address and `is`. Pure. */
export function disputeInWords(claimants: readonly string[], owned = ''): string {
  return `in conflict${owned}: since a backup was restored, containers of ${listed(claimants)} claim it`;
}

/** How a dispute ends. */
export const disputeRemedy =
  'remove the containers that should not have it; within minutes after their hosts have reported that, the address belongs to the container that is left, or to nobody';
