import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { emptyBook, using, withContext, without } from './context-book.ts';
import { contextPath, readContexts, writeContexts } from './context-file.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trunkline-contexts-'));
  path = contextPath({ XDG_CONFIG_HOME: folder });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const book = withContext(emptyBook, 'prod', { url: 'https://prod.example/', token: 'tl_prod' });
const modeOf = async (file: string) => ((await stat(file)).mode & 0o777).toString(8);

test('the file is 600 in a folder of 700, whatever they were before, and nothing else is left there', async () => {
  expect(await readContexts(path)).toEqual(emptyBook);
  await writeContexts(path, book);
  await chmod(dirname(path), 0o755);
  await writeContexts(path, book);
  expect([await modeOf(path), await modeOf(dirname(path))]).toEqual(['600', '700']);
  expect(await readContexts(path)).toEqual(book);
  expect(await readdir(dirname(path))).toEqual(['contexts.json']);
});

test('a file that others may read is not used', async () => {
  await writeContexts(path, book);
  await chmod(path, 0o640);
  await expect(readContexts(path)).rejects.toThrow('chmod 600');
});

test('a link is kept, what it leads to is replaced', async () => {
  await writeContexts(path, book);
  const elsewhere = join(folder, 'elsewhere.json');
  await writeFile(elsewhere, await readFile(path), { mode: 0o600 });
  await rm(path);
  await symlink(elsewhere, path);
  await writeContexts(path, emptyBook);
  expect((await lstat(path)).isSymbolicLink()).toBe(true);
  expect(await readContexts(elsewhere)).toEqual(emptyBook);
});

test.each(['', '[]', '{"current":1,"contexts":{}}', '{"current":null,"contexts":{"a":{"url":"x"}}}'])(
  'a file that is none of ours is said to be that: %s',
  async (text) => {
    await writeContexts(path, book);
    await writeFile(path, text);
    await expect(readContexts(path)).rejects.toThrow(path);
  },
);

test('a relative XDG_CONFIG_HOME is ignored, as its specification says', () => {
  expect(contextPath({ XDG_CONFIG_HOME: 'etc' }, '/home/me')).toBe(
    '/home/me/.config/trunkline/contexts.json',
  );
});

test('the one in use can be changed and removed, and only one that is there', () => {
  const two = withContext(book, 'lab', { url: 'http://127.0.0.1:7400/', token: 'tl_lab' });
  expect(two.current).toBe('lab');
  expect(using(two, 'prod').current).toBe('prod');
  expect(without(two, 'lab')).toEqual({ ...book, current: null });
  expect(without(two, 'prod').current).toBe('lab');
  expect(() => using(two, 'toString')).toThrow('there is no context "toString"');
});
