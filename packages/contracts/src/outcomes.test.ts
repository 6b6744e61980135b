import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { claimOutcomeTable, leaseShortageTable } from './outcomes.ts';

const sql = (name: string): string =>
  readFileSync(new URL(`../../../prisma/functions/${name}.sql`, import.meta.url), 'utf8');

test.each([...Object.entries(leaseShortageTable), ...Object.entries(claimOutcomeTable)])(
  '%s says in a sentence what it means',
  (_outcome, means) => {
    expect(means).toMatch(/^[A-Z].*\.$/);
  },
);

test('every outcome that the database gives a claim is in the table', () => {
  const refusals =
    sql('address-rules').match(/^CREATE FUNCTION (who_may_not|why_not_given)\(.*?^\$\$;/gms) ?? [];
  expect(refusals).toHaveLength(2);
  const texts = [sql('claims'), ...refusals].join('\n');
  const given = [...texts.matchAll(/(?:outcome := |THEN |ELSE )'([a-z_]+)'/g)].map(
    ([, outcome = '']) => outcome,
  );
  expect(given.length).toBeGreaterThan(15);
  expect(given.filter((outcome) => !Object.hasOwn(claimOutcomeTable, outcome))).toEqual([]);
});
