import { expect, test } from 'vitest';
import {
  decodeCursor,
  encodeCursor,
  isIdPosition,
  isNamePosition,
  isRevisionPosition,
} from './pagination.ts';

const id = '0192f0c1-6d7e-7a52-9c1b-000000000001';

test.each([
  ['names', 'mac_net1', isNamePosition],
  ['ids', id, isIdPosition],
  ['revisions', '1042', isRevisionPosition],
] as const)('a cursor of a list by %s is taken as it was given', (list, position, isPosition) => {
  expect(decodeCursor(list, encodeCursor(list, position), isPosition)).toBe(position);
  expect(decodeCursor(list, undefined, isPosition)).toBeUndefined();
});

test.each<[string, string, (position: string) => boolean]>([
  ['of another list', encodeCursor('others', id), isIdPosition],
  ['that is none', 'not-a-cursor', isIdPosition],
  ['by id that names none', encodeCursor('list', 'abc'), isIdPosition],
  ['by revision that names none', encodeCursor('list', '1.5'), isRevisionPosition],
  ['by revision beyond all', encodeCursor('list', '9'.repeat(30)), isRevisionPosition],
  ['by name with what no name has', encodeCursor('list', 'a\u0000b'), isNamePosition],
])('a cursor %s is refused before the database is asked', (_, cursor, isPosition) => {
  expect(() => decodeCursor('list', cursor, isPosition)).toThrow(
    expect.objectContaining({ code: 'invalid_cursor' }),
  );
});
