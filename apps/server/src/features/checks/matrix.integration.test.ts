/** A connectivity matrix: who is asked to try what, and what becomes of the answers. */
import { randomBytes } from 'node:crypto';
import {
  matrixBounds,
  type DesiredMatrixCheck,
  type MatrixDirection,
  type MatrixResult,
  type MatrixTaskResult,
} from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { testFacts } from '@trunkline/test/integration/agent-stub.ts';
import type { TestAgent } from '@trunkline/test/integration/server.ts';
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import { seenContainer } from '../leases/lease-calls.fixture.ts';

const at = useTwoHosts();
const ask = (body: object, query = '') =>
  at.server.request('POST', `/v1/checks${query}`, { kind: 'matrix', ...body });
const get = async (url: string | undefined) => (await at.server.request('GET', url ?? '')).body;

type Seen = ReturnType<typeof seenContainer>;

/** What a host sees, docker02 with an address of its own. */
async function show(agent: TestAgent, inventory: Seen[]): Promise<void> {
  const facts = testFacts(agent.name);
  const [nic] = facts.interfaces;
  const own = agent === at.two ? '172.16.1.31/24' : '172.16.1.30/24';
  const interfaces = nic === undefined ? [] : [{ ...nic, addresses: [own, 'fe80::1/64'] }];
  const { revision } = await agent.document();
  const report = { observedRevision: revision, facts: { ...facts, interfaces }, inventory };
  expect((await agent.report(report)).status).toBe(200);
}

const partsOf = async (agent: TestAgent): Promise<DesiredMatrixCheck[]> =>
  (await agent.document()).checks.filter((one): one is DesiredMatrixCheck => one.kind === 'matrix');

async function partOf(agent: TestAgent): Promise<DesiredMatrixCheck> {
  const part = (await partsOf(agent)).at(-1);
  if (part === undefined) throw new Error('the host is asked nothing');
  return part;
}

/** What a host finds where all is well. */
const fine = ({ tries, names }: DesiredMatrixCheck): MatrixTaskResult => ({
  tries: tries.map(({ address, port }) => ({
    address,
    sent: 3,
    received: 3,
    lossPercent: 0,
    rttMs: { min: 0.1, avg: 0.2, max: 0.3 },
    mac: '02:00:00:00:00:01',
    error: null,
    tcp: port === null ? null : { outcome: 'open', ms: 0.4, error: null },
    tried: true,
  })),
  resolved: names.map(() => ({ addresses: [], error: 'NXDOMAIN', tried: true })),
});
const done = (result: MatrixTaskResult) => ({ state: 'done' as const, result, error: null });

let id = '';
let number = 0;
let name = '';

/** Another network, with box1 and plain1 on docker01 and box2 on docker02. */
async function prepare(): Promise<void> {
  number += 1;
  name = `net${number}`;
  id = (
    await at.call.make(name, {
      hosts: { all: true },
      subnets: [{ cidr: `10.${100 + number}.0.0/16`, gateway: ip(1) }],
    })
  ).body.id as string;
  await show(at.one, [
    seenContainer(id, 'box1', ip(11)),
    seenContainer(id, 'plain1', ip(12)),
    seenContainer(id, 'stopped', null, 'exited'),
  ]);
  await show(at.two, [seenContainer(id, 'box2', ip(21))]);
}
const ip = (last: number): string => `10.${100 + number}.0.${last}`;

const asked = (part: DesiredMatrixCheck) =>
  part.tries
    .map(({ from, address, port }) => `${part.sources[from] ?? 'host'} ${address} ${port}`)
    .toSorted();
const silent = (part: DesiredMatrixCheck, those: number[]): MatrixTaskResult => ({
  ...fine(part),
  tries: fine(part).tries.map((one_, index) =>
    those.includes(index) ? { ...one_, received: 0, lossPercent: 100, rttMs: null, mac: null } : one_,
  ),
});
const box = (host: number, index: number): Seen =>
  seenContainer(id, `many-${host}-${index}`, `10.${100 + number}.${host}.${index + 1}`);
const pair = (last: number) => ({
  from: { host: 'docker01' },
  to: { address: `10.99.${last >> 8}.${last & 255}` },
});

test('all running containers of a network try each other, each from its own host, and the last answer ends it', async () => {
  await prepare();
  const made = await ask({ network: name, port: 80, names: true });
  expect(made.status).toBe(202);
  expect(made.body).toMatchObject({
    kind: 'matrix',
    network: name,
    pairs: null,
    port: 80,
    names: true,
    count: 3,
    host: null,
    state: 'pending',
    result: null,
  });
  const [one, two] = [await partOf(at.one), await partOf(at.two)];
  expect(asked(one)).toEqual([
    `box1 ${ip(12)} 80`,
    `box1 ${ip(21)} 80`,
    `plain1 ${ip(11)} 80`,
    `plain1 ${ip(21)} 80`,
  ]);
  expect(asked(two)).toEqual([`box2 ${ip(11)} 80`, `box2 ${ip(12)} 80`]);
  expect(two.names.map((one_) => one_.name).toSorted()).toEqual(['box1', 'plain1']);

  const url = made.headers['location'];
  await at.one.checkResult(
    one.id,
    done({
      ...fine(one),
      resolved: one.names.map((asked_) => ({
        addresses: [asked_.name === 'box2' ? ip(21) : asked_.name === 'box1' ? ip(11) : ip(12)],
        error: null,
        tried: true,
      })),
    }),
  );
  expect((await get(url)).state).toBe('pending');
  // No result of another kind is taken for it, nor one of another host.
  const wrong = { observedAt: new Date().toISOString(), actions: [], conditions: [] };
  expect((await at.two.checkResult(two.id, { ...done(fine(two)), result: wrong })).body).toMatchObject({
    code: 'invalid_request',
  });
  await at.one.checkResult(two.id, done(fine(two)));
  expect((await get(url)).state).toBe('pending');
  await at.two.checkResult(two.id, done(fine(two)));
  const { state, result } = await get(url);
  expect(state).toBe('done');
  expect(result).toMatchObject({ ok: false, sampled: false });
  expect(result.directions).toHaveLength(6);
  expect(result.directions).toContainEqual({
    from: { host: 'docker01', container: 'box1' },
    to: { container: 'box2', host: 'docker02', gateway: null, address: ip(21) },
    sent: 3,
    received: 3,
    lossPercent: 0,
    rttMs: { min: 0.1, avg: 0.2, max: 0.3 },
    mac: '02:00:00:00:00:01',
    tcp: { port: 80, outcome: 'open', ms: 0.4, error: null },
    name: { name: 'box2', resolved: [ip(21)], matches: true },
    verdict: 'ok',
    message: `box1 reaches box2 at ${ip(21)}: 3 of 3, 0.2 ms, TCP port 80 is open`,
  });
  expect(result.message).toContain(`4 of 6 directions on ${name} work; box2 reaches `);
  const events = (await at.server.request('GET', '/v1/events?limit=1000')).body.items as {
    type: string;
    subject: string;
    data: object;
  }[];
  const mine = events.filter(({ subject }) => subject === url);
  expect(mine.map(({ type }) => type).toSorted()).toEqual([
    'check.created',
    'check.done',
    'check.host-answered',
    'check.host-answered',
  ]);
  expect(mine.find(({ type }) => type === 'check.done')?.data).toMatchObject({ kind: 'matrix', findings: 2 });
  expect((await at.one.document()).checks).toEqual([]);
});

test('chosen pairs: from a host, to a host, a gateway and any address, each with its own port', async () => {
  await prepare();
  const pairs = [
    { from: { container: 'box1' }, to: { container: 'box2' }, port: 443 },
    { from: { host: 'docker01' }, to: { container: 'box2' } },
    { from: { host: 'docker01' }, to: { container: 'plain1' } },
    { from: { host: 'docker01' }, to: { host: 'docker02' } },
    { from: { container: 'box2' }, to: { gateway: name } },
    { from: { container: 'box2' }, to: { address: 'FD00::0001' } },
    { from: { container: 'box2' }, to: { host: 'docker02' } },
    { from: { host: 'docker01' }, to: { address: ip(11) } },
  ];
  const made = await ask({ pairs, count: 1, timeoutSeconds: 60 });
  expect(made.body).toMatchObject({ pairs, count: 1, network: null, names: false });
  const [one, two] = [await partOf(at.one), await partOf(at.two)];
  expect(one).toMatchObject({
    sources: ['box1', null],
    tries: [
      { from: 0, address: ip(21), port: 443 },
      { from: 1, address: ip(21), port: null },
      { from: 1, address: ip(12), port: null },
      { from: 1, address: '172.16.1.31', port: null },
      { from: 1, address: ip(11), port: null },
    ],
    names: [],
    count: 1,
  });
  expect(two).toMatchObject({
    sources: ['box2'],
    tries: [
      { from: 0, address: ip(1), port: null },
      { from: 0, address: 'fd00::1', port: null },
      { from: 0, address: '172.16.1.31', port: null },
    ],
  });
  await at.one.checkResult(one.id, done(silent(one, [2, 4])));
  await at.two.checkResult(two.id, done(silent(two, [2])));
  const { result } = await get(made.headers['location']);
  expect(result.directions.map((one_: { verdict: string }) => one_.verdict)).toEqual([
    'ok',
    'ok',
    'known-limit',
    'ok',
    'ok',
    'ok',
    'known-limit',
    'known-limit',
  ]);
  expect(result).toMatchObject({ ok: true, message: '5 of 8 directions work; 3 cannot, which is no fault' });
  expect(result.directions[2].message).toBe(
    `docker01 does not reach plain1 at ${ip(12)}, which is no fault: a host and its own macvlan containers do not reach each other; "hostAccess": true on ${name} lets them`,
  );
  expect(result.directions[4].to).toEqual({ container: null, host: null, gateway: name, address: ip(1) });
});

test('with host access, a host that does not reach its own container is a fault', async () => {
  await prepare();
  await at.call.patch(name, { hostAccess: true });
  const made = await ask({ pairs: [{ from: { host: 'docker01' }, to: { container: 'box1' } }] });
  const one = await partOf(at.one);
  const [only] = fine(one).tries;
  await at.one.checkResult(
    one.id,
    done({ tries: only === undefined ? [] : [{ ...only, received: 0 }], resolved: [] }),
  );
  expect((await get(made.headers['location'])).result).toMatchObject({
    ok: false,
    directions: [{ verdict: 'no-answer' }],
  });
});

test('a host that does not answer, or that the server does not hear, leaves its directions not tried', async () => {
  await prepare();
  const made = await ask({ network: name, timeoutSeconds: 5 });
  await at.one.checkResult((await partOf(at.one)).id, {
    state: 'failed',
    result: null,
    error: 'the disk is full',
  });
  at.server.startSweeps();
  at.server.clock.advance(6000);
  const url = made.headers['location'];
  await expect.poll(async () => (await get(url)).state, { timeout: 15_000 }).toBe('done');
  const { result } = await get(url);
  expect(new Set(result.directions.map((one: { verdict: string }) => one.verdict))).toEqual(
    new Set(['not-tried']),
  );
  const saidOf = (host: string): string[] =>
    result.directions.flatMap((one: MatrixDirection) => (one.from.host === host ? one.message : []));
  expect(saidOf('docker01')[0]).toContain('docker01 did not try: the disk is full');
  expect(saidOf('docker02')[0]).toContain('docker02 did not try: it did not answer in time');

  at.server.clock.advance(600_000);
  const later = await ask({ network: name });
  expect(later.body).toMatchObject({ state: 'done', result: { ok: false } });
  expect(later.body.result.directions[0].message).toContain('it has not been heard since');
  expect(await partsOf(at.one)).toEqual([]);
  await show(at.one, []);
  await show(at.two, []);
});

test('more containers than can be tried are a sample, in which each is tried as often', async () => {
  await prepare();
  const each = Array.from({ length: 33 }, (_, index) => index);
  await show(
    at.one,
    each.map((index) => box(1, index)),
  );
  await show(
    at.two,
    each.map((index) => box(2, index)),
  );
  const made = await ask({ network: name });
  const parts = [await partOf(at.one), await partOf(at.two)];
  const tried = Map.groupBy(
    parts.flatMap(({ tries }) => tries),
    ({ address }) => address,
  );
  expect(parts.map(({ tries }) => tries.length)).toEqual([495, 495]);
  expect(new Set([...tried.values()].map(({ length }) => length))).toEqual(new Set([15]));
  expect(tried.size).toBe(66);
  for (const [index, agent] of [at.one, at.two].entries()) {
    const part = parts[index];
    if (part !== undefined) expect((await agent.checkResult(part.id, done(fine(part)))).status).toBe(204);
  }
  const { result } = await get(made.headers['location']);
  expect(result).toMatchObject({
    ok: true,
    sampled: true,
    message: `all 990 directions on ${name} work; a sample: each of 66 containers tried 15 of the others`,
  });
});

test('a network with one container has nothing to try, and says so', async () => {
  await prepare();
  await show(at.one, []);
  const { status, body } = await ask({ network: name });
  expect(status).toBe(202);
  expect(body).toMatchObject({
    state: 'done',
    result: {
      ok: false,
      directions: [],
      message: expect.stringContaining('fewer than two running containers'),
    },
  });
});

test('the largest request is taken, and one whose host would try more is refused', async () => {
  await prepare();
  const most = Array.from({ length: matrixBounds.pairs }, (_, index) => pair(index + 1));
  expect((await ask({ pairs: most }, '?dryRun=true')).status).toBe(200);
  const more = await ask({ pairs: [...most, pair(1)] });
  expect([more.status, more.body.code]).toEqual([400, 'invalid_request']);
  const dual = await at.call.make(`dual${number}`, {
    subnets: [
      { cidr: `172.20.${number}.0/24`, gateway: `172.20.${number}.1` },
      { cidr: `fd00:${number}::/64`, gateway: `fd00:${number}::1` },
    ],
  });
  expect(dual.status).toBe(201);
  const gateways = Array.from({ length: 300 }, () => ({
    from: { host: 'docker01' },
    to: { gateway: `dual${number}` },
  }));
  expect((await ask({ pairs: gateways })).body.errors).toMatchObject([
    { pointer: '/pairs', message: expect.stringContaining('600 addresses from docker01') },
  ]);
});

/** A result that the database cannot make smaller: 2000 directions with texts by chance. */
const large = (): MatrixResult => ({
  ok: true,
  sampled: false,
  message: 'all 2000 directions work',
  directions: Array.from({ length: 2000 }, () => ({
    from: { host: 'docker01', container: 'box1' },
    to: { container: 'box2', host: 'docker02', gateway: null, address: ip(21) },
    sent: 3,
    received: 3,
    lossPercent: 0,
    rttMs: null,
    mac: null,
    tcp: null,
    name: null,
    verdict: 'ok',
    message: randomBytes(480).toString('base64'),
  })),
});

test('checks with large results are listed on small pages, each once, the newest first', async () => {
  const { prisma } = at.server.platform.database;
  const stored = await prisma.checkJob.createManyAndReturn({
    data: Array.from({ length: 4 }, () => ({
      kind: 'matrix',
      state: 'done',
      spec: { network: 'lan', pairs: null, port: null, names: false, count: 3, timeoutSeconds: 30 },
      result: large(),
      createdAt: at.server.clock.now(),
      expiresAt: at.server.clock.now(),
    })),
    select: { id: true },
  });
  const pages: string[][] = [];
  let cursor = '';
  do {
    const page = await get(`/v1/checks?limit=1000${cursor}`);
    pages.push(page.items.map((one: { id: string }) => one.id));
    cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor as string}`;
  } while (cursor !== '');
  const newest = stored
    .map(({ id: one }) => one)
    .toSorted()
    .toReversed();
  expect(pages.slice(0, 4)).toEqual([
    ...newest.slice(0, 3).map((one) => [one]),
    [newest[3], ...(pages[3]?.slice(1) ?? [])],
  ]);
  expect(pages.length).toBeLessThan(7);
  const all = pages.flat();
  expect(new Set(all).size).toBe(all.length);
  expect(all).toEqual(all.toSorted().toReversed());
  await prisma.checkJob.deleteMany({ where: { id: { in: newest } } });
});

test('a dry run asks nobody', async () => {
  await prepare();
  const { status, body } = await ask({ network: name }, '?dryRun=true');
  expect([status, body.state]).toEqual([200, 'pending']);
  expect(await partsOf(at.one)).toEqual([]);
});

const box1 = { container: 'box1' };
test.each([
  [{}, '', 'takes one of network and pairs'],
  [{ network: 'x1', pairs: [{ from: box1, to: box1 }] }, '', 'takes one of network and pairs'],
  [{ network: 'x1', from: box1 }, '/from', 'is not for matrix'],
  [{ pairs: [] }, '/pairs', 'fewer than 1'],
  [{ network: 'x1', port: 0 }, '/port', '1'],
  [{ network: 'x1', port: 65_536 }, '/port', '65535'],
  [{ pairs: [{ from: {}, to: box1 }] }, '/pairs/0/from', 'takes one of container and host'],
  [{ pairs: [{ from: { ...box1, host: 'docker01' }, to: box1 }] }, '/pairs/0/from', 'takes one of'],
  [{ pairs: [{ from: box1, to: { ...box1, address: '10.0.0.1' } }] }, '/pairs/0/to', 'takes one of'],
  [{ pairs: [{ from: box1, to: { address: '10.0.0.300' } }] }, '/pairs/0/to/address', 'is not an IP address'],
  [{ pairs: [{ from: box1, to: { address: '224.0.0.1' } }] }, '/pairs/0/to/address', 'multicast'],
])('%j is refused at its field', async (body, pointer, message) => {
  const { status, body: problem } = await ask(body);
  expect(status).toBe(400);
  expect(problem.errors).toContainEqual({ pointer, message: expect.stringContaining(message) });
});

test('a name that containers of two hosts have is refused, and a gateway that is none', async () => {
  await prepare();
  await show(at.two, [seenContainer(id, 'box1', ip(21))]);
  expect((await ask({ pairs: [{ from: { host: 'docker01' }, to: box1 }] })).body.errors).toMatchObject([
    { pointer: '/pairs/0/to/container', message: expect.stringContaining('docker01, docker02') },
  ]);
  const bare = `bare${number}`;
  await at.call.make(bare, { subnets: [{ cidr: `172.21.${number}.0/24`, gateway: null }] });
  expect(
    (await ask({ pairs: [{ from: { host: 'docker01' }, to: { gateway: bare } }] })).body.errors,
  ).toMatchObject([{ pointer: '/pairs/0/to/gateway', message: expect.stringContaining('have no gateway') }]);
});

test.each([
  [{ network: 'nowhere' }, 'network_not_found'],
  [{ pairs: [{ from: { host: 'nobody' }, to: box1 }] }, 'host_not_found'],
  [{ pairs: [{ from: box1, to: { host: 'nobody' } }] }, 'host_not_found'],
  [{ pairs: [{ from: { container: 'stopped' }, to: box1 }] }, 'container_not_found'],
  [{ pairs: [{ from: box1, to: { container: 'nothing' } }] }, 'container_not_found'],
  [{ pairs: [{ from: box1, to: { gateway: 'nowhere' } }] }, 'network_not_found'],
])('%j: what is not there is named', async (body, code) => {
  await prepare();
  const { status, body: problem } = await ask(body);
  expect([status, problem.code]).toEqual([404, code]);
});
