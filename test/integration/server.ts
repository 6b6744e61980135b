import { pino } from 'pino';
import { buildApp } from '../../apps/server/src/app.ts';
import type { PastMark } from '../../apps/server/src/features/recovery/past-mark.ts';
import type { App } from '../../apps/server/src/platform/app-types.ts';
import { createChanges } from '../../apps/server/src/platform/changes.ts';
import { openChangeFeed } from '../../apps/server/src/platform/database/change-feed.ts';
import { openDatabase } from '../../apps/server/src/platform/database/database.ts';
import { createMetrics } from '../../apps/server/src/platform/metrics.ts';
import type { Platform } from '../../apps/server/src/platform/platform.ts';
import {
  createTestAgent,
  joinBody,
  newAgentKey,
  type Send,
  type TestAgent,
  type TestAnswer,
} from './agent-stub.ts';
import { createTestDatabase } from './database.ts';
import { oddEvents } from './recorded-events.ts';

export type { TestAgent, TestAnswer } from './agent-stub.ts';

/** A whole server, without a port, on a database of its own. */
export interface TestServer {
  app: App;
  platform: Platform;
  /** Secret of its first admin token. */
  token: string;
  clock: { now(): Date; advance(milliseconds: number): void };
  /** Asks as the admin, unless `headers` has another `authorization`; an empty one asks as nobody. */
  request(method: string, url: string, body?: unknown, headers?: Record<string, string>): Promise<TestAnswer>;
  /** Sends a request as it stands. */
  send: Send;
  /** Makes a token of a role and answers the header that carries it. */
  as(role: 'viewer' | 'operator' | 'admin'): Promise<{ authorization: string }>;
  /** Lets a host join, and says that it has just started. */
  joinHost(name: string): Promise<TestAgent>;
  ensureAdminToken(
    chosen: string | undefined,
    keep?: (secret: string) => Promise<void>,
  ): Promise<string | undefined>;
  /** Looks at the past of the database, as a start does. */
  checkPast(): Promise<void>;
  /** Starts what happens by time; ended by `close`. */
  startSweeps(): void;
  /** Fails where the log has an event that is not as the table of events says. */
  close(): Promise<void>;
}

export interface TestServerOptions {
  /** A database that the caller made and drops, such as one that several servers share. */
  connectionString?: string;
  /** As of a server with a PostgreSQL of its own. */
  pastMark?: PastMark;
  /** As TRUNKLINE_TRUST_PROXY. */
  trustProxy?: readonly string[];
  /** As TRUNKLINE_WEBHOOK_ALLOW. */
  webhookAllow?: readonly string[];
  /** As TRUNKLINE_UNUSED_LEASES. */
  unusedLeases?: number;
  /** As TRUNKLINE_POOL_LOW_PERCENT, TRUNKLINE_POOL_LOW_DAYS and TRUNKLINE_MANY_STATIONS. */
  thresholds?: { poolLowPercent: number; poolLowDays: number; manyStations: number };
  /** Takes the lines of the log, from `debug` on; without it they go where TRUNKLINE_TEST_LOG says. */
  logTo?: (line: string) => void;
}

const keepNowhere = async (): Promise<void> => {};

/** Builds the server as `main` does, but listens on nothing. */
export async function createTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const own = options.connectionString === undefined ? await createTestDatabase() : undefined;
  const connectionString = options.connectionString ?? own?.connectionString ?? '';
  const log =
    options.logTo === undefined
      ? pino({ level: process.env['TRUNKLINE_TEST_LOG'] ?? 'silent' })
      : pino({ level: 'debug' }, { write: options.logTo });
  const database = openDatabase({
    connection: { connectionString },
    connections: 10,
    onConnectionError: () => undefined,
  });
  const stopping = new AbortController();
  const feed = openChangeFeed({ connection: database.connection, stopping: stopping.signal, log });
  let aheadMs = 0;
  const clock = {
    now: () => new Date(Date.now() + aheadMs),
    advance: (milliseconds: number) => void (aheadMs += milliseconds),
  };
  const platform: Platform = {
    database,
    feed,
    log,
    changes: createChanges(database),
    metrics: createMetrics(),
    now: clock.now,
    stopping: stopping.signal,
  };
  const features = await buildApp(platform, {
    version: '0.0.0-test',
    pastMark: options.pastMark,
    webhookAllow: options.webhookAllow,
    unusedLeases: options.unusedLeases,
    thresholds: options.thresholds,
    trustProxy: options.trustProxy,
  });
  const odd: string[] = [];
  const undo: (() => Promise<unknown>)[] = [
    async () => own?.drop(),
    () => database.close(),
    async () => void odd.push(...(await oddEvents(database))),
    () => feed.close(),
    async () => features.app.close(),
    async () => stopping.abort(),
  ];
  const close = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
    if (odd.length > 0)
      throw new Error(`events that are not as eventTable has them: ${odd.splice(0).join('; ')}`);
  };

  const send: Send = async (method, url, body, headers) => {
    const answer = await features.app.inject({
      method: method as 'GET',
      url,
      // Apart from what comes over real connections: sources have limits.
      remoteAddress: '192.0.2.200',
      headers,
      ...(body === undefined ? {} : { payload: body }),
    });
    const isJson = (answer.headers['content-type'] ?? '').includes('json');
    return {
      status: answer.statusCode,
      headers: Object.fromEntries(
        Object.entries(answer.headers).map(([name, value]) => [name, String(value)]),
      ),
      body: isJson && answer.payload !== '' ? JSON.parse(answer.payload) : answer.payload,
    };
  };

  try {
    const token = `tl_test_${'0'.repeat(32)}`;
    const made = await features.ensureAdminToken(
      options.connectionString === undefined ? undefined : token,
      keepNowhere,
    );
    return createServer(made ?? token);
  } catch (error) {
    await close();
    throw error;
  }

  function createServer(token: string): TestServer {
    const request: TestServer['request'] = (method, url, body, headers = {}) => {
      const all: Record<string, string> = { authorization: `Bearer ${token}`, ...headers };
      if (all['authorization'] === '') delete all['authorization'];
      if (body !== undefined) all['content-type'] ??= 'application/json';
      return send(method, url, body === undefined ? undefined : JSON.stringify(body), all);
    };
    return {
      app: features.app,
      platform,
      token,
      clock,
      request,
      send,
      checkPast: () => features.checkPast(),
      ensureAdminToken: (chosen, keep = keepNowhere) => features.ensureAdminToken(chosen, keep),
      async as(role) {
        const name = `${role}-${crypto.randomUUID()}`;
        const { body } = mustBe(201, await request('POST', '/v1/tokens', { name, role }));
        return { authorization: `Bearer ${body.secret as string}` };
      },
      async joinHost(name) {
        const joinToken = mustBe(201, await request('POST', '/v1/join-tokens', { host: name }));
        const { privateKey, publicKey } = newAgentKey();
        const body = JSON.stringify(joinBody(name, joinToken.body.secret as string, publicKey));
        const joined = await send('POST', '/agent/v1/join', body, { 'content-type': 'application/json' });
        const { hostId } = mustBe(201, joined).body as { hostId: string };
        return createTestAgent({ name, hostId, privateKey }, { send, now: clock.now });
      },
      startSweeps() {
        undo.push(features.startSweeps());
      },
      close,
    };
  }
}

function mustBe(status: number, answer: TestAnswer): TestAnswer {
  if (answer.status !== status) throw new Error(`${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer;
}
