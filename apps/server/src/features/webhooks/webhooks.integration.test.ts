import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WebhookDelivery } from '@trunkline/contracts';
import { Webhook } from 'standardwebhooks';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createTestDatabase } from '@trunkline/test/integration/database.ts';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';

interface Message {
  headers: IncomingHttpHeaders;
  body: string;
}

/** A target that answers what a test tells it to. */
interface Target {
  url: string;
  got: Message[];
  /** Status of the answers from now on, and what is done before one. */
  status: number;
  headers: Record<string, string>;
  before: () => Promise<void>;
}

const patient = { timeout: 30_000, interval: 100 };

async function startTarget(): Promise<Target> {
  const target: Target = { url: '', got: [], status: 204, headers: {}, before: async () => undefined };
  const server: Server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      target.got.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      await target.before();
      response.writeHead(target.status, target.headers).end();
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  target.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return target;
}

async function start(options: Parameters<typeof createTestServer>[0] = {}): Promise<TestServer> {
  const server = await createTestServer({ webhookAllow: ['127.0.0.1/32'], ...options });
  onTestFinished(() => server.close());
  return server;
}

const create = async (
  server: TestServer,
  body: { name: string; url: string; types?: string[] },
): Promise<{ secret: string }> => {
  const answer = await server.request('POST', '/v1/webhooks', body);
  expect(answer.status).toBe(201);
  return answer.body;
};

const deliveries = async (server: TestServer, name: string, query = ''): Promise<WebhookDelivery[]> =>
  (await server.request('GET', `/v1/webhooks/${name}/deliveries?limit=1000${query}`)).body.items;

const makeToken = (server: TestServer, name: string) =>
  server.request('POST', '/v1/tokens', { name, role: 'viewer' });

const dataOf = ({ body }: Message) =>
  JSON.parse(body) as { type: string; data: { sequence: string; subject: string } };

/** Minutes between the last attempt and the next. */
const waitsOf = ({ nextAttemptAt, lastAttemptAt }: WebhookDelivery): number =>
  (Date.parse(nextAttemptAt ?? '') - Date.parse(lastAttemptAt ?? '')) / 60_000;

const nothing = (): void => undefined;

test('every event that the filter means comes once, signed, with its sequence; the secret is shown once', async () => {
  const target = await startTarget();
  const server = await start();
  server.startSweeps();
  const { secret } = await create(server, {
    name: 'all',
    url: target.url,
    types: ['token.*', 'webhook.created'],
  });
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  for (const name of ['t1', 't2', 't3']) await makeToken(server, name);
  await server.request('POST', '/v1/join-tokens', {});
  await vi.waitFor(() => expect(target.got).toHaveLength(4), patient);
  for (const { body, headers } of target.got)
    expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual(JSON.parse(body));
  const events = (await server.request('GET', '/v1/events?limit=1000')).body.items as {
    type: string;
    revision: string;
  }[];
  const meant = events
    .filter(({ type }) => type === 'webhook.created' || type.startsWith('token.'))
    .slice(-4);
  const byRevision = target.got.map(dataOf).sort((a, b) => Number(a.data.sequence) - Number(b.data.sequence));
  expect(byRevision.map(({ type, data }) => [type, data.sequence])).toEqual(
    meant.map(({ type, revision }) => [type, revision]),
  );
  await vi.waitFor(async () => {
    const states = (await deliveries(server, 'all')).map(({ state, attempts }) => [state, attempts]);
    expect(states).toEqual(Array.from({ length: 4 }, () => ['delivered', 1]));
  }, patient);
  const shown = JSON.stringify([
    (await server.request('GET', '/v1/webhooks')).body,
    (await server.request('GET', '/v1/webhooks/all')).body,
    (await server.request('GET', '/v1/audit?limit=1000')).body,
    events,
  ]);
  expect(shown).not.toContain(secret.slice('whsec_'.length, 30));
  const [entry] = (await server.request('GET', '/v1/audit?operation=createWebhook')).body.items;
  expect(entry).toMatchObject({ subject: '/v1/webhooks/all', after: { url: target.url, enabled: true } });
});

test('after a rotation both secrets sign until the overlap ends, then the new one alone', async () => {
  const target = await startTarget();
  const server = await start();
  server.startSweeps();
  const { secret: before } = await create(server, { name: 'turning', url: target.url, types: ['token.*'] });
  const rotated = await server.request('POST', '/v1/webhooks/turning/rotate', { overlapSeconds: 600 });
  const after = rotated.body.secret as string;
  expect([rotated.status, after === before]).toEqual([201, false]);
  await makeToken(server, 'both');
  await vi.waitFor(() => expect(target.got).toHaveLength(1), patient);
  const [both] = target.got;
  for (const secret of [before, after])
    new Webhook(secret).verify(both?.body ?? '', both?.headers as Record<string, string>);
  // Libraries refuse what is minutes old; the clock of the server is ahead from here on.
  await server.platform.database.prisma.webhook.updateMany({ data: { previousUntil: new Date(0) } });
  await makeToken(server, 'one');
  await vi.waitFor(() => expect(target.got).toHaveLength(2), patient);
  const one = target.got[1];
  new Webhook(after).verify(one?.body ?? '', one?.headers as Record<string, string>);
  expect(() => new Webhook(before).verify(one?.body ?? '', one?.headers as Record<string, string>)).toThrow(
    'No matching signature',
  );
});

test('what fails is sent again with the same id, after the pauses of the schedule; what is given up can be replayed', async () => {
  const target = await startTarget();
  target.status = 500;
  const server = await start();
  server.startSweeps();
  await create(server, { name: 'weak', url: target.url, types: ['token.created'] });
  await makeToken(server, 'lost');
  /** The only delivery after so many attempts, once what became of the last one is recorded. */
  const seen = (
    attempts: number,
    isSettled: (delivery: WebhookDelivery) => boolean,
  ): Promise<WebhookDelivery> =>
    vi.waitFor(async () => {
      const [delivery] = await deliveries(server, 'weak');
      expect(delivery).toMatchObject({ attempts, lastStatus: 500 });
      expect(isSettled(delivery!)).toBe(true);
      return delivery!;
    }, patient);
  const minutes = [5 / 60, 5, 30, 120, 300, 600, 840, 1200, 1440];
  for (const [n, pause] of minutes.entries()) {
    const delivery = await seen(n + 1, (one) => waitsOf(one) >= pause);
    expect(delivery.state).toBe('pending');
    expect(waitsOf(delivery)).toBeLessThan(pause * 1.1 + 1);
    server.clock.advance(pause * 1.1 * 60_000 + 60_000);
  }
  const given = await seen(10, ({ state }) => state === 'failed');
  expect(given.nextAttemptAt).toBeNull();
  expect(new Set(target.got.map(({ headers }) => headers['webhook-id']))).toEqual(
    new Set([`msg_${given.id}`]),
  );
  await vi.waitFor(async () => {
    const { body } = await server.request('GET', '/v1/webhooks/weak');
    expect(body).toMatchObject({
      enabled: false,
      disabledReason: 'failing',
      lastError: 'the target answered 500',
    });
  }, patient);

  target.status = 200;
  expect((await server.request('PATCH', '/v1/webhooks/weak', { enabled: true })).body.enabled).toBe(true);
  const replay = await server.request('POST', `/v1/webhooks/weak/deliveries/${given.id}/replay`);
  expect([replay.status, replay.body.state]).toEqual([200, 'pending']);
  await vi.waitFor(async () => {
    expect((await deliveries(server, 'weak'))[0]).toMatchObject({ state: 'delivered', attempts: 1 });
  }, patient);
  expect(target.got).toHaveLength(11);
  const none = await server.request('POST', `/v1/webhooks/weak/deliveries/${crypto.randomUUID()}/replay`);
  expect([none.status, none.body.code]).toEqual([404, 'delivery_not_found']);
});

test('410 disables the webhook, at once and for good; nothing more is sent', async () => {
  const target = await startTarget();
  target.status = 410;
  const server = await start();
  server.startSweeps();
  await create(server, { name: 'moved', url: target.url, types: ['token.*'] });
  await makeToken(server, 'first');
  await vi.waitFor(async () => {
    const { body } = await server.request('GET', '/v1/webhooks/moved');
    expect(body).toMatchObject({ enabled: false, disabledReason: 'gone' });
  }, patient);
  const disabled = await server.request('GET', '/v1/events?type=webhook.disabled');
  expect(disabled.body.items).toMatchObject([
    { subject: '/v1/webhooks/moved', actor: 'server', data: { disabledReason: 'gone' } },
  ]);
  await makeToken(server, 'second');
  target.status = 204;
  await server.request('PATCH', '/v1/webhooks/moved', { enabled: true });
  await makeToken(server, 'third');
  await vi.waitFor(() => expect(target.got).toHaveLength(2), patient);
  const subjects = (await server.request('GET', '/v1/events?type=token.created')).body.items as {
    subject: string;
  }[];
  // The event of the time when it was disabled is not sent.
  expect(dataOf(target.got[1]!).data.subject).toBe(subjects.at(-1)?.subject);
});

test('redirects are not followed, and what a target asks for with Retry-After is kept', async () => {
  const [target, elsewhere] = [await startTarget(), await startTarget()];
  Object.assign(target, { status: 307, headers: { location: elsewhere.url } });
  const server = await start();
  server.startSweeps();
  await create(server, { name: 'led', url: target.url, types: ['token.*'] });
  await makeToken(server, 'a');
  await vi.waitFor(async () => {
    const [delivery] = await deliveries(server, 'led');
    expect(delivery?.lastError).toContain('redirects are not followed');
  }, patient);
  Object.assign(target, { status: 503, headers: { 'retry-after': '7200' } });
  server.clock.advance(10_000);
  await vi.waitFor(async () => {
    const [delivery] = await deliveries(server, 'led');
    expect(delivery?.attempts).toBe(2);
    const waits = Date.parse(delivery?.nextAttemptAt ?? '') - Date.parse(delivery?.lastAttemptAt ?? '');
    expect(waits).toBeGreaterThanOrEqual(7_200_000);
  }, patient);
  expect(elsewhere.got).toEqual([]);
});

test.each([
  ['a literal address', (port: number) => `http://127.0.0.1:${port}/`],
  ['a name that leads there', (port: number) => `http://localhost:${port}/`],
  ['an address written as IPv6', (port: number) => `http://[::ffff:127.0.0.1]:${port}/`],
])('nothing is sent to this machine unless it is allowed: %s', async (_, urlOf) => {
  const target = await startTarget();
  const server = await start({ webhookAllow: [] });
  server.startSweeps();
  const url = urlOf(Number(new URL(target.url).port));
  await create(server, { name: 'inward', url, types: ['token.*'] });
  await makeToken(server, 'x');
  await vi.waitFor(async () => {
    const [delivery] = await deliveries(server, 'inward');
    expect(delivery).toMatchObject({ state: 'pending', attempts: 1, lastStatus: null });
    expect(delivery?.lastError).toMatch(/not allowed|cannot be judged/);
  }, patient);
  expect(target.got).toEqual([]);
});

test('two servers on one database send each delivery once', async () => {
  const { connectionString, drop } = await createTestDatabase();
  onTestFinished(drop);
  const target = await startTarget();
  const [one, other] = [await start({ connectionString }), await start({ connectionString })];
  await create(one, { name: 'shared', url: target.url, types: ['token.created'] });
  one.startSweeps();
  other.startSweeps();
  const names = Array.from({ length: 40 }, (_, n) => `many-${n}`);
  await Promise.all(names.map((name, n) => makeToken(n % 2 === 0 ? one : other, name)));
  await vi.waitFor(async () => {
    const made = await deliveries(one, 'shared', '&state=delivered');
    expect(made).toHaveLength(names.length);
  }, patient);
  expect(target.got).toHaveLength(names.length);
  expect(new Set(target.got.map(({ headers }) => headers['webhook-id'])).size).toBe(names.length);
});

test('what was not sent when a server ended is sent by the next one, also what was on its way', async () => {
  const { connectionString, drop } = await createTestDatabase();
  onTestFinished(drop);
  const target = await startTarget();
  const first = await createTestServer({ connectionString, webhookAllow: ['127.0.0.1/32'] });
  await create(first, { name: 'kept', url: target.url, types: ['token.created'] });
  // It never answers while the first server runs.
  let answer = nothing;
  target.before = () => new Promise((resolve) => (answer = resolve));
  first.startSweeps();
  await makeToken(first, 'on-its-way');
  await vi.waitFor(() => expect(target.got).toHaveLength(1), patient);
  await first.close();
  answer();
  target.before = async () => undefined;
  const second = await start({ connectionString });
  await makeToken(second, 'later');
  second.startSweeps();
  await vi.waitFor(async () => {
    const states = (await deliveries(second, 'kept')).map(({ state, attempts }) => [state, attempts]);
    expect(states).toEqual([
      ['delivered', 1],
      ['delivered', 1],
    ]);
  }, patient);
  const ids = target.got.map(({ headers }) => headers['webhook-id']);
  expect(ids).toHaveLength(3);
  expect(new Set(ids).size).toBe(2);
});

test('a webhook is changed, listed and deleted by admins only; a bad URL or filter is refused by name', async () => {
  const server = await start();
  await create(server, { name: 'crud', url: 'https://example.org/hook' });
  const get = await server.request('GET', '/v1/webhooks/crud');
  expect(get.body).toMatchObject({
    name: 'crud',
    types: ['*'],
    enabled: true,
    pending: 0,
    previousSecretUntil: null,
  });
  for (const role of ['viewer', 'operator'] as const)
    expect((await server.request('GET', '/v1/webhooks', undefined, await server.as(role))).status).toBe(403);
  const twin = await server.request('POST', '/v1/webhooks', { name: 'crud', url: 'https://example.org/' });
  expect([twin.status, twin.body.code]).toEqual([409, 'webhook_exists']);
  for (const [body, pointer] of [
    [{ name: 'b', url: 'ftp://example.org/' }, '/url'],
    [{ name: 'b', url: 'https://user:secret@example.org/' }, '/url'],
    [{ name: 'b', url: 'https://example.org/', types: ['Network.*'] }, '/types/0'],
    [{ name: 'b', url: 'https://example.org/', types: [] }, '/types'],
  ] as const) {
    const answer = await server.request('POST', '/v1/webhooks', body);
    expect([answer.status, answer.body.errors?.[0]?.pointer]).toEqual([400, pointer]);
  }
  const patched = await server.request('PATCH', '/v1/webhooks/crud', { types: ['host.*'], enabled: false });
  expect(patched.body).toMatchObject({ types: ['host.*'], enabled: false, disabledReason: 'operator' });
  const dry = await server.request('DELETE', '/v1/webhooks/crud?dryRun=true');
  expect(dry.status).toBe(204);
  expect((await server.request('GET', '/v1/webhooks')).body.items).toHaveLength(1);
  expect((await server.request('DELETE', '/v1/webhooks/crud')).status).toBe(204);
  expect((await server.request('GET', '/v1/webhooks/crud')).body.code).toBe('webhook_not_found');
});
