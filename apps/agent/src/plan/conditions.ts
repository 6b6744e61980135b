import type { Condition } from '@trunkline/contracts';

/** A condition before it has a history. */
export type ConditionDraft = Pick<Condition, 'type' | 'status' | 'reason' | 'message'> & {
  /** `mended`: steps of the same plan make it hold. `advisory`: worth knowing, and nothing depends on it. */
  readonly weight?: 'mended' | 'advisory';
};

const maxMessage = 4000;

/** It holds. */
export function holds(type: string, reason: string, message: string): ConditionDraft {
  return { type, status: 'True', reason, message };
}

/** It does not hold; `message` says what was found and what to do. */
export function fails(type: string, reason: string, message: string): ConditionDraft {
  return { type, status: 'False', reason, message };
}

/** It does not hold yet; the steps of the same plan make it so. */
export function mending(type: string, reason: string, message: string): ConditionDraft {
  return { ...fails(type, reason, message), weight: 'mended' };
}

/** Something worth knowing that stands in nobody's way: `Ready` does not depend on it. */
export function advises(type: string, reason: string, message: string): ConditionDraft {
  return { ...fails(type, reason, message), weight: 'advisory' };
}

/** Nobody could look. */
export function unknown(type: string, reason: string, message: string): ConditionDraft {
  return { type, status: 'Unknown', reason, message };
}

/**
 * `Ready`: False as the first that is False (one that nothing mends before one that is being mended), else Unknown as the
 * first that is, else True.
 */
export function summary(all: readonly ConditionDraft[], whenAll: string): ConditionDraft {
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
    return {
      type,
      status,
      reason,
      message: message.slice(0, maxMessage),
      observedGeneration,
      lastTransitionTime: old?.status === status ? old.lastTransitionTime : now,
    };
  });
}
