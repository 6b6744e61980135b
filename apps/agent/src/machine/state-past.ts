import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfAny, writeFileAtomically } from '../lib/atomic-file.ts';

/**
 * What a state folder was doing before this start. `continued`: the agent alone was restarted. `rebooted`: the machine was. `restored`:
 * the folder was put back from a copy, so it may be older than what the server and the containers know. `disowned`: the server knew no
 * such host, or the folder has the identity of another host than the one that held what is in it.
 */
export type StatePast = 'continued' | 'rebooted' | 'restored' | 'disowned';

const fileName = 'past.json';
const markName = 'past.mark';
const disownedName = 'disowned';

/** Identifies the boot of this machine (random(4), `boot_id`); null where that is not known. */
export async function readBoot(readFile: (path: string) => Promise<string>): Promise<string | null> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id').catch(() => '')).trim();
  return boot === '' ? null : boot;
}

/**
 * Reads the past of a state folder. A mark in it is known by its inode and the time of its last change, which no copy keeps:
 * whoever puts a folder back makes another file (inode(7), `ctime`). A folder without a record of its mark has continued.
 * A disk image that is put back under the machine keeps both: then only the boot is seen. `hostId`: of the identity in the folder; null
 * where it has not joined.
 */
export async function readStatePast(
  stateFolder: string,
  boot: string | null,
  hostId: string | null,
): Promise<StatePast> {
  if ((await readFileIfAny(join(stateFolder, disownedName))) !== null) return 'disowned';
  const recorded = readRecord(await readFileIfAny(join(stateFolder, fileName)));
  if (recorded === null) return 'continued';
  if (recorded.mark !== (await markOf(stateFolder))) return 'restored';
  if (recorded.hostId !== null && recorded.hostId !== hostId) return 'disowned';
  return recorded.boot === boot ? 'continued' : 'rebooted';
}

/** Records that the folder as it is now is the newest there is, and is that of this host. */
export async function markStatePast(
  stateFolder: string,
  boot: string | null,
  hostId: string | null,
): Promise<void> {
  await writeMark(stateFolder, boot, hostId);
  await rm(join(stateFolder, disownedName), { force: true });
}

/** Records that an operator declared the folder to be no copy. The recorded host stays: the operator does not decide that. */
export async function markNotCopied(stateFolder: string, boot: string | null): Promise<void> {
  const recorded = readRecord(await readFileIfAny(join(stateFolder, fileName)));
  await writeMark(stateFolder, boot, recorded?.hostId ?? null);
}

async function writeMark(stateFolder: string, boot: string | null, hostId: unknown): Promise<void> {
  await writeFile(join(stateFolder, markName), '', { mode: 0o600, flush: true });
  const mark = await markOf(stateFolder);
  await writeFileAtomically(join(stateFolder, fileName), `${JSON.stringify({ mark, boot, hostId })}\n`);
}

/** Records that the server knew no such host: known over restarts, until {@link markStatePast}. */
export async function markDisowned(stateFolder: string): Promise<void> {
  await writeFileAtomically(join(stateFolder, disownedName), '\n');
}

async function markOf(stateFolder: string): Promise<string | null> {
  try {
    const { ino, ctimeNs } = await stat(join(stateFolder, markName), { bigint: true });
    return `${ino} ${ctimeNs}`;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

interface PastRecord {
  readonly mark: unknown;
  readonly boot: unknown;
  readonly hostId: unknown;
}

/** Null where there is none, or where somebody edited it. */
function readRecord(text: string | null): PastRecord | null {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (value === null || typeof value !== 'object' || !('mark' in value && 'boot' in value)) return null;
    // Earlier agents recorded no host.
    return { mark: value.mark, boot: value.boot, hostId: 'hostId' in value ? value.hostId : null };
  } catch {
    return null;
  }
}
