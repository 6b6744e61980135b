import { chown, mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { advice, EmbeddedPostgresFailed, errnoOf } from './errors.ts';
import type { Log } from './log.ts';
import { blockedAbove } from './reachable.ts';
import { runProgram } from './run-program.ts';
import type { SystemUser } from './system-user.ts';
import { syncToDisk } from './sync-to-disk.ts';

/** A program of PostgreSQL, ready to be given to a cluster. */
export interface ClusterAccess {
  /** The real path of the cluster, and the working folder that programs must be started in. */
  readonly folder: string;
  /** The cluster as PostgreSQL must get it. */
  readonly path: string;
}

/**
 * Makes the cluster if it is not there. `initdb` works in a folder beside, which is renamed when it is whole, so a
 * server that is killed at any time leaves either no cluster or a good one; unfinished ones are removed.
 *
 * Fails with {@link EmbeddedPostgresFailed} (`initdb`, `permission`).
 */
export async function ensureCluster(options: {
  readonly folder: string;
  readonly binaries: string;
  /** Whom PostgreSQL runs as, or null: as ourselves. */
  readonly user: SystemUser | null;
  readonly superuser: string;
  readonly log: Log;
}): Promise<void> {
  const { folder, binaries, user, superuser, log } = options;
  await removeUnfinished(folder, log);
  if (await isCluster(folder)) return;
  const unfinished = await mkdtemp(`${folder}.initdb-`);
  try {
    if (user !== null) await chown(unfinished, user.uid, user.gid);
    const access = await clusterAccess(unfinished, user);
    const started = performance.now();
    const { code, output } = await runProgram(
      join(binaries, 'bin', 'initdb'),
      initdbArguments(access.path, superuser),
      {
        cwd: access.folder,
        timeoutMs: 300_000,
        ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
      },
    );
    if (code !== 0) {
      throw new EmbeddedPostgresFailed(
        'initdb',
        `PostgreSQL could not make its cluster in ${folder}.${advice(output)}`,
        {
          output,
        },
      );
    }
    await rename(unfinished, folder);
    await syncToDisk(dirname(folder));
    log.info({ folder, ms: Math.round(performance.now() - started) }, 'made the PostgreSQL cluster');
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true, maxRetries: 5 });
    throw error;
  }
}

/**
 * How a program started as `user` gets at a folder. Below a folder that the user cannot enter (a data directory under
 * /root) no path leads there; but the working folder is entered before the user is switched, and `/proc/self/cwd` is
 * that folder whatever lies above it (proc_pid_cwd(5)), also for the processes that PostgreSQL makes.
 */
export async function clusterAccess(folder: string, user: SystemUser | null): Promise<ClusterAccess> {
  const real = await realpath(folder);
  const blocked = user === null ? undefined : await blockedAbove(real, user);
  return { folder: real, path: blocked === undefined ? real : '/proc/self/cwd' };
}

/** The user and group that own the cluster, or undefined when there is none yet. */
export async function clusterOwner(folder: string): Promise<{ uid: number; gid: number } | undefined> {
  try {
    const { uid, gid } = await stat(folder);
    return { uid, gid };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function initdbArguments(path: string, superuser: string): string[] {
  return [
    `--pgdata=${path}`,
    `--username=${superuser}`,
    // The socket lies in a folder that only the server can enter; TCP is off (see postmaster.ts) and stays refused.
    '--auth-local=trust',
    '--auth-host=reject',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--data-checksums',
    '--no-instructions',
  ];
}

async function isCluster(folder: string): Promise<boolean> {
  try {
    await readFile(join(folder, 'PG_VERSION'));
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw new EmbeddedPostgresFailed(
      'permission',
      `The PostgreSQL cluster ${folder} cannot be read. Run the server as the user that made it, or as root.`,
      { cause: error },
    );
  }
}

async function removeUnfinished(folder: string, log: Log): Promise<void> {
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    if (!name.startsWith(`${basename(folder)}.initdb-`)) continue;
    log.warn(
      { folder: join(parent, name) },
      'removing the PostgreSQL cluster that an earlier start did not finish',
    );
    await rm(join(parent, name), { recursive: true, force: true, maxRetries: 5 });
  }
}
