import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';

let server: TestServer;
let baseUrl: string;

beforeAll(async () => {
  server = await createTestServer();
  baseUrl = await server.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => server?.close());

const scrape = async (): Promise<string> => (await server.request('GET', '/metrics')).body;
/** How many requests a histogram counted, by method, route and status. */
const counted = async (name: string): Promise<string[]> =>
  [
    ...(await scrape()).matchAll(
      new RegExp(`^${name}_count\\{method="(\\w+)",route="([^"]+)",status="(\\d+)"\\} (\\d+)$`, 'gm'),
    ),
  ]
    .map(([, method, route, status, count]) => `${method} ${route} ${status} ${count}`)
    .filter((line) => !line.includes(' /metrics '));
const answers = (): Promise<string[]> => counted('trunkline_http_request_duration_seconds');
const waits = (): Promise<string[]> => counted('trunkline_http_wait_duration_seconds');
const bearer = (): { authorization: string } => ({ authorization: `Bearer ${server.token}` });

test('a request that waits is held, and timed apart from those that do not', async () => {
  await server.joinHost('docker01');
  const gone = new AbortController();
  const answer = fetch(`${baseUrl}/v1/networks?wait=300s`, {
    method: 'POST',
    headers: { ...bearer(), 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'waits', parent: 'ens33', subnets: [{ cidr: '10.71.0.0/24' }] }),
    signal: gone.signal,
  });
  answer.catch(() => undefined);
  await expect.poll(scrape).toContain('trunkline_http_held_requests{held="wait"} 1');
  gone.abort();
  await expect.poll(scrape).toContain('trunkline_http_held_requests{held="wait"} 0');
  expect((await server.request('GET', '/v1/networks/waits')).status).toBe(200);
  await server.request('PATCH', '/v1/networks/waits?wait=1s', { labels: { a: 'b' } }, { 'if-match': '*' });
  expect(await answers()).toContain('GET /v1/networks/:name 200 1');
  expect((await answers()).filter((line) => /^(POST|PATCH) .v1.networks/.test(line))).toEqual([]);
  expect(await waits()).toContain('PATCH /v1/networks/:name 200 1');
});

test('a request that was refused before it waited is one that does not wait', async () => {
  expect((await server.request('GET', '/v1/checks/none?wait=30s')).status).toBe(400);
  expect(await answers()).toContain('GET /v1/checks/:id 400 1');
});

test('an event stream is held, and has no time, also where the server ends it', async () => {
  const { body: token } = await server.request('POST', '/v1/tokens', { name: 'follower', role: 'viewer' });
  const gone = new AbortController();
  try {
    const stream = await fetch(`${baseUrl}/v1/events`, {
      headers: { authorization: `Bearer ${token.secret as string}`, accept: 'text/event-stream' },
      signal: gone.signal,
    });
    expect(await scrape()).toContain('trunkline_http_held_requests{held="stream"} 1');
    expect((await server.request('DELETE', `/v1/tokens/${token.id as string}`)).status).toBe(204);
    await stream.text();
  } finally {
    gone.abort();
  }
  await expect.poll(scrape).toContain('trunkline_http_held_requests{held="stream"} 0');
  expect((await server.request('GET', '/v1/events')).status).toBe(200);
  expect((await answers()).filter((line) => line.includes('/v1/events'))).toEqual(['GET /v1/events 200 1']);
  expect((await waits()).filter((line) => line.includes('/v1/events'))).toEqual([]);
});
