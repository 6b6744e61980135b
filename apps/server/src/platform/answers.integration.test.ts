/** What every answer has: conditional GET, compression, the name of its request; and the version. */
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';
import { callNetworks, type NetworkCalls } from '../features/networks/network-calls.fixture.ts';
import { carryOut } from '../features/networks/reports.fixture.ts';

let server: TestServer;
let call: NetworkCalls;
beforeAll(async () => {
  server = await createTestServer();
  call = callNetworks(server);
});
afterAll(() => server?.close());

const get = (url: string, headers: Record<string, string> = {}) =>
  server.request('GET', url, undefined, headers);

describe('conditional GET', () => {
  test('who has the answer gets 304 without a body, until it differs, also by what was only observed', async () => {
    const docker01 = await server.joinHost('docker01');
    await call.make('lan');
    const { headers, body } = await get('/v1/networks/lan');
    const tag = headers['etag']!;
    const same = await get('/v1/networks/lan', { 'if-none-match': `"other", W/${tag}` });
    expect([same.status, same.body, same.headers['etag']]).toEqual([304, '', tag]);
    expect(same.headers['content-type']).toBeUndefined();
    await carryOut(docker01);
    const other = await get('/v1/networks/lan', { 'if-none-match': tag });
    expect(other.status).toBe(200);
    expect(other.body).toMatchObject({ generation: body.generation, status: { ready: true } });
    expect(other.headers['etag']).not.toBe(tag);
  });

  test('the tag that GET answers is good for If-Match while the desired state is the same', async () => {
    await call.make('guarded');
    const { headers } = await get('/v1/networks/guarded');
    const changed = await call.patch('guarded', { labels: { a: '1' } }, headers['etag']);
    expect(changed.status).toBe(200);
    expect((await call.patch('guarded', { labels: { a: '2' } }, headers['etag'])).status).toBe(412);
    expect((await call.patch('guarded', { labels: { a: '2' } }, changed.headers['etag'])).status).toBe(200);
  });

  test('lists have tags too; answers that are no success have none', async () => {
    const list = await get('/v1/networks');
    expect((await get('/v1/networks', { 'if-none-match': list.headers['etag']! })).status).toBe(304);
    const missing = await get('/v1/networks/nothing', { 'if-none-match': '*' });
    expect([missing.status, missing.headers['etag']]).toEqual([404, undefined]);
    const head = await server.request('HEAD', '/v1/networks', undefined, {
      'if-none-match': list.headers['etag']!,
    });
    expect(head.status).toBe(304);
  });

  test('nobody learns from a tag what his role does not show', async () => {
    const { headers } = await get('/v1/tokens');
    const viewer = await server.as('viewer');
    expect((await get('/v1/tokens', { ...viewer, 'if-none-match': headers['etag']! })).status).toBe(403);
    expect((await get('/v1/networks', { authorization: '', 'if-none-match': '*' })).status).toBe(401);
  });
});

const raw = (url: string, headers: Record<string, string>) =>
  server.app.inject({ url, headers: { authorization: `Bearer ${server.token}`, ...headers } });

describe('compression', () => {
  test('a long answer is compressed for who takes it, and is the same', async () => {
    await call.make('long', {
      labels: Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`k${n}`, 'v'.repeat(50)])),
    });
    const plain = await raw('/v1/networks/long', {});
    const packed = await raw('/v1/networks/long', { 'accept-encoding': 'br, gzip' });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'accept-encoding' });
    expect(packed.rawPayload.length).toBeLessThan(plain.rawPayload.length / 2);
    expect(Number(packed.headers['content-length'])).toBe(packed.rawPayload.length);
    expect(gunzipSync(packed.rawPayload).toString()).toBe(plain.payload);
    expect(packed.headers['etag']).toBe(plain.headers['etag']);
  });

  test('a short answer, and one for who does not take it, is sent as it is', async () => {
    expect((await raw('/livez', { 'accept-encoding': 'gzip' })).headers['content-encoding']).toBeUndefined();
    expect((await raw('/metrics', { 'accept-encoding': 'gzip' })).headers['content-encoding']).toBe('gzip');
    const refused = await raw('/openapi.json', { 'accept-encoding': 'gzip;q=0' });
    expect(refused.headers['content-encoding']).toBeUndefined();
  });

  test('many at once are all answered', async () => {
    const all = await Promise.all(
      Array.from({ length: 40 }, () => raw('/openapi.json', { 'accept-encoding': 'gzip' })),
    );
    expect(new Set(all.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
    const texts = all.map(({ headers, rawPayload }) =>
      (headers['content-encoding'] === 'gzip' ? gunzipSync(rawPayload) : rawPayload).toString(),
    );
    expect(new Set(texts).size).toBe(1);
  });
});

describe('the name of a request', () => {
  test('is the one that the caller chose, in the answer, in a problem and in the log of events', async () => {
    const id = { 'x-request-id': 'deploy-42.a:b_c' };
    const made = await call.create({ name: 'traced', subnets: [{ cidr: '10.99.0.0/24' }] }, id);
    expect(made.headers['x-request-id']).toBe(id['x-request-id']);
    const { body } = await get('/v1/events?network=traced');
    expect(body.items[0]).toMatchObject({ type: 'network.created', requestId: id['x-request-id'] });
    const missing = await get('/v1/networks/nothing', id);
    expect([missing.headers['x-request-id'], missing.body.requestId]).toEqual([
      id['x-request-id'],
      id['x-request-id'],
    ]);
  });

  test.each(['', 'a b', 'x'.repeat(65), '-a', 'a"b', 'a\u00e9'])('%j is passed over', async (id) => {
    const { headers } = await get('/v1/networks', { 'x-request-id': id });
    expect(headers['x-request-id']).toMatch(/^req-[0-9a-f-]{13}$/);
  });

  test('is there where there is no route, no token, and no URL that can be read', async () => {
    for (const [url, more] of [
      ['/nowhere', {}],
      ['/v1/networks', { authorization: '' }],
      ['/v1/networks/%zz', {}],
    ] as const) {
      const { status, headers, body } = await get(url, { ...more, 'x-request-id': 'mine' });
      expect(status).toBeGreaterThanOrEqual(400);
      expect([headers['x-request-id'], body.requestId]).toEqual(['mine', 'mine']);
    }
  });
});

test('GET /v1/version says what answers, to whoever has a token', async () => {
  expect((await get('/v1/version')).body).toEqual({
    version: '0.0.0-test',
    agentProtocol: expect.any(Number),
  });
  expect((await get('/v1/version', await server.as('viewer'))).status).toBe(200);
  expect((await get('/v1/version', { authorization: '' })).status).toBe(401);
});
