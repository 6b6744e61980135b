import type { Logger } from 'pino';
import type { Timing } from '../../lib/timing.ts';
import { maxCallMs } from '../allocation/address-book.ts';
import type { Driver } from './driver.ts';
import { listenUntilServed } from './listen-until-served.ts';
import { createPluginServer } from './plugin-server.ts';

/** The driver on its socket. */
export interface Serving {
  /** Why Docker cannot request addresses; null: it can. */
  readonly notServing: () => string | null;
  /** Listens for Docker until aborted. Tried again where that fails. */
  readonly serve: (signal: AbortSignal) => Promise<void>;
}

/** Listens for nobody before {@link Serving.serve}. */
export function createServing({
  driver,
  socket,
  addresses,
  timing,
  log,
}: {
  readonly driver: Driver;
  /** Where Docker looks for the driver, and the descriptor of the socket where systemd holds it. */
  readonly socket: { readonly path: string; readonly descriptor: number | null };
  /** How many addresses this host holds, for the log. */
  readonly addresses: () => number;
  readonly timing: Pick<Timing, 'delay' | 'random'>;
  readonly log: Logger;
}): Serving {
  let notServing: string | null = 'the agent is starting';
  return {
    notServing: () => notServing,
    serve: async (signal) => {
      const close = await listenUntilServed(
        {
          ...socket,
          makeServer: () => createPluginServer({ driver, maxMs: maxCallMs, log }),
          onNotServing: (why) => {
            notServing = why;
          },
          timing,
          log,
        },
        signal,
      );
      if (close === null) return;
      notServing = null;
      log.info({ ...socket, addresses: addresses() }, 'address driver is serving');
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      notServing = 'the agent is stopping';
      await close();
    },
  };
}
