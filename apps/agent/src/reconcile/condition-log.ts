import { isGood, isUnderWay, type Condition, type DesiredDocument, type Report } from '@trunkline/contracts';
import type { Logger } from 'pino';

/** Writes into the log of this host what its reports say. */
export interface ConditionLog {
  /**
   * Writes a line for each condition that began to be bad, or is bad for another reason, and one when it is good again. What the agent is
   * mending itself is no news. What is good from the start has no line.
   */
  readonly note: (report: Report, desired: DesiredDocument | null) => void;
}

/** What a condition is about, as lines of the log name it. */
interface Subject {
  readonly network?: string;
  readonly container?: string;
}

/** Begins without anything written. */
export function createConditionLog(log: Pick<Logger, 'info' | 'warn'>): ConditionLog {
  /** The reason of each condition that is bad, by what it is about. */
  let bad = new Map<string, string>();

  return {
    note: (report, desired) => {
      const now = new Map<string, string>();
      for (const { subject, conditions } of subjectsOf(report, desired)) {
        for (const condition of conditions) {
          const { type, reason, message } = condition;
          if (isSummary(condition, conditions)) continue;
          const key = JSON.stringify([subject, type]);
          const before = bad.get(key);
          const line = { ...subject, condition: type, reason };
          if (isGood(condition)) {
            if (before !== undefined) log.info(line, message);
            continue;
          }
          // While it is being mended, what was said last still holds.
          const said = isUnderWay(condition) ? before : reason;
          if (said === undefined) continue;
          now.set(key, said);
          if (said !== before) log.warn(line, message);
        }
      }
      bad = now;
    },
  };
}

function subjectsOf(
  { conditions, placements, containers }: Report,
  desired: DesiredDocument | null,
): { readonly subject: Subject; readonly conditions: readonly Condition[] }[] {
  const networkOf = (wanted: string): string =>
    desired?.networks.find(({ id }) => id === wanted)?.name ?? wanted;
  const containerOf = (wanted: string): string =>
    desired?.containers.find(({ id }) => id === wanted)?.name ?? wanted;
  return [
    { subject: {}, conditions },
    ...placements.map((one) => ({
      subject: { network: networkOf(one.networkId) },
      conditions: one.conditions,
    })),
    ...containers.map((one) => ({
      subject: { container: containerOf(one.containerId) },
      conditions: one.conditions,
    })),
  ];
}

/** `Ready` repeats another condition, which has the line; where none does, it is news itself. */
function isSummary(condition: Condition, all: readonly Condition[]): boolean {
  return (
    condition.type === 'Ready' &&
    !isGood(condition) &&
    all.some(({ type, reason }) => type !== 'Ready' && reason === condition.reason)
  );
}
