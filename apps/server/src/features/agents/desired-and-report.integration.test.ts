import type { Reason, Report } from '@trunkline/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testFacts } from '@trunkline/test/integration/agent-stub.ts';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';

let server: TestServer;
let agent: TestAgent;
let other: TestAgent;
beforeAll(async () => {
  server = await createTestServer();
  agent = await server.joinHost('docker01');
  other = await server.joinHost('docker02');
});
afterAll(() => server?.close());

/** A network on some hosts, in a subnet of its own. */
let subnets = 0;
async function makeNetwork(name: string, hosts: object): Promise<{ id: string }> {
  subnets += 1;
  const cidr = `172.16.${100 + subnets}.0/24`;
  const answer = await server.request('POST', '/v1/networks', {
    name,
    parent: 'ens33',
    hosts,
    subnets: [{ cidr }],
  });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return answer.body as { id: string };
}
const condition = (
  status: 'True' | 'False',
  reason: Reason,
  at = server.clock.now(),
): Report['conditions'][number] => ({
  type: 'Ready',
  status,
  reason,
  message: reason,
  observedGeneration: 1,
  lastTransitionTime: at.toISOString(),
});
const hostOf = async (name: string) => (await server.request('GET', `/v1/hosts/${name}`)).body;
const eventsOf = async (name: string): Promise<string[]> =>
  (await server.request('GET', `/v1/events?host=${name}&limit=1000`)).body.items.map(
    ({ type }: { type: string }) => type,
  );
const polls = async () =>
  (await server.request('GET', '/metrics')).body.match(/^trunkline_agent_polls (\d+)$/m)[1];

describe('the desired document', () => {
  test('of a host that has just joined is there, and empty', async () => {
    const { revision, ...rest } = await agent.document();
    expect(BigInt(revision)).toBeGreaterThan(0n);
    expect(rest).toEqual({
      hostId: agent.hostId,
      heartbeatSeconds: 10,
      networks: [],
      containers: [],
      recalls: [],
      revocations: [],
      checks: [],
    });
  });

  test('is not sent again to an agent that has it', async () => {
    const { revision } = await agent.document();
    const answer = await agent.desired(`?after=${revision}`);
    expect([answer.status, answer.body]).toEqual([304, '']);
  });

  test('wakes the poll of its own host as soon as it changes, and of no other one (promise 8)', async () => {
    const before = await agent.document();
    const mine = agent.desired(`?after=${before.revision}&wait=30`);
    const others = other.desired(`?after=${(await other.document()).revision}&wait=2`);
    await expect.poll(polls).toBe('2');
    const began = performance.now();
    const network = await makeNetwork('only-mine', { names: ['docker01'] });
    const answer = await mine;
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(answer.status).toBe(200);
    expect(BigInt(answer.body.revision)).toBeGreaterThan(BigInt(before.revision));
    expect(answer.body.networks.map(({ id }: { id: string }) => id)).toEqual([network.id]);
    expect((await others).status).toBe(304);
    expect((await other.document()).networks).toEqual([]);
    expect(await polls()).toBe('0');
  });

  test('is answered at once to an agent that has more than the database, after a restored backup', async () => {
    const { revision } = await agent.document();
    const answer = await agent.desired('?after=999999999&wait=30');
    expect([answer.status, answer.body.revision]).toEqual([200, revision]);
  });

  test('misses no change, whenever the poll comes', async () => {
    let { revision } = await other.document();
    for (let round = 0; round < 10; round += 1) {
      const poll = other.desired(`?after=${revision}&wait=20`);
      await server.request(
        'PATCH',
        '/v1/hosts/docker02',
        { labels: { round: String(round) } },
        { 'if-match': '*' },
      );
      await makeNetwork(`round${round}`, { names: ['docker02'] });
      const answer = await poll;
      expect(answer.status).toBe(200);
      revision = (await other.document()).revision;
    }
    expect((await other.document()).networks).toHaveLength(10);
  });

  test('polls end when the server stops', async () => {
    const own = await createTestServer();
    const host = await own.joinHost('docker01');
    const { revision } = await host.document();
    const poll = host.desired(`?after=${revision}&wait=60`);
    await expect
      .poll(async () => (await own.request('GET', '/metrics')).body)
      .toContain('trunkline_agent_polls 1');
    const began = performance.now();
    await own.close();
    expect((await poll).status).toBe(304);
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});

describe('a report', () => {
  test('says what the host is, and when the agent looked', async () => {
    const { revision } = await agent.document();
    const observedAt = new Date(server.clock.now().getTime() - 1_000).toISOString();
    const answer = await agent.report({
      observedAt,
      observedRevision: revision,
      conditions: [condition('True', 'Ready')],
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ revision, heartbeatSeconds: 10 });
    const host = await hostOf('docker01');
    expect(host).toMatchObject({
      online: true,
      observedAt,
      observedRevision: revision,
      desiredRevision: revision,
      facts: testFacts('docker01'),
    });
    expect(host.conditions.map(({ type, status }: Report['conditions'][number]) => [type, status])).toEqual([
      ['Ready', 'True'],
      ['AgentConnected', 'True'],
    ]);
  });

  test('from a clock that is ahead is never newer than now (promise 9)', async () => {
    const ahead = new Date(server.clock.now().getTime() + 50_000);
    await agent.report({
      observedAt: ahead.toISOString(),
      conditions: [condition('False', 'DockerUnreachable', ahead)],
    });
    const { observedAt, conditions } = await hostOf('docker01');
    const now = server.clock.now().getTime();
    expect(Date.parse(observedAt)).toBeLessThanOrEqual(now);
    for (const { lastTransitionTime } of conditions)
      expect(Date.parse(lastTransitionTime)).toBeLessThanOrEqual(now);
  });

  test('that is older than what is here overwrites nothing, though it says that the agent lives', async () => {
    const host = await server.joinHost('late-report');
    const network = await makeNetwork('late-net', { names: ['late-report'] });
    const placement = (reason: Reason) => ({
      networkId: network.id,
      generation: 1,
      removed: false,
      dockerNetworkId: null,
      link: null,
      lastAction: null,
      conditions: [condition('True', reason)],
    });
    const newer = server.clock.now().toISOString();
    await host.report({
      observedAt: newer,
      conditions: [condition('True', 'Ready')],
      placements: [placement('Ready')],
    });
    const older = new Date(Date.parse(newer) - 5_000).toISOString();
    const late = await host.report({
      observedAt: older,
      conditions: [condition('False', 'DockerUnreachable')],
      placements: [placement('DockerUnreachable')],
    });
    expect(late.status).toBe(200);
    const after = await hostOf('late-report');
    expect(after.observedAt).toBe(newer);
    expect(after.conditions[0]).toMatchObject({ type: 'Ready', status: 'True', reason: 'Ready' });
    const placed = await server.request('GET', '/v1/networks/late-net/placements/late-report');
    expect(placed.body.conditions[0].reason).toBe('Ready');
  });

  test('that says nothing new leaves no event; a status or reason that changes leaves one', async () => {
    const host = await server.joinHost('quiet');
    const first = condition('True', 'Ready');
    await host.report({ conditions: [first] });
    const before = await eventsOf('quiet');
    for (let n = 0; n < 3; n += 1) await host.report({ conditions: [condition('True', 'Ready')] });
    expect(await eventsOf('quiet')).toEqual(before);
    expect((await hostOf('quiet')).conditions[0].lastTransitionTime).toBe(first.lastTransitionTime);
    await host.report({ conditions: [condition('False', 'DockerUnreachable')] });
    expect(await eventsOf('quiet')).toEqual([...before, 'host.condition-changed']);
  });

  test('cannot speak for the server: conditions of its own stay its own', async () => {
    const host = await server.joinHost('boaster');
    const own = condition('False', 'DockerUnreachable');
    await host.report({ conditions: [{ ...own, type: 'AgentConnected', reason: 'AgentSilent' }] });
    const { conditions } = await hostOf('boaster');
    expect(conditions.find(({ type }: { type: string }) => type === 'AgentConnected').status).toBe('True');
  });

  test('with a field that nobody knows or a wrong type is refused by name', async () => {
    const odd = await agent.report({ extra: 1 } as unknown as Partial<Report>);
    expect([odd.status, odd.body.errors[0].pointer]).toEqual([400, '/extra']);
    const wrong = await agent.report({ observedRevision: 7 } as unknown as Partial<Report>);
    expect([wrong.status, wrong.body.errors[0].pointer]).toEqual([400, '/observedRevision']);
  });

  test('about what is on another host is not heard (promise 8)', async () => {
    const network = await makeNetwork('not-yours', { names: ['docker02'] });
    const answer = await agent.report({
      placements: [
        {
          networkId: network.id,
          generation: 1,
          removed: true,
          dockerNetworkId: 'stolen',
          link: 'ens33',
          lastAction: 'lied',
          conditions: [condition('True', 'RolledBack')],
        },
      ],
    });
    expect(answer.status).toBe(200);
    const placements = await server.request('GET', '/v1/networks/not-yours/placements');
    expect(placements.body.items).toHaveLength(1);
    expect(JSON.stringify(placements.body)).not.toMatch(/RolledBack|stolen|docker01/);
  });
});
