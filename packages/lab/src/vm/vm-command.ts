import { exitCodeOfSignal } from '../hosts/commands.ts';
import { runInVm } from './run-in-vm.ts';
import { messageOf } from '@trunkline/log';

/** The runner's own failure, as timeout(1) and others exit: codes below are the command's. */
const RUNNER_FAILED = 125;

/** Progress goes to stderr: stdout is the command's. */
export function logProgress(line: string): void {
  process.stderr.write(`vm: ${line}\n`);
}

/**
 * A command line program's whole life with a VM: runs `argv` in one, ends it on SIGINT and SIGTERM. Returns the exit
 * code: the command's, 125 when the VM failed, 128 and the signal's number after a signal.
 */
export async function vmCommand(argv: readonly string[]): Promise<number> {
  const interrupted = new AbortController();
  let ended: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    ended = signal;
    interrupted.abort(new Error(`ended by ${signal}`));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal);
  try {
    return await runInVm({ argv, log: logProgress, signal: interrupted.signal });
  } catch (error) {
    logProgress(messageOf(error));
    return ended === undefined ? RUNNER_FAILED : exitCodeOfSignal(ended);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal).off('SIGHUP', onSignal);
  }
}
