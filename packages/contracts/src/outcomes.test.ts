import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { allocationOutcomeTable, claimOutcomeTable, leaseShortageTable } from './outcomes.ts';

const sql = (name: string): string =>
  readFileSync(new URL(`../../../prisma/functions/${name}.sql`, import.meta.url), 'utf8');

/** The text of functions of a file. */
const functions = (file: string, names: string): string => {
  const found = sql(file).match(new RegExp(`^CREATE FUNCTION (${names})\\(.*?^(END )?\\$\\$;`, 'gms')) ?? [];
  expect(found).toHaveLength(names.split('|').length);
  return found.join('\n');
};

/** The words that a text gives as an outcome, sorted, each once. */
const given = (text: string): string[] =>
  [
    ...new Set(
      [
        ...text.matchAll(
          /(?::= |THEN |ELSE |RETURN |SELECT(?: DISTINCT)? x\.pos, |COALESCE\(\w+\([^()]*\), )'([a-z_]+)'/g,
        ),
      ].map(([, outcome = '']) => outcome),
    ),
  ].toSorted();

test.each([
  ...Object.entries(allocationOutcomeTable).map(([outcome, { means }]) => [outcome, means] as const),
  ...Object.entries(leaseShortageTable),
  ...Object.entries(claimOutcomeTable),
])('%s says in a sentence what it means', (_outcome, means) => {
  expect(means).toMatch(/^[A-Z].*\.$/);
});

test('the outcomes that the database gives a request for addresses are those of the table', () => {
  const texts = [
    sql('allocation'),
    functions('address-state', 'claim_address'),
    functions('address-rules', 'why_not_given'),
  ];
  expect(given(texts.join('\n'))).toEqual(Object.keys(allocationOutcomeTable).toSorted());
});

test('the outcomes that the database gives a claim are those of the table', () => {
  const texts = [sql('claims'), functions('address-rules', 'who_may_not|why_not_given')];
  expect([...given(texts.join('\n')), 'mac_in_use'].toSorted()).toEqual(
    Object.keys(claimOutcomeTable).toSorted(),
  );
});

test('the causes of a shortage that the database gives are those of the table', () => {
  const causes = functions('leases', 'lease_batch').matchAll(/why := (?:'[a-z_]+'|CASE.*?END;)/gs);
  expect(given([...causes].join('\n'))).toEqual(Object.keys(leaseShortageTable).toSorted());
});
