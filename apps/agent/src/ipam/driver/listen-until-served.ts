import type { Server } from 'node:http';
import { messageOf } from '@trunkline/log';
import type { Logger } from 'pino';
import { backoffMs, type Timing } from '../../lib/timing.ts';
import { listenForDocker } from './plugin-socket.ts';

const backoff = { firstMs: 500, maxMs: 5000 };

/** Listens for Docker, and tries again with a backoff where that fails. Resolves to what ends it; null: aborted before it served. */
export async function listenUntilServed(
  {
    path,
    descriptor,
    makeServer,
    onNotServing,
    timing,
    log,
  }: {
    readonly path: string;
    readonly descriptor: number | null;
    readonly makeServer: () => Server;
    /** Why Docker cannot ask. */
    readonly onNotServing: (why: string) => void;
    readonly timing: Pick<Timing, 'delay' | 'random'>;
    readonly log: Logger;
  },
  signal: AbortSignal,
): Promise<(() => Promise<void>) | null> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      return await listenForDocker(makeServer(), { path, descriptor });
    } catch (error) {
      onNotServing(messageOf(error));
      log.error({ err: error, path, descriptor }, 'address driver cannot listen, trying again');
      await timing.delay(backoffMs(failures, backoff, timing.random), signal);
    }
  }
  return null;
}
