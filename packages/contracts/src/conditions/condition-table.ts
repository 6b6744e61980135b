import { agentDoesIt, type ConditionKind, type ReasonKind } from './condition-kind.ts';
import { containerConditionTable } from './container-conditions.ts';
import { hostConditionTable } from './host-conditions.ts';
import { networkConditionTable } from './network-conditions.ts';
import { placementConditionTable } from './placement-conditions.ts';
import { readyCondition } from './ready-condition.ts';

/**
 * Every condition of the API, once. `type` and `reason` are stable: programs may depend on them. What was found this time
 * is in `message`.
 */
export const conditionTable = {
  Ready: readyCondition,
  ...hostConditionTable,
  ...networkConditionTable,
  ...placementConditionTable,
  ...containerConditionTable,
} as const;

/** Reasons that any condition of a placement or a container may have. */
export const sharedReasonTable = {
  HostOffline: {
    means: 'The server does not hear from the agent of the host. The message has the last known state.',
    remedy: 'Check that the host is up, that the agent runs there, and that it reaches the server.',
  },
} as const satisfies Record<string, ReasonKind>;

/** What a condition is about. */
export type ConditionType = keyof typeof conditionTable;

type SharedReason = keyof typeof sharedReasonTable;

/** Reasons that stand in the table under this type. */
export type OwnReasonOf<T extends ConditionType> = T extends ConditionType
  ? keyof (typeof conditionTable)[T]['reasons'] & string
  : never;

/** Any reason of any condition. */
export type Reason = OwnReasonOf<ConditionType> | SharedReason;

/** Reasons that a condition of this type may have: its own, those that it takes over, and the shared ones. */
export type ReasonOf<T extends ConditionType> = T extends ConditionType
  ? (typeof conditionTable)[T] extends { readonly inherits: 'all' }
    ? Reason
    : (typeof conditionTable)[T] extends { readonly inherits: readonly (infer I extends ConditionType)[] }
      ? OwnReasonOf<T> | OwnReasonOf<I> | SharedReason
      : OwnReasonOf<T> | SharedReason
  : never;

/** A type with a reason that it may have. */
export type ConditionName = {
  [T in ConditionType]: { readonly type: T; readonly reason: ReasonOf<T> };
}[ConditionType];

export const conditionTypes = Object.keys(conditionTable) as readonly ConditionType[];

const kinds: ReadonlyMap<string, ConditionKind> = new Map(Object.entries(conditionTable));

/** Whether it is as it should be. `Unknown` is neither this nor bad. The agent of a newer version may report types that are not in the table. */
export function isGood({ type, status }: { readonly type: string; readonly status: string }): boolean {
  return status === (kinds.get(type)?.good ?? 'True');
}

/** Whether there is nothing to do about it but to wait for the agent. */
export function isUnderWay({ type, reason }: { readonly type: string; readonly reason: string }): boolean {
  // `Ready` takes its reason over from any of them.
  const own = type === 'Ready' ? [...kinds.values()] : [kinds.get(type)];
  return own.some((kind) => kind?.reasons[reason]?.remedy === agentDoesIt);
}
