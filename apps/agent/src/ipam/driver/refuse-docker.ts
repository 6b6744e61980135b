import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { createDriver } from './driver.ts';
import { createPluginServer } from './plugin-server.ts';
import { listenForDocker } from './plugin-socket.ts';
import { DriverRefusal } from '../allocation/refusal.ts';

/** How long is waited for calls that are on their way, in milliseconds: longer than systemd takes to start this again. */
const refuseMs = 5000;

/**
 * For an agent that cannot run: what waits in a socket that systemd holds gets the reason, for a while. Docker would wait for
 * ever, dockerd itself at boot. A release is taken for heard; what it leaves behind is found by comparing.
 */
export async function refuseDocker(
  socket: { readonly path: string; readonly descriptor: number | null },
  why: string,
  log: Logger,
  forMs: number = refuseMs,
): Promise<void> {
  const refused = (): Promise<never> =>
    Promise.reject(new DriverRefusal(`the Trunkline agent cannot run: ${why}`));
  const driver = createDriver({
    book: { request: refused, release: () => Promise.resolve() },
    desired: () => null,
    isHeld: () => true,
    whyHarmful: () => Promise.resolve(null),
  });
  const close = await listenForDocker(createPluginServer({ driver, maxMs: forMs, log }), socket);
  await delay(forMs);
  await close();
}
