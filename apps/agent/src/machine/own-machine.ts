import type { Logger } from 'pino';
import type { Links } from '../host/links.ts';
import type { Timing } from '../lib/timing.ts';
import { bindToMachine, CopiedState, putStateAside, type Binding } from './machine-binding.ts';
import { readMachineMarks } from './machine-marks.ts';

/** What shows which machine this is. */
export interface OwnMachineDeps {
  readonly stateFolder: string;
  /** Whether this host has a join token. */
  readonly mayJoin: boolean;
  readonly links: Pick<Links, 'list'>;
  readonly readFile: (path: string) => Promise<string>;
  readonly timing: Timing;
  readonly log: Logger;
}

/**
 * Makes sure that the state folder belongs to this machine before anything of it is used. State of another machine is put aside
 * where this host can join as a new one.
 */
export async function ownMachine(deps: OwnMachineDeps, signal: AbortSignal): Promise<Binding> {
  const { stateFolder, mayJoin, links, readFile, timing, log } = deps;
  const binding = {
    stateFolder,
    marks: () => readMachineMarks({ links, readFile }),
    timing,
  };
  try {
    return await bindToMachine(binding, signal);
  } catch (error) {
    if (!(error instanceof CopiedState) || !mayJoin) throw error;
    const aside = await putStateAside(stateFolder, timing.now());
    log.error(
      { aside, why: error.message },
      'the state of another machine was set aside, this host joins as a new one',
    );
    return await bindToMachine(binding, signal);
  }
}
