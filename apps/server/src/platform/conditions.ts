import type { Condition } from '@trunkline/contracts';

const since = (at: Date | null): string => (at === null ? 'it joined' : at.toISOString());

/** Conditions of a thing on a host that is silent: nobody could look, and the last word is in the message (promise 9). */
export function silentConditions(
  host: string,
  lastSeenAt: Date | null,
  createdAt: Date,
  conditions: readonly Condition[],
): Condition[] {
  const silent = `${host} has been silent since ${since(lastSeenAt)}`;
  const changed = (lastSeenAt !== null && lastSeenAt > createdAt ? lastSeenAt : createdAt).toISOString();
  if (conditions.length === 0) {
    return [
      {
        type: 'Ready',
        status: 'Unknown',
        reason: 'HostOffline',
        message: `${silent}: nothing was done there yet; it will be when the host is back`,
        observedGeneration: 0,
        lastTransitionTime: changed,
      },
    ];
  }
  return conditions.map((condition) => ({
    ...condition,
    status: 'Unknown',
    reason: 'HostOffline',
    message:
      `${silent}; before, it said ${condition.status} (${condition.reason}): ${condition.message}`.slice(
        0,
        4096,
      ),
    lastTransitionTime: condition.status === 'Unknown' ? condition.lastTransitionTime : changed,
  }));
}

/** Conditions of a thing that the agent of its host has yet to look at. */
export function unseenConditions(host: string, createdAt: Date): Condition[] {
  return [
    {
      type: 'Ready',
      status: 'Unknown',
      reason: 'Pending',
      message: `the agent of ${host} has not looked at it yet`,
      observedGeneration: 0,
      lastTransitionTime: createdAt.toISOString(),
    },
  ];
}

/** New conditions with the time of transition kept where the status did not change. */
export function mergeConditions(stored: readonly Condition[], reported: readonly Condition[]): Condition[] {
  return reported.map((condition) => {
    const before = stored.find(({ type }) => type === condition.type);
    return before?.status === condition.status
      ? { ...condition, lastTransitionTime: before.lastTransitionTime }
      : condition;
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

/** Somebody looked: a look is the evidence. An agent that cannot reach Docker says `Unknown`, and that proves nothing. */
export function wasSeen(conditions: readonly Condition[]): boolean {
  return conditions.every(({ type, status }) => type !== 'Ready' || status !== 'Unknown');
}
