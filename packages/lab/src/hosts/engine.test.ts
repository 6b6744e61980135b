import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { engineFolder, resolveEngine } from './engine.ts';
import { createLab } from './lab.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'engine-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function put(...programs: string[]): Promise<void> {
  await mkdir(path.join(folder, 'bin'), { recursive: true });
  for (const program of programs) {
    const file = path.join(folder, 'bin', program);
    await writeFile(file, '#!/bin/sh\n');
    await chmod(file, 0o755);
  }
}

test('a release is found in the folder itself and in its bin', async () => {
  await put('dockerd', 'docker', 'containerd', 'runc');
  const bin = path.join(folder, 'bin');
  expect([engineFolder(folder), engineFolder(bin)]).toEqual([bin, bin]);
  expect(await resolveEngine(folder)).toBe(bin);
  expect(await resolveEngine('')).toBeNull();
});

test('what is no release, or half of one, is refused with what is missing, and no lab is built', async () => {
  expect(() => engineFolder(folder)).toThrow(`there is no dockerd in ${folder}`);
  await put('dockerd', 'docker');
  expect(() => engineFolder(folder)).toThrow('lacks containerd, runc');
  await expect(createLab({ name: 'no-engine', hosts: 1, engine: folder })).rejects.toThrow(
    'lacks containerd',
  );
});
