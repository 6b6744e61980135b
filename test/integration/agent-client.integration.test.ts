import { createAgentClient, joinHost } from '@trunkline/client';
import { agentProtocolVersion } from '@trunkline/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newAgentKey, testFacts } from './agent-stub.ts';
import { createTestServer, type TestServer } from './server.ts';

let server: TestServer;
let baseUrl: string;
beforeAll(async () => {
  server = await createTestServer();
  baseUrl = await server.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => server?.close());

const polls = async () =>
  /^trunkline_agent_polls (\d+)$/m.exec((await server.request('GET', '/metrics')).body)?.[1];

test('the client of the agent joins, polls and reports over HTTP, and a poll whose caller hangs up is let go', async () => {
  const { privateKey, publicKey } = newAgentKey();
  const token = (await server.request('POST', '/v1/join-tokens', {})).body.secret as string;
  const facts = testFacts('docker01');
  const request = { protocol: agentProtocolVersion, token, name: 'docker01', publicKey, facts };
  const { hostId } = await joinHost({ baseUrl }, request);
  const client = createAgentClient({ baseUrl, identity: { hostId, privateKey }, instance: 'instance-1' });
  try {
    const document = await client.desired();
    if (document === 'unchanged') throw new Error('no document');
    expect(document.hostId).toBe(hostId);
    expect(await client.desired({ after: document.revision })).toBe('unchanged');
    const observedAt = server.clock.now().toISOString();
    const empty = { conditions: [], placements: [], containers: [], inventory: [] };
    const answer = await client.report({ observedAt, observedRevision: document.revision, facts, ...empty });
    expect(answer.revision).toBe(document.revision);

    const hangUp = new AbortController();
    const poll = client.desired({ after: document.revision, wait: 60, signal: hangUp.signal });
    await expect.poll(polls).toBe('1');
    hangUp.abort();
    await expect(poll).rejects.toMatchObject({ name: expect.any(String) });
    await expect.poll(polls).toBe('0');
  } finally {
    await client.close();
  }
});
