import type { RunCommand } from './command.ts';

/**
 * Runs programs of this host in the network namespace of a running container, given the container's process id. Only
 * the network is the container's: files, users and programs stay the host's, so an image without `ping` can be checked.
 *
 * The kernel gives process ids out again: take it from a fresh inspect, and do not keep the result.
 *
 * Fails with `RangeError` for what is no process id; each run fails as `run` does (also when the process is gone).
 */
export function inContainerNetwork(run: RunCommand, pid: number): RunCommand {
  if (!Number.isSafeInteger(pid) || pid < 1) {
    throw new RangeError(`${pid} is not a process id; the container does not run`);
  }
  return (file, argv, options) => run('nsenter', [`--net=/proc/${pid}/ns/net`, '--', file, ...argv], options);
}
