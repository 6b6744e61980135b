import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { advisoryKeys } from './locks.ts';

const root = fileURLToPath(new URL('../../../../../', import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');
const sources = ['prisma/functions/*.sql', 'apps/*/src/**/*.ts', 'packages/*/src/**/*.ts'];
const files = globSync(sources, { cwd: root }).filter((path) => !path.endsWith('.test.ts'));

test('advisory locks are taken in locks.ts and in the SQL functions of its keys, and nowhere else', () => {
  const takers = files.filter((path) => read(path).includes('pg_advisory'));
  expect(takers.sort()).toEqual([
    'apps/server/src/platform/database/locks.ts',
    'prisma/functions/inventory.sql',
    'prisma/functions/recovery.sql',
  ]);
  const calls = takers.flatMap((path) =>
    [...read(path).matchAll(/pg_advisory\w+\(([^\n]*)/g)].map(([, key = '']) => key),
  );
  const ofSql = calls.filter((key) => !key.includes('$'));
  expect(new Set(ofSql)).toEqual(
    new Set([
      'past_lock());',
      `hashtextextended('${advisoryKeys.hostReport}' || lock_host_report.host, 0));`,
    ]),
  );
  expect(read('prisma/functions/recovery.sql')).toContain(`AS $$ SELECT ${advisoryKeys.past} $$`);
});

test('docs/locking.md names every function that takes a lock', () => {
  const page = read('docs/locking.md');
  const lock = /\bFOR (NO KEY UPDATE|UPDATE|SHARE|KEY SHARE)\b|pg_advisory\w+\(/;
  const functions = files.flatMap((path) => {
    const head = path.endsWith('.sql')
      ? /^CREATE FUNCTION (\w+)/gm
      : /^(?:export )?(?:async )?function (\w+)/gm;
    const text = read(path);
    const found = [...text.matchAll(head)];
    return found
      .filter((match, at) => lock.test(text.slice(match.index, found[at + 1]?.index)))
      .map(([, name = '']) => name);
  });
  expect(functions.length).toBeGreaterThan(20);
  expect(functions.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
