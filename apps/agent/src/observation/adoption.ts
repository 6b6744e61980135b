import { join } from 'node:path';
import type { Logger } from 'pino';
import { readFileIfAny } from '../lib/atomic-file.ts';
import { createStoredValue } from '../lib/stored-value.ts';

/**
 * Docker networks that were there before us and fit: our network id to Docker's id. Kept on disk, since Docker's labels
 * cannot be changed. It only marks what must not be removed, so to lose it never deletes anything.
 */
export interface AdoptionStore {
  readonly all: () => Readonly<Record<string, string>>;
  readonly adopt: (networkId: string, dockerId: string) => Promise<void>;
  readonly forget: (networkId: string) => Promise<void>;
}

/** Opens the store of a state folder; a file that cannot be read counts as empty and is logged. */
export async function openAdoptionStore(stateFolder: string, log: Logger): Promise<AdoptionStore> {
  const path = join(stateFolder, 'adopted.json');
  const { current, change } = createStoredValue(path, await load(path, log));
  return {
    all: current,
    adopt: (networkId, dockerId) => change((before) => ({ ...before, [networkId]: dockerId })),
    forget: (networkId) =>
      change((before) => Object.fromEntries(Object.entries(before).filter(([id]) => id !== networkId))),
  };
}

async function load(path: string, log: Logger): Promise<Readonly<Record<string, string>>> {
  try {
    const text = await readFileIfAny(path);
    if (text === null) return {};
    const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return Object.fromEntries(
      entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  } catch (error) {
    log.warn({ err: error, path }, 'list of adopted networks is unreadable, they are adopted again');
    return {};
  }
}
