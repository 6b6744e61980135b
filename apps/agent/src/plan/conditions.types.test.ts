import { expect, test } from 'vitest';
import { advises, fails, holds, unknown } from './conditions.ts';

test('the agent reports no condition type or reason that is not in the table', () => {
  const drafts = [
    holds('MtuReady', 'MtuSet', ''),
    // @ts-expect-error There is no such reason.
    holds('MtuReady', 'MtuFine', ''),
    // @ts-expect-error The reason is one of another type.
    fails('MtuReady', 'ParentDown', ''),
    // @ts-expect-error There is no such type.
    advises('MtuGood', 'MtuSet', ''),
    // @ts-expect-error There is no such reason.
    unknown('Ready', 'Whatever', ''),
  ];
  expect(drafts).toHaveLength(5);
});
