import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';

type Line = Record<string, unknown>;

let server: TestServer;
const lines: string[] = [];
beforeAll(async () => {
  server = await createTestServer({ logTo: (line) => void lines.push(line) });
});
afterAll(() => server?.close());
beforeEach(() => void lines.splice(0));

const debug = 20;
const info = 30;
const ofRequests = (): Line[] =>
  lines.map((line) => JSON.parse(line) as Line).filter(({ msg }) => msg === 'request');

test('an answered request has one line: who, what, the result, the time, and the id of its answer', async () => {
  const answer = await server.request('GET', '/v1/networks/none');
  expect(answer.status).toBe(404);
  const requestId = (answer.body as { requestId: string }).requestId;
  expect(ofRequests()).toMatchObject([
    {
      level: info,
      requestId,
      method: 'GET',
      path: '/v1/networks/none',
      status: 404,
      code: 'network_not_found',
      ms: expect.any(Number),
      source: '192.0.2.200',
      tokenId: expect.any(String),
    },
  ]);
});

test('one that was refused before it had a caller has a line too, without the secret that it sent', async () => {
  const secret = 'tl_0123456789abcdefghijklmnop';
  await server.request('GET', '/v1/hosts', undefined, { authorization: `Bearer ${secret}` });
  expect(ofRequests()).toMatchObject([{ level: info, status: 401, code: 'unauthenticated' }]);
  expect(lines.join('')).not.toContain(secret);
});

test('a query is left out, because others may have written into it', async () => {
  await server.request('GET', '/v1/events?limit=1');
  expect(ofRequests()).toMatchObject([{ path: '/v1/events', status: 200 }]);
});

test('what comes by itself is for debugging: probes and pages', async () => {
  for (const path of ['/livez', '/readyz', '/docs/errors']) await server.request('GET', path);
  expect(ofRequests().map(({ level }) => level)).toEqual([debug, debug, debug]);
});
