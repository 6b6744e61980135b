import type { ReasonOf } from './condition-table.ts';

/**
 * Reasons of a `Ready` that is `False` which only a person can change: neither the agent nor time does. Whoever waits for the
 * resource (`?wait`) is answered at once. Not here: what the agent tries again, and what may come by itself, such as a carrier.
 */
export const personReasonTable = {
  placement: [
    'ParentMissing',
    'ParentUnusable',
    'NoDefaultRoute',
    'HostNeedsParent',
    'LinkConflict',
    'VlanUnsupported',
    'MtuAboveParent',
    'MtuOfParent',
    'MtuOfAdopted',
    'MtuRefused',
    'ShimConflict',
    'NoHostAddress',
    'EngineTooOld',
    'ParentInUse',
    'SubnetOnWire',
    'NameAmbiguous',
    'NameTaken',
    'AdoptedDiffers',
    'ReplaceBlocked',
    'RemovalBlocked',
    'EndpointsMiscounted',
    'RolledBack',
  ],
  container: [
    'ImageMissing',
    'NameTaken',
    'Renamed',
    'Outdated',
    'AddressRevoked',
    'AddressMismatch',
    'Exited',
    'Paused',
    'Dead',
    'RemovalBlocked',
  ],
} as const satisfies Record<string, readonly ReasonOf<'Ready'>[]>;

/** Whether only a person can make it ready. */
export function needsPerson(
  of: keyof typeof personReasonTable,
  ready: { readonly status: string; readonly reason: string } | null | undefined,
): boolean {
  const reasons: readonly string[] = personReasonTable[of];
  return ready?.status === 'False' && reasons.includes(ready.reason);
}
