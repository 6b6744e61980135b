import { execFileSync } from 'node:child_process';
import { beforeAll, expect, test } from 'vitest';
import { ensureInstalled } from '../hosts/install.ts';
import { packCpio } from './cpio.ts';

beforeAll(async () => {
  await ensureInstalled(console.error);
});

/** What an independent reader of the format lists, with modes and sizes. */
function listed(archive: Buffer): readonly string[] {
  const text = execFileSync('busybox', ['cpio', '-tv'], {
    input: archive,
    encoding: 'utf8',
    stdio: 'pipe',
  });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^(\S+)\s+\S+\s+(\d+)\s.*\s(\S+)$/, '$1 $2 $3'));
}

test('an archive holds its files and the folders above them', () => {
  const archive = packCpio([
    { name: 'init', content: Buffer.from('abc'), executable: true },
    { name: 'a/b/c', content: Buffer.alloc(5000, 1) },
  ]);
  expect(listed(archive)).toEqual([
    'drwxr-xr-x 0 a',
    'drwxr-xr-x 0 a/b',
    '-rwxr-xr-x 3 init',
    '-rw-r--r-- 5000 a/b/c',
  ]);
});
