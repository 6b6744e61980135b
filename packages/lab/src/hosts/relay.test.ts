import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { serveRelay } from './relay.ts';

const servers: net.Server[] = [];
const sockets = new Set<net.Socket>();

async function listen(server: net.Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  if (!server.listening) {
    server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
    await once(server, 'listening');
  }
  return (server.address() as net.AddressInfo).port;
}

async function relayTo(port: number): Promise<number> {
  const listening = net.createServer();
  listening.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
  await once(listening, 'listening');
  return await listen(serveRelay(listening, { host: '127.0.0.1', port }));
}

function connect(port: number): net.Socket {
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  sockets.add(socket);
  return socket;
}

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of servers.splice(0)) server.close();
});

test('a client that ends its half still gets the whole answer', async () => {
  const target = net.createServer({ allowHalfOpen: true }, (socket) => {
    void text(socket).then((asked) => socket.end(`${asked}!`.repeat(100_000)));
  });
  const client = connect(await relayTo(await listen(target)));
  client.end('half');
  expect(await text(client)).toBe('half!'.repeat(100_000));
});

test('a refusing target resets the client at once', async () => {
  const gone = net.createServer();
  const port = await listen(gone);
  gone.close();
  await once(gone, 'close');
  const client = connect(await relayTo(port));
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
});

/** Resolves when the socket is closed, with or without an error. */
async function closed(socket: net.Socket): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.on('error', () => undefined);
  socket.on('close', () => resolve(true));
  socket.resume();
  return await promise;
}

async function relayedPair(): Promise<{ client: net.Socket; target: net.Socket }> {
  const seen = Promise.withResolvers<net.Socket>();
  const port = await relayTo(await listen(net.createServer((socket) => seen.resolve(socket))));
  const client = connect(port);
  client.write('x');
  const target = await seen.promise;
  await once(target, 'data');
  return { client, target };
}

test('a target that dies takes its client along', async () => {
  const { client, target } = await relayedPair();
  const end = closed(client);
  target.resetAndDestroy();
  expect(await end).toBe(true);
});

test('a client that dies takes its connection to the target along', async () => {
  const { client, target } = await relayedPair();
  const end = closed(target);
  client.resetAndDestroy();
  expect(await end).toBe(true);
});

test('two thousand connections at once all get their answer', async () => {
  const target = net.createServer((socket) => {
    socket.pipe(socket);
  });
  const port = await relayTo(await listen(target));
  const answers = await Promise.all(
    Array.from({ length: 2000 }, async (_, index) => {
      const client = connect(port);
      client.end(String(index));
      return await text(client);
    }),
  );
  expect(answers).toEqual(Array.from({ length: 2000 }, (_, index) => String(index)));
});
