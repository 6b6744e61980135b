import { test } from 'vitest';
import { ENGINE_VARIABLE, resolveEngine } from '@trunkline/lab/hosts/engine.ts';

/**
 * Registers the tests of a file to be run on another Docker Engine, or one skipped test where the distribution does not
 * have that Engine, with a line that says why.
 */
export async function onEngine(major: string, load: () => Promise<unknown>): Promise<void> {
  try {
    await resolveEngine(major, console.error);
  } catch (error) {
    registerSkipped(major, error instanceof Error ? error.message : String(error));
    return;
  }
  process.env[ENGINE_VARIABLE] = major;
  await load();
}

function registerSkipped(major: string, why: string): void {
  console.error(`not run on Docker Engine ${major}: ${why}`);
  // oxlint-disable-next-line vitest/expect-expect -- it exists to be counted as skipped
  test(`Docker Engine ${major} is not here`, ({ skip }) => skip(why));
}
