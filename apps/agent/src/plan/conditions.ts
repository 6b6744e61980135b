import type { Condition, ConditionName, ConditionType, ReasonOf } from '@trunkline/contracts';

/** A condition of one type before it has a history. Its reason is one that the table of conditions has for the type. */
export interface DraftOf<T extends ConditionType> {
  readonly type: T;
  readonly status: Condition['status'];
  readonly reason: ReasonOf<T>;
  readonly message: string;
  /** `mended`: steps of the same plan make it hold. `advisory`: worth knowing, and nothing depends on it. */
  readonly weight?: 'mended' | 'advisory';
}

/** A condition before it has a history. */
export type ConditionDraft = { [T in ConditionType]: DraftOf<T> }[ConditionType];

const maxMessage = 4000;

/** The condition is met; `message` states what was observed. */
export function holds<T extends ConditionType>(type: T, reason: ReasonOf<T>, message: string): DraftOf<T> {
  return { type, status: 'True', reason, message };
}

/** The condition is not met; `message` states what was observed and what to do. */
export function fails<T extends ConditionType>(type: T, reason: ReasonOf<T>, message: string): DraftOf<T> {
  return { type, status: 'False', reason, message };
}

/** As `fails`, for a type and reason that belong together already. */
export function failsAs({ type, reason }: ConditionName, message: string): ConditionDraft {
  return { type, status: 'False', reason, message } as ConditionDraft;
}

/** The condition is not met yet; the steps of the same plan will meet it. */
export function mending<T extends ConditionType>(type: T, reason: ReasonOf<T>, message: string): DraftOf<T> {
  return { ...fails(type, reason, message), weight: 'mended' };
}

/** Something worth knowing that stands in nobody's way: `Ready` does not depend on it. */
export function advises<T extends ConditionType>(type: T, reason: ReasonOf<T>, message: string): DraftOf<T> {
  return { ...fails(type, reason, message), weight: 'advisory' };
}

/** Nobody could look. */
export function unknown<T extends ConditionType>(type: T, reason: ReasonOf<T>, message: string): DraftOf<T> {
  return { type, status: 'Unknown', reason, message };
}

/**
 * `Ready`: False as the first that is False (one that nothing mends before one that is being mended), else Unknown as the
 * first that is, else True.
 */
export function summary(all: readonly ConditionDraft[], whenAll: string): DraftOf<'Ready'> {
  const parts = all.filter(({ weight }) => weight !== 'advisory');
  const first =
    parts.find(({ status, weight }) => status === 'False' && weight === undefined) ??
    parts.find(({ status }) => status === 'False') ??
    parts.find(({ status }) => status === 'Unknown');
  return first === undefined ? holds('Ready', 'Ready', whenAll) : { ...first, type: 'Ready' };
}

/**
 * Gives drafts their generation and their time: `lastTransitionTime` stays while `status` does (Kubernetes API
 * conventions, typical status properties).
 */
export function stamp(
  drafts: readonly ConditionDraft[],
  before: readonly Condition[],
  observedGeneration: number,
  now: string,
): Condition[] {
  return drafts.map(({ type, status, reason, message }) => {
    const old = before.find((one) => one.type === type);
    const stamped = {
      type,
      status,
      reason,
      message: message.slice(0, maxMessage),
      observedGeneration,
      lastTransitionTime: old?.status === status ? old.lastTransitionTime : now,
    };
    // Type and reason are those of one draft; taken apart, the compiler does not see it.
    return stamped as Condition;
  });
}
