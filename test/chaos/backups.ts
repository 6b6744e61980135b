import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Fleet } from '@trunkline/lab/fleet/fleet.ts';
import { copyContents, emptyFolder } from './folders.ts';

/** Copies of the server's data, taken and put back while the server is stopped. */
export function createBackups(fleet: Pick<Fleet, 'dataDir' | 'stopServer' | 'startServer'>) {
  let copy: string | null = null;

  async function close(): Promise<void> {
    if (copy !== null) await rm(copy, { recursive: true, force: true });
    copy = null;
  }

  return {
    isThere: (): boolean => copy !== null,
    make: async (): Promise<void> => {
      await close();
      await fleet.stopServer();
      const folder = await mkdtemp(path.join(tmpdir(), 'trunkline-chaos-backup-'));
      copy = folder;
      await copyContents(fleet.dataDir, folder);
      await fleet.startServer();
    },
    restore: async (): Promise<void> => {
      if (copy === null) return;
      await fleet.stopServer();
      await emptyFolder(fleet.dataDir);
      await copyContents(copy, fleet.dataDir);
      await fleet.startServer();
    },
    close,
  };
}
