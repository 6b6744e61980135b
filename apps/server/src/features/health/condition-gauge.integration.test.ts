import { conditionTable, type ConditionKind } from '@trunkline/contracts';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';

let server: TestServer;
const scrape = async (): Promise<string> => (await server.request('GET', '/metrics')).body;

beforeAll(async () => {
  server = await createTestServer();
});
afterAll(() => server?.close());

test('every condition that agents report has its series from the start', async () => {
  const text = await scrape();
  const kinds: [string, ConditionKind][] = Object.entries(conditionTable);
  const wanted = kinds
    .filter(([, { reportedBy }]) => reportedBy.includes('agent'))
    .flatMap(([type, { on }]) =>
      on
        .filter((one) => ['host', 'placement', 'container'].includes(one))
        .map((one) => `trunkline_conditions{on="${one}",type="${type}",status="False"} 0`),
    );
  expect(wanted.length).toBeGreaterThan(20);
  expect(wanted.filter((line) => !text.includes(line))).toEqual([]);
});

test('what hosts report is counted by its status, and as unknown once they are silent', async () => {
  const own = await createTestServer();
  try {
    const host = await own.joinHost('docker01');
    const since = { observedGeneration: 1, lastTransitionTime: own.clock.now().toISOString() };
    await host.report({
      conditions: [
        { type: 'Ready', status: 'True', reason: 'Ready', message: '', ...since },
        { type: 'WireProbed', status: 'False', reason: 'ToolsMissing', message: '', ...since },
      ],
    });
    const counts = async (): Promise<string[]> =>
      (await own.request('GET', '/metrics')).body
        .split('\n')
        .filter((line: string) => /^trunkline_conditions.* [1-9]/.test(line))
        .map((line: string) => line.replace(/^.*on="(.*)",type="(.*)",status="(.*)"} /, '$1 $2 $3 '))
        .toSorted();
    expect(await counts()).toEqual([
      'host AgentConnected True 1',
      'host Ready True 1',
      'host WireProbed False 1',
    ]);
    own.clock.advance(60_000);
    own.startSweeps();
    await expect
      .poll(counts, { timeout: 20_000 })
      .toEqual(['host AgentConnected Unknown 1', 'host Ready Unknown 1', 'host WireProbed False 1']);
  } finally {
    await own.close();
  }
});

test('without the conditions, the rest of the metrics is served all the same', async () => {
  await server.platform.database.pool.query('ALTER TABLE placement RENAME TO placement_elsewhere');
  // What was seen before is shown no longer.
  server.clock.advance(60_000);
  try {
    const text = await scrape();
    expect(text).toContain('trunkline_agent_polls 0');
    expect(text).not.toContain('trunkline_conditions{');
  } finally {
    await server.platform.database.pool.query('ALTER TABLE placement_elsewhere RENAME TO placement');
  }
});
