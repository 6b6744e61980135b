import { mkdtemp, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { identify, isRunning } from '../hosts/processes.ts';
import { waitFor } from '../hosts/wait.ts';

const prefix = 'trunkline-fleet-';

/**
 * Makes a server's data directory under the temporary folder. Its name contains its owner: directories of owners that
 * were killed are removed first, with the PostgreSQL that may still run on them.
 */
export async function makeDataDirectory(): Promise<string> {
  const parent = await realpath(tmpdir());
  for (const entry of await readdir(parent)) {
    const owner = /^trunkline-fleet-(\d+)-(\d+)-/.exec(entry);
    if (owner === null) continue;
    const [, pid = '', startTime = ''] = owner;
    if (!isRunning({ pid: Number(pid), startTime })) await removeDataDirectory(path.join(parent, entry));
  }
  const self = identify(process.pid);
  return await mkdtemp(path.join(parent, `${prefix}${String(process.pid)}-${self?.startTime ?? '0'}-`));
}

/** The PostgreSQL that runs on a server's data directory; undefined when there is none. */
export async function postmasterOf(dataDir: string): Promise<number | undefined> {
  const home = path.join(dataDir, 'postgresql');
  for (const version of await readdir(home).catch(() => [])) {
    const folder = path.join(home, version);
    const text = await readFile(path.join(folder, 'postmaster.pid'), 'utf8').catch(() => '');
    const pid = Number.parseInt(text, 10);
    // The postmaster works in its cluster: another process that got the number does not.
    if (pid > 1 && (await readlink(`/proc/${String(pid)}/cwd`).catch(() => '')) === folder) return pid;
  }
  return undefined;
}

/** kill -9 of the PostgreSQL on a data directory, its backends included; returns when the postmaster is gone. */
export async function killPostmaster(dataDir: string): Promise<void> {
  const pid = await postmasterOf(dataDir);
  if (pid === undefined) throw new Error(`no PostgreSQL runs on ${dataDir}`);
  const id = identify(pid);
  process.kill(pid, 'SIGKILL');
  if (id !== undefined) await waitFor('end of PostgreSQL', () => !isRunning(id), 10_000);
}

/** Removes a data directory whose server is gone. */
export async function removeDataDirectory(dataDir: string): Promise<void> {
  const pid = await postmasterOf(dataDir);
  const id = pid === undefined ? undefined : identify(pid);
  if (id !== undefined) {
    // Immediate shutdown: it ends its backends and writes nothing more.
    process.kill(id.pid, 'SIGQUIT');
    await waitFor('end of PostgreSQL', () => !isRunning(id), 20_000);
  }
  await removeSocketFolder(dataDir);
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
}

/** Where the path was too long or closed, the socket's folder lies elsewhere and `run` is a link to it. */
async function removeSocketFolder(dataDir: string): Promise<void> {
  const folder = await readlink(path.join(dataDir, 'postgresql', 'run')).catch(() => undefined);
  if (folder === undefined || !path.basename(folder).startsWith('trunkline-')) return;
  await rm(folder, { recursive: true, force: true });
}
