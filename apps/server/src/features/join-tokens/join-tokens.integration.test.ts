import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await createTestServer();
});
afterAll(() => server?.close());

test('a join token is found where its Location says, as in the list and without its secret', async () => {
  const made = await server.request('POST', '/v1/join-tokens', { host: 'docker01' });
  const answer = await server.request('GET', made.headers['location'] ?? '');
  const { secret, command, ...shown } = made.body as { secret: string; command: string };
  expect(command).toBe(`trunkline-agent join http://localhost ${secret} --name docker01`);
  expect(answer).toMatchObject({ status: 200, body: shown });
  expect(JSON.stringify(answer.body)).not.toContain(secret);
  expect((await server.request('GET', '/v1/join-tokens')).body.items).toContainEqual(answer.body);
});

test('only an admin sees it', async () => {
  const { headers } = await server.request('POST', '/v1/join-tokens', {});
  const answer = await server.request(
    'GET',
    headers['location'] ?? '',
    undefined,
    await server.as('operator'),
  );
  expect(answer.body).toMatchObject({ status: 403, code: 'forbidden' });
});

test('one that is not there is said to be none', async () => {
  const answer = await server.request('GET', '/v1/join-tokens/0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11');
  expect(answer.body).toMatchObject({ status: 404, code: 'join_token_not_found' });
});
