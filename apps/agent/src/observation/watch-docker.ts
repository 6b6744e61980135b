import type { Logger } from 'pino';
import type { DockerEngine, DockerEvent } from '../host/docker-engine.ts';
import { backoffMs, type Timing } from '../lib/timing.ts';

const backoff = { firstMs: 500, maxMs: 5000 };

/** Docker's events that can change the state of the host. Others, such as health checks, come every few seconds. */
const telling = new Set([
  'create',
  'start',
  'die',
  'stop',
  'destroy',
  'remove',
  'rename',
  'pause',
  'unpause',
  'update',
  'connect',
  'disconnect',
]);

/**
 * Calls `onChange` when something happened in Docker, and on each connect, since events in between are lost. Runs until
 * aborted and never fails: a stream that ends or cannot be opened is opened again.
 */
export async function watchDocker(
  deps: {
    readonly docker: Pick<DockerEngine, 'events'>;
    readonly onChange: () => void;
    /** The stream ended, or could not be opened. */
    readonly onLost: () => void;
    readonly timing: Timing;
    readonly log: Logger;
  },
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      await deps.docker.events({
        signal,
        onConnect: () => {
          failures = 0;
          deps.onChange();
        },
        onEvent: (event: DockerEvent) => {
          if (telling.has(event.action)) deps.onChange();
        },
      });
    } catch (error) {
      deps.log.debug({ err: error }, 'Docker events are not available');
    }
    if (signal.aborted) return;
    // That the stream ended may be the first sign that Docker is down.
    deps.onLost();
    deps.onChange();
    failures += 1;
    await deps.timing.delay(backoffMs(failures, backoff, deps.timing.random), signal);
  }
}
