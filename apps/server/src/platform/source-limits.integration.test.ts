/** What nobody knows who sends it is bounded by where it comes from; what is known is not refused for its neighbours. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { joinBody, newAgentKey } from '@trunkline/test/integration/agent-stub.ts';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { sourceLimits } from './source-limits.ts';

let server: TestServer;
let agent: TestAgent;
beforeEach(async () => {
  server = await createTestServer();
  agent = await server.joinHost('docker01');
});
afterEach(() => server?.close());

const bad = '192.0.2.1';
type Ask = (remoteAddress: string) => Promise<{ statusCode: number; headers: Record<string, unknown> }>;

const badToken: Ask = (remoteAddress) =>
  server.app.inject({
    method: 'GET',
    url: '/v1/networks',
    remoteAddress,
    headers: { authorization: `Bearer tl_${Math.random().toString(36).padEnd(40, 'x')}` },
  });
const goodToken = (token: string, remoteAddress: string) =>
  server.app.inject({
    method: 'GET',
    url: '/v1/networks',
    remoteAddress,
    headers: { authorization: `Bearer ${token}` },
  });
const signed = async (remoteAddress: string, forgery: Parameters<TestAgent['sign']>[3] = {}) => {
  const { method, url, headers } = await agent.sign('GET', '/agent/v1/desired', undefined, forgery);
  return server.app.inject({ method: method as 'GET', url, remoteAddress, headers });
};
const badSignature: Ask = (remoteAddress) => signed(remoteAddress, { privateKey: newAgentKey().privateKey });
const badJoin: Ask = (remoteAddress) =>
  server.app.inject({
    method: 'POST',
    url: '/agent/v1/join',
    remoteAddress,
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify(joinBody('docker09', `tlj_${'x'.repeat(43)}`, newAgentKey().publicKey)),
  });

/** Uses up what a source may be refused, and some more for the time that passes; answers the first request that has to wait. */
async function useUp(ask: Ask, source = bad): Promise<Awaited<ReturnType<Ask>> | undefined> {
  for (let round = 0; round < 40; round += 1) {
    const answers = await Promise.all(Array.from({ length: sourceLimits.refused.burst }, () => ask(source)));
    const waits = answers.find(({ statusCode }) => statusCode === 429);
    if (waits !== undefined) return waits;
  }
  return undefined;
}

/** The answers to many at once: of a source that is over its budget some are refused, however slow the machine. */
const statuses = async (ask: () => Promise<{ statusCode: number }>): Promise<Set<number>> =>
  new Set((await Promise.all(Array.from({ length: 60 }, ask))).map(({ statusCode }) => statusCode));

describe('a source that is refused again and again', () => {
  test.each<[string, () => Ask]>([
    ['for its tokens', () => badToken],
    ['for its signatures', () => badSignature],
    ['for its join tokens', () => badJoin],
  ])('%s waits; another source does not', { timeout: 60_000 }, async (_, ask) => {
    // The budget fills again while a slow machine asks: what counts is that one of so many had to wait.
    const refused = await useUp(ask());
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(0);
    expect((await ask()('192.0.2.2')).statusCode).toBe(401);
  });

  test(
    'does not shut out a token or an agent that was found right there before',
    { timeout: 60_000 },
    async () => {
      expect((await goodToken(server.token, bad)).statusCode).toBe(200);
      expect((await signed(bad)).statusCode).toBe(200);
      await useUp(badToken);
      expect(await statuses(() => goodToken(server.token, bad))).toEqual(new Set([200]));
      expect(await statuses(() => signed(bad))).toEqual(new Set([200]));
      // What asks for no token is answered as well: whoever watches the server does not share its troubles.
      expect(await statuses(() => server.app.inject({ url: '/livez', remoteAddress: bad }))).toEqual(
        new Set([200]),
      );
    },
  );
});
