import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { exitCodeTable } from './exit-codes.ts';

test('docs/cli.md has the table of exit codes', async () => {
  const page = await readFile(new URL('../../../../docs/cli.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(\d+)` +\| (.+?) +\|$/gm)].map(([, code, means]) => [
    Number(code),
    means,
  ]);
  expect(rows).toEqual(Object.values(exitCodeTable).map(({ code, means }) => [code, means]));
});
