import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { prepareVm } from './kernel-package.ts';

test('two at once download one kernel, whole, whatever a killed run has left; later ones find it', async () => {
  const cache = await mkdtemp(path.join(tmpdir(), 'kernel-package-'));
  try {
    await mkdir(path.join(cache, '.new'));
    await writeFile(path.join(cache, '.new', 'half.deb'), 'half');
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    const [kernel, same] = await Promise.all([prepareVm(log, cache), prepareVm(log, cache)]);
    expect(same).toEqual(kernel);
    expect(lines.filter((line) => line.startsWith('downloading'))).toHaveLength(1);
    expect(readdirSync(cache)).toEqual([kernel.version]);
    expect(existsSync(kernel.image) && existsSync(path.join(kernel.modules, 'modules.dep'))).toBe(true);
    lines.length = 0;
    expect(await prepareVm(log, cache)).toEqual(kernel);
    expect(lines).toEqual([]);
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
});
