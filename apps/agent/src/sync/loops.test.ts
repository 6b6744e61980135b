import { generateKeyPairSync } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createAgentClient, type AgentClient } from '@trunkline/client';
import type { DesiredDocument, HostFacts, Report } from '@trunkline/contracts';
import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { openDesiredCache } from './desired-cache.ts';
import { pollDesired } from './desired-poll.ts';
import { AgentSuperseded } from '../lib/failure.ts';
import { loadIdentity } from '../machine/identity.ts';
import { ensureJoined, JoinRefused } from './join.ts';
import { createManualTime, type ManualTime } from '../lib/manual-time.fake.ts';
import { createReportLoop } from './report-loop.ts';
import { temporaryFolder } from '../lib/temporary-folder.fixture.ts';

const hostId = '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11';
const log = pino({ level: 'silent' });
const document: DesiredDocument = {
  hostId,
  revision: '5',
  heartbeatSeconds: 10,
  networks: [],
  containers: [],
  recalls: [],
  checks: [],
};
const facts = {
  hostname: 'docker01',
  bootId: 'b',
  os: 'o',
  kernel: '6',
  architecture: 'x64',
  cpus: 1,
  memoryBytes: '1',
  agentVersion: '0.1.0',
  modules: { macvlan: true, vlan: true },
  forwarding: { ipv4: false, ipv6: false },
  docker: { reachable: false, version: null, apiVersion: null },
  interfaces: [],
} satisfies HostFacts;
const reportOf = (revision: string): Report => ({
  observedAt: '2026-11-24T09:30:00.000Z',
  observedRevision: revision,
  facts,
  conditions: [],
  placements: [],
  containers: [],
  inventory: [],
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Seen {
  readonly path: string;
  readonly body: string;
}

/** A server in the small: answers with what the test lined up, the last one again and again. */
async function serve(...answers: ((response: ServerResponse) => unknown)[]) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      seen.push({ path: request.url!, body });
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      return answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey } = generateKeyPairSync('ed25519');
  const client: AgentClient = createAgentClient({ baseUrl, identity: { hostId, privateKey }, instance: 'i' });
  cleanups.push(async () => {
    await client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { seen, baseUrl, client };
}
const json = (status: number, body: unknown) => (response: ServerResponse) =>
  response
    .writeHead(status, { 'content-type': status < 300 ? 'application/json' : 'application/problem+json' })
    .end(JSON.stringify(body));
const problem = (status: number, code: string) => json(status, { code, detail: `because ${code}`, status });
const hang = () => {};
const drop = (response: ServerResponse) => response.destroy();

async function polling(...answers: Parameters<typeof serve>) {
  const folder = await temporaryFolder();
  cleanups.push(() => folder[Symbol.asyncDispose]());
  const { seen, client } = await serve(...answers);
  const time = createManualTime(1);
  const cache = await openDesiredCache({ stateFolder: folder.path, hostId, log });
  const onChange = vi.fn<() => void>();
  const ended = new AbortController();
  const done = pollDesired(
    { client, cache, heartbeatMs: () => 10_000, onAnswer: () => {}, onChange, timing: time, log },
    ended.signal,
  );
  done.catch(() => {});
  cleanups.push(() => ended.abort());
  return { seen, time, cache, onChange, done };
}

/** Lets the pause pass that follows a document. */
async function afterPause(time: ManualTime): Promise<void> {
  await vi.waitFor(() => expect(time.waits()).toEqual([50]));
  await time.advance(50);
}

test('the poll takes a document, then waits for the next revision', async () => {
  const { seen, time, cache, onChange } = await polling(json(200, document), hang);
  await afterPause(time);
  await vi.waitFor(() => expect(seen).toHaveLength(2));
  expect(seen.map(({ path }) => path)).toEqual([
    '/agent/v1/desired?wait=0',
    '/agent/v1/desired?after=5&wait=25',
  ]);
  expect(cache.current()).toEqual(document);
  expect(onChange).toHaveBeenCalledTimes(1);
});

test('changes that come in a burst are taken together: the next document is asked for after a pause', async () => {
  const { seen, time, cache } = await polling(
    json(200, document),
    json(200, { ...document, revision: '9' }),
    hang,
  );
  await vi.waitFor(() => expect(time.waits()).toEqual([50]));
  await time.advance(49);
  expect(seen).toHaveLength(1);
  await time.advance(1);
  await vi.waitFor(() => expect(cache.current()?.revision).toBe('9'));
});

const notEmpty: [string, (response: ServerResponse) => unknown][] = [
  ['a broken connection', drop],
  ['an error of the server', problem(500, 'internal')],
  ['an error page of a proxy', (response) => response.writeHead(200).end('<html>')],
  [
    'an empty answer',
    (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
  ],
  ['a document that is cut off', json(200, { hostId, revision: '9', networks: [] })],
  [
    'a document of another host',
    json(200, { ...document, revision: '9', hostId: '0192f0c1-6d7e-7a52-9c1b-000000000000' }),
  ],
  ['an older document', json(200, { ...document, revision: '4' })],
  ['a host that is no longer known', problem(401, 'host_not_joined')],
];

test.each(notEmpty)(
  'promise 6: %s is never an empty desired state, and is asked again later',
  async (_what, answer) => {
    const { seen, time, cache, onChange } = await polling(json(200, document), answer, hang);
    await afterPause(time);
    await vi.waitFor(() => expect(time.waits()).toEqual([500]));
    expect(cache.current()).toEqual(document);
    expect(onChange).toHaveBeenCalledTimes(1);
    await time.advance(500);
    await vi.waitFor(() => expect(seen).toHaveLength(3));
  },
);

test('a server that is gone is asked ever less often, to once a heartbeat, so that its return is noticed within one', async () => {
  const { time } = await polling(drop);
  const waits: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    await vi.waitFor(() => expect(time.waits()).toHaveLength(1));
    waits.push(time.waits()[0]!);
    await time.advance(waits.at(-1)!);
  }
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});

test('a server that answers a long poll at once does not make the agent spin', async () => {
  const { time } = await polling(json(200, document), (response) => response.writeHead(304).end());
  await afterPause(time);
  await vi.waitFor(() => expect(time.waits()).toEqual([250]));
});

test('an agent whose host another one speaks for stops', async () => {
  const { done } = await polling(problem(409, 'agent_superseded'));
  await expect(done).rejects.toBeInstanceOf(AgentSuperseded);
});

async function reporting(...answers: Parameters<typeof serve>) {
  const { seen, client } = await serve(...answers);
  const time = createManualTime(1);
  const state = { revision: '1', fresh: [] as boolean[] };
  const loop = createReportLoop({
    client,
    build: async (fresh) => {
      state.fresh.push(fresh);
      return reportOf(state.revision);
    },
    heartbeatMs: () => 10_000,
    timing: time,
    log,
  });
  const ended = new AbortController();
  const done = loop.run(ended.signal);
  done.catch(() => {});
  cleanups.push(() => ended.abort());
  const revisions = () => seen.map(({ body }) => (JSON.parse(body) as Report).observedRevision);
  return { time, loop, state, revisions, done };
}
const taken = json(200, { revision: '1', heartbeatSeconds: 10 });

test('a change is reported at once, the same again only with the heartbeat', async () => {
  const { time, loop, state, revisions } = await reporting(taken);
  await vi.waitFor(() => expect(time.waits()).toHaveLength(1));
  state.revision = '2';
  loop.changed();
  await vi.waitFor(() => expect(revisions()).toEqual(['1', '2']));
  loop.changed();
  await vi.waitFor(() => expect(state.fresh).toHaveLength(3));
  expect(revisions()).toEqual(['1', '2']);
  await vi.waitFor(() => expect(time.waits()).toEqual([10_000]));
  await time.advance(10_000);
  await vi.waitFor(() => expect(revisions()).toEqual(['1', '2', '2']));
  expect(state.fresh.at(-1)).toBe(true);
});

test('a look that takes long holds up no heartbeat: what was seen last is reported with its age, and the look once it is done', async () => {
  const { seen, client } = await serve(taken);
  const time = createManualTime(1);
  let look = Promise.withResolvers<void>();
  let latest: Report = { ...reportOf('1'), observedAt: '2026-11-24T09:29:00.000Z' };
  const loop = createReportLoop({
    client,
    build: async (fresh) => {
      if (fresh) await look.promise;
      return latest;
    },
    heartbeatMs: () => 10_000,
    timing: time,
    log,
  });
  const ended = new AbortController();
  cleanups.push(() => ended.abort());
  loop.run(ended.signal).catch(() => {});
  const reports = () =>
    seen.map(({ body }) => {
      const { observedRevision, observedAt } = JSON.parse(body) as Report;
      return [observedRevision, observedAt.slice(11, 19)];
    });
  await vi.waitFor(() => expect(time.waits()).toEqual([5_000]));
  await time.advance(5_000);
  await vi.waitFor(() => expect(reports()).toEqual([['1', '09:29:00']]));
  // The look goes on for a minute; every heartbeat comes all the same, and waits no more.
  for (let n = 2; n <= 6; n += 1) {
    await vi.waitFor(() => expect(time.waits()).toEqual([10_000]));
    await time.advance(10_000);
    await vi.waitFor(() => expect(reports()).toHaveLength(n));
  }
  expect(reports().at(-1)).toEqual(['1', '09:29:00']);
  latest = { ...reportOf('2'), observedAt: '2026-11-24T09:30:01.000Z' };
  look.resolve();
  look = Promise.withResolvers<void>();
  await vi.waitFor(() => expect(reports().at(-1)).toEqual(['2', '09:30:01']));
  expect(reports()).toHaveLength(7);
});

test('many changes while a report is under way become one', async () => {
  const held: ServerResponse[] = [];
  const { loop, state, revisions } = await reporting((response) => held.push(response), taken);
  await vi.waitFor(() => expect(revisions()).toEqual(['1']));
  for (const revision of ['2', '3', '4']) {
    state.revision = revision;
    loop.changed();
  }
  taken(held[0]!);
  await vi.waitFor(() => expect(revisions()).toEqual(['1', '4']));
});

test('news that can wait goes out with the next report, and by itself when its time is up', async () => {
  const { time, loop, state, revisions } = await reporting(taken);
  await vi.waitFor(() => expect(time.waits()).toEqual([10_000]));
  state.revision = '2';
  loop.changed(200);
  await vi.waitFor(() => expect(time.waits()).toEqual([200]));
  loop.changed();
  await vi.waitFor(() => expect(time.waits()).toEqual([10_000]));
  expect(revisions()).toEqual(['1', '2']);
  state.revision = '3';
  loop.changed(200);
  await vi.waitFor(() => expect(time.waits()).toEqual([200]));
  await time.advance(199);
  expect(revisions()).toEqual(['1', '2']);
  await time.advance(1);
  await vi.waitFor(() => expect(revisions()).toEqual(['1', '2', '3']));
});

test('a report that failed is tried again with the newest truth', async () => {
  const { time, state, revisions } = await reporting(drop, taken);
  await vi.waitFor(() => expect(time.waits()).toEqual([500]));
  state.revision = '9';
  await time.advance(500);
  await vi.waitFor(() => expect(revisions()).toEqual(['1', '9']));
});

test('a report that waits after a failure goes out as soon as the server is heard by another way', async () => {
  const { time, loop, revisions } = await reporting(drop, taken);
  await vi.waitFor(() => expect(time.waits()).toEqual([500]));
  loop.serverAnswers();
  await vi.waitFor(() => expect(revisions()).toEqual(['1', '1']));
});

test('a report that another agent supersedes ends the agent', async () => {
  const { done } = await reporting(problem(409, 'agent_superseded'));
  await expect(done).rejects.toBeInstanceOf(AgentSuperseded);
});

async function joining(token: string | null, ...answers: Parameters<typeof serve>) {
  const folder = await temporaryFolder();
  cleanups.push(() => folder[Symbol.asyncDispose]());
  const { seen, baseUrl } = await serve(...answers);
  const time = createManualTime(1);
  const ended = new AbortController();
  cleanups.push(() => ended.abort());
  const join = async () =>
    ensureJoined(
      {
        stateFolder: folder.path,
        server: { baseUrl },
        token,
        hostName: 'docker01',
        facts: () => Promise.resolve(facts),
        timing: time,
        log,
      },
      await loadIdentity(folder.path),
      ended.signal,
    );
  return { seen, time, join, ended, folder: folder.path };
}
const joined = json(201, { hostId, name: 'docker01', heartbeatSeconds: 10 });

test('a join whose answer was lost is tried again as the same join, with the same key', async () => {
  const { seen, time, join, folder } = await joining(
    'tlj_abcdefgh',
    drop,
    problem(503, 'database_unavailable'),
    joined,
  );
  const result = join();
  for (const wait of [500, 1000]) {
    await vi.waitFor(() => expect(time.waits()).toEqual([wait]));
    await time.advance(wait);
  }
  expect(await result).toMatchObject({ hostId });
  expect(new Set(seen.map(({ body }) => body)).size).toBe(1);
  expect(JSON.parse(seen[0]!.body)).toMatchObject({ protocol: 1, token: 'tlj_abcdefgh', name: 'docker01' });
  expect((await loadIdentity(folder)).hostId).toBe(hostId);
});

test('a host that has joined does not join again, and needs no token', async () => {
  const first = await joining('tlj_abcdefgh', joined);
  await first.join();
  await first.join();
  expect(first.seen).toHaveLength(1);
});

test.each(['join_token_invalid', 'host_exists', 'agent_too_old'])(
  'a join refused with %s ends the agent with advice',
  async (code) => {
    const { join } = await joining('tlj_abcdefgh', problem(409, code));
    const error = await join().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(JoinRefused);
    expect((error as Error).message).toContain(code);
  },
);

test('without a token the agent says how to get one', async () => {
  const { join } = await joining(null, joined);
  await expect(join()).rejects.toThrow(/TRUNKLINE_JOIN_TOKEN/);
});

test('an agent that is stopped while it waits to join stops', async () => {
  const { time, join, ended } = await joining('tlj_abcdefgh', drop);
  const result = join();
  result.catch(() => {});
  await vi.waitFor(() => expect(time.waits()).toHaveLength(1));
  ended.abort(new Error('stopped'));
  await expect(result).rejects.toThrow('stopped');
});
