import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Fleet } from '@trunkline/lab/fleet/fleet.ts';
import { hostNames, labNames, STATE_ROOT } from '@trunkline/lab/hosts/names.ts';
import { copyContents, emptyFolder } from './folders.ts';

/** Puts a copy of one agent's state in the place of another's, as cloning a virtual machine does, and takes it away. */
export function createClones(fleet: Pick<Fleet, 'lab' | 'startAgent' | 'killAgent'>) {
  const { lab } = fleet;
  const names = labNames(STATE_ROOT, lab.name, lab.id);
  const cloned = new Set<string>();

  /** The state of a host's agent, and where its own is kept meanwhile. */
  const foldersOf = (host: string): { readonly state: string; readonly own: string } => {
    const index = lab.hosts.findIndex(({ name }) => name === host);
    const { diskDirectory } = hostNames(names, index + 1);
    return {
      state: path.join(diskDirectory, 'var/lib/trunkline-agent'),
      own: path.join(diskDirectory, 'own-state'),
    };
  };

  return {
    clone: async (host: string, from: string): Promise<void> => {
      const { state, own } = foldersOf(host);
      await fleet.killAgent(host);
      await copyContents(state, own);
      cloned.add(host);
      await emptyFolder(state);
      await copyContents(foldersOf(from).state, state);
      // It may well refuse to run.
      await fleet.startAgent(host).catch(() => undefined);
    },
    restore: async (host: string): Promise<void> => {
      if (!cloned.delete(host)) return;
      const { state, own } = foldersOf(host);
      await fleet.killAgent(host);
      await emptyFolder(state);
      await copyContents(own, state);
      await rm(own, { recursive: true });
      await fleet.startAgent(host);
    },
  };
}
