import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultLabName } from './default-name.ts';
import { checkLabName } from './names.ts';

let root: string;

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'trunkline-names-'));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

async function checkout(...folders: string[]): Promise<string> {
  const folder = path.join(root, ...folders);
  await mkdir(folder, { recursive: true });
  return folder;
}

test.each([
  ['main', /^main-[0-9a-f]{6}$/],
  ['Trunkline_v2 (copy)', /^trunkline-v2-[0-9a-f]{6}$/],
  ['a-very-long-name-of-a-checkout', /^a-very-long-[0-9a-f]{6}$/],
  ['--', /^lab-[0-9a-f]{6}$/],
  ['分支', /^lab-[0-9a-f]{6}$/],
])('the lab of a checkout in a folder %s has a usable name', async (folder, shape) => {
  const name = defaultLabName(await checkout(folder));
  expect(name).toMatch(shape);
  expect(() => checkLabName(name)).not.toThrow();
});

test('two checkouts in folders of one name have labs of different names', async () => {
  const [one, two] = [await checkout('a', 'main'), await checkout('b', 'main')];
  expect(defaultLabName(one)).not.toBe(defaultLabName(two));
});

test('one checkout has one name, also through a symbolic link', async () => {
  const real = await checkout('real');
  const link = path.join(root, 'link');
  await symlink(real, link);
  expect(defaultLabName(link)).toBe(defaultLabName(real));
  expect(defaultLabName(real)).toBe(defaultLabName(`${real}/`));
});
