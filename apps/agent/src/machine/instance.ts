import { join } from 'node:path';
import { readFileIfAny, writeFileAtomically } from '../lib/atomic-file.ts';

const pathOf = (folder: string): string => join(folder, 'instance');

/** Keeps how the agent that runs calls itself: whoever asks the server in its place, such as a person, says the same and supersedes nobody. */
export async function keepInstance(folder: string, instance: string): Promise<void> {
  await writeFileAtomically(pathOf(folder), `${instance}\n`);
}

/** How the agent that ran last calls itself; null where none has run since the host joined. */
export async function readInstance(folder: string): Promise<string | null> {
  return (await readFileIfAny(pathOf(folder)))?.trim() ?? null;
}
