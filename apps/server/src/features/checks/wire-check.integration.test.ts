/** A check on several hosts: its parts, its end, and the addresses that it takes for a while. */
import type { CheckReport, DesiredWireCheck } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import type { TestAgent } from '@trunkline/test/integration/server.ts';
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import { carryOut } from '../networks/reports.fixture.ts';
import { wellProbe } from './probe.fixture.ts';

const at = useTwoHosts();
const ask = (body: object, query = '') => at.server.request('POST', `/v1/checks${query}`, body);

async function partOf(agent: TestAgent, network: string): Promise<DesiredWireCheck> {
  const { checks, networks } = await agent.document();
  const id = networks.find((one) => one.name === network)?.id;
  const part = checks.find((one): one is DesiredWireCheck => one.kind === 'wire' && one.networkId === id);
  if (part === undefined) throw new Error('the host is asked nothing');
  return part;
}

const answer = (agent: TestAgent, id: string, report: CheckReport) => agent.checkResult(id, report);
const done = (result: CheckReport['result']): CheckReport => ({ state: 'done', result, error: null });
const addressesOf = async (network: string) => {
  const { body } = await at.server.request('GET', `/v1/networks/${network}/addresses?limit=1000`);
  return body.items as { state: string; owner: string | null; ip: string }[];
};

test('every host of the network is asked once, with addresses and MACs of its own, and the last answer ends it', async () => {
  await at.call.make('wired', {
    hosts: { all: true },
    subnets: [{ cidr: '10.60.0.0/24', gateway: '10.60.0.1' }],
  });
  for (const agent of [at.one, at.two]) await carryOut(agent);
  const made = await ask({ kind: 'wire', network: 'wired' });
  expect(made.status).toBe(202);
  expect(made.body).toMatchObject({
    kind: 'wire',
    network: 'wired',
    host: null,
    state: 'pending',
    result: null,
  });
  const parts = [await partOf(at.one, 'wired'), await partOf(at.two, 'wired')] as const;
  const [one, two] = parts;
  expect(one.addresses).toMatchObject([{ prefix: 24 }]);
  expect(one.targets).toEqual(['10.60.0.1', two.addresses[0]?.ip]);
  expect(one.listenFor).toEqual([two.mac]);
  expect(new Set(parts.flatMap(({ addresses }) => addresses.map(({ ip }) => ip))).size).toBe(2);
  expect(await addressesOf('wired')).toMatchObject([{ state: 'reserved' }, { state: 'reserved' }]);

  expect((await answer(at.one, one.id, done(wellProbe(one)))).status).toBe(204);
  const url = made.headers['location'] ?? '';
  expect((await at.server.request('GET', url)).body.state).toBe('pending');
  // Promise 8: no host answers for another one, and none with a result of another kind.
  await answer(at.one, two.id, done(wellProbe(two)));
  expect((await at.server.request('GET', url)).body.state).toBe('pending');
  const wrong = { observedAt: new Date().toISOString(), actions: [], conditions: [] };
  expect((await answer(at.two, two.id, done(wrong))).body).toMatchObject({ code: 'invalid_request' });
  await answer(at.two, two.id, done(wellProbe(two)));
  expect((await at.server.request('GET', url)).body).toMatchObject({
    state: 'done',
    result: { ok: true, message: '2 hosts reach each other on wired, with packets of 1500 bytes' },
  });
  expect((await at.one.document()).checks).toEqual([]);
  // Its parts are no checks of their own.
  const { items } = (await at.server.request('GET', '/v1/checks')).body as { items: { id: string }[] };
  expect(items.filter(({ id }) => id === one.id || id === two.id)).toEqual([]);
});

test('a host that does not answer in time is named, and the addresses are released once the probes are gone', async () => {
  await at.call.make('late', {
    hosts: { all: true },
    quarantineSeconds: 0,
    subnets: [{ cidr: '10.61.0.0/24', gateway: '10.61.0.1' }],
  });
  const made = await ask({ kind: 'wire', network: 'late', timeoutSeconds: 5 });
  const one = await partOf(at.one, 'late');
  await answer(at.one, one.id, { state: 'failed', result: null, error: 'this host has no interface ens33' });
  at.server.startSweeps();
  at.server.clock.advance(6_000);
  const url = made.headers['location'] ?? '';
  await expect
    .poll(async () => (await at.server.request('GET', url)).body.state, { timeout: 15_000 })
    .toBe('done');
  expect((await at.server.request('GET', url)).body.result).toMatchObject({
    ok: false,
    verdicts: [
      { code: 'not-tried', hosts: ['docker01'], message: expect.stringContaining('no interface ens33') },
      { code: 'not-tried', hosts: ['docker02'], message: expect.stringContaining('did not answer in time') },
    ],
  });
  expect(await addressesOf('late')).toHaveLength(2);
  at.server.clock.advance(6_000);
  await expect.poll(() => addressesOf('late'), { timeout: 15_000 }).toEqual([]);
});

test('a full network is tried without addresses, and a dry run takes none', async () => {
  await at.call.make('brim', {
    hosts: { all: true },
    subnets: [{ cidr: '10.62.0.0/30', gateway: '10.62.0.1' }],
  });
  const tried = await ask({ kind: 'wire', network: 'brim' }, '?dryRun=true');
  expect(tried.status).toBe(200);
  expect(await addressesOf('brim')).toEqual([]);
  await ask({ kind: 'wire', network: 'brim' });
  const asked = await Promise.all(
    [at.one, at.two].map(async (agent) => (await partOf(agent, 'brim')).addresses),
  );
  expect(asked.map(({ length }) => length).toSorted((a, b) => a - b)).toEqual([0, 1]);
});

test.each([
  [{ kind: 'wire' }, '/network', 'is required for wire'],
  [
    { kind: 'wire', network: 'wired', from: { container: 'box1' } },
    '/from',
    'kinds connectivity, diagnose take it',
  ],
  [{ kind: 'addresses', count: 3 }, '/count', 'kinds connectivity, matrix take it'],
  [{ kind: 'connectivity', to: { container: 'box1' } }, '/from', 'is required for connectivity'],
])('%j is refused at its field', async (body, pointer, message) => {
  const { status, body: problem } = await ask(body);
  expect(status).toBe(400);
  expect(problem.errors).toContainEqual({ pointer, message: expect.stringContaining(message) });
});
