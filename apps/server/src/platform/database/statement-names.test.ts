import { expect, test } from 'vitest';
import { createStatementNames } from './statement-names.ts';

test('a text has one name, and no other text has it', () => {
  const nameOf = createStatementNames();
  const one = nameOf('SELECT 1 FROM host WHERE id = $1');
  expect(one).toMatch(/^[\w-]{22}$/);
  expect(nameOf('SELECT 1 FROM host WHERE id = $1')).toBe(one);
  expect(nameOf('SELECT 2 FROM host WHERE id = $1')).not.toBe(one);
});

test.each([
  'SELECT "public"."host"."id" FROM "public"."host" WHERE "public"."host"."id" IN ($1,$2)',
  'BEGIN',
  'COMMIT',
  'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ',
])('%s has none', (sql) => {
  expect(createStatementNames()(sql)).toBe('');
});

test('what is named is bounded: connections keep it', () => {
  const nameOf = createStatementNames(2);
  const [first, second, third] = ['SELECT 1', 'WITH a AS (SELECT 1) SELECT 2', 'SELECT 3'].map((sql) =>
    nameOf(sql),
  );
  expect([first, second].every((name) => name !== '')).toBe(true);
  expect(third).toBe('');
  expect(nameOf('SELECT 1')).toBe(first);
});
