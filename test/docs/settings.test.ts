/** The README lists every setting of the programs, and no other. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

const read = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const names = (text: string, pattern: RegExp): string[] =>
  [...new Set([...text.matchAll(pattern)].map(([name]) => name))].toSorted();

test.each([
  ['the server', 'apps/server/src/config.ts', '## Settings of the server'],
  ['the agent', 'apps/agent/src/config.ts', '## Settings of the agent'],
])('settings of %s', async (_, source, heading) => {
  const [code, readme] = await Promise.all([read(source), read('README.md')]);
  const [section = ''] = (readme.split(heading)[1] ?? '').split('\n## ');
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|')[1] ?? '');
  const pattern = /\b(?:TRUNKLINE_[A-Z_]+|DATABASE_URL)\b/g;
  expect(names(rows.join('\n'), pattern)).toEqual(names(code, pattern));
});
