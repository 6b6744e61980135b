import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfAny, writeFileAtomically } from '../sync/atomic-file.ts';

/**
 * What a state folder was doing before this start. `continued`: the agent alone was restarted. `rebooted`: the machine was. `restored`:
 * the folder was put back from a copy, so it may be older than what the server and the containers know.
 */
export type StatePast = 'continued' | 'rebooted' | 'restored';

const fileName = 'past.json';
const markName = 'past.mark';

/** Identifies the boot of this machine (random(4), `boot_id`); null where that is not known. */
export async function readBoot(readFile: (path: string) => Promise<string>): Promise<string | null> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id').catch(() => '')).trim();
  return boot === '' ? null : boot;
}

/**
 * Reads the past of a state folder. A mark in it is known by its inode and the time of its last change, which no copy keeps:
 * whoever puts a folder back makes another file (inode(7), `ctime`). A folder without a record of its mark has continued.
 * A disk image that is put back under the machine keeps both: then only the boot is seen.
 */
export async function readStatePast(stateFolder: string, boot: string | null): Promise<StatePast> {
  const recorded = readRecord(await readFileIfAny(join(stateFolder, fileName)));
  if (recorded === null) return 'continued';
  if (recorded.mark !== (await markOf(stateFolder))) return 'restored';
  return recorded.boot === boot ? 'continued' : 'rebooted';
}

/** Records that the folder as it is now is the newest there is. */
export async function markStatePast(stateFolder: string, boot: string | null): Promise<void> {
  await writeFile(join(stateFolder, markName), '', { mode: 0o600, flush: true });
  const mark = await markOf(stateFolder);
  await writeFileAtomically(join(stateFolder, fileName), `${JSON.stringify({ mark, boot })}\n`);
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

/** Null where there is none, or where somebody edited it. */
function readRecord(text: string | null): { readonly mark: unknown; readonly boot: unknown } | null {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' && 'mark' in value && 'boot' in value ? value : null;
  } catch {
    return null;
  }
}
