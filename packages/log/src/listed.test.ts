import { expect, test } from 'vitest';
import { listed } from './listed.ts';

test.each([
  [['a'], {}, 'a'],
  [['a', 'b', 'c', 'd', 'e'], {}, 'a, b, c, d, e'],
  [['a', 'b', 'c', 'd', 'e', 'f', 'g'], {}, 'a, b, c, d, e and 2 more'],
  [['a', 'b'], { total: 9 }, 'a, b and 7 more'],
  [['a', 'b'], { joint: '; ' }, 'a; b'],
  [['a', 'b', 'c'], { max: 1 }, 'a and 2 more'],
])('a sentence names five at most, and counts the rest: %j %j', (texts, how, sentence) => {
  expect(listed(texts, how)).toBe(sentence);
});
