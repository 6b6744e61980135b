import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import type { DesiredDocument } from '@trunkline/contracts';
import { openLog } from '@trunkline/log';
import type { Logger } from 'pino';
import { runBoot } from './boot.ts';
import { readBootConfig } from './config.ts';
import { readTrials } from './confirm/trial-store.ts';
import { effectiveDocument } from './confirm/trials.ts';
import { createCommandRunner } from './host/command.ts';
import { createLinks } from './host/ip-links.ts';
import { createKernel } from './host/kernel.ts';
import { readText } from './host/read-text.ts';
import { createProcessSpawner, realTiming } from './host/spawn.ts';
import { watchLinks } from './host/watch-links.ts';
import { checkMachine } from './machine/machine-binding.ts';
import { readMachineMarks } from './machine/machine-marks.ts';
import { openDesiredCache } from './sync/desired-cache.ts';
import { readHostId } from './machine/identity.ts';

/**
 * The boot stage as a program: from the agent's own disk alone, before Docker and without a server. It only reads the
 * state folder, so an agent may be at work on it. Answers the exit code: 1 when a wanted link could not be put back or the
 * state is of another machine, else 0, also where there is nothing to do or nothing on the disk can be relied on.
 *
 * Fails with `InvalidConfig`.
 */
export async function boot(
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<number> {
  const config = readBootConfig(env);
  const log = await openLog({ level: config.logLevel, base: { stage: 'boot' } });
  const run = createCommandRunner();
  const timing = { ...realTiming, now: Date.now };
  const spawn = createProcessSpawner();
  const links = createLinks(run);
  const machine = {
    stateFolder: config.stateDir,
    marks: () => readMachineMarks({ links, readFile: readText }),
    timing,
  };
  try {
    await checkMachine(machine, signal);
  } catch (error) {
    log.error(
      { err: error },
      'nothing is put back: the state is not of this machine, or that cannot be determined',
    );
    return 1;
  }
  const { ready, failed } = await runBoot(
    {
      desired: await desiredOnDisk(config.stateDir, log),
      permitted: config.permitted,
      links,
      kernel: createKernel({
        run,
        readFile: readText,
        writeFile: (path, text) => writeFile(path, text),
        release: os.release,
        now: Date.now,
      }),
      watch: (onChange, until) => watchLinks(spawn, onChange, until, timing),
      timing,
      log,
    },
    signal,
  );
  for (const failure of failed) log.error(failure, 'the link of a network could not be put back');
  log.info({ ready, failed: failed.map(({ network }) => network) }, 'boot stage ends');
  return failed.length === 0 ? 0 : 1;
}

/** What the host should be, as last received and not undone since; null, and logged, where the state folder has nothing usable. */
export async function desiredOnDisk(stateFolder: string, log: Logger): Promise<DesiredDocument | null> {
  try {
    const hostId = await readHostId(stateFolder);
    if (hostId === null) {
      log.info({ stateFolder }, 'this host has not joined, nothing to put back');
      return null;
    }
    const cache = await openDesiredCache({ stateFolder, hostId, log });
    const desired = cache.current();
    if (desired === null) log.info({ stateFolder }, 'no desired state on disk, nothing to put back');
    // A change that cut the host off before it went down is not put in place again.
    return desired === null
      ? null
      : effectiveDocument(desired, await readTrials(stateFolder, log), Date.now());
  } catch (error) {
    log.error({ err: error, stateFolder }, 'the state folder cannot be read, nothing is put back');
    return null;
  }
}
