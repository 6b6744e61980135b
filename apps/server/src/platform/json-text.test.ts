import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSmallJson, mayBeUnstorable, shapeFault, textFault } from './json-text.ts';

/** Whatever must not be taken for the shape of the JSON around it. */
const stringUnit = fc.constantFrom('a', '"', '\\', '[', '{', '}', ',', '\u0001', 'é', '😀', '\ud800', '\0');

const countOf = (value: unknown): number =>
  1 +
  (typeof value === 'object' && value !== null
    ? Object.values(value).reduce<number>((sum, inner) => sum + countOf(inner), 0)
    : 0);
const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

test('values and levels of whatever JSON are seen in its text', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 3, stringUnit }), (json) => {
      const value: unknown = JSON.parse(json);
      // An empty list counts as if it had an item: a bound need not be exact.
      expect(shapeFault(json, countOf(value) - 1) === undefined).toBe(false);
      expect(shapeFault(json, 2 * countOf(value))).toBe(undefined);
    }),
    { seed: 11, numRuns: 50 },
  );
});

test.each([
  ['levels', `${'['.repeat(33)}${']'.repeat(33)}`, 100, 'deeper'],
  ['levels that are never closed', '{"a":'.repeat(40), 100, 'deeper'],
  ['values', '[1,1,1,1,1,1,1,1,1,1,1]', 10, 'more than the 10 values'],
  ['lists', '[[],[],[],[],[],[]]', 10, 'more than the 10 values'],
])('too many %s', (_what, json, most, message) => {
  expect(shapeFault(json, most)?.message).toContain(message);
});

test.each([
  ['as many levels as may be', `${'['.repeat(32)}${']'.repeat(32)}`],
  [
    'brackets and commas in a text',
    JSON.stringify({ a: '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[,,,,,,,,,,,,,,,"' }),
  ],
  ['backslashes at the end of a text', JSON.stringify(['a\\', '\\\\', '\\"[[[['])],
  ['a text that is not closed', '"[[[[,,,'],
  ['nothing', ''],
])('%s', (_what, json) => {
  expect(depthOf([])).toBe(1);
  expect(shapeFault(json, 40)).toBe(undefined);
});

test('a text that cannot be kept is found wherever it is', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 3, stringUnit }), fc.constantFrom('\ud800', '\0'), (json, bad) => {
      expect(textFault(JSON.parse(json)) === undefined).toBe(!/\\u0000|\\ud[89a-f]/.test(json));
      for (const value of [[bad], { [bad]: 1 }, { a: [{ b: bad }] }]) {
        expect(textFault(value)).toBeDefined();
        expect(mayBeUnstorable(JSON.stringify(value))).toBe(true);
      }
    }),
    { seed: 12, numRuns: 50 },
  );
  expect(textFault({ 'a/b': ['x', '\0'] })?.pointer).toBe('/a~1b/1');
});

test('a value is small up to so many parts', () => {
  expect(isSmallJson({ a: [1, 2, 3] }, 5)).toBe(true);
  expect(isSmallJson({ a: [1, 2, 3, 4] }, 5)).toBe(false);
});
