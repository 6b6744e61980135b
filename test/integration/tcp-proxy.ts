import { connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a server that can be cut and mended. */
export interface TcpProxy {
  port: number;
  /** Every connection breaks, and new ones are refused. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  close(): Promise<void>;
}

/** Forwards a port of loopback to another one, or to a unix socket. */
export async function startTcpProxy(
  target: { host: string; port: number } | { path: string },
): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let port = 0;

  const keep = (socket: Socket, peer: () => Socket): void => {
    sockets.add(socket);
    // What is cut on one side is cut on the other; that it was cut is the point.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      peer().destroy();
    });
  };
  const mend = async (): Promise<void> => {
    const fresh = createServer((near) => {
      const far = connect(target);
      keep(near, () => far);
      keep(far, () => near);
      near.pipe(far).pipe(near);
    });
    await new Promise<void>((resolve, reject) => {
      fresh.once('error', reject);
      fresh.listen(port, '127.0.0.1', resolve);
    });
    const address = fresh.address();
    if (typeof address === 'object' && address !== null) port = address.port;
    server = fresh;
  };
  const cut = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    if (closing === undefined) return;
    const closed = new Promise((resolve) => closing.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await mend();
  return {
    get port() {
      return port;
    },
    cut,
    mend,
    close: cut,
  };
}
