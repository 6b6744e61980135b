/** The index of decisions names each of them, with the title and status that it has. */
import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { tableRows } from './table-rows.ts';

const folder = new URL('../../docs/decisions/', import.meta.url);

test('every decision is in the index, with its title and its status', async () => {
  const files = (await readdir(folder)).filter((name) => /^\d{4}-.*\.md$/.test(name)).toSorted();
  const rows = await Promise.all(
    files.map(async (name) => {
      const text = await readFile(new URL(name, folder), 'utf8');
      const [, number, title] = /^# (\d{4}): (.+)$/m.exec(text) ?? [];
      const [, status, date] = /^Status: ([a-z]+)\. Date: (\d{4}-\d{2}-\d{2})\./m.exec(text) ?? [];
      expect({ name, number }).toEqual({ name, number: name.slice(0, 4) });
      return [`[${number}](${name})`, title, status, date];
    }),
  );
  const index = await readFile(new URL('README.md', folder), 'utf8');
  expect(tableRows(index).filter(([first]) => first?.startsWith('['))).toEqual(rows);
});
