import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestServer, type TestServer } from '../integration/server.ts';
import { fuzz, type FuzzResult } from './run.ts';

/*
 * Requests made from the documents of the server, seeded: some thousands in `npm test`, and as many as `npm run fuzz` asks
 * for (main.ts sets these).
 */
const seed = Number(process.env['TRUNKLINE_FUZZ_SEED'] ?? 1);
const asked = process.env['TRUNKLINE_FUZZ_COUNT'];
const count = asked === undefined ? 1_500 : Number(asked);
/** For one request to the API so many by agents, as 1 to this. */
const share = Number(process.env['TRUNKLINE_FUZZ_SHARE'] ?? 3);
/** A machine with other work beside it makes some 50 a second; what is asked for by hand takes the time it takes. */
const timeout = 60_000 + count * 100;

let server: TestServer;
let baseUrl: string;

beforeAll(async () => {
  // What is refused comes from many sources, or their limits would answer instead of the routes.
  server = await createTestServer({ trustProxy: ['127.0.0.1'] });
  baseUrl = await server.app.listen({ host: '127.0.0.1', port: 0 });
  server.startSweeps();
});
afterAll(() => server?.close());

function faultsOf(of: string, { faults, ...counts }: FuzzResult): FuzzResult['faults'] {
  // Requests that limits answer try nothing.
  expect(counts.statuses['429'] ?? 0, `${of}, limits`).toBeLessThan(counts.requests / 20);
  if (asked !== undefined) console.log(`${of}, seed ${seed}: ${JSON.stringify(counts)}`);
  return faults;
}

describe('whatever is asked, the answer is one of those documented, and comes at once', () => {
  test('of the API', { timeout, retry: 0 }, async () => {
    const result = await fuzz(server, baseUrl, { seed, count, of: 'api' });
    expect(faultsOf('API', result), `seed ${seed}`).toEqual([]);
  });

  test('by agents', { timeout, retry: 0 }, async () => {
    const result = await fuzz(server, baseUrl, { seed, count: Math.ceil(count / share), of: 'agents' });
    expect(faultsOf('agents', result), `seed ${seed}`).toEqual([]);
  });

  test('and afterwards the server answers as before', async () => {
    expect((await server.request('GET', '/readyz')).status).toBe(200);
    expect((await server.request('GET', '/v1/networks')).status).toBe(200);
  });
});
