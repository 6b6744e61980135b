import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';
import { limits } from './request-limits.ts';

let server: TestServer;
let baseUrl: string;

beforeAll(async () => {
  server = await createTestServer();
  baseUrl = await server.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => server?.close());

const stream = (token: string, gone: AbortSignal): Promise<Response> =>
  fetch(`${baseUrl}/v1/events`, {
    headers: { authorization: token, accept: 'text/event-stream' },
    signal: gone,
  });

describe('a token holds only so much open (C7)', () => {
  test('event streams; another token has its own, and what ends makes room', async () => {
    const { authorization } = await server.as('viewer');
    const gone = new AbortController();
    const open = await Promise.all(
      Array.from({ length: limits.streams.perKey }, () => stream(authorization, gone.signal)),
    );
    expect(open.map(({ status }) => status)).toEqual(open.map(() => 200));
    const refused = await stream(authorization, gone.signal);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await refused.json()).toMatchObject({ code: 'limit_reached', retryable: true });
    const other = await stream((await server.as('viewer')).authorization, gone.signal);
    expect(other.status).toBe(200);
    gone.abort();
    const again = new AbortController();
    await expect
      .poll(async () => (await stream(authorization, again.signal)).status, { timeout: 10_000 })
      .toBe(200);
    again.abort();
  });

  test('waits: 300 PATCH at once are answered, and the database stays there for everybody', async () => {
    await server.joinHost('docker01');
    const subnets = [{ cidr: '10.70.0.0/24', gateway: '10.70.0.1' }];
    await server.request('POST', '/v1/networks', { name: 'lan', hosts: { all: true }, subnets });
    const answers = await Promise.all(
      Array.from({ length: 300 }, async (_, n) => {
        const headers = {
          authorization: `Bearer ${server.token}`,
          'content-type': 'application/json',
          'if-match': '*',
        };
        const body = JSON.stringify({ labels: { n: String(n) } });
        const answer = await fetch(`${baseUrl}/v1/networks/lan?wait=1s`, { method: 'PATCH', headers, body });
        const { code } = (await answer.json()) as { code?: string };
        return { status: answer.status, code };
      }),
    );
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused.map(({ status, code }) => `${status} ${code}`))).toEqual(
      new Set(['429 limit_reached']),
    );
    expect(300 - refused.length).toBeGreaterThanOrEqual(limits.waits.perKey);
    expect((await server.request('GET', '/readyz')).status).toBe(200);
  });
});
