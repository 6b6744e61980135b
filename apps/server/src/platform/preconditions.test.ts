import { expect, test } from 'vitest';
import { checkIfMatch } from './preconditions.ts';

const current = '"2.3f7a5d0e8b11"';

test.each([
  ['the present tag', current],
  ['whatever is there', '*'],
  ['a list with the present tag in it', `"x", ${current}`],
  ['a list without spaces', `"x",${current},"y"`],
])('If-Match with %s lets the change through', (_what, header) => {
  expect(() => checkIfMatch({ headers: { 'if-match': header } }, current)).not.toThrow();
});

test.each([
  ['another tag', '"1.3f7a5d0e8b11"'],
  ['a list of others', '"x", "y"'],
  ['the present tag, but weak', `W/${current}`],
])('If-Match with %s does not', (_what, header) => {
  expect(() => checkIfMatch({ headers: { 'if-match': header } }, current)).toThrow(
    expect.objectContaining({ code: 'precondition_failed' }),
  );
});
