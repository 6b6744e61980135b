import type { Condition, ConditionType, ReasonOf } from '@trunkline/contracts';

/** As the contract has it. */
const maxMessage = 4096;

/** A condition that the server finds. Its reason is one that the table of conditions has for the type. */
export function condition<T extends ConditionType>(
  type: T,
  status: Condition['status'],
  reason: ReasonOf<T>,
  message: string,
  { generation, since }: { generation: number; since: Date },
): Condition {
  const found = {
    type,
    status,
    reason,
    message: message.slice(0, maxMessage),
    observedGeneration: generation,
    lastTransitionTime: since.toISOString(),
  };
  // The arguments belong together by their types; of a type parameter the compiler does not see it.
  return found as Condition;
}

const heardSince = (at: Date | null): string => (at === null ? 'it joined' : at.toISOString());

/** Conditions of a thing on a host that is silent: nobody could look, and the last word is in the message (promise 9). */
export function silentConditions(
  host: string,
  lastSeenAt: Date | null,
  createdAt: Date,
  conditions: readonly Condition[],
): Condition[] {
  const silent = `${host} has been silent since ${heardSince(lastSeenAt)}`;
  const changed = lastSeenAt !== null && lastSeenAt > createdAt ? lastSeenAt : createdAt;
  if (conditions.length === 0) {
    return [
      condition(
        'Ready',
        'Unknown',
        'HostOffline',
        `${silent}: the change is not applied there yet; it is applied when the host is back`,
        { generation: 0, since: changed },
      ),
    ];
  }
  return conditions.map((last) =>
    condition(
      last.type,
      'Unknown',
      'HostOffline',
      `${silent}; it last reported ${last.status} (${last.reason}): ${last.message}`,
      {
        generation: last.observedGeneration,
        since: last.status === 'Unknown' ? new Date(last.lastTransitionTime) : changed,
      },
    ),
  );
}

/** Conditions of a thing that the agent of its host has yet to look at. */
export function unseenConditions(host: string, createdAt: Date): Condition[] {
  return [
    condition('Ready', 'Unknown', 'Pending', `the agent of ${host} has not looked at it yet`, {
      generation: 0,
      since: createdAt,
    }),
  ];
}

/** New conditions with the time of transition kept where the status did not change. */
export function mergeConditions(stored: readonly Condition[], reported: readonly Condition[]): Condition[] {
  return reported.map((one) => {
    const before = stored.find(({ type }) => type === one.type);
    return before?.status === one.status ? { ...one, lastTransitionTime: before.lastTransitionTime } : one;
  });
}

const words = (conditions: readonly Condition[]): string =>
  conditions
    .map(({ type, status, reason }) => `${type} ${status} ${reason}`)
    .sort()
    .join();

/** Whether an operator would want to hear of it: a status or a reason is another one, or another generation is real. */
export function conditionsDiffer(
  stored: { observedGeneration: number; conditions: readonly Condition[] },
  reported: { generation: number; conditions: readonly Condition[] },
): boolean {
  return (
    stored.observedGeneration !== reported.generation ||
    words(stored.conditions) !== words(reported.conditions)
  );
}

/** Somebody looked: a look is the evidence. An agent that cannot reach Docker reports `Unknown`, and that proves nothing. */
export function wasSeen(conditions: readonly Condition[]): boolean {
  return conditions.every(({ type, status }) => type !== 'Ready' || status !== 'Unknown');
}
