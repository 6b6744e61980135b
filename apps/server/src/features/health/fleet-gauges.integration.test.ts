import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { metricsOfServer } from '@trunkline/test/packaging/promql.ts';
import { testFacts } from '@trunkline/test/integration/agent-stub.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMetrics } from '../../platform/metrics.ts';
import { syncLeases, returning, takeLeases } from '../leases/lease-calls.fixture.ts';
import { callNetworks, type NetworkCalls } from '../networks/network-calls.fixture.ts';
import { registerFleetGauges } from './fleet-gauges.ts';

let server: TestServer;
let call: NetworkCalls;
let one: TestAgent;
let two: TestAgent;

beforeAll(async () => {
  server = await createTestServer();
  call = callNetworks(server);
  one = await server.joinHost('docker01');
  two = await server.joinHost('docker02');
});
afterAll(() => server?.close());

/** What a server shows that has not looked before. */
const firstScrape = async (max?: {
  networks: number;
  hosts: number;
  versions: number;
}): Promise<string[]> => {
  const metrics = createMetrics();
  registerFleetGauges({ ...server.platform, metrics }, max);
  return (await metrics.registry.metrics()).split('\n');
};
const scrape = async (): Promise<string[]> =>
  ((await server.request('GET', '/metrics')).body as string).split('\n');
/** The lines of a metric, without its name. */
const seriesOf = (lines: readonly string[], name: string): string[] =>
  lines
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => line.slice(name.length));
const query = (sql: string, values: unknown[] = []): Promise<unknown> =>
  server.platform.database.pool.query(sql, values);
const setConnected = (name: string, status: string, reason: string): Promise<unknown> =>
  query(`UPDATE host SET conditions = $2 WHERE name = $1`, [
    name,
    JSON.stringify([{ type: 'AgentConnected', status, reason }]),
  ]);
const heard = (name: string): Promise<unknown> => setConnected(name, 'True', 'AgentHeard');

const placementOf = (networkId: string, generation: number, ready?: 'True' | 'False') => ({
  networkId,
  generation,
  removed: false,
  dockerNetworkId: null,
  link: null,
  lastAction: null,
  conditions:
    ready === undefined
      ? []
      : [
          {
            type: 'Ready',
            status: ready,
            reason: ready === 'True' ? 'Ready' : 'ParentMissing',
            message: '',
            observedGeneration: generation,
            lastTransitionTime: server.clock.now().toISOString(),
          },
        ],
});
const report = async (agent: TestAgent, placement: object): Promise<void> => {
  const answer = await agent.report({ observedRevision: '1', placements: [placement as never] });
  expect(answer.status).toBe(200);
};

test('every host is counted in one state, and none once it is retired', async () => {
  await server.joinHost('docker03');
  await server.joinHost('docker04');
  await setConnected('docker03', 'Unknown', 'AgentSilent');
  await setConnected('docker04', 'Unknown', 'ClockOff');
  expect(seriesOf(await firstScrape(), 'trunkline_hosts')).toEqual([
    '{state="online"} 2',
    '{state="silent"} 1',
    '{state="clock_off"} 1',
  ]);
  for (const name of ['docker03', 'docker04'])
    expect(
      (await server.request('DELETE', `/v1/hosts/${name}?force=true`, undefined, { 'if-match': '*' })).status,
    ).toBe(204);
  expect(seriesOf(await firstScrape(), 'trunkline_hosts')).toEqual([
    '{state="online"} 2',
    '{state="silent"} 0',
    '{state="clock_off"} 0',
  ]);
});

test('agents are counted by version, those of the least used versions together', async () => {
  await one.report({ facts: { ...testFacts('docker01'), agentVersion: '0.2.0' } });
  await two.report({ facts: { ...testFacts('docker02'), agentVersion: '0.2.0' } });
  const three = await server.joinHost('docker05');
  await three.report({ facts: { ...testFacts('docker05'), agentVersion: '0.1.0' } });
  expect(seriesOf(await firstScrape(), 'trunkline_agents')).toEqual([
    '{version="0.2.0"} 2',
    '{version="0.1.0"} 1',
  ]);
  const max = { networks: 1, hosts: 1, versions: 1 };
  expect(seriesOf(await firstScrape(max), 'trunkline_agents')).toEqual([
    '{version="0.2.0"} 2',
    '{version="other"} 1',
  ]);
  await server.request('DELETE', '/v1/hosts/docker05?force=true', undefined, { 'if-match': '*' });
});

test('the time of the last report of each host, of the most silent ones where there are many', async () => {
  await query(`UPDATE host SET last_seen_at = '2026-11-01T00:00:00.250Z' WHERE name = 'docker02'`);
  const name = 'trunkline_host_last_report_timestamp_seconds';
  const all = seriesOf(await firstScrape(), name);
  expect(all).toHaveLength(2);
  expect(all[0]).toBe('{host="docker02"} 1793491200.25');
  const few = await firstScrape({ networks: 1, hosts: 1, versions: 1 });
  expect(seriesOf(few, name)).toEqual(['{host="docker02"} 1793491200.25']);
  expect(seriesOf(few, 'trunkline_hosts_left_out')).toEqual([' 1']);
  expect(seriesOf(await firstScrape(), 'trunkline_hosts_left_out')).toEqual([' 0']);
  await two.report({});
});

/** The placements of the network `placed` by standing: as a scrape counts them, and as the API does. */
const countedStandings = async (): Promise<Record<string, number>> =>
  Object.fromEntries(
    seriesOf(await firstScrape(), 'trunkline_network_placements')
      .filter((line) => line.includes('network="placed"'))
      .map((line) => [/standing="(\w+)"/.exec(line)?.[1] ?? '', Number(line.split(' ')[1])]),
  );
const shownStandings = async (): Promise<Record<string, number>> => {
  const { total, ready, notReady, unknown } = (await server.request('GET', '/v1/networks/placed')).body.status
    .hosts;
  expect(total).toBe(ready + notReady + unknown);
  return { ready, not_ready: notReady, unknown };
};

test('placements count as what the status of their network says', async () => {
  const { body } = await call.make('placed', { hosts: { all: true } });
  expect(await countedStandings()).toEqual({ ready: 0, not_ready: 0, unknown: 2 });
  await report(one, placementOf(body.id, 1, 'True'));
  await report(two, placementOf(body.id, 1, 'False'));
  expect(await countedStandings()).toEqual({ ready: 1, not_ready: 1, unknown: 0 });
  expect(await countedStandings()).toEqual(await shownStandings());
  await call.patch('placed', { mtu: 1400 });
  expect(await countedStandings()).toEqual({ ready: 0, not_ready: 0, unknown: 2 });
  expect(await countedStandings()).toEqual(await shownStandings());
  await report(one, placementOf(body.id, 2, 'True'));
  await setConnected('docker01', 'Unknown', 'AgentSilent');
  expect(await countedStandings()).toEqual({ ready: 0, not_ready: 0, unknown: 2 });
  await heard('docker01');
  await call.patch('placed', { hosts: { names: ['docker01'] } });
  expect(await countedStandings()).toMatchObject({ not_ready: 1 });
  expect(await countedStandings()).toEqual(await shownStandings());
});

const conflict = (n: number) => ({ ip: `10.9.9.${n}`, container: `c${n}`, mac: `02:42:00:00:09:0${n}` });
const countedConflicts = async (): Promise<string | undefined> =>
  seriesOf(await firstScrape(), 'trunkline_network_address_conflicts').find((line) =>
    line.startsWith('{network="foreign"}'),
  );

test('conflicts are counted by network, and not those of a silent host', async () => {
  const { body } = await call.make('foreign', { hosts: { all: true } });
  expect(await countedConflicts()).toBe('{network="foreign"} 0');
  await report(one, { ...placementOf(body.id, 1, 'True'), conflicts: [conflict(1), conflict(2)] });
  await report(two, { ...placementOf(body.id, 1, 'True'), conflicts: [conflict(3)] });
  expect(await countedConflicts()).toBe('{network="foreign"} 3');
  await setConnected('docker01', 'Unknown', 'AgentSilent');
  expect(await countedConflicts()).toBe('{network="foreign"} 1');
  await heard('docker01');
});

test('addresses are counted by network, IP version and state, also those that are none', async () => {
  const { body } = await call.make('states', { hosts: { all: true } });
  await call.make('six', { subnets: [{ cidr: 'fd00:60::/64' }] });
  expect((await server.request('POST', '/v1/networks/states/addresses', { count: 3 })).status).toBe(201);
  const { granted } = await takeLeases(one, body.id, 2);
  await syncLeases(one, { returns: returning(granted.slice(0, 1), 'unused') });
  const lines = seriesOf(await firstScrape(), 'trunkline_network_addresses');
  const of = (network: string): string[] =>
    lines.filter((line) => line.includes(`network="${network}"`)).toSorted();
  const quarantined = Number(
    of('states')
      .find((line) => line.includes('quarantined'))
      ?.split(' ')[1],
  );
  expect(of('states')).toEqual([
    '{network="states",family="4",state="bound"} 0',
    '{network="states",family="4",state="conflicted"} 0',
    '{network="states",family="4",state="leased"} 1',
    `{network="states",family="4",state="quarantined"} ${quarantined}`,
    '{network="states",family="4",state="reserved"} 3',
  ]);
  expect(of('six').map((line) => line.split(' ')[1])).toEqual(['0', '0', '0', '0', '0']);
  expect(of('six')[0]).toContain('family="6"');
});

test('networks beyond the bound have no series', async () => {
  const lines = await firstScrape({ networks: 1, hosts: 1, versions: 1 });
  expect(new Set(lines.join('\n').match(/network="[^"]*"/g))).toEqual(new Set(['network="foreign"']));
});

test('a scrape within 5 s of another one asks the database nothing', async () => {
  const before = seriesOf(await scrape(), 'trunkline_hosts');
  await server.joinHost('docker06');
  expect(seriesOf(await scrape(), 'trunkline_hosts')).toEqual(before);
  server.clock.advance(60_000);
  expect(seriesOf(await scrape(), 'trunkline_hosts')).not.toEqual(before);
});

test('without one table, the rest of the metrics is served all the same', async () => {
  await query('ALTER TABLE host RENAME TO host_elsewhere');
  try {
    const lines = await firstScrape();
    expect(seriesOf(lines, 'trunkline_hosts')).toEqual([]);
    expect(seriesOf(lines, 'trunkline_hosts_left_out')).toEqual([]);
    expect(seriesOf(lines, 'trunkline_network_addresses').length).toBeGreaterThan(0);
  } finally {
    await query('ALTER TABLE host_elsewhere RENAME TO host');
  }
});

test('the version of the server is a label', async () => {
  expect(await scrape()).toContain('trunkline_build_info{version="0.0.0-test"} 1');
});

test('a server has the metrics that documents, rules and the board are checked against, and no other', async () => {
  const names = (await scrape()).flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? []);
  expect(names.toSorted()).toEqual(
    metricsOfServer()
      .map(({ name }) => name)
      .toSorted(),
  );
});
