/** Plain HTTP is for trusted proxies and the server's own machine. */
import fastify from 'fastify';
import { expect, test } from 'vitest';
import { onlyProxies } from './only-proxies.ts';
import { problems } from './problems.ts';

async function ask(url: string, from: string, headers: Record<string, string> = {}) {
  const app = fastify();
  await app.register(problems);
  await app.register(onlyProxies, { proxies: ['10.0.0.0/24', 'fd00::1'] });
  for (const route of ['/v1/hosts', '/livez', '/readyz']) app.get(route, async () => 'here');
  const answer = await app.inject({ url, remoteAddress: from, headers });
  await app.close();
  return { status: answer.statusCode, text: answer.payload };
}

test.each(['10.0.0.7', '::ffff:10.0.0.7', 'fd00::1', '127.0.0.1', '::1'])('%s is answered', async (from) => {
  expect(await ask('/v1/hosts', from)).toEqual({ status: 200, text: 'here' });
  expect((await ask('/v1/hosts', from, { 'x-forwarded-proto': 'https' })).status).toBe(200);
});

test.each(['10.0.1.7', '::ffff:10.0.1.7', 'fd00::2'])('%s is refused, with what to do', async (from) => {
  const { status, text } = await ask('/v1/hosts', from);
  expect([status, JSON.parse(text)]).toMatchObject([400, { code: 'https_required' }]);
  expect(text).toContain('use the https URL of the proxy, and replace a token that was sent');
  // Whoever only asks whether the server is well sends no secret.
  for (const url of ['/livez', '/readyz']) expect((await ask(url, from)).status).toBe(200);
});

test('what a proxy took over plain HTTP is refused', async () => {
  expect(await ask('/v1/hosts', '10.0.0.7', { 'x-forwarded-proto': 'http' })).toMatchObject({ status: 400 });
});
