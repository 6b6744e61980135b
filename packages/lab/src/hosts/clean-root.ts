import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '@trunkline/log';
import { mustRun, run } from './commands.ts';
import { ensureInstalled, type Log } from './install.ts';
import { withMachineLock } from './machine-lock.ts';

const CACHE = '/var/cache/trunkline-root';
/** What packages of Trunkline depend on; the root has no network. */
const PACKAGES = ['init-system-helpers', 'iproute2', 'libstdc++6'];

/**
 * Makes a folder the root of a fresh Debian of this machine's release with little more than apt, from the distribution's mirror: kept in `/var/cache`, so
 * only the first time takes a minute. Answers null, or why it cannot be had here.
 */
export async function unpackCleanRoot(folder: string, log: Log): Promise<string | null> {
  try {
    const suite = await suiteOfMachine();
    const archive = path.join(CACHE, `${suite}.tar`);
    await withMachineLock(CACHE, async () => {
      if (!existsSync(archive)) await build(suite, archive, log);
    });
    await mkdir(folder, { recursive: true });
    await mustRun(run, ['tar', '-C', folder, '-xf', archive]);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

/** Name of the Debian release that this machine runs, os-release(5). */
async function suiteOfMachine(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8');
  const value = (key: string): string | undefined => new RegExp(`^${key}="?([^"\n]*)`, 'm').exec(text)?.[1];
  const suite = value('VERSION_CODENAME');
  if (value('ID') !== 'debian' || suite === undefined)
    throw new Error('this machine runs no release of Debian');
  return suite;
}

async function build(suite: string, archive: string, log: Log): Promise<void> {
  await ensureInstalled(log, { mmdebstrap: 'mmdebstrap' });
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(path.join(CACHE, 'making-'));
  try {
    const made = path.join(work, 'root.tar');
    log(`making a clean Debian ${suite} in ${archive}`);
    await mustRun(run, ['mmdebstrap', '--variant=minbase', `--include=${PACKAGES.join(',')}`, suite, made], {
      timeoutMs: 540_000,
    });
    await rename(made, archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
