import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { createTestServer, type TestAgent, type TestServer } from './server.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

let database: TestDatabase;
let proxy: TcpProxy;
let server: TestServer;
let agent: TestAgent;

/** Where PostgreSQL listens: a URL with a host, or with the folder of a socket as `?host=`. */
function targetOf(url: URL): { host: string; port: number } | { path: string } {
  const port = Number(url.port === '' ? 5432 : url.port);
  const folder = url.searchParams.get('host') ?? decodeURIComponent(url.hostname);
  return folder.startsWith('/') ? { path: `${folder}/.s.PGSQL.${port}` } : { host: folder, port };
}

beforeAll(async () => {
  database = await createTestDatabase();
  const url = new URL(database.connectionString);
  proxy = await startTcpProxy(targetOf(url));
  url.searchParams.delete('host');
  const user = url.username === '' ? '' : `${url.username}${url.password === '' ? '' : `:${url.password}`}@`;
  server = await createTestServer({
    connectionString: `postgres://${user}127.0.0.1:${proxy.port}${url.pathname}${url.search}`,
  });
  agent = await server.joinHost('docker01');
});
afterAll(async () => {
  await server?.close();
  await proxy?.close();
  await database?.drop();
});

test('a lost database is said with 503 and a time to try again; the server recovers by itself, polls and all', async () => {
  const { revision } = await agent.document();
  const poll = agent.desired(`?after=${revision}&wait=60`);
  await expect
    .poll(async () => (await server.request('GET', '/metrics')).body)
    .toContain('trunkline_agent_polls 1');

  await proxy.cut();
  for (const [method, url, body] of [
    ['GET', '/v1/hosts', undefined],
    ['POST', '/v1/join-tokens', {}],
    ['GET', '/readyz', undefined],
  ] as const) {
    const answer = await server.request(method, url, body);
    expect([method, url, answer.status, answer.body.code]).toEqual([
      method,
      url,
      503,
      'database_unavailable',
    ]);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.body.retryable).toBe(true);
  }
  const report = await agent.report();
  expect([report.status, report.body.code]).toEqual([503, 'database_unavailable']);
  expect((await server.request('GET', '/livez')).status).toBe(200);

  await proxy.mend();
  await expect
    .poll(async () => (await server.request('GET', '/readyz')).status, { timeout: 10_000 })
    .toBe(200);
  expect((await server.request('GET', '/v1/hosts')).body.items).toHaveLength(1);
  expect((await agent.report()).status).toBe(200);

  // The poll that was open all the while is woken by a change made after the database came back.
  const made = await server.request('POST', '/v1/networks', {
    name: 'after-the-outage',
    parent: 'ens33',
    hosts: { all: true },
    subnets: [{ cidr: '172.16.100.0/24' }],
  });
  expect(made.status).toBe(201);
  const answer = await poll;
  expect(answer.status).toBe(200);
  expect(answer.body.networks).toMatchObject([{ name: 'after-the-outage' }]);
});
