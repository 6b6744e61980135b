/** Which Docker Engine a lab's hosts run: the one of the `PATH`, or the programs of a folder. */
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { prepareEngine } from './engine-package.ts';
import type { Log } from './install.ts';

/** Variable with the Engine of labs that name none: a folder, or a major version. For running tests on another one. */
export const ENGINE_VARIABLE = 'TRUNKLINE_LAB_ENGINE';

/** What dockerd starts by itself has to be beside it, or it would come from another release. */
const PROGRAMS = ['dockerd', 'docker', 'containerd', 'runc'];

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** The folder of an Engine's programs: `folder` itself or its `bin`. Throws with what is missing in it. */
export function engineFolder(folder: string): string {
  const absolute = path.resolve(folder);
  const bin = [absolute, path.join(absolute, 'bin')].find((one) => isProgram(path.join(one, 'dockerd')));
  if (bin === undefined) {
    throw new Error(`there is no dockerd in ${absolute}: name the folder that a release was unpacked to`);
  }
  const missing = PROGRAMS.filter((program) => !isProgram(path.join(bin, program)));
  if (missing.length === 0) return bin;
  throw new Error(
    `${bin} has dockerd and lacks ${missing.join(', ')}: unpack all of a release into one folder`,
  );
}

/**
 * The folder of the Engine that is asked for: a folder, or a major version such as `28`, which is downloaded when it is
 * not there ({@link prepareEngine}). Null for the one of the `PATH`. Throws when it cannot be had.
 */
export async function resolveEngine(
  asked = process.env[ENGINE_VARIABLE],
  log: Log = () => undefined,
): Promise<string | null> {
  if (asked === undefined || asked === '') return null;
  return engineFolder(/^\d+$/.test(asked) ? await prepareEngine(Number(asked), log) : asked);
}
