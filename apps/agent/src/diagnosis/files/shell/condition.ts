import { isLike } from '../undoing.ts';
import { unknown } from './expand.ts';

/** Null: not known. */
export type Truth = boolean | null;

/** What `test` and `[` say of these words (test(1)): comparisons of texts; of files and numbers nothing is known. */
export function testOf(words: readonly string[]): Truth {
  for (const [sign, isEnough] of [
    ['-o', true],
    ['||', true],
    ['-a', false],
    ['&&', false],
  ] as const) {
    const at = words.indexOf(sign);
    if (at < 1) continue;
    const sides = [testOf(words.slice(0, at)), testOf(words.slice(at + 1))];
    if (sides.includes(isEnough)) return isEnough;
    return sides.includes(null) ? null : !isEnough;
  }
  const [first = '', second, third] = words;
  if (first === '!' && second !== undefined) {
    const truth = testOf(words.slice(1));
    return truth === null ? null : !truth;
  }
  if (words.some((word) => word.includes(unknown))) return null;
  if (words.length === 1) return first !== '';
  if (words.length === 2) return first === '-n' ? second !== '' : first === '-z' ? second === '' : null;
  if (words.length !== 3 || second === undefined || third === undefined) return null;
  switch (second) {
    case '=':
    case '==':
      return isLike(third, first);
    case '!=':
      return !isLike(third, first);
    default:
      return null;
  }
}
