import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AuditEntry } from '@trunkline/contracts';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';
import { deleteOldEntries } from './audit.store.ts';

let server: TestServer;
beforeAll(async () => {
  server = await createTestServer();
});
afterAll(() => server?.close());

const audit = async (query: string): Promise<AuditEntry[]> =>
  (await server.request('GET', `/v1/audit?limit=1000&${query}`)).body.items;

const sequences = (entries: AuditEntry[]): string[] => entries.map(({ sequence }) => sequence);

/** Waits until the entries of a query are as many; those of refusals are written a moment after the answer. */
const untilThere = (query: string, count: number): Promise<AuditEntry[]> =>
  vi.waitFor(
    async () => {
      const entries = await audit(query);
      expect(entries).toHaveLength(count);
      return entries;
    },
    { timeout: 15_000 },
  );

const net = (name: string, third: number): Record<string, unknown> => ({
  name,
  hosts: { all: true },
  subnets: [{ cidr: `10.90.${third}.0/24`, gateway: `10.90.${third}.1` }],
});

test('a change is there with who, by which token, from where, under which request, what it was and what it is', async () => {
  const made = await server.request('POST', '/v1/networks', net('audited', 1));
  const tokens = (await server.request('GET', '/v1/tokens')).body.items as { id: string; name: string }[];
  const tokenId = tokens.find(({ name }) => name === 'admin')?.id;
  const [created] = await audit('subject=/v1/networks/audited');
  expect(created).toMatchObject({
    actor: 'token:admin',
    tokenId,
    source: '192.0.2.200',
    operation: 'createNetwork',
    outcome: 'done',
    code: null,
    times: 1,
    before: null,
    after: { warm: 4, subnets: [{ cidr: '10.90.1.0/24', gateway: '10.90.1.1' }] },
  });
  const [event] = (await server.request('GET', '/v1/events?type=network.created&network=audited')).body.items;
  expect(created?.requestId).toBe(event.requestId);

  const etag = { 'if-match': made.headers['etag'] ?? '' };
  await server.request('PATCH', '/v1/networks/audited', { warm: 9, labels: { rack: 'a3' } }, etag);
  await server.request('DELETE', '/v1/networks/audited', undefined, { 'if-match': '*' });
  const [, changed, removed] = await audit('subject=/v1/networks/audited');
  expect(changed).toMatchObject({
    operation: 'changeNetwork',
    before: { warm: 4, labels: {} },
    after: { warm: 9, labels: { rack: 'a3' } },
  });
  expect(Object.keys(changed?.after ?? {})).toEqual(['warm', 'labels']);
  expect(removed).toMatchObject({ operation: 'deleteNetwork', before: { warm: 9 }, after: null });
});

test('a change that is undone, changes nothing, is a dry run or a repetition has no entry', async () => {
  await server.request('POST', '/v1/networks', net('quiet', 2));
  const key = { 'idempotency-key': 'audit-1' };
  const body = { name: 'auditonce', role: 'viewer' };
  await server.request('POST', '/v1/tokens', body, key);
  await server.request('POST', '/v1/tokens', body, key);
  await server.request('PATCH', '/v1/networks/quiet', { warm: 4 }, { 'if-match': '*' });
  await server.request('PATCH', '/v1/networks/quiet?dryRun=true&wait=0s', { warm: 8 }, { 'if-match': '*' });
  expect(await audit('subject=/v1/networks/quiet')).toHaveLength(1);
  const made = (await audit('operation=createToken')).filter(({ after }) => after?.['name'] === 'auditonce');
  expect(made).toHaveLength(1);
});

test('addresses that are given together have an entry each, also by their Idempotency-Keys', async () => {
  await server.request('POST', '/v1/networks', net('many', 3));
  const reserve = (n: number, headers: Record<string, string>, more: object = {}) =>
    server.request('POST', '/v1/networks/many/addresses', { owner: `o-${n}`, ...more }, headers);
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, n) =>
      reserve(
        n,
        n % 2 === 0 ? {} : { 'idempotency-key': `many-${n}` },
        n % 5 === 0 ? { labels: { n: `${n}` } } : {},
      ),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
  const given = (await audit('operation=reserveAddress')).filter(({ subject }) =>
    subject?.includes('/many/'),
  );
  expect(new Set(given.map(({ subject }) => subject))).toEqual(
    new Set(answers.map(({ body }) => `/v1/networks/many/addresses/${body.ip}`)),
  );
  expect(given.find(({ after }) => after?.['owner'] === 'o-3')).toMatchObject({
    actor: 'token:admin',
    source: '192.0.2.200',
    after: { address: answers[3]?.body.ip, owner: 'o-3' },
  });
  const ip = answers[3]?.body.ip as string;
  await server.request('PUT', '/v1/networks/many/addresses/by-owner/o-3', { labels: { a: 'b' } });
  await server.request('DELETE', `/v1/networks/many/addresses/${ip}`);
  const [, changed, released] = await audit(`subject=/v1/networks/many/addresses/${ip}`);
  expect(changed).toMatchObject({ before: { labels: {} }, after: { labels: { a: 'b' } } });
  expect(released).toMatchObject({
    operation: 'releaseAddress',
    before: { owner: 'o-3', state: 'reserved' },
  });
});

test('no secret is in the audit log: of tokens, join tokens, and environments of containers', async () => {
  await server.request('POST', '/v1/networks', net('boxes', 4));
  await server.joinHost('auditee');
  const token = await server.request('POST', '/v1/tokens', { name: 'hush', role: 'viewer' });
  const joinToken = await server.request('POST', '/v1/join-tokens', {});
  const made = await server.request('POST', '/v1/containers', {
    name: 'secretive',
    host: 'auditee',
    image: 'busybox',
    env: { DB_PASSWORD: 'open-sesame' },
    attachments: [{ network: 'boxes' }],
  });
  expect(made.status).toBe(201);
  const text = JSON.stringify(await audit(''));
  for (const secret of [token.body.secret, joinToken.body.secret, 'open-sesame', server.token])
    expect(text).not.toContain(secret);
  const [created] = await audit('subject=/v1/containers/secretive');
  expect(created?.after).toMatchObject({ image: 'busybox', env: { DB_PASSWORD: '(hidden)' } });

  const { body } = await server.request('GET', '/v1/containers/secretive');
  const env = { DB_PASSWORD: 'shut-sesame' };
  const put = await server.request(
    'PUT',
    '/v1/containers/secretive',
    { ...body, env, restart: 'always' },
    { 'if-match': '*' },
  );
  expect(put.status).toBe(200);
  const [, changed] = await audit('subject=/v1/containers/secretive');
  expect(changed).toMatchObject({
    operation: 'putContainer',
    before: { env: { DB_PASSWORD: '(hidden)' } },
    after: { env: { DB_PASSWORD: '(hidden)' }, restart: 'always' },
  });
  expect(JSON.stringify(changed)).not.toContain('sesame');
});

test('a host that joins and one that is retired are there, with the key that it joined with', async () => {
  await server.joinHost('comer');
  const [joined] = await audit('subject=/v1/hosts/comer');
  expect(joined).toMatchObject({
    actor: 'agent:comer',
    tokenId: null,
    source: '192.0.2.200',
    operation: 'POST /agent/v1/join',
    after: { publicKey: expect.stringMatching(/^[\w-]{43}$/) },
  });
  await server.request('DELETE', '/v1/hosts/comer?force=true', undefined, { 'if-match': '*' });
  expect((await audit('subject=/v1/hosts/comer&operation=retireHost'))[0]).toMatchObject({
    actor: 'token:admin',
    before: { name: 'comer', forced: true },
  });
});

test('refusals are there: nobody, a role that is too low, a bad join token, and a change that is refused', async () => {
  const viewer = await server.as('viewer');
  const from = (
    source: string,
    headers: Record<string, string>,
    method = 'GET',
    url = '/v1/tokens',
    body?: object,
  ) =>
    server.app.inject({
      method: method as 'GET',
      url,
      headers,
      remoteAddress: source,
      ...(body === undefined ? {} : { payload: body }),
    });
  await from('192.0.2.11', { authorization: 'Bearer tl_guessguessguess' });
  await from('192.0.2.12', viewer);
  await from('192.0.2.13', {}, 'POST', '/agent/v1/join', { token: `tlj_${'x'.repeat(43)}` });
  await from('192.0.2.14', { authorization: `Bearer ${server.token}` }, 'DELETE', '/v1/hosts/nobody');
  await from('192.0.2.15', { authorization: `Bearer ${server.token}` }, 'GET', '/v1/hosts/nobody');
  expect(await untilThere('source=192.0.2.11', 1)).toMatchObject([
    { actor: null, tokenId: null, operation: 'listTokens', outcome: 'denied', code: 'unauthenticated' },
  ]);
  expect(await untilThere('source=192.0.2.12', 1)).toMatchObject([
    {
      actor: expect.stringMatching(/^token:viewer-/),
      tokenId: expect.any(String),
      outcome: 'denied',
      code: 'forbidden',
    },
  ]);
  expect(await untilThere('source=192.0.2.13', 1)).toMatchObject([
    { actor: null, operation: 'POST /agent/v1/join', outcome: 'denied', code: 'join_token_invalid' },
  ]);
  expect(await untilThere('source=192.0.2.14', 1)).toMatchObject([
    { actor: 'token:admin', subject: '/v1/hosts/nobody', outcome: 'refused' },
  ]);
  // Reads are not audited.
  expect(await audit('source=192.0.2.15')).toEqual([]);
});

test('it is read by admins only, page by page, by every filter, and nothing changes it', async () => {
  for (const role of ['viewer', 'operator'] as const)
    expect((await server.request('GET', '/v1/audit', undefined, await server.as(role))).status).toBe(403);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
    expect((await server.request(method, '/v1/audit')).status).toBe(405);
  const all = await audit('outcome=done');
  const paged: AuditEntry[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const { body } = await server.request(
      'GET',
      `/v1/audit?outcome=done&limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    paged.push(...body.items);
    cursor = body.nextCursor;
  }
  expect(paged.map(({ sequence }) => sequence)).toEqual(all.map(({ sequence }) => sequence));
  const middle = all[10];
  const at = middle?.at ?? '';
  expect(sequences(await audit(`outcome=done&since=${at}`))).toEqual(
    sequences(all.filter((entry) => entry.at >= at)),
  );
  expect(sequences(await audit(`outcome=done&until=${at}`))).toEqual(
    sequences(all.filter((entry) => entry.at < at)),
  );
  expect(new Set((await audit(`tokenId=${middle?.tokenId}`)).map(({ actor }) => actor))).toEqual(
    new Set([middle?.actor]),
  );
  expect(await audit(`requestId=${middle?.requestId}`)).toMatchObject([{ sequence: middle?.sequence }]);
  const gone = await server.request('GET', '/v1/audit?after=999999999999');
  expect([gone.status, gone.body.code]).toEqual([410, 'event_log_truncated']);
});

test('it is followed as a stream, refusals included', async () => {
  await server.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = server.app.server.address() as AddressInfo;
  const following = httpRequest({
    port,
    path: '/v1/audit',
    headers: { authorization: `Bearer ${server.token}`, accept: 'text/event-stream' },
  });
  following.end();
  const [answer] = await once(following, 'response');
  expect(answer.headers['content-type']).toMatch(/^text\/event-stream/);
  let text = '';
  answer.setEncoding('utf8').on('data', (chunk: string) => void (text += chunk));
  await server.request('POST', '/v1/networks', net('followed', 5));
  await server.app.inject({ url: '/v1/hosts', remoteAddress: '192.0.2.77' });
  await vi.waitFor(() => expect(text).toContain('192.0.2.77'), { timeout: 15_000 });
  expect(text).toMatch(/^id: \d+\nevent: audit\ndata: \{.*createNetwork/m);
  following.destroy();
});

test('old entries go, and of refusals those beyond their number; the newest stay', async () => {
  const { prisma } = server.platform.database;
  const count = (outcome: object) => prisma.auditEntry.count({ where: { outcome } as never });
  const done = await count({ equals: 'done' });
  await prisma.$executeRaw`SELECT append_audit((SELECT jsonb_agg(jsonb_build_object('outcome', 'denied', 'source', 'flood')) FROM generate_series(1, 500)))`;
  const keep = { before: new Date(0), keep: 1_000_000, most: 5_000 };
  await deleteOldEntries(prisma, { ...keep, keepNotDone: 100 });
  expect(await count({ not: 'done' })).toBe(100);
  expect(await count({ equals: 'done' })).toBe(done);
  await deleteOldEntries(prisma, { ...keep, keepNotDone: 100, before: new Date(Date.now() + 60_000) });
  expect(await prisma.auditEntry.count()).toBe(0);
});
