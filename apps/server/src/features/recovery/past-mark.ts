import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The mark in the data directory of a server with its own PostgreSQL. It names the incarnation of the database, and the file
 * itself is known by its inode and the time of its last change, which no copy keeps: whoever copies the directory back makes
 * another file (inode(7), `ctime`).
 */
export interface PastMark {
  /** The mark as it is found; `none` where there is no file. */
  read(): Promise<string>;
  /** Writes it for an incarnation; answers the mark as it will be found. */
  write(incarnation: string): Promise<string>;
  /** Changes with every boot of this machine. */
  boot(): Promise<string>;
}

const noMark = 'none';

export function createPastMark(dataDir: string): PastMark {
  const path = join(dataDir, 'incarnation');
  const read = async (): Promise<string> => {
    try {
      const incarnation = (await readFile(path, 'utf8')).trim();
      const { ino, ctimeNs } = await stat(path, { bigint: true });
      return `${incarnation} ${ino} ${ctimeNs}`;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return noMark;
      throw error;
    }
  };
  return {
    read,
    write: async (incarnation) => {
      await writeFile(path, `${incarnation}\n`, { mode: 0o600, flush: true });
      return read();
    },
    boot: async () =>
      (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'unknown')).trim(),
  };
}
