import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { installedKibibytes, setTimes, writeTree, type PackagedFile } from './tree.ts';

const run = promisify(execFile);

/** How hard to compress: `small` for what is given away, `fast` for what a test installs at once. */
export type Compression = 'small' | 'fast';
const compressionFlags = { small: ['-Zxz', '-z6'], fast: ['-Zgzip', '-z1'] } as const;

/** A Debian package. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly files: readonly PackagedFile[];
  /**
   * Folder of its `control`, `conffiles` and maintainer scripts (deb(5)). In `control`, `@VERSION@`, `@ARCHITECTURE@` and `@INSTALLED_SIZE@` are
   * filled in.
   */
  readonly controlDir: string;
  /** Time of everything in it, in seconds since 1970. */
  readonly time: number;
  readonly compression: Compression;
  readonly outDir: string;
}

const scripts = ['preinst', 'postinst', 'prerm', 'postrm'];

/** Makes a package; answers its file. The same input gives the same bytes, whoever makes it and when. */
export async function makeDeb(of: DebianPackage): Promise<string> {
  const work = await mkdtemp(path.join(tmpdir(), 'trunkline-deb-'));
  try {
    await writeTree(work, of.files);
    const size = await installedKibibytes(work);
    await writeTree(path.join(work, 'DEBIAN'), [...(await controlFiles(of, size)), sums(of.files)]);
    await setTimes(work, of.time);
    await mkdir(of.outDir, { recursive: true });
    const file = path.join(of.outDir, `${of.name}_${of.version}_${of.architecture}.deb`);
    const flags = compressionFlags[of.compression];
    await run('dpkg-deb', ['--root-owner-group', ...flags, '--build', work, file], {
      // With more threads xz cuts its input otherwise.
      env: { ...process.env, SOURCE_DATE_EPOCH: String(of.time), DPKG_DEB_THREADS_MAX: '1' },
    });
    return file;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function controlFiles(of: DebianPackage, size: number): Promise<PackagedFile[]> {
  const names = await readdir(of.controlDir);
  return await Promise.all(
    names.map(async (name) => {
      const text = await readFile(path.join(of.controlDir, name), 'utf8');
      if (name !== 'control')
        return { path: name, content: text, mode: scripts.includes(name) ? 0o755 : 0o644 };
      const filled = text
        .replace('@VERSION@', of.version)
        .replace('@ARCHITECTURE@', of.architecture)
        .replace('@INSTALLED_SIZE@', String(size));
      return { path: name, content: filled };
    }),
  );
}

function sums(files: readonly PackagedFile[]): PackagedFile {
  const lines = files
    .filter((file) => !file.path.startsWith('etc/'))
    .map(({ path: name, content }) => `${createHash('md5').update(content).digest('hex')}  ${name}\n`);
  return { path: 'md5sums', content: lines.sort().join('') };
}
