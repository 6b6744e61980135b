/** The README lists every setting of the programs, CONTRIBUTING every variable of the tests, and no other. */
import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { tableRows } from './table-rows.ts';

const read = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const names = (text: string, pattern: RegExp): string[] =>
  [...new Set([...text.matchAll(pattern)].map(([name]) => name))].toSorted();

const variables = /\b(?:TRUNKLINE_[A-Z_]+|DATABASE_URL)\b/g;

/** The variables in the first column of the tables of a section. */
function listed(document: string, heading: string): string[] {
  const [section = ''] = (document.split(heading)[1] ?? '').split('\n## ');
  const first = tableRows(section).map(([cell = '']) => cell);
  return names(first.filter((cell) => cell.startsWith('`')).join('\n'), variables);
}

test.each([
  ['the server', 'apps/server/src/config.ts', '## Settings of the server'],
  ['the agent', 'apps/agent/src/config.ts', '## Settings of the agent'],
])('settings of %s', async (_, source, heading) => {
  const [code, readme] = await Promise.all([read(source), read('README.md')]);
  expect(listed(readme, heading)).toEqual(names(code, variables));
});

test('variables of the tests and of their programs', async () => {
  const folders = ['test', 'packages/lab', 'scripts'];
  const files = await Promise.all(
    folders.map(async (folder) => {
      const all = await readdir(new URL(`../../${folder}/`, import.meta.url), { recursive: true });
      return all.filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`);
    }),
  );
  const texts = await Promise.all([...files.flat(), 'vitest.config.ts'].map(read));
  const settings = await Promise.all(['apps/server/src/config.ts', 'apps/agent/src/config.ts'].map(read));
  const ofPrograms = new Set(names(settings.join('\n'), variables));
  const ofTests = names(texts.join('\n'), variables).filter((name) => !ofPrograms.has(name));
  expect(listed(await read('CONTRIBUTING.md'), '## Test')).toEqual(ofTests);
});
