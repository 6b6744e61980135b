/** A diagnosis: who is asked what, and what becomes of the answers. */
import type { DesiredDiagnosisCheck, DiagnosisTaskResult } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import type { TestAgent } from '@trunkline/test/integration/server.ts';
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import { carryOut } from '../networks/reports.fixture.ts';
import { deafProbe, wellProbe } from './probe.fixture.ts';

const at = useTwoHosts();
const ask = (body: object, query = '') =>
  at.server.request('POST', `/v1/checks${query}`, { kind: 'diagnose', ...body });

async function partOf(agent: TestAgent): Promise<DesiredDiagnosisCheck> {
  const { checks } = await agent.document();
  const part = checks.find((one): one is DesiredDiagnosisCheck => one.kind === 'diagnose');
  if (part === undefined) throw new Error('the host is asked nothing');
  return part;
}

const done = (result: DiagnosisTaskResult) => ({ state: 'done' as const, result, error: null });
const fine = ({ wire }: DesiredDiagnosisCheck): DiagnosisTaskResult => ({
  at: at.server.clock.now().toISOString(),
  findings: [],
  looked: [{ area: 'link', outcome: 'clear', detail: 'interfaces ens33' }],
  machine: null,
  links: [],
  pings: [],
  wire: wire === null ? null : wellProbe(wire),
});

test('every host of a network is asked once, and the last answer ends it; addresses of the probes are released', async () => {
  await at.call.make('sick', {
    hosts: { all: true },
    quarantineSeconds: 0,
    subnets: [{ cidr: '10.63.0.0/24', gateway: '10.63.0.1' }],
  });
  for (const agent of [at.one, at.two]) await carryOut(agent);
  const made = await ask({ network: 'sick' });
  expect(made.status).toBe(202);
  expect(made.body).toMatchObject({
    kind: 'diagnose',
    network: 'sick',
    host: null,
    container: null,
    result: null,
  });
  const [one, two] = [await partOf(at.one), await partOf(at.two)];
  expect(one.networkIds).toHaveLength(1);
  expect(one.wire?.targets).toEqual(['10.63.0.1', two.wire?.addresses[0]?.ip]);

  const url = made.headers['location'] ?? '';
  const finding = {
    code: 'packets-dropped' as const,
    subject: 'nftables',
    message: 'a rule of this host dropped 12 packets',
    evidence: ['netdev filter in: drop, 0 packets before, 12 after'],
    remedy: 'nft delete rule netdev filter in handle 4',
  };
  const deaf = one.wire === null ? null : deafProbe(one.wire);
  await at.one.checkResult(one.id, done({ ...fine(one), findings: [finding], wire: deaf }));
  expect((await at.server.request('GET', url)).body.state).toBe('pending');
  // No result of another kind is taken for it.
  const wrong = { observedAt: new Date().toISOString(), actions: [], conditions: [] };
  expect((await at.two.checkResult(two.id, { ...done(fine(two)), result: wrong })).body).toMatchObject({
    code: 'invalid_request',
  });
  await at.two.checkResult(two.id, done(fine(two)));
  const { body } = await at.server.request('GET', url);
  expect(body).toMatchObject({
    state: 'done',
    result: { ok: false, message: 'a rule of docker01 dropped 12 packets' },
  });
  expect((body.result as { findings: object[] }).findings[0]).toMatchObject({
    ...finding,
    host: 'docker01',
    severity: 'error',
    message: 'a rule of docker01 dropped 12 packets',
  });
  const addresses = async () =>
    (await at.server.request('GET', '/v1/networks/sick/addresses')).body.items as object[];
  expect(await addresses()).toHaveLength(2);
  at.server.startSweeps();
  at.server.clock.advance(60_000);
  await expect.poll(addresses, { timeout: 15_000 }).toEqual([]);
});

test('a host whose agent could not look, or did not in time, is named', async () => {
  await at.call.make('mute', {
    hosts: { all: true },
    subnets: [{ cidr: '10.64.0.0/24', gateway: '10.64.0.1' }],
  });
  for (const agent of [at.one, at.two]) await carryOut(agent);
  const made = await ask({ network: 'mute', timeoutSeconds: 5 });
  const one = await partOf(at.one);
  await at.one.checkResult(one.id, { state: 'failed', result: null, error: 'the disk is full' });
  at.server.startSweeps();
  at.server.clock.advance(6000);
  const url = made.headers['location'] ?? '';
  await expect
    .poll(async () => (await at.server.request('GET', url)).body.state, { timeout: 15_000 })
    .toBe('done');
  const { body } = await at.server.request('GET', url);
  expect(body.result).toMatchObject({ ok: false });
  const words = (body.result as { findings: { code: string; message: string }[] }).findings.map(
    ({ code, message }) => `${code}: ${message}`,
  );
  expect(words).toContain('not-tried: docker01 did not answer the diagnosis: the disk is full');
  expect(words).toContain('host-offline: docker02 did not answer the diagnosis: it did not answer in time');
});

test.each([
  [{}, '', 'takes one of'],
  [{ network: 'sick', host: 'docker01' }, '', 'takes one of'],
  [{ from: { container: 'box1' } }, '', 'takes one of'],
  [{ network: 'sick', count: 3 }, '/count', 'kinds connectivity, matrix take it'],
])('%j is refused', async (body, pointer, message) => {
  const { status, body: problem } = await ask(body);
  expect(status).toBe(400);
  expect(problem.errors).toContainEqual({ pointer, message: expect.stringContaining(message) });
});

test.each([
  [{ network: 'nowhere' }, 'network_not_found'],
  [{ host: 'nobody' }, 'host_not_found'],
  [{ container: 'nothing' }, 'container_not_found'],
  [{ container: 'nothing', host: 'nobody' }, 'host_not_found'],
  [{ from: { container: 'nothing' }, to: { container: 'less' } }, 'container_not_found'],
])('%j: what is not there is named', async (body, code) => {
  const { status, body: problem } = await ask(body);
  expect([status, problem.code]).toEqual([404, code]);
});

test('a container that the server does not know is asked about on the host that is named', async () => {
  for (const agent of [at.one, at.two]) await agent.report();
  const { status } = await ask({ container: 'lonely', host: 'docker02' });
  expect(status).toBe(202);
  expect((await at.two.document()).checks.find(({ kind }) => kind === 'diagnose')).toMatchObject({
    containers: ['lonely'],
  });
});

test('a dry run asks nobody and takes no address', async () => {
  await at.call.make('dry', {
    hosts: { all: true },
    subnets: [{ cidr: '10.65.0.0/24', gateway: '10.65.0.1' }],
  });
  const { status } = await ask({ network: 'dry' }, '?dryRun=true');
  expect(status).toBe(200);
  expect((await at.server.request('GET', '/v1/networks/dry/addresses')).body.items).toEqual([]);
});
