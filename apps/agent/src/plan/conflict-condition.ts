import type { Condition } from '@trunkline/contracts';
import type { ConditionDraft } from './conditions.ts';

/** Something foreign speaks for the address of a running container. */
export interface ForeignStation {
  readonly ip: string;
  readonly container: string;
  readonly mac: string;
}

const type = 'AddressConflict';

/** What is in conflict on a network of this host; said of until it has ended, and once it has. Pure. */
export function conflictCondition(
  conflicts: readonly ForeignStation[],
  before: readonly Condition[],
): readonly ConditionDraft[] {
  const [first] = conflicts;
  if (first !== undefined) {
    const more = conflicts.length === 1 ? '' : ` (and ${conflicts.length - 1} more)`;
    return [
      {
        type,
        status: 'True',
        reason: 'ForeignStation',
        message: `${first.mac} on the wire also answers for ${first.ip} of container ${first.container}${more}: find that machine and give it another address, or run the container with another one; the container keeps its address until then`,
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
