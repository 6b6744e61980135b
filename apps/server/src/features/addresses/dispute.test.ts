/** What tells an address that several hosts claim from one that a foreign station has. */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { claimantsOf, disputeLabel } from './dispute.ts';

const root = fileURLToPath(new URL('../../../../../', import.meta.url));

test('the label is spelled once in SQL and once in TypeScript, alike', () => {
  const spelled = globSync(['prisma/functions/*.sql', 'apps/*/src/**/*.ts', 'packages/*/src/**/*.ts'], {
    cwd: root,
  })
    .filter((path) => !/\.(test|fixture|fake|contract)\.ts$/.test(path))
    .flatMap((path) =>
      [...readFileSync(`${root}${path}`, 'utf8').matchAll(/[\w.]*\bclaimed-by\b/g)].map(([label]) => ({
        path,
        label,
      })),
    );
  expect(spelled).toEqual([
    {
      path: expect.stringMatching(/^prisma\/functions\/address-rules\.sql$|dispute\.ts$/),
      label: disputeLabel,
    },
    {
      path: expect.stringMatching(/^prisma\/functions\/address-rules\.sql$|dispute\.ts$/),
      label: disputeLabel,
    },
  ]);
  expect(new Set(spelled.map(({ path }) => path)).size).toBe(2);
});

test.each([
  ['conflicted', { [disputeLabel]: 'docker01 docker02' }, ['docker01', 'docker02']],
  ['conflicted', {}, null],
  ['quarantined', { [disputeLabel]: 'docker01' }, null],
] as const)('%s with the labels %o is claimed by %o', (state, labels, claimants) => {
  expect(claimantsOf({ state, labels })).toEqual(claimants);
});
