import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '@trunkline/test/integration/database.ts';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await createTestServer();
});
afterAll(() => server?.close());

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

test('a request without a token, with a made-up one or with another scheme is answered how to authenticate', async () => {
  for (const authorization of ['', 'Bearer tl_guessguessguess', 'Basic YWRtaW46YWRtaW4=']) {
    const answer = await server.request('GET', '/v1/hosts', undefined, { authorization });
    expect(answer.status).toBe(401);
    expect(answer.body.code).toBe('unauthenticated');
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  }
});

test('a viewer reads, an operator also labels hosts, only an admin handles join tokens and tokens', async () => {
  const [viewer, operator, admin] = [
    await server.as('viewer'),
    await server.as('operator'),
    await server.as('admin'),
  ];
  const status = async (method: string, url: string, body: unknown, headers: Record<string, string>) =>
    (await server.request(method, url, body, headers)).status;
  expect(await status('GET', '/v1/hosts', undefined, viewer)).toBe(200);
  expect(await status('PATCH', '/v1/hosts/nobody', {}, viewer)).toBe(403);
  expect(await status('PATCH', '/v1/hosts/nobody', {}, operator)).toBe(404);
  expect(await status('POST', '/v1/join-tokens', {}, operator)).toBe(403);
  expect(await status('POST', '/v1/join-tokens', {}, admin)).toBe(201);
  expect(await status('GET', '/v1/tokens', undefined, operator)).toBe(403);
  expect(await status('DELETE', '/v1/hosts/nobody', undefined, operator)).toBe(403);
  expect(await status('DELETE', '/v1/hosts/nobody', undefined, admin)).toBe(404);
});

test('the secret of a token is shown once and is in no later answer', async () => {
  const made = await server.request('POST', '/v1/tokens', { name: 'terraform', role: 'operator' });
  expect(made.status).toBe(201);
  expect(made.body.secret).toMatch(/^tl_[\w-]{43}$/);
  const read = await server.request('GET', made.headers['location']!);
  expect(read.body).toEqual({ ...made.body, secret: undefined, lastUsedAt: read.body.lastUsedAt });
  const list = await server.request('GET', '/v1/tokens');
  expect(JSON.stringify(list.body)).not.toContain(made.body.secret);
  const twin = await server.request('POST', '/v1/tokens', { name: 'terraform', role: 'viewer' });
  expect([twin.status, twin.body.code]).toEqual([409, 'token_exists']);
});

test('a repeated request for a token does not make a second one, nor show the secret again', async () => {
  const key = { 'idempotency-key': 'once-only-1' };
  const first = await server.request('POST', '/v1/tokens', { name: 'once', role: 'viewer' }, key);
  const again = await server.request('POST', '/v1/tokens', { name: 'once', role: 'viewer' }, key);
  expect(first.status).toBe(201);
  expect([again.status, again.body.code]).toEqual([409, 'secret_already_shown']);
});

test('a dry run makes no token and shows no secret', async () => {
  const dry = await server.request('POST', '/v1/tokens?dryRun=true', { name: 'dry', role: 'viewer' });
  expect([dry.status, dry.body.name, dry.body.secret]).toEqual([200, 'dry', undefined]);
  const list = await server.request('GET', '/v1/tokens');
  expect(list.body.items.map((token: { name: string }) => token.name)).not.toContain('dry');
});

test('unknown fields, wrong types and a time that has passed are refused by name', async () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ name: 'x', role: 'root' }, '/role'],
    [{ name: 'x' }, '/role'],
    [{ name: 7, role: 'viewer' }, '/name'],
    [{ name: 'x', role: null }, '/role'],
    [{ name: 'x', role: 'viewer', admin: true }, '/admin'],
    [{ name: 'x', role: 'viewer', expiresAt: '2001-01-01T00:00:00Z' }, '/expiresAt'],
  ];
  for (const [body, pointer] of cases) {
    const answer = await server.request('POST', '/v1/tokens', body);
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
  }
});

test('a revoked token is refused at once, though it was just used', async () => {
  const made = await server.request('POST', '/v1/tokens', { name: 'short-lived', role: 'viewer' });
  const headers = bearer(made.body.secret as string);
  expect((await server.request('GET', '/v1/hosts', undefined, headers)).status).toBe(200);
  expect((await server.request('DELETE', `/v1/tokens/${made.body.id}`)).status).toBe(204);
  expect((await server.request('GET', '/v1/hosts', undefined, headers)).status).toBe(401);
  expect((await server.request('GET', `/v1/tokens/${made.body.id}`)).body.code).toBe('token_not_found');
});

test('a token stops working when it expires, and says when it was last used', async () => {
  const expiresAt = new Date(server.clock.now().getTime() + 60_000).toISOString();
  const made = await server.request('POST', '/v1/tokens', { name: 'expiring', role: 'viewer', expiresAt });
  const headers = bearer(made.body.secret as string);
  expect((await server.request('GET', '/v1/hosts', undefined, headers)).status).toBe(200);
  await expect
    .poll(async () => (await server.request('GET', `/v1/tokens/${made.body.id}`)).body.lastUsedAt)
    .toMatch(/:00\.000Z$/);
  server.clock.advance(61_000);
  expect((await server.request('GET', '/v1/hosts', undefined, headers)).status).toBe(401);
});

test('a token revoked on one server is refused by its replica within a second or so', async () => {
  const database: TestDatabase = await createTestDatabase();
  const servers: TestServer[] = [];
  try {
    const one = await createTestServer({ connectionString: database.connectionString });
    servers.push(one);
    const other = await createTestServer({ connectionString: database.connectionString });
    servers.push(other);
    const made = await one.request('POST', '/v1/tokens', { name: 'roaming', role: 'viewer' });
    const headers = bearer(made.body.secret as string);
    expect((await other.request('GET', '/v1/hosts', undefined, headers)).status).toBe(200);
    await one.request('DELETE', `/v1/tokens/${made.body.id}`);
    await expect
      .poll(async () => (await other.request('GET', '/v1/hosts', undefined, headers)).status, {
        timeout: 2_000,
      })
      .toBe(401);
  } finally {
    for (const one of servers) await one.close();
    await database.drop();
  }
});

test('the last admin token that works cannot be revoked; two revocations at once leave one', async () => {
  const own = await createTestServer();
  try {
    const { body } = await own.request('GET', '/v1/tokens');
    const refused = await own.request('DELETE', `/v1/tokens/${body.items[0].id}`);
    expect([refused.status, refused.body.code]).toEqual([409, 'last_admin_token']);
    const second = await own.request('POST', '/v1/tokens', { name: 'second', role: 'admin' });
    const answers = await Promise.all(
      [body.items[0].id, second.body.id].map((id) => own.request('DELETE', `/v1/tokens/${id}`)),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 409]);
  } finally {
    await own.close();
  }
});

test('a first admin token that could not be written does not count: the next start makes one', async () => {
  const database = await createTestDatabase();
  try {
    const own = await createTestServer({ connectionString: database.connectionString });
    try {
      await own.platform.database.pool.query('DELETE FROM api_token');
      await expect(
        own.ensureAdminToken(undefined, () => Promise.reject(new Error('read-only file system'))),
      ).rejects.toThrow('read-only file system');
      // Nothing counts that nobody can read.
      expect((await own.platform.database.pool.query('SELECT FROM api_token')).rowCount).toBe(0);
      let kept = '';
      const made = await own.ensureAdminToken(undefined, async (secret) => {
        kept = secret;
      });
      expect(kept).toBe(made);
      expect((await own.request('GET', '/v1/tokens', undefined, bearer(kept))).status).toBe(200);
    } finally {
      await own.close();
    }
  } finally {
    await database.drop();
  }
});

test('replicas that start at once make one first admin token between them', async () => {
  const database = await createTestDatabase();
  try {
    const own = await createTestServer({ connectionString: database.connectionString });
    try {
      await own.platform.database.pool.query('DELETE FROM api_token');
      const made = await Promise.all(Array.from({ length: 5 }, () => own.ensureAdminToken(undefined)));
      const secrets = made.filter((secret) => secret !== undefined);
      expect(secrets).toHaveLength(1);
      expect((await own.request('GET', '/v1/tokens', undefined, bearer(secrets[0]!))).status).toBe(200);

      // A secret that the operator chose takes the place of the one that was made.
      const chosen = 'a-secret-that-somebody-chose';
      await Promise.all([own.ensureAdminToken(chosen), own.ensureAdminToken(chosen)]);
      expect((await own.request('GET', '/v1/tokens', undefined, bearer(chosen))).body.items).toHaveLength(1);
      expect((await own.request('GET', '/v1/tokens', undefined, bearer(secrets[0]!))).status).toBe(401);
    } finally {
      await own.close();
    }
  } finally {
    await database.drop();
  }
});

test('after a rotation both secrets are good until the overlap ends, then the new one alone', async () => {
  const made = await server.request('POST', '/v1/tokens', { name: 'turning', role: 'viewer' });
  const status = async (secret: string): Promise<number> =>
    (await server.request('GET', '/v1/hosts', undefined, bearer(secret))).status;
  const rotate = (overlapSeconds: number) =>
    server.request('POST', `/v1/tokens/${made.body.id}/rotate`, { overlapSeconds });
  const first = made.body.secret as string;
  const rotated = await rotate(600);
  const second = rotated.body.secret as string;
  expect([rotated.status, second === first]).toEqual([201, false]);
  expect(rotated.body).toMatchObject({ id: made.body.id, name: 'turning', role: 'viewer' });
  expect(await Promise.all([first, second].map(status))).toEqual([200, 200]);
  const shown = (await server.request('GET', `/v1/tokens/${made.body.id}`)).body;
  expect(Date.parse(shown.previousSecretUntil)).toBeGreaterThan(server.clock.now().getTime());
  expect(shown.secret).toBeUndefined();

  server.clock.advance(601_000);
  expect(await Promise.all([first, second].map(status))).toEqual([401, 200]);
  expect((await server.request('GET', `/v1/tokens/${made.body.id}`)).body.previousSecretUntil).toBeNull();

  // After a leak there is no overlap; and what was rotated away twice is never good again.
  const third = (await rotate(0)).body.secret as string;
  expect(await Promise.all([first, second, third].map(status))).toEqual([401, 401, 200]);
  const { body } = await server.request(
    'GET',
    `/v1/audit?subject=/v1/tokens/${made.body.id}&operation=rotateToken`,
  );
  expect(body.items).toHaveLength(2);
  expect(JSON.stringify(body)).not.toContain(third);
});

test('the secret before a rotation ends with its token: when that expires or is revoked', async () => {
  const expiresAt = new Date(server.clock.now().getTime() + 300_000).toISOString();
  const made = await server.request('POST', '/v1/tokens', { name: 'ending', role: 'viewer', expiresAt });
  await server.request('POST', `/v1/tokens/${made.body.id}/rotate`, { overlapSeconds: 86_400 });
  const status = async (): Promise<number> =>
    (await server.request('GET', '/v1/hosts', undefined, bearer(made.body.secret as string))).status;
  expect(await status()).toBe(200);
  server.clock.advance(301_000);
  expect(await status()).toBe(401);

  const other = await server.request('POST', '/v1/tokens', { name: 'revoked', role: 'viewer' });
  await server.request('POST', `/v1/tokens/${other.body.id}/rotate`, {});
  await server.request('DELETE', `/v1/tokens/${other.body.id}`);
  const after = await server.request('GET', '/v1/hosts', undefined, bearer(other.body.secret as string));
  expect(after.status).toBe(401);
});

test('a dry run rotates nothing, and only admins rotate', async () => {
  const made = await server.request('POST', '/v1/tokens', { name: 'steady', role: 'operator' });
  const url = `/v1/tokens/${made.body.id}/rotate`;
  const dry = await server.request('POST', `${url}?dryRun=true`, { overlapSeconds: 0 });
  expect([dry.status, dry.body.secret]).toEqual([200, undefined]);
  const own = bearer(made.body.secret as string);
  expect((await server.request('GET', '/v1/hosts', undefined, own)).status).toBe(200);
  expect((await server.request('POST', url, {}, own)).status).toBe(403);
  expect((await server.request('POST', `/v1/tokens/${crypto.randomUUID()}/rotate`, {})).body.code).toBe(
    'token_not_found',
  );
});
