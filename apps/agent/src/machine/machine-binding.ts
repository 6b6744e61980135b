import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { compareMachines, type MachineMarks } from '@trunkline/contracts';
import { readFileIfAny, writeFileAtomically } from '../lib/atomic-file.ts';
import { readHostId } from './identity.ts';
import type { Timing } from '../lib/timing.ts';

/** The machine that a state folder belongs to, as the folder has it. */
export interface Binding {
  readonly marks: MachineMarks;
  /** An operator declared on the host that this is its machine now: the server takes over its marks. */
  readonly accepted: boolean;
}

/** The state folder is that of another machine. */
export class CopiedState extends Error {
  override readonly name = 'CopiedState';

  constructor(folder: string, differs: readonly string[]) {
    super(
      `the state in ${folder} belongs to another machine (different here: ${differs.join(', ')}): nothing of it is used, and no address is given out. ` +
        'If this machine is a copy, give it a join token of its own (POST /v1/join-tokens, TRUNKLINE_JOIN_TOKEN) and another TRUNKLINE_HOST_NAME; ' +
        'if it is the same machine with new hardware, run the agent once with --accept-machine',
    );
  }
}

/** How a folder and a machine are compared. */
export interface BindingDeps {
  readonly stateFolder: string;
  /** What marks this machine now. */
  readonly marks: () => Promise<MachineMarks>;
  readonly timing: Pick<Timing, 'now' | 'delay'>;
}

const fileName = 'machine.json';
const asidePrefix = 'of-another-machine-';
/** Files of a process, not of the host. */
const ofProcess = /^agent\.lock/;
/** A NIC may come up late; then all of them, in milliseconds. */
const nicWaitMs = 15_000;
const pollMs = 500;

/**
 * Whether the state of a folder is that of this machine; `free` where there is none, or none that was bound. Waits for NICs
 * that come up late. Changes nothing. Fails with {@link CopiedState}.
 */
export async function checkMachine(
  { stateFolder, marks, timing }: BindingDeps,
  signal: AbortSignal,
): Promise<{ readonly seen: MachineMarks; readonly recorded: Binding | 'free' }> {
  const recorded = await readBinding(stateFolder);
  if (recorded === null) return { seen: await marks(), recorded: 'free' };
  const until = timing.now() + nicWaitMs;
  for (;;) {
    const seen = await marks();
    const verdict = compareMachines(recorded.marks, seen);
    const mayChange = verdict.is === 'unseen' || (verdict.is === 'other' && verdict.late);
    if (mayChange && timing.now() < until && !signal.aborted) {
      await timing.delay(pollMs, signal);
      continue;
    }
    if (verdict.is === 'other') throw new CopiedState(stateFolder, verdict.differs);
    return { seen, recorded };
  }
}

/**
 * Makes sure that a state folder belongs to this machine, and answers which one that is. A folder without a mark of its
 * machine gets one. Fails with {@link CopiedState}.
 */
export async function bindToMachine(deps: BindingDeps, signal: AbortSignal): Promise<Binding> {
  const { seen, recorded } = await checkMachine(deps, signal);
  // What cannot be seen now stays as it was: it may be back tomorrow.
  const marks: MachineMarks =
    recorded === 'free'
      ? seen
      : {
          machineId: seen.machineId ?? recorded.marks.machineId,
          productId: seen.productId ?? recorded.marks.productId,
          macs: seen.macs.length === 0 ? recorded.marks.macs : seen.macs,
        };
  const binding = { marks, accepted: recorded === 'free' ? false : recorded.accepted };
  if (recorded === 'free' || JSON.stringify(marks) !== JSON.stringify(recorded.marks))
    await writeBinding(deps.stateFolder, binding);
  return binding;
}

/** Moves everything of a state folder into a folder in it, whose path is answered. Nothing is deleted. */
export async function putStateAside(stateFolder: string, now: number): Promise<string> {
  const aside = join(stateFolder, `${asidePrefix}${now}`);
  await mkdir(aside, { mode: 0o700 });
  for (const name of await readdir(stateFolder)) {
    if (name.startsWith(asidePrefix) || ofProcess.test(name)) continue;
    await rename(join(stateFolder, name), join(aside, name));
  }
  return aside;
}

/**
 * What `--accept-machine` does: the state is that of this machine from now on. State that was put aside comes back where
 * the host has not joined again since. Answers what was done, in a sentence.
 */
export async function acceptMachine(stateFolder: string, marks: MachineMarks, now: number): Promise<string> {
  const asides = (await readdir(stateFolder)).filter((name) => name.startsWith(asidePrefix)).toSorted();
  const last = asides.at(-1);
  const hasJoined = (await readHostId(stateFolder)) !== null;
  if (!hasJoined && last !== undefined) {
    await putStateAside(stateFolder, now);
    for (const name of await readdir(join(stateFolder, last)))
      await rename(join(stateFolder, last, name), join(stateFolder, name));
  }
  await writeBinding(stateFolder, { marks, accepted: true });
  return !hasJoined && last !== undefined
    ? `the state of ${last} is back and belongs to this machine: start the agent`
    : 'the state belongs to this machine: start the agent';
}

async function readBinding(stateFolder: string): Promise<Binding | null> {
  const text = await readFileIfAny(join(stateFolder, fileName));
  if (text === null) return null;
  try {
    const { machineId, productId, macs, accepted } = JSON.parse(text) as Partial<MachineMarks> & {
      accepted?: boolean;
    };
    const list = (macs ?? []).filter((mac) => typeof mac === 'string');
    return {
      marks: { machineId: machineId ?? null, productId: productId ?? null, macs: list },
      accepted: accepted === true,
    };
  } catch {
    // The agent writes it whole or not at all, so somebody edited it. It proves nothing.
    return null;
  }
}

const writeBinding = (stateFolder: string, { marks, accepted }: Binding): Promise<void> =>
  writeFileAtomically(
    join(stateFolder, fileName),
    `${JSON.stringify({ ...marks, ...(accepted ? { accepted } : {}) }, null, 2)}\n`,
  );
