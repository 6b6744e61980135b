import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diffLines, withContext } from './line-diff.ts';

const texts = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 });

test('a difference without its new lines is the old text, without its old lines the new one', () => {
  fc.assert(
    fc.property(texts, texts, (before, after) => {
      const lines = diffLines(before, after);
      const without = (sign: string) => lines.filter((line) => line.sign !== sign).map(({ text }) => text);
      expect(without('+')).toEqual(before);
      expect(without('-')).toEqual(after);
    }),
  );
});

test('a text does not differ from itself', () => {
  fc.assert(
    fc.property(texts, (text) => {
      expect(diffLines(text, text).every(({ sign }) => sign === ' ')).toBe(true);
    }),
  );
});

test('lines far from a change are left out, and a gap between two changes is marked', () => {
  const lines = diffLines(['a', 'x', 'b', 'c', 'd', 'y', 'e'], ['a', 'X', 'b', 'c', 'd', 'Y', 'e']);
  expect(withContext(lines, 1).map((line) => (line === null ? '…' : `${line.sign}${line.text}`))).toEqual([
    ' a',
    '-x',
    '+X',
    ' b',
    '…',
    ' d',
    '-y',
    '+Y',
    ' e',
  ]);
});
