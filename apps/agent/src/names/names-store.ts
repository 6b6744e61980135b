import { join } from 'node:path';
import { FleetNames } from '@trunkline/contracts';
import type { Logger } from 'pino';
import { Value } from 'typebox/value';
import { readFileIfAny } from '../lib/atomic-file.ts';
import { createStoredValue, type StoredValue } from '../lib/stored-value.ts';

/** The names of the fleet as the server last sent them, in memory and on disk; null: never yet. */
export type NamesStore = StoredValue<FleetNames | null>;

/** Opens the store of a state folder. A file that cannot be read in full is treated as none: the server sends all of it again. */
export async function openNamesStore(stateFolder: string, log: Logger): Promise<NamesStore> {
  const path = join(stateFolder, 'names.json');
  return createStoredValue<FleetNames | null>(path, await load(path, log));
}

async function load(path: string, log: Logger): Promise<FleetNames | null> {
  try {
    const text = await readFileIfAny(path);
    if (text === null) return null;
    const value: unknown = JSON.parse(text);
    if (!Value.Check(FleetNames, value)) throw new Error('it does not have the form of names');
    return value;
  } catch (error) {
    log.warn({ err: error, path }, 'names on disk are unreadable, the server is asked for them');
    return null;
  }
}
