/** Bounds and connections of the one place that talks HTTP. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { ServerUnreachable } from './errors.ts';
import { createTransport, type Transport, type WireRequest } from './transport.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A server, and a transport to it; `connections` are those that were ever opened. */
async function serve(
  listener: RequestListener,
): Promise<{ transport: Transport; server: Server; connections: Socket[] }> {
  const server = createServer(listener);
  const connections: Socket[] = [];
  server.on('connection', (socket: Socket) => connections.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const transport = createTransport({
    baseUrl: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
  });
  cleanups.push(async () => {
    await transport.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { transport, server, connections };
}

const get = (transport: Transport, change: Partial<WireRequest> = {}): WireRequest => ({
  method: 'GET',
  url: transport.url('/'),
  headers: {},
  body: '',
  timeoutMs: 10_000,
  ...change,
});

test('an answer that stops in the middle is given up after the bound', async () => {
  const { transport } = await serve((_request, response) => void response.writeHead(200).write('{"half":'));
  const answer = await transport.send(get(transport, { timeoutMs: 100 }));
  await expect(answer.text()).rejects.toMatchObject({ name: 'ServerUnreachable', reason: 'BODY_TIMEOUT' });
});

test('an answer that is cut off is no answer', async () => {
  const { transport } = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('{"half":');
    setImmediate(() => response.destroy());
  });
  const read = transport.send(get(transport)).then((answer) => answer.text());
  await expect(read).rejects.toBeInstanceOf(ServerUnreachable);
});

test('whoever asks can give up before the answer and in the middle of it', async () => {
  const { transport } = await serve((request, response) => {
    if (request.url === '/half') response.writeHead(200).write('{"half":');
  });
  for (const path of ['/never', '/half']) {
    const enough = new AbortController();
    const given = new Error('enough');
    const read = transport
      .send(get(transport, { url: transport.url(path), signal: enough.signal }))
      .then((answer) => answer.text());
    const late = setTimeout(() => enough.abort(given), 50);
    await expect(read).rejects.toBe(given);
    clearTimeout(late);
  }
});

test('one connection serves requests that follow one another, whether their answers are read or not', async () => {
  const { transport, connections } = await serve((_request, response) => void response.end('{}'));
  for (let n = 0; n < 5; n += 1) {
    const answer = await transport.send(get(transport, { method: 'POST', body: '{"n":1}' }));
    if (n % 2 === 0) await answer.discard();
    else expect(await answer.text()).toBe('{}');
  }
  expect(connections).toHaveLength(1);
});

test('a connection that the server closed meanwhile is not used again', async () => {
  const { transport, connections } = await serve((_request, response) => void response.end('{}'));
  await (await transport.send(get(transport))).discard();
  const [first] = connections;
  first?.destroy();
  // The other end is heard of when the event loop turns.
  await expect
    .poll(async () => (await transport.send(get(transport)).catch(() => undefined))?.status)
    .toBe(200);
  expect(connections).toHaveLength(2);
});

test('a body that nobody wants is not read to its end, however long it is', async () => {
  const closed = Promise.withResolvers<void>();
  const { transport } = await serve((_request, response) => {
    response.on('close', closed.resolve).writeHead(200);
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(64 * 1024)));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  });
  await (await transport.send(get(transport))).discard();
  await expect(closed.promise).resolves.toBeUndefined();
});

test('a client that is closed breaks what is under way and asks no more', async () => {
  const { transport, connections } = await serve(() => {});
  const asked = transport.send(get(transport));
  asked.catch(() => {});
  await expect.poll(() => connections.length).toBe(1);
  await transport.close();
  await expect(asked).rejects.toBeInstanceOf(ServerUnreachable);
  await expect(transport.send(get(transport))).rejects.toMatchObject({ reason: 'CLOSED' });
  expect(connections).toHaveLength(1);
});
