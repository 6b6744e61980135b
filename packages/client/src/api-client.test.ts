import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { createApiClient, type ApiClient } from './api-client.ts';
import { ApiError, ServerUnreachable, UnexpectedAnswer } from './errors.ts';
import { readSse, type SseItem } from './sse.ts';
import { retryAfterSeconds } from './transport.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A small server that answers as the test wants. */
async function serve(
  answer: (seen: Seen, response: ServerResponse) => void,
): Promise<{ client: ApiClient; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const one = { method: request.method!, url: request.url!, headers: request.headers, body };
      seen.push(one);
      return answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = createApiClient({ baseUrl: `http://127.0.0.1:${port}`, token: 'tl_test' });
  cleanups.push(async () => {
    await client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { client, seen };
}

const json = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

test('a write carries token, idempotency key, If-Match, wait and dryRun, and answers ETag and Location', async () => {
  const { client, seen } = await serve((_seen, response) =>
    json(response, 201, { name: 'mac_net1' }, { etag: '"1"', location: '/v1/networks/mac_net1' }),
  );
  const answer = await client.networks.create(
    { name: 'mac_net1', subnets: [{ cidr: '172.16.100.0/24' }] },
    { idempotencyKey: 'k1', ifMatch: '*', wait: '30s', dryRun: true },
  );
  expect(answer).toMatchObject({ status: 201, etag: '"1"', location: '/v1/networks/mac_net1' });
  expect(seen[0]).toMatchObject({
    method: 'POST',
    url: '/v1/networks?wait=30s&dryRun=true',
    body: '{"name":"mac_net1","subnets":[{"cidr":"172.16.100.0/24"}]}',
  });
  expect(seen[0]!.headers).toMatchObject({
    authorization: 'Bearer tl_test',
    'idempotency-key': 'k1',
    'if-match': '*',
    'content-type': 'application/json',
  });
});

test('force is asked for where it is meant', async () => {
  const { client, seen } = await serve((_seen, response) => json(response, 200, {}));
  await client.networks.patch('mac_net1', { vlan: 10 }, { ifMatch: '*', force: true });
  await client.hosts.retire('docker01', { ifMatch: '*', force: true });
  await client.networks.patch('mac_net1', { vlan: 10 }, { ifMatch: '*' });
  expect(seen.map(({ url }) => url)).toEqual([
    '/v1/networks/mac_net1?force=true',
    '/v1/hosts/docker01?force=true',
    '/v1/networks/mac_net1',
  ]);
});

test('names and owner keys cannot leave their place in the path', async () => {
  const { client, seen } = await serve((_seen, response) => json(response, 200, {}));
  await client.addresses.byOwner('mac_net1', 'stack/web?x=1');
  await client.networks.patch('../hosts', { vlan: null }, { ifMatch: '"1"' });
  expect(seen.map(({ url }) => url)).toEqual([
    '/v1/networks/mac_net1/addresses/by-owner/stack%2Fweb%3Fx%3D1',
    '/v1/networks/..%2Fhosts',
  ]);
  expect(seen[1]!.headers['content-type']).toBe('application/merge-patch+json');
});

test('an answer that is not 2xx becomes an error with the code and the whole problem', async () => {
  const problem = { code: 'subnet_full', status: 409, detail: 'subnet 172.16.100.0/24 is full' };
  const { client } = await serve((_seen, response) =>
    response
      .writeHead(409, { 'content-type': 'application/problem+json', 'retry-after': '7' })
      .end(JSON.stringify(problem)),
  );
  const error = await client.addresses.reserve('mac_net1').catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 409, code: 'subnet_full', problem, retryAfter: 7 });
});

test('an error page of a proxy is an error with code unknown', async () => {
  const { client } = await serve((_seen, response) => response.writeHead(502).end('<h1>Bad gateway</h1>'));
  await expect(client.hosts.get('docker01')).rejects.toMatchObject({
    name: 'ApiError',
    status: 502,
    code: 'unknown',
  });
});

test('a server that is not there is distinguished from one that refuses', async () => {
  const client = createApiClient({ baseUrl: 'http://127.0.0.1:1' });
  cleanups.push(client.close);
  await expect(client.health.live()).rejects.toBeInstanceOf(ServerUnreachable);
});

test('a server that hangs is given up after the bound, and a caller can give up before', async () => {
  const { client } = await serve(() => {});
  await expect(client.health.live({ timeoutMs: 50 })).rejects.toMatchObject({
    name: 'ServerUnreachable',
    reason: 'UND_ERR_HEADERS_TIMEOUT',
  });
  const given = new Error('enough');
  await expect(client.health.live({ signal: AbortSignal.abort(given) })).rejects.toBe(given);
});

test('a list is followed over all its pages', async () => {
  const { client, seen } = await serve(({ url }, response) =>
    url.includes('cursor=c2')
      ? json(response, 200, { items: [{ name: 'b' }], nextCursor: null })
      : json(response, 200, { items: [{ name: 'a' }], nextCursor: 'c2' }),
  );
  const names: string[] = [];
  for await (const host of client.hosts.all({ limit: 1 })) names.push(host.name);
  expect(names).toEqual(['a', 'b']);
  expect(seen.map(({ url }) => url)).toEqual(['/v1/hosts?limit=1', '/v1/hosts?limit=1&cursor=c2']);
});

test('events are followed over a broken connection without a gap, from the last one seen', async () => {
  let connections = 0;
  const { client, seen } = await serve((_seen, response) => {
    connections += 1;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const event = (id: number) =>
      response.write(`retry: 1\nid: ${id}\ndata: {"revision":"${id}","type":"network.created"}\n\n`);
    if (connections === 1) {
      event(5);
      response.write('id: 6\ndata: {"broken');
      response.end();
    } else event(6);
  });
  const revisions: string[] = [];
  for await (const event of client.events.follow({ after: '4' })) {
    revisions.push(event.revision);
    if (revisions.length === 2) break;
  }
  expect(revisions).toEqual(['5', '6']);
  expect(seen.map(({ headers }) => headers['last-event-id'])).toEqual(['4', '5']);
});

test('an event log that no longer reaches so far back ends the stream with its error', async () => {
  const { client } = await serve((_seen, response) =>
    response
      .writeHead(410, { 'content-type': 'application/problem+json' })
      .end(JSON.stringify({ code: 'event_log_truncated', detail: 'it begins at 100' })),
  );
  const next = client.events.follow({ after: '4' })[Symbol.asyncIterator]().next();
  await expect(next).rejects.toMatchObject({ code: 'event_log_truncated' });
});

test.each([
  ['data: a\n\n', ['a']],
  ['data: a\r\ndata: b\r\n\r\n', ['a\nb']],
  [': comment\n\ndata:x\n\n', ['x']],
  ['data: lost', []],
])('an event stream cut at any byte reads the same: %j', async (stream, expected) => {
  for (let cut = 0; cut <= stream.length; cut += 1) {
    const read: SseItem[] = [];
    const bytes = new TextEncoder().encode(stream);
    async function* chunks() {
      yield bytes.subarray(0, cut);
      yield bytes.subarray(cut);
    }
    for await (const item of readSse(chunks())) read.push(item);
    expect(read.map((item) => (item.kind === 'message' ? item.message.data : item.ms))).toEqual(expected);
  }
});

test('Retry-After is read as seconds and as a date', () => {
  const now = Date.parse('2026-11-24T09:30:00Z');
  expect(retryAfterSeconds('12', now)).toBe(12);
  expect(retryAfterSeconds('Tue, 24 Nov 2026 09:30:05 GMT', now)).toBe(5);
  expect(retryAfterSeconds('soon', now)).toBeNull();
});

test('what is no answer of the API is said to be that, also when it comes with 200', async () => {
  const { client } = await serve(({ url }, response) => {
    if (url.startsWith('/v1/hosts')) json(response, 200, { hello: 'world' });
    else response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
  });
  await expect(client.networks.get('mac_net1')).rejects.toThrow(
    'GET /v1/networks/mac_net1: the answer is text/html and not JSON',
  );
  await expect(client.hosts.all()[Symbol.asyncIterator]().next()).rejects.toThrow(UnexpectedAnswer);
});
