import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';
import { callNetworks, type NetworkCalls } from '../networks/network-calls.fixture.ts';

let server: TestServer;
let call: NetworkCalls;
interface Seen {
  revision: string;
  type: string;
  subject: string;
  at: string;
}
const list = async (query: string): Promise<Seen[]> =>
  (await server.request('GET', `/v1/events?limit=1000&${query}`)).body.items;

beforeAll(async () => {
  server = await createTestServer();
  call = callNetworks(server);
  // `_` is any character for LIKE.
  for (const name of ['a_b', 'aXb', 'a_b2']) await call.make(name);
  for (const name of ['a_b', 'aXb'])
    await server.request('POST', `/v1/networks/${name}/addresses`, { owner: 'web' });
  await call.patch('a_b', { labels: { a: '1' } });
});
afterAll(() => server?.close());

test('newest first, in pages that lead back to the beginning, is the log the other way round', async () => {
  const all = await list('');
  const back: Seen[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const { body } = await server.request(
      'GET',
      `/v1/events?order=newest&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    back.push(...body.items);
    cursor = body.nextCursor;
  }
  expect(back).toEqual(all.toReversed());
  const middle = all.at(2)!.revision;
  expect((await list(`order=newest&after=${middle}`)).at(-1)).toEqual(all.at(3));
});

test('a cursor of one order is refused in the other', async () => {
  const { body } = await server.request('GET', '/v1/events?order=newest&limit=1');
  expect((await server.request('GET', `/v1/events?cursor=${body.nextCursor}`)).body.code).toBe(
    'invalid_cursor',
  );
});

test('a subject has what is below it, and no other of a similar name', async () => {
  const seen = await list('subject=/v1/networks/a_b');
  expect(new Set(seen.map(({ type }) => type))).toEqual(
    new Set(['network.created', 'network.updated', 'address.reserved']),
  );
  expect(seen.every(({ subject }) => /^\/v1\/networks\/a_b(\/|$)/.test(subject))).toBe(true);
  expect(await list('subject=/v1/networks/nothing')).toEqual([]);
});

test('all types of a kind, and a type that there is not', async () => {
  const seen = await list('type=network.*');
  expect(new Set(seen.map(({ type }) => type))).toEqual(new Set(['network.created', 'network.updated']));
  expect((await list('type=network.updated')).length).toBe(1);
  const refused = await server.request('GET', '/v1/events?type=network.craeted');
  expect(refused.body).toMatchObject({ status: 400, errors: [{ pointer: 'query:type' }] });
  const stream = await server.request('GET', '/v1/events?type=nothing', undefined, {
    accept: 'text/event-stream',
  });
  expect(stream.status).toBe(400);
});

test('a time has what happened from it, or up to it', async () => {
  const all = await list('');
  const { at } = all.at(3)!;
  expect(await list(`since=${at}`)).toEqual(all.filter((one) => one.at >= at));
  expect(await list(`until=${at}`)).toEqual(all.filter((one) => one.at <= at));
  expect((await server.request('GET', '/v1/events?since=yesterday')).status).toBe(400);
});

test('a stream is in order only', async () => {
  const answer = await server.request('GET', '/v1/events?order=newest', undefined, {
    accept: 'text/event-stream',
  });
  expect(answer.body).toMatchObject({ status: 400, errors: [{ pointer: 'query:order' }] });
});
