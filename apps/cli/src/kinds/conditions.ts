import { isGood, type Condition } from '@trunkline/contracts';
import { age } from '../format/age.ts';
import type { Tone } from '../format/paint.ts';
import type { Cell } from '../format/table.ts';

export const conditionHeadings = ['CONDITION', 'STATUS', 'REASON', 'FOR', 'MESSAGE'] as const;

/** A condition as a row of a table. */
export const conditionRow = (one: Condition, now: Date): Cell[] => [
  one.type,
  { text: one.status, tone: toneOf(one) },
  one.reason,
  age(one.lastTransitionTime, now),
  one.message,
];

function toneOf(condition: Condition): Tone {
  if (condition.status === 'Unknown') return 'doubt';
  return isGood(condition) ? 'good' : 'bad';
}
