import { expect, test } from 'vitest';
import { answerTag, hasTag } from './conditional-get.ts';

test('a tag has the version of the resource in front, and another end for another answer', () => {
  const [one, other] = [answerTag('"3.5d0e8b11"', 'a'), answerTag('"3.5d0e8b11"', 'b')];
  expect(one).toMatch(/^"3\.5d0e8b11\.[\w-]{22}"$/);
  expect(other).not.toBe(one);
  expect(answerTag('"3.5d0e8b11"', 'a')).toBe(one);
  expect(answerTag(undefined, 'a')).toMatch(/^"[\w-]{22}"$/);
});

test.each([
  ['"a"', true],
  ['W/"a"', true],
  ['"b", "a"', true],
  ['*', true],
  ['"b"', false],
  ['a', false],
  ['', false],
])('If-None-Match: %s', (header, has) => {
  expect(hasTag(header, '"a"')).toBe(has);
});
