import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { joinBody, newAgentKey, testFacts } from '@trunkline/test/integration/agent-stub.ts';
import {
  createTestServer,
  type TestAgent,
  type TestAnswer,
  type TestServer,
} from '@trunkline/test/integration/server.ts';

let server: TestServer;
let agent: TestAgent;

beforeAll(async () => {
  server = await createTestServer();
  agent = await server.joinHost('docker01');
});
afterAll(() => server?.close());

const json = { 'content-type': 'application/json' };
const joinRaw = (body: string): Promise<TestAnswer> => server.send('POST', '/agent/v1/join', body, json);

/**
 * The answer, once it came in time. A busy machine is given a second try: what is slow by itself is slow again.
 *
 * `withinMs`: far below what validating every item takes (some seconds), far above what refusing takes.
 */
async function quickly(ask: () => Promise<TestAnswer>, withinMs = 1_000): Promise<TestAnswer> {
  for (let tries = 1; ; tries += 1) {
    const began = performance.now();
    const answer = await ask();
    if (performance.now() - began < withinMs) return answer;
    if (tries === 3) throw new Error(`took ${Math.round(performance.now() - began)} ms`);
    await delay(100);
  }
}

const listOf = (item: string, bytes: number): string =>
  `[${Array.from({ length: Math.floor(bytes / (item.length + 1)) }, () => item).join(',')}]`;

describe('sizes are checked before what is in them', () => {
  test('a join of 1 MB without a token is refused in milliseconds (C1)', async () => {
    const answer = await quickly(() => joinRaw(`{"facts":{"interfaces":${listOf('{}', 1_020_000)}}}`));
    expect(answer.body).toMatchObject({ status: 413, code: 'body_too_large' });
    expect(answer.body.detail).toContain('256 KiB');
  });

  test.each([['{}'], ['0'], ['[]'], ['{"addresses":[]}']])(
    'a join that is as large as may be, of %s, too',
    async (item) => {
      const answer = await quickly(() => joinRaw(`{"facts":{"interfaces":${listOf(item, 250_000)}}}`));
      expect(answer.body).toMatchObject({ status: 400, code: 'invalid_request' });
    },
  );

  test.each([
    ['POST', '/v1/networks', (list: string) => `{"name":"x1","subnets":${list}}`],
    [
      'POST',
      '/v1/networks',
      (list: string) => `{"name":"x1","subnets":[{"cidr":"10.0.0.0/24","ranges":${list}}]}`,
    ],
    ['POST', '/v1/networks', (list: string) => `{"name":"x1","hosts":{"names":${list}}}`],
    ['PATCH', '/v1/networks/x1', (list: string) => `{"subnets":${list}}`],
    ['PUT', '/v1/networks/x1', (list: string) => `{"name":"x1","subnets":${list}}`],
    [
      'POST',
      '/v1/containers',
      (list: string) => `{"name":"x1","host":"h1","image":"b","attachments":${list}}`,
    ],
    ['POST', '/v1/containers', (list: string) => `{"name":"x1","host":"h1","image":"b","command":${list}}`],
  ])('%s %s with a list of a megabyte', async (method, url, body) => {
    const text = body(listOf('{}', 1_000_000));
    const headers = { ...json, authorization: `Bearer ${server.token}`, 'if-match': '*' };
    const answer = await quickly(() => server.send(method, url, text, headers));
    expect(answer.body).toMatchObject({ status: 400, code: 'invalid_request' });
    // Only the first error: looking for all of them is what took so long.
    expect(answer.body.errors).toHaveLength(1);
  });

  test('a map of a megabyte', async () => {
    const labels = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`k ${n}`, n]));
    const answer = await quickly(() => server.request('POST', '/v1/networks/x1/addresses', { labels }));
    expect(answer.body).toMatchObject({ status: 400, errors: [{ pointer: '' }] });
    expect(answer.body.errors[0].message).toContain('more than the 1000 values');
    const some = Object.fromEntries(Object.entries(labels).slice(0, 65));
    const few = await server.request('POST', '/v1/networks/x1/addresses', { labels: some });
    expect(few.body.errors[0]).toMatchObject({ pointer: '/labels' });
  });

  test.each(['placements', 'containers', 'inventory'] as const)(
    'a signed report whose %s have 1.5 MB of nothing',
    async (list) => {
      const items = Array.from({ length: 500_000 }, () => ({}));
      const answer = await quickly(() => agent.report({ [list]: items as never[] }), 5_000);
      expect(answer.body).toMatchObject({ status: 400, errors: [{ pointer: `/${list}` }] });
    },
  );

  test('what is wrong in a small body is still said of every field', async () => {
    const answer = await server.request('POST', '/v1/networks', { name: '-', subnets: [{ cidr: 1 }, {}] });
    expect((answer.body.errors as { pointer: string }[]).map(({ pointer }) => pointer).toSorted()).toEqual([
      '/name',
      '/subnets/0/cidr',
      '/subnets/1/cidr',
    ]);
  });

  test('JSON that is nested without end', async () => {
    const deep = `${'['.repeat(60_000)}${']'.repeat(60_000)}`;
    const headers = { ...json, authorization: `Bearer ${server.token}` };
    const body = `{"labels":${deep}}`;
    const answer = await quickly(() => server.send('POST', '/v1/networks/x1/addresses', body, headers));
    expect(answer.body).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(answer.body.errors[0].message).toContain('nested deeper than');
  });
});

describe('a join', () => {
  test('with an unknown token hears of the token, whatever else is wrong', async () => {
    const body = joinBody('docker02', `tlj_${'x'.repeat(43)}`, newAgentKey().publicKey);
    const answer = await joinRaw(JSON.stringify({ ...body, facts: { nothing: 'right' } }));
    expect(answer.body).toMatchObject({ status: 401, code: 'join_token_invalid' });
  });

  test('without a token is no valid request', async () => {
    expect((await joinRaw('{}')).body).toMatchObject({ status: 400, code: 'invalid_request' });
    expect((await joinRaw('[]')).body).toMatchObject({ status: 400, code: 'invalid_request' });
  });
});

describe('what an agent signs is checked before it is looked into', () => {
  test('a body other than the signed one is refused by its digest, valid or not', async () => {
    const signed = await agent.sign('POST', '/agent/v1/leases', { held: null, returns: [], wants: [] });
    const answer = await agent.send('GET', '/agent/v1/desired');
    expect(answer.status).toBe(200);
    const forged = await server.send('POST', signed.url, '{"no JSON', signed.headers);
    expect(forged.body).toMatchObject({ status: 401, code: 'signature_invalid' });
  });
});

describe('text that PostgreSQL or UTF-8 cannot hold', () => {
  const texts = ['\ud800', 'a\udc00b', 'x\0y'];
  const places: [string, string, (text: string) => unknown, string][] = [
    ['POST', '/v1/networks/x1/addresses', (text) => ({ labels: { a: text } }), '/labels/a'],
    ['POST', '/v1/networks/x1/addresses', (text) => ({ labels: { [text]: 'a' } }), '/labels'],
    ['PUT', '/v1/networks/x1/addresses/by-owner/o1', (text) => ({ labels: { a: text } }), '/labels/a'],
    ['POST', '/v1/containers', (text) => ({ env: { A: text } }), '/env/A'],
    ['POST', '/v1/containers', (text) => ({ env: { [text]: 'a' } }), '/env'],
    ['POST', '/v1/containers', (text) => ({ command: ['a', text] }), '/command/1'],
    ['PATCH', '/v1/networks/x1', (text) => ({ labels: { a: text } }), '/labels/a'],
    ['PATCH', '/v1/hosts/docker01', (text) => ({ labels: { a: text } }), '/labels/a'],
  ];
  test.each(places.flatMap((place) => texts.map((text) => [...place, JSON.stringify(text), text] as const)))(
    '%s %s %o',
    async (method, url, body, pointer, _shown, text) => {
      const answer = await server.request(method, url, body(text), { 'if-match': '*' });
      expect(answer.body).toMatchObject({ status: 400, code: 'invalid_request', errors: [{ pointer }] });
    },
  );

  test.each(texts.map((text) => [JSON.stringify(text), text]))(
    '%s in what an agent says',
    async (_shown, text) => {
      const facts = { ...testFacts('docker01'), os: text };
      expect((await agent.report({ facts })).body).toMatchObject({
        status: 400,
        errors: [{ pointer: '/facts/os' }],
      });
      const item = {
        dockerId: 'a1',
        name: text,
        state: 'running' as const,
        networkId: crypto.randomUUID(),
        ipv4: null,
        ipv6: null,
        mac: null,
      };
      expect((await agent.report({ inventory: [item] })).status).toBe(400);
    },
  );

  test.each([
    '/v1/networks/a%00b',
    '/v1/networks/x1/addresses?container=a%00b',
    '/v1/endpoints?container=%00',
    '/v1/events?type=%00',
    '/v1/events?cursor=%00',
  ])('GET %s', async (url) => {
    expect((await server.request('GET', url)).body).toMatchObject({ status: 400, code: 'invalid_request' });
  });
});

describe('instants and numbers that PostgreSQL and JavaScript do not share', () => {
  test.each([
    '2036-12-31T23:59:60Z',
    '9999-12-31T23:59:59-23:59',
    '1969-12-31T23:59:59Z',
    '0000-01-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '+275760-09-13T00:00:00Z',
  ])('%s is no instant', async (instant) => {
    const token = await server.request('POST', '/v1/tokens', {
      name: 'x',
      role: 'viewer',
      expiresAt: instant,
    });
    expect(token.body).toMatchObject({ status: 400, errors: [{ pointer: '/expiresAt' }] });
    expect((await agent.report({ observedAt: instant })).body).toMatchObject({
      status: 400,
      errors: [{ pointer: '/observedAt' }],
    });
  });

  test('the last instant there is, is kept as it was given', async () => {
    const body = { name: 'for-ever', role: 'viewer', expiresAt: '9999-12-31T23:59:59.999Z' };
    const made = await server.request('POST', '/v1/tokens', body);
    expect(made.body).toMatchObject({ expiresAt: '9999-12-31T23:59:59.999Z' });
    const { body: read } = await server.request('GET', `/v1/tokens/${made.body.id as string}`);
    expect(read.expiresAt ?? made.body.expiresAt).toBe('9999-12-31T23:59:59.999Z');
  });

  test.each(['9223372036854775808', '9223372036854775807', '9999999999999999999', '-1', '1e3', '01'])(
    'revision %s',
    async (revision) => {
      expect((await agent.report({ observedRevision: revision })).status).toBe(400);
      expect((await agent.desired(`?after=${revision}`)).status).toBe(400);
      expect((await server.request('GET', `/v1/events?after=${revision}`)).status).toBe(400);
      const headers = { 'last-event-id': revision };
      expect((await server.request('GET', '/v1/events', undefined, headers)).status).toBe(400);
    },
  );

  test.each([2 ** 31, 2 ** 53, -1, 1.5])('generation %s', async (generation) => {
    const placement = {
      networkId: crypto.randomUUID(),
      generation,
      removed: false,
      dockerNetworkId: null,
      link: null,
      lastAction: null,
      conditions: [],
    };
    expect((await agent.report({ placements: [placement] })).body).toMatchObject({
      status: 400,
      errors: [{ pointer: '/placements/0/generation' }],
    });
  });
});
