/** C11: an agent carries out what it was given. What it says of a generation or revision that there was not yet is made up. */
import type { Report } from '@trunkline/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { callNetworks } from '../networks/network-calls.fixture.ts';
import { carryOut, containerDone, placementDone } from '../networks/reports.fixture.ts';

let server: TestServer;
let agent: TestAgent;
beforeAll(async () => {
  server = await createTestServer();
  await server.checkPast();
  agent = await server.joinHost('docker01');
  const call = callNetworks(server);
  await call.make('lan', { hosts: { all: true } });
  await carryOut(agent);
  await call.runOn('docker01', 'box1', 'lan');
  await carryOut(agent);
});
afterAll(() => server?.close());

const placement = async () => (await server.request('GET', '/v1/networks/lan/placements/docker01')).body;
const container = async () => (await server.request('GET', '/v1/containers/box1')).body;

/** A report of what is there, one thing of it of a generation that is not. */
async function reportOf(
  thing: 'placement' | 'container',
  where: 'generation' | 'conditions',
): Promise<Partial<Report>> {
  const { networks, containers, revision } = await agent.document();
  const ahead = <T extends Report['placements'][number] | Report['containers'][number]>(one: T): T =>
    where === 'generation'
      ? { ...one, generation: 1_000_000 }
      : { ...one, conditions: one.conditions.map((c) => ({ ...c, observedGeneration: 1_000_000 })) };
  const placements = networks.map((one) => placementDone(one));
  const reports = containers.map((one) => containerDone(one, { state: 'exited' }));
  return {
    observedRevision: revision,
    placements: thing === 'placement' ? placements.map(ahead) : placements,
    containers: thing === 'container' ? reports.map(ahead) : reports,
  };
}

describe('a generation that there is not yet', () => {
  test.each<['placement' | 'container', 'generation' | 'conditions', string, string]>([
    ['placement', 'generation', '/placements', 'network lan'],
    ['placement', 'conditions', '/placements', 'network lan'],
    ['container', 'generation', '/containers', 'container box1'],
    ['container', 'conditions', '/containers', 'container box1'],
  ])(
    'of a %s (its %s) is refused, and nothing of the report is kept',
    async (thing, where, pointer, name) => {
      const before = [await placement(), await container()];
      const { status, body } = await agent.report(await reportOf(thing, where));
      expect([status, body.code]).toEqual([400, 'invalid_request']);
      expect(body.errors).toEqual([
        { pointer, message: expect.stringContaining(`1000000 of ${name}, which is`) },
      ]);
      expect([await placement(), await container()]).toEqual(before);
    },
  );

  test.each(['placement', 'container'] as const)(
    'of a %s is not kept either where the agent says that it heard a later revision',
    async (thing) => {
      const before = [await placement(), await container()];
      const report = { ...(await reportOf(thing, 'generation')), observedRevision: '999999999999999999' };
      expect((await agent.report(report)).status).toBe(200);
      const [kept, other] = thing === 'placement' ? [0, 1] : [1, 0];
      const after = [await placement(), await container()];
      expect(after[kept]).toEqual(before[kept]);
      expect(after[other]).not.toEqual(before[other]);
    },
  );
});

describe('a revision that there is not yet', () => {
  test('is not shown as what the host has', async () => {
    await agent.report({
      ...(await reportOf('placement', 'generation')),
      observedRevision: '999999999999999999',
    });
    const { body } = await server.request('GET', '/v1/hosts/docker01');
    expect(body.observedRevision).toBe(body.desiredRevision);
  });

  test.each([
    ['after', '999999999999999999'],
    ['generation', String(Number.MAX_SAFE_INTEGER)],
  ])('so high that no server can have said it (%s) begins no recovery', async (name, value) => {
    const { status, body } = await agent.desired(`?${name}=${value}`);
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect((await server.request('GET', '/v1/recovery')).body.phase).toBe('open');
    expect((await agent.document()).revision).toMatch(/^\d{1,9}$/);
  });
});
