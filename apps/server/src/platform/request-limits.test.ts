import fastify, { type FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { problems } from './problems.ts';
import { limits, requestLimits } from './request-limits.ts';

let app: FastifyInstance;
let registry: Registry;
let baseUrl: string;
/** Requests that are held now, each by how to answer it. */
let held: (() => void)[];

beforeEach(async () => {
  held = [];
  registry = new Registry();
  const hold = (): Promise<object> =>
    new Promise((resolve) => {
      held.push(() => resolve({}));
    });
  app = fastify();
  await app.register(problems);
  await app.register(
    fp(
      async (one) => {
        one.decorateRequest('caller', null);
        one.addHook('onRequest', async (request) => {
          const tokenId = request.headers.authorization;
          if (tokenId !== undefined) request.caller = { tokenId, name: tokenId, role: 'admin' };
        });
      },
      { name: 'auth' },
    ),
  );
  await app.register(requestLimits, { registry });
  app.get('/v1/events', { config: { streams: true } }, hold);
  app.get('/v1/checks/:id', hold);
  app.get('/agent/v1/desired', hold);
  app.get('/v1/networks', hold);
  baseUrl = await app.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  for (const answer of held) answer();
  await app.close();
});

const get = (path: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> =>
  fetch(`${baseUrl}${path}`, { headers, ...(signal === undefined ? {} : { signal }) });

/** Holds as many as may be of one caller; answers how to hang up. */
async function fill(path: string, headers: Record<string, string>, count: number): Promise<() => void> {
  const controller = new AbortController();
  const before = held.length;
  for (let n = 0; n < count; n += 1) get(path, headers, controller.signal).catch(() => undefined);
  await expect.poll(() => held.length - before, { timeout: 20_000 }).toBe(count);
  return () => controller.abort();
}

const stream = { accept: 'text/event-stream' };
const signed = { 'signature-input': `x;keyid="${'a'.repeat(36)}"` };

test.each([
  ['/v1/events', { authorization: 'a', ...stream }, limits.streams.perKey],
  ['/v1/checks/1?wait=30s', { authorization: 'a' }, limits.waits.perKey],
  ['/agent/v1/desired?wait=25', signed, limits.polls.perKey],
] as const)(
  '%s is held so often for one caller, and refused beyond',
  { timeout: 60_000 },
  async (path, headers, most) => {
    const hangUp = await fill(path, headers, most);
    const refused = await get(path, headers);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await refused.json()).toMatchObject({ code: 'limit_reached', retryable: true });
    // Another one is not concerned, and what ends makes room.
    await fill(path, { ...headers, authorization: 'b', 'signature-input': `keyid="${'b'.repeat(36)}"` }, 1);
    hangUp();
    await expect
      .poll(
        async () => {
          const again = await get(path, headers, AbortSignal.timeout(500)).catch(() => undefined);
          return again?.status;
        },
        { timeout: 20_000 },
      )
      .not.toBe(429);
  },
);

test('what does not wait has places of its own, and more of them', async () => {
  for (const [path, headers] of [
    ['/v1/events', { authorization: 'a' }],
    ['/v1/checks/1', { authorization: 'a' }],
    ['/v1/checks/1?wait=0s', { authorization: 'a' }],
  ] as const) {
    const hangUp = await fill(path, headers, limits.waits.perKey + 1);
    expect(held.length).toBeGreaterThan(limits.waits.perKey);
    hangUp();
  }
});

test.each([
  ['/v1/networks', { authorization: 'c' }, limits.requests.perKey],
  ['/agent/v1/desired', signed, limits.calls.perKey],
] as const)(
  '%s may be under way so often for one caller',
  { timeout: 60_000 },
  async (path, headers, most) => {
    const hangUp = await fill(path, headers, most);
    const refused = await get(path, headers);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
    hangUp();
  },
);
