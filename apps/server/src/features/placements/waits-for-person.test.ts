import type { Condition } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { waitsForPerson } from './placement-status.ts';

const ready = (status: string, reason: string) => ({ type: 'Ready', status, reason }) as Condition;
const missing = ready('False', 'ParentMissing');
const blocked = ready('False', 'ReplaceBlocked');

test.each([
  ['the present generation', 2, 2, missing, null, true],
  ['an older generation', 2, 1, missing, null, false],
  ['nothing yet', 1, 0, null, null, false],
  ['what the agent mends', 2, 2, ready('False', 'Missing'), null, false],
  ['what is tried again', 2, 2, ready('False', 'CreateRefused'), null, false],
  ['something that it could not see', 2, 2, ready('Unknown', 'ParentMissing'), null, false],
  ['containers in the way', 2, 2, blocked, 1, true],
  ['containers in the way, and was allowed force since', 2, 2, blocked, 2, false],
])('a host that reported %s', (_what, generation, observedGeneration, condition, forceGeneration, waits) => {
  expect(waitsForPerson({ generation, observedGeneration, ready: condition, forceGeneration })).toBe(waits);
});
