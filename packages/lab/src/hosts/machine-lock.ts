import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { patient } from './patience.ts';

function isInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}

/**
 * Runs `work` while no other process on the machine runs one under the same `root`. The lock is a socket
 * in Linux's abstract namespace, unix(7): it leaves no file, and the kernel drops it with its process,
 * so a killed holder locks nobody out. Throws when it is not free within `deadlineMs`. Not re-entrant.
 */
export async function withMachineLock<T>(
  root: string,
  work: () => Promise<T>,
  deadlineMs = 180_000,
): Promise<T> {
  const end = Date.now() + patient(deadlineMs);
  for (;;) {
    const server = net.createServer((socket) => socket.destroy());
    try {
      server.listen({ path: `\0trunkline-lab:${root}`, exclusive: true });
      await once(server, 'listening');
    } catch (error) {
      if (!isInUse(error)) throw error;
      if (Date.now() > end) {
        throw new Error('another lab command has been at work for minutes: end it and try again', {
          cause: error,
        });
      }
      await delay(50);
      continue;
    }
    try {
      return await work();
    } finally {
      server.close();
      await once(server, 'close');
    }
  }
}
