import type { AddressRow } from './address-rows.ts';

/** Who holds an address, in words: what comes after `is`. Pure. */
export function holderOf(holder: AddressRow | undefined): string {
  if (holder === undefined) return 'taken';
  const { state, host, container, owner } = holder;
  const owned = owner === null ? '' : ` (reserved for ${owner})`;
  if (host === null) return owner === null ? state : `${state} for ${owner}`;
  if (state === 'bound') return `bound to container ${container ?? 'unknown'} on host ${host}${owned}`;
  return `held by host ${host}${owned}`;
}
