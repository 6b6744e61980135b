import type { DockerContainerDetail } from '../host/docker-engine.ts';

/** What of a container decides whether it is still in the stack of the one that it shares with. */
export type StackRun = Pick<DockerContainerDetail, 'id' | 'startedAt'>;

/**
 * Whether a running container is still in the network namespace of an earlier run of the one whose stack it shares: that one was started
 * after it. Where the namespaces are known to be one, it is not, whatever the clock did in between. Pure.
 *
 * Namespaces that differ prove nothing by themselves: a program may have left the one that Docker gave it, and to restart it for
 * that would never end.
 *
 * `sandboxes`: network namespaces of running containers by Docker's id, as far as anybody could look.
 */
export function isStale(
  sharer: StackRun,
  owner: StackRun,
  sandboxes: ReadonlyMap<string, number> = new Map(),
): boolean {
  const [mine, theirs] = [sandboxes.get(sharer.id), sandboxes.get(owner.id)];
  if (mine !== undefined && mine === theirs) return false;
  return (
    sharer.startedAt !== null &&
    owner.startedAt !== null &&
    Date.parse(sharer.startedAt) < Date.parse(owner.startedAt)
  );
}

/**
 * Docker's words for a start that failed because the container whose stack it was to share did not run (20.10.24 and 28.5.2):
 * it had ended, was being restarted, or ended in the middle of the start.
 */
const words = [
  /cannot join network (?:namespace )?of a (?:non running|restarting) container/,
  /is restarting, wait until the container is running/,
  /\/proc\/\d+\/ns\/net\b/,
];

/** Whether the last start of a container failed because the one whose stack it shares did not run. */
export function failedToJoin({ error }: Pick<DockerContainerDetail, 'error'>): boolean {
  return error !== null && words.some((one) => one.test(error));
}
