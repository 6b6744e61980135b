import { join } from 'node:path';
import { DesiredNetwork } from '@trunkline/contracts';
import type { Logger } from 'pino';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { readFileIfAny } from '../lib/atomic-file.ts';
import { createStoredValue } from '../lib/stored-value.ts';
import type { NetworkRecord, Trials } from './trials.ts';

/** The last confirmed form of each network, and what is on trial. It is on disk, since an agent may be killed at any moment. */
export interface TrialStore {
  /** As it is on disk. */
  readonly all: () => Trials;
  /** Replaces the value once the new one is safe on disk, one change after the other. The same object writes nothing. */
  readonly change: (make: (before: Trials) => Trials) => Promise<void>;
}

const StoredRecord = Type.Object({
  confirmed: DesiredNetwork,
  trial: Type.Union([
    Type.Null(),
    Type.Object({
      generation: Type.Integer(),
      deadline: Type.Union([Type.Null(), Type.Number()]),
      windowMs: Type.Number(),
      rolledBackAt: Type.Union([Type.Null(), Type.Number()]),
      // An agent from before links were set down again did not keep them.
      setUp: Type.Optional(Type.Array(Type.String())),
    }),
  ]),
});

/** Opens the store of a state folder; what cannot be read is logged, and those networks are not on trial. */
export async function openTrialStore(stateFolder: string, log: Logger): Promise<TrialStore> {
  const { current, change } = createStoredValue(pathIn(stateFolder), await readTrials(stateFolder, log));
  return { all: current, change };
}

/** The trials in a state folder, without opening it for changes. Never fails. */
export async function readTrials(stateFolder: string, log: Logger): Promise<Trials> {
  const path = pathIn(stateFolder);
  try {
    const text = await readFileIfAny(path);
    if (text === null) return {};
    const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
    const readable = entries.filter((entry): entry is [string, Static<typeof StoredRecord>] =>
      Value.Check(StoredRecord, entry[1]),
    );
    if (readable.length < entries.length) {
      log.warn(
        { path, lost: entries.length - readable.length },
        'records of confirmed networks are unreadable',
      );
    }
    return Object.fromEntries(readable.map(([id, record]) => [id, withSetUp(record)]));
  } catch (error) {
    log.warn({ err: error, path }, 'list of confirmed networks is unreadable, they are confirmed again');
    return {};
  }
}

function withSetUp({ confirmed, trial }: Static<typeof StoredRecord>): NetworkRecord {
  return { confirmed, trial: trial === null ? null : { ...trial, setUp: trial.setUp ?? [] } };
}

function pathIn(stateFolder: string): string {
  return join(stateFolder, 'trials.json');
}
