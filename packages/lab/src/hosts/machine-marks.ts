import { mkdir, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { mustRun, type Run } from './commands.ts';

/** Where iproute2 keeps named network namespaces, ip-netns(8). */
export const NETNS_DIRECTORY = '/run/netns';

/**
 * Folders that a host's own disk is mounted over. A mount needs a folder underneath, so those that the
 * machine lacks are made, written down, and removed with the last lab.
 */
export const MOUNT_POINTS = ['/etc/docker', '/var/lib/docker', '/var/lib/trunkline-agent'] as const;

/** What labs had to make on the machine outside of their own folders. */
interface MachineMarks {
  readonly folders: readonly string[];
  /** The first `ip netns add` of a machine mounts /run/netns onto itself. */
  readonly netnsMount: boolean;
}

const marksFile = (root: string): string => path.join(root, 'machine.json');

async function exists(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  );
}

async function readMarks(root: string): Promise<MachineMarks> {
  try {
    // Written by writeFile below and by nobody else
    return JSON.parse(await readFile(marksFile(root), 'utf8')) as MachineMarks;
  } catch {
    return { folders: [], netnsMount: false };
  }
}

async function isMountPoint(run: Run, folder: string): Promise<boolean> {
  return (await run(['mountpoint', '-q', folder])).code === 0;
}

/** Makes what hosts need on the machine and writes down what was missing. Call it under the machine's lock. */
export async function prepareMachine(run: Run, root: string): Promise<void> {
  const known = await readMarks(root);
  const missing: string[] = [];
  for (const folder of MOUNT_POINTS) if (!(await exists(folder))) missing.push(folder);
  const netnsMount = known.netnsMount || !(await isMountPoint(run, NETNS_DIRECTORY));
  const marks: MachineMarks = { folders: [...new Set([...known.folders, ...missing])], netnsMount };
  await mkdir(root, { recursive: true });
  await writeFile(marksFile(root), `${JSON.stringify(marks)}\n`);
  for (const folder of missing) await mkdir(folder);
}

/**
 * Takes back what {@link prepareMachine} made, as far as nobody else uses it by now, and the state
 * folder itself. Does nothing while a lab is left. Call it under the machine's lock.
 */
export async function restoreMachine(run: Run, root: string): Promise<void> {
  if (!(await exists(root))) return;
  const entries = await readdir(root, { withFileTypes: true });
  if (entries.some((entry) => entry.isDirectory())) return;
  const marks = await readMarks(root);
  for (const folder of marks.folders) await rmdir(folder).catch(() => undefined);
  if (marks.netnsMount && (await isMountPoint(run, NETNS_DIRECTORY))) {
    const named = await readdir(NETNS_DIRECTORY);
    if (named.length === 0) {
      await mustRun(run, ['umount', NETNS_DIRECTORY]);
      await rmdir(NETNS_DIRECTORY).catch(() => undefined);
    }
  }
  await rm(root, { recursive: true, force: true });
}
