import { listed } from '@trunkline/log';
import type { Condition } from '@trunkline/contracts';
import type { ConditionDraft } from './conditions.ts';

/** A foreign station that answers for the address of a running container. */
export interface ForeignStation {
  readonly ip: string;
  readonly container: string;
  readonly mac: string;
}

const type = 'AddressConflict';

/** The condition of a network with conflicts on this host: True while there are any, False once they have ended. Pure. */
export function conflictCondition(
  conflicts: readonly ForeignStation[],
  before: readonly Condition[],
): readonly ConditionDraft[] {
  if (conflicts.length > 0) {
    const claims = conflicts.map(({ mac, ip, container }) => `${mac} for ${ip} of container ${container}`);
    return [
      {
        type,
        status: 'True',
        reason: 'ForeignStation',
        message: `a foreign station on the wire also answers: ${listed(claims)}; find that machine and give it another address, or run the container with another one; the container keeps its address until then`,
      },
    ];
  }
  if (!before.some((one) => one.type === type)) return [];
  return [
    {
      type,
      status: 'False',
      reason: 'Ended',
      message: 'no foreign station answers for addresses of containers any more',
      weight: 'advisory',
    },
  ];
}
