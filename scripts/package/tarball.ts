import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { setTimes, writeTree, type PackagedFile } from './tree.ts';

const run = promisify(execFile);

/** An archive for systems without Debian packages. */
export interface Tarball {
  /** Of the file, without its ending, and of the one folder in it. */
  readonly name: string;
  readonly files: readonly PackagedFile[];
  /** Time of everything in it, in seconds since 1970. */
  readonly time: number;
  readonly outDir: string;
}

/** Makes `<name>.tar.xz`; answers its file. The same input gives the same bytes. */
export async function makeTarball({ name, files, time, outDir }: Tarball): Promise<string> {
  const work = await mkdtemp(path.join(tmpdir(), 'trunkline-tar-'));
  try {
    await writeTree(path.join(work, name), files);
    await setTimes(work, time);
    await mkdir(outDir, { recursive: true });
    const file = path.join(outDir, `${name}.tar.xz`);
    const asRoot = ['--sort=name', '--format=gnu', '--owner=root:0', '--group=root:0'];
    await run('tar', ['-C', work, ...asRoot, '--use-compress-program=xz -6 -T1', '-cf', file, name]);
    return file;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
