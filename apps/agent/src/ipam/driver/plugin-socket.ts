import { once } from 'node:events';
import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { dirname } from 'node:path';

/** The first descriptor that systemd hands over (sd_listen_fds(3)). */
const firstHandedOver = 3;
/** How long calls that are under way may take when the agent stops, in milliseconds. */
const closeMs = 5000;

/** Something that is no socket is where the socket should be. */
export class SocketPathTaken extends Error {
  override readonly name = 'SocketPathTaken';
}

/**
 * The descriptor of the socket that systemd holds for this process, null without: connections wait there while the agent
 * is restarted. The variables are taken away, for they speak of this process alone (sd_listen_fds(3)).
 */
export function handedOverSocket(
  env: Record<string, string | undefined>,
  pid: number = process.pid,
): number | null {
  const { LISTEN_FDS: count, LISTEN_PID: owner } = env;
  for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']) delete env[name];
  return owner === String(pid) && count !== undefined && /^[1-9]\d*$/.test(count) ? firstHandedOver : null;
}

/**
 * Listens for Docker: on the socket that was handed over, or on `path`, where the folder is made and a socket that a dead
 * agent left is replaced; readable by root alone. Answers what closes it.
 *
 * Fails with {@link SocketPathTaken} and as listen(2).
 */
export async function listenForDocker(
  server: Server,
  { path, descriptor }: { readonly path: string; readonly descriptor: number | null },
): Promise<() => Promise<void>> {
  if (descriptor === null) {
    // dockerd makes this folder for root alone, too.
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await removeStale(path);
    // Between bind and chmod nobody else may connect.
    const umask = process.umask(0o177);
    try {
      server.listen({ path });
    } finally {
      process.umask(umask);
    }
  } else {
    server.listen({ fd: descriptor });
  }
  await once(server, 'listening');
  if (descriptor === null) await chmod(path, 0o600);
  return async () => {
    const closed = once(server, 'close');
    server.close();
    const cut = setTimeout(() => server.closeAllConnections(), closeMs);
    await closed;
    clearTimeout(cut);
  };
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return;
  if (!found.isSocket()) {
    throw new SocketPathTaken(
      `${path} exists and is not a socket: remove it, or set TRUNKLINE_PLUGIN_SOCKET`,
    );
  }
  await rm(path, { force: true });
}
