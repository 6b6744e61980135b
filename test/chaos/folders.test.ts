import { chown, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { copyContents } from './folders.ts';

const isRoot = process.getuid?.() === 0;

test.skipIf(!isRoot)('a copy of a folder keeps the owner of each file (needs root)', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'trunkline-test-'));
  try {
    const [from, to] = [path.join(folder, 'from'), path.join(folder, 'to')];
    await mkdir(path.join(from, 'cluster'), { recursive: true });
    await writeFile(path.join(from, 'cluster/file'), 'x');
    for (const name of ['cluster', 'cluster/file']) await chown(path.join(from, name), 1234, 1235);
    await copyContents(from, to);
    for (const name of ['cluster', 'cluster/file'])
      expect(await stat(path.join(to, name))).toMatchObject({ uid: 1234, gid: 1235 });
  } finally {
    await rm(folder, { recursive: true });
  }
});
