import { readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../lib/temporary-folder.fixture.ts';
import { createHostsFiles } from './hosts-files.ts';

const dockers = '127.0.0.1\tlocalhost\n172.16.100.10\t0123456789ab\n';
const lines = [{ ip: '172.16.100.20', names: ['box2'] }];
/** A clock by which no file was written just now. */
const later = { now: () => Date.now() + 60_000, delay: async () => {} };
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let path: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  path = join(folder.path, 'hosts');
});
afterEach(() => folder[Symbol.asyncDispose]());

test('the file gets the block in place, and loses it: it is the same file, as Docker bound it', async () => {
  await writeFile(path, dockers);
  const { ino } = await stat(path);
  const files = createHostsFiles(later);
  expect(await files.put(path, lines)).toBe(true);
  expect(await readFile(path, 'utf8')).toMatch(/^127[^]*\n172\.16\.100\.20 box2\n#[^\n]*\n$/);
  expect(await files.put(path, [])).toBe(true);
  expect(await readFile(path, 'utf8')).toBe(dockers);
  expect((await stat(path)).ino).toBe(ino);
});

test('bytes that are no UTF-8 come through', async () => {
  const odd = Buffer.from([0x31, 0x2e, 0x31, 0x20, 0xff, 0xfe, 0x20, 0xc3, 0xa9, 0x0a]);
  await writeFile(path, odd);
  const files = createHostsFiles(later);
  await files.put(path, lines);
  expect((await readFile(path)).subarray(0, odd.length)).toEqual(odd);
  await files.put(path, []);
  expect(await readFile(path)).toEqual(odd);
});

test('a file that Docker wrote again has the block again; one that nobody changed is not written', async () => {
  await writeFile(path, dockers);
  const files = createHostsFiles(later);
  await files.put(path, lines);
  const { mtimeMs } = await stat(path);
  await files.put(path, lines);
  expect((await stat(path)).mtimeMs).toBe(mtimeMs);
  await writeFile(path, dockers);
  await files.put(path, lines);
  expect(await readFile(path, 'utf8')).toContain('box2');
});

test('a link is not followed, a folder and a large file are refused, and one that is not there is none', async () => {
  const files = createHostsFiles(later);
  expect(await files.put(path, lines)).toBe(false);
  const target = join(folder.path, 'target');
  await writeFile(target, dockers);
  await symlink(target, path);
  await expect(files.put(path, lines)).rejects.toThrow('ELOOP');
  expect(await readFile(target, 'utf8')).toBe(dockers);
  await expect(files.put(folder.path, lines)).rejects.toThrow('EISDIR');
  const large = join(folder.path, 'large');
  await writeFile(large, '#'.repeat(1024 * 1024 + 1));
  await expect(files.put(large, lines)).rejects.toThrow('larger');
});

test('a file that Docker has just written is left to rest, and one that is empty is being written', async () => {
  await writeFile(path, dockers);
  let now = (await stat(path)).mtimeMs + 10;
  const waits: number[] = [];
  const files = createHostsFiles({
    now: () => now,
    delay: async (ms) => {
      expect(await readFile(path, 'utf8')).toBe(dockers);
      waits.push(ms);
      now += ms;
    },
  });
  expect(await files.put(path, lines)).toBe(true);
  expect([waits.length, await readFile(path, 'utf8')]).toEqual([1, expect.stringContaining('box2')]);
  await writeFile(path, '');
  await expect(createHostsFiles(later).put(path, lines)).rejects.toThrow('empty');
  expect(await readFile(path, 'utf8')).toBe('');
});
