/** A call ends when its caller gives it up, also where the network swallows every packet towards the server. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { ServerUnreachable } from './errors.ts';
import { createTransport, type Transport } from './transport.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** Listens and accepts nothing before `wake`: once its queue is full, Linux drops every SYN. Then counts requests. */
const sleeper = `
  const { parentPort, workerData } = require('node:worker_threads');
  const server = require('node:http').createServer((request, response) => {
    parentPort.postMessage({ request: request.url });
    response.end('{}');
  });
  server.on('connection', () => parentPort.postMessage({ connection: true }));
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage({ port: server.address().port });
    Atomics.wait(new Int32Array(workerData), 0, 0);
  });
`;

interface Blackhole {
  readonly transport: Transport;
  readonly requests: string[];
  readonly connections: () => number;
  /** From now on it accepts and answers. */
  readonly wake: () => void;
}

async function blackhole(connectTimeoutMs: number): Promise<Blackhole> {
  const asleep = new SharedArrayBuffer(4);
  const worker = new Worker(sleeper, { eval: true, workerData: asleep });
  const wake = (): void => {
    Atomics.store(new Int32Array(asleep), 0, 1);
    Atomics.notify(new Int32Array(asleep), 0);
  };
  cleanups.push(() => worker.terminate(), wake);
  const [{ port }] = (await once(worker, 'message')) as [{ port: number }];
  const requests: string[] = [];
  let connections = 0;
  worker.on('message', (news: { request?: string; connection?: true }) => {
    if (news.request !== undefined) requests.push(news.request);
    if (news.connection === true) connections += 1;
  });
  // Two fill the queue of a backlog of 1.
  const fillers: Socket[] = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
  cleanups.push(() => fillers.forEach((one) => one.on('error', () => {}).destroy()));
  await Promise.all(fillers.map((one) => once(one, 'connect')));
  const transport = createTransport({ baseUrl: `http://127.0.0.1:${port}`, connectTimeoutMs });
  cleanups.push(transport.close);
  return { transport, requests, connections: () => connections, wake };
}

const get = (transport: Transport, path: string, signal?: AbortSignal) =>
  transport.send({
    method: 'GET',
    url: transport.url(path),
    headers: {},
    body: '',
    timeoutMs: 30_000,
    ...(signal === undefined ? {} : { signal }),
  });

test('ends with the reason of its signal while no packet of the connection is answered', async () => {
  const { transport } = await blackhole(30_000);
  const began = performance.now();
  await expect(get(transport, '/', AbortSignal.timeout(200))).rejects.toMatchObject({ name: 'TimeoutError' });
  expect(performance.now() - began).toBeLessThan(2000);
  const enough = new Error('enough');
  const given = new AbortController();
  const call = get(transport, '/', given.signal);
  given.abort(enough);
  await expect(call).rejects.toBe(enough);
});

test('without a signal it ends with the bound of a connection, and was never sent', async () => {
  const { transport } = await blackhole(500);
  await expect(get(transport, '/')).rejects.toMatchObject({
    name: 'ServerUnreachable',
    reason: 'UND_ERR_CONNECT_TIMEOUT',
  });
  await expect(get(transport, '/')).rejects.toBeInstanceOf(ServerUnreachable);
});

test('given up before there is a connection, it is not sent when there is one', async () => {
  const { transport, requests, connections, wake } = await blackhole(30_000);
  const given = get(transport, '/given-up', AbortSignal.timeout(100));
  await expect(given).rejects.toMatchObject({ name: 'TimeoutError' });
  wake();
  // Linux sends the dropped SYN again after a second; the two that filled the queue come first.
  await expect.poll(connections, { timeout: 10_000 }).toBe(3);
  const answer = await get(transport, '/after');
  expect(await answer.text()).toBe('{}');
  await expect.poll(() => requests).toEqual(['/after']);
});

test('no listener stays on a signal that lasts, however many calls it bounded', async () => {
  const { transport, wake } = await blackhole(30_000);
  wake();
  const lasting = new AbortController();
  let listeners = 0;
  const { signal } = lasting;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...one: Parameters<typeof add>) => ((listeners += 1), add(...one));
  signal.removeEventListener = (...one: Parameters<typeof remove>) => ((listeners -= 1), remove(...one));
  for (let call = 0; call < 3; call += 1) await (await get(transport, '/', signal)).text();
  await expect.poll(() => listeners).toBe(0);
});
