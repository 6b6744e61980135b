/** Words for programs that a document explains are those of the tables of the contract, with the same text. */
import { readFile } from 'node:fs/promises';
import { bootProblemTable, findingTable } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { tableRows } from './table-rows.ts';

const read = (path: string): Promise<string> =>
  readFile(new URL(`../../docs/${path}`, import.meta.url), 'utf8');

test.each([
  [
    'findings of a check of addresses',
    'networks.md',
    Object.entries(findingTable).map(([kind, means]) => [`\`${kind}\``, means]),
  ],
  [
    'reasons of the boot stage',
    'operations.md',
    Object.entries(bootProblemTable).map(([reason, { means, remedy }]) => [`\`${reason}\``, means, remedy]),
  ],
])('%s', async (_, document, rows) => {
  const listed = tableRows(await read(document));
  const start = listed.findIndex(([first]) => first === rows[0]?.[0]);
  expect(listed.slice(start, start + rows.length)).toEqual(rows);
});
