import net from 'node:net';

/** An end of a relayed connection. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Connections that may wait to be accepted: Linux's own default limit (net.core.somaxconn), not Node's 511. */
export const BACKLOG = 4096;

/** Idle time after which the kernel asks a silent peer whether it is still there, in milliseconds. */
const KEEPALIVE_MS = 10_000;

/**
 * Joins a client with a fresh connection to `target`, both ways, each direction closed on its own (a
 * client may end its request and still read). A target that refuses or breaks off resets the client, so
 * that it learns of it at once; a client that breaks off ends the connection to the target.
 */
export function relayConnection(client: net.Socket, target: Endpoint): void {
  const upstream = net.connect({ ...target, allowHalfOpen: true, noDelay: true });
  const pair = [client, upstream] as const;
  for (const [here, there] of [pair, [upstream, client] as const]) {
    here.setKeepAlive(true, KEEPALIVE_MS);
    here.setNoDelay(true);
    here.on('error', () => there.resetAndDestroy());
    here.pipe(there);
    // After both ends said goodbye this changes nothing; after a break it leaves no half behind.
    here.on('close', () => there.destroySoon());
  }
}

/**
 * Serves a listening socket that was made elsewhere (in the switch's namespace). Pure but for sockets:
 * no state beyond the open pairs.
 */
export function serveRelay(listening: net.Server, target: Endpoint): net.Server {
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    relayConnection(client, target);
  });
  server.listen(listening, BACKLOG);
  return server;
}
