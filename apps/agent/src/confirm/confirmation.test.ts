/** A whole reconciler with trials on a host in memory, and a server that is silent until a test says otherwise. */
import { ApiError, ServerUnreachable, type AgentClient } from '@trunkline/client';
import type { DesiredDocument, Problem, Report } from '@trunkline/contracts';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { collectFacts } from '../host/facts.ts';
import { createObserver } from '../observation/observer.ts';
import { observe } from '../observation/observe.ts';
import { createReconciler } from '../reconcile/reconciler.ts';
import {
  container,
  createFakeHost,
  document,
  id,
  network,
  type FakeHost,
} from '../reconcile/subjects.fixture.ts';
import { createManualTime, turns, type ManualTime } from '../lib/manual-time.fake.ts';
import { createConfirmation } from './confirmation.ts';
import type { TrialStore } from './trial-store.ts';
import type { Trials } from './trials.ts';

const log = pino({ level: 'silent' });
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

const first = document([network()], [container()], '1');
const moved = document([network({ parent: 'ens34', generation: 2, force: true })], [container()], '2');

/** What survives the agent. */
interface World {
  readonly host: FakeHost;
  readonly time: ManualTime;
  readonly disk: Disk;
}
type Disk = TrialStore & { readonly setFull: (full: boolean) => void };

/** A store that keeps as the real one does, without waiting for a disk. */
function memoryDisk(): Disk {
  let trials: Trials = {};
  let full = false;
  return {
    all: () => trials,
    change: async (make) => {
      const after = make(trials);
      if (after !== trials && full) throw new Error('ENOSPC');
      trials = after;
    },
    setFull: (now) => {
      full = now;
    },
  };
}

function world(): World {
  const host = createFakeHost();
  host.links.put({ name: 'ens34', up: true, carrier: true, operState: 'UP' });
  return { host, time: createManualTime(0.5), disk: memoryDisk() };
}

/** An agent that has `desired` in its cache from its start. `kill` ends it as it stands. */
async function startAgent({ host, time, disk }: World, desired: DesiredDocument) {
  let current = desired;
  const confirmation = createConfirmation({
    store: disk,
    document: () => current,
    windowMs: 60_000,
    onRollback: () => reconciler.desiredChanged(),
    timing: time,
    log,
  });
  const observer = createObserver(
    (below) =>
      observe(
        { ...host.sources, linksToRestore: confirmation.linksToRestore.all, now: time.now },
        confirmation.effective(),
        below,
      ),
    time.now,
  );
  const onDiskAtSteps: Trials[] = [];
  const reconciler = createReconciler({
    desired: confirmation.effective,
    observer,
    around: {
      begin: async (...step) => {
        await confirmation.begin(...step);
        onDiskAtSteps.push(disk.all());
      },
      end: confirmation.end,
    },
    apply: { ...host, linksToRestore: confirmation.linksToRestore },
    facts: () =>
      collectFacts({
        links: host.links,
        docker: host.docker,
        kernel: host.kernel,
        readFile: () => Promise.resolve(''),
        machine: { hostname: () => 'h', arch: () => 'x64', cpus: () => 2, memoryBytes: () => 1 },
        agentVersion: '0',
      }),
    onNews: () => {},
    timing: time,
    log,
  });
  const ended = new AbortController();
  const running = [reconciler.run(ended.signal), confirmation.run(ended.signal)];
  const kill = async (): Promise<void> => {
    ended.abort();
    await Promise.all(running);
  };
  stops.push(kill);
  const settle = async (): Promise<void> => {
    reconciler.hostChanged();
    for (let round = 0; round < 4; round += 1) {
      await turns(200);
      await time.advance(250);
    }
    await turns(200);
  };
  await settle();
  const report = async (): Promise<Report> => confirmation.annotate((await reconciler.report(true))!);
  const client = confirmation.observing<Pick<AgentClient, 'desired' | 'report'>>({
    desired: async () => 'unchanged' as const,
    report: async () => ({ revision: '1', heartbeatSeconds: 10 }),
  });
  return {
    onDiskAtSteps,
    kill,
    settle,
    report,
    /** The server takes a report of what is. */
    reached: async () => {
      await client.report(await report());
    },
    poll: () => client.desired(),
    /** The server answers a report with an error. */
    fails: async (error: Error) => {
      const told = await report();
      const { report: say } = confirmation.observing<Pick<AgentClient, 'desired' | 'report'>>({
        desired: () => Promise.reject(error),
        report: () => Promise.reject(error),
      });
      await expect(say(told)).rejects.toBe(error);
    },
    want: async (next: DesiredDocument) => {
      current = next;
      reconciler.desiredChanged();
      await settle();
    },
    ready: async () => {
      const placement = (await report()).placements[0];
      const ready = placement?.conditions.find((one) => one.type === 'Ready');
      return { ...ready, generation: placement?.generation, link: placement?.link };
    },
  };
}

function apiError(status: number, told: Problem | null): ApiError {
  return new ApiError({ method: 'POST', path: '/', status, problem: told, retryAfter: null, text: '' });
}
const parentOf = async (host: FakeHost) => (await host.docker.network('mac_net1')).options['parent'];
const addressOf = async (host: FakeHost) =>
  (await host.docker.container('box1')).endpoints.map(({ networkName, ipv4 }) => `${networkName} ${ipv4}`);

/** An agent whose network is in place and confirmed, and then moved while the server is silent. */
async function movedInSilence() {
  const all = world();
  const agent = await startAgent(all, first);
  await agent.reached();
  await agent.want(moved);
  return { ...all, agent };
}

test('a change of the parent that the server is reached after stays', async () => {
  const { host, time, disk, agent } = await movedInSilence();
  expect(await parentOf(host)).toBe('ens34');
  await agent.reached();
  await time.advance(600_000);
  await agent.settle();
  expect(await parentOf(host)).toBe('ens34');
  expect(await agent.ready()).toMatchObject({ status: 'True', generation: 2, link: 'ens34' });
  expect(disk.all()[id(1)]).toMatchObject({ confirmed: { generation: 2 }, trial: null });
});

test('a poll confirms as well as a report', async () => {
  const { time, host, agent } = await movedInSilence();
  await agent.report();
  await agent.poll();
  await time.advance(600_000);
  await agent.settle();
  expect(await parentOf(host)).toBe('ens34');
});

const problem = (status: number): Problem => ({
  type: 'about:blank',
  title: '',
  status,
  detail: '',
  code: 'database_unavailable',
  instance: '/',
  requestId: 'r',
  retryable: true,
});
test.each<[string, string, Error]>([
  ['ens34', 'the server that says it is out of order', apiError(503, problem(503))],
  ['ens33', 'a proxy that finds no server', apiError(502, null)],
  ['ens33', 'a server that knows this host no more', apiError(401, problem(401))],
  ['ens33', 'nobody', new ServerUnreachable('http://s', 'ECONNREFUSED', null)],
])('it is on %s after answers of %s', async (parent, _, error) => {
  const { host, time, agent } = await movedInSilence();
  await agent.fails(error);
  await time.advance(61_000);
  await agent.settle();
  expect(await parentOf(host)).toBe(parent);
});

test('a trial is on disk before the first step of the change, with its end', async () => {
  const { agent } = await movedInSilence();
  const kept = agent.onDiskAtSteps.find((trials) => trials[id(1)]?.trial != null)?.[id(1)];
  expect(kept).toMatchObject({
    confirmed: { generation: 1, parent: 'ens33' },
    trial: { generation: 2, deadline: expect.any(Number), rolledBackAt: null },
  });
  // And the steps before it were not those of the change.
  expect(agent.onDiskAtSteps.at(-1)?.[id(1)]?.trial?.generation).toBe(2);
});

test('60 s of silence put the old parent back, with the containers and their addresses, and the report says so', async () => {
  const { host, time, agent } = await movedInSilence();
  await time.advance(55_000);
  await agent.settle();
  expect(await parentOf(host)).toBe('ens34');
  await time.advance(6000);
  await agent.settle();
  expect(await parentOf(host)).toBe('ens33');
  expect(await addressOf(host)).toEqual(['mac_net1 172.16.100.10']);
  const ready = await agent.ready();
  expect(ready).toMatchObject({
    status: 'False',
    reason: 'RolledBack',
    generation: 2,
    observedGeneration: 2,
    link: 'ens33',
  });
  expect(ready.message).toMatch(
    /generation 2 moved it to ens34, and the server could not be reached for 60 s.*on ens33 again, as in generation 1.*change the network again/,
  );
  expect(Date.parse(ready.lastTransitionTime!)).toBeLessThanOrEqual(time.now());
});

test('a parent that the change had set up is down again after it was undone, once', async () => {
  const all = world();
  const { host, time, disk } = all;
  host.links.put({ name: 'ens34' });
  const agent = await startAgent(all, first);
  await agent.reached();
  await agent.want(moved);
  expect(agent.onDiskAtSteps.find((trials) => trials[id(1)]?.trial != null)?.[id(1)]?.trial?.setUp).toEqual([
    'ens34',
  ]);
  expect(await host.links.get('ens34')).toMatchObject({ up: true });
  await time.advance(61_000);
  await agent.settle();
  expect(await parentOf(host)).toBe('ens33');
  expect(await host.links.get('ens34')).toMatchObject({ up: false });
  expect(await host.links.get('ens33')).toMatchObject({ up: true });
  expect(disk.all()[id(1)]?.trial?.setUp).toEqual([]);
  // Whoever sets it up from here on wants it so.
  await host.links.setUp('ens34');
  await agent.settle();
  expect(await host.links.get('ens34')).toMatchObject({ up: true });
});

test('one that is killed before it set the parent down does so at its start', async () => {
  const all = world();
  const { host, time, disk } = all;
  host.links.put({ name: 'ens34' });
  const agent = await startAgent(all, first);
  await agent.reached();
  await agent.want(moved);
  await agent.kill();
  await time.advance(3_600_000);
  await startAgent(all, moved);
  expect(await host.links.get('ens34')).toMatchObject({ up: false });
  expect(disk.all()[id(1)]?.trial?.setUp).toEqual([]);
});

test('a parent that was up before, and one that the server is reached over, stay up', async () => {
  const { host, time, agent } = await movedInSilence();
  await time.advance(61_000);
  await agent.settle();
  expect(await parentOf(host)).toBe('ens33');
  expect(await host.links.get('ens34')).toMatchObject({ up: true });

  const other = world();
  other.host.links.put({ name: 'ens34' });
  const reached = await startAgent(other, first);
  await reached.reached();
  await reached.want(moved);
  await reached.reached();
  await other.time.advance(600_000);
  await reached.settle();
  expect(await other.host.links.get('ens34')).toMatchObject({ up: true });
  for (const { links } of [host, other.host]) {
    expect(links.calls.map(({ method }) => method)).not.toContain('setDown');
  }
});

test('what goes back does so without anything else happening on the host, and though the change waits after failures', async () => {
  const { host, time, disk } = world();
  const agent = await startAgent({ host, time, disk }, first);
  await agent.reached();
  // Half a second, doubled each time, half of it by chance: the tries lie at 0 to 32 s, and the next one at 64 s.
  host.docker.failNext('createNetwork', new Error('no'), 8);
  await agent.want(moved);
  await time.advance(59_000 - 1000);
  expect((await host.docker.networks()).map(({ name }) => name)).not.toContain('mac_net1');
  await time.advance(2000);
  await turns(400);
  expect(await parentOf(host)).toBe('ens33');
  expect(await addressOf(host)).toEqual(['mac_net1 172.16.100.10']);
});

test('what was seen before the last step, or while one is carried out, confirms nothing', async () => {
  const { time, disk, host } = world();
  const agent = await startAgent({ host, time, disk }, first);
  await agent.reached();
  const inPlace = await agent.report();
  await agent.kill();
  const wanted = document([network({ parent: 'ens34', generation: 2 })]);
  const confirmation = createConfirmation({
    store: disk,
    document: () => wanted,
    windowMs: 60_000,
    onRollback: () => {},
    timing: time,
    log,
  });
  const client = confirmation.observing<Pick<AgentClient, 'desired' | 'report'>>({
    report: async () => ({ revision: '1', heartbeatSeconds: 10 }),
    desired: async () => 'unchanged' as const,
  });
  const key = `network:${id(1)}` as const;
  const placements = inPlace.placements.map((placement) => ({ ...placement, generation: 2 }));
  const say = (observedAt: number) =>
    client.report(
      confirmation.annotate({ ...inPlace, placements, observedAt: new Date(observedAt).toISOString() }),
    );
  const record = () => disk.all()[id(1)];

  await confirmation.begin(key, wanted, await host.look(wanted), []);
  await time.advance(1000);
  await say(time.now());
  expect(record()).toMatchObject({
    confirmed: { generation: 1 },
    trial: { deadline: time.now() + 59_000 },
  });
  const before = time.now();
  await time.advance(1000);
  confirmation.end(key);
  await say(before);
  expect(record()?.confirmed.generation).toBe(1);
  await say(time.now());
  expect(record()).toMatchObject({ confirmed: { generation: 2 }, trial: null });
});

test('what was put back stays when the server is reached again, also over restarts, until a newer generation comes', async () => {
  const { host, time, disk, agent } = await movedInSilence();
  await time.advance(61_000);
  await agent.settle();
  await agent.reached();
  await agent.settle();
  host.changes();
  await agent.kill();
  const next = await startAgent({ host, time, disk }, moved);
  await next.reached();
  await time.advance(600_000);
  await next.settle();
  expect(host.changes()).toEqual([]);
  expect(await next.ready()).toMatchObject({ reason: 'RolledBack', link: 'ens33' });
  await next.want(document([network({ parent: 'ens34', generation: 3, force: true })], [container()], '3'));
  expect(await parentOf(host)).toBe('ens34');
  await next.reached();
  expect(await next.ready()).toMatchObject({ status: 'True', generation: 3 });
});

test('an agent that is killed right after the change goes back when the time is over, counted from the change', async () => {
  const { host, time, disk, agent } = await movedInSilence();
  await agent.kill();
  await time.advance(40_000);
  const next = await startAgent({ host, time, disk }, moved);
  expect(await parentOf(host)).toBe('ens34');
  await time.advance(20_000);
  await next.settle();
  expect(await parentOf(host)).toBe('ens33');
  expect(await next.ready()).toMatchObject({ reason: 'RolledBack' });
});

test('one that is down until after that goes back at its start', async () => {
  const { host, time, disk, agent } = await movedInSilence();
  await agent.kill();
  await time.advance(3_600_000);
  await startAgent({ host, time, disk }, moved);
  expect(await parentOf(host)).toBe('ens33');
});

test('a confirmed network is put back after a reboot without a server, and is not on trial again', async () => {
  const { host, time, disk, agent } = await movedInSilence();
  await agent.reached();
  await agent.kill();
  host.links.takeAway('ens34');
  host.links.put({ name: 'ens34' });
  const next = await startAgent({ host, time, disk }, moved);
  await time.advance(600_000);
  await next.settle();
  expect(await host.links.get('ens34')).toMatchObject({ up: true, promiscuous: true });
  expect(await parentOf(host)).toBe('ens34');
  expect(disk.all()[id(1)]?.trial).toBeNull();
});

test('a new network is not on trial: there is nothing to go back to', async () => {
  const { host, time, disk } = world();
  const agent = await startAgent({ host, time, disk }, first);
  await agent.want(moved);
  await time.advance(600_000);
  await agent.settle();
  expect(await parentOf(host)).toBe('ens34');
  expect(disk.all()).toEqual({});
});

test('a change that cannot be carried out, while the server is there, is not undone: nothing was cut off', async () => {
  const { host, time, disk } = world();
  const agent = await startAgent({ host, time, disk }, first);
  await agent.reached();
  await agent.want(document([network({ parent: 'ens35', generation: 2, force: true })], [container()], '2'));
  await agent.reached();
  await time.advance(600_000);
  await agent.settle();
  expect(await agent.ready()).toMatchObject({ reason: 'ParentMissing', generation: 2 });
  // Plugged in later, it is tried, and undone when that cuts the host off.
  host.links.put({ name: 'ens35', up: true, carrier: true });
  await agent.settle();
  expect(await parentOf(host)).toBe('ens35');
  await time.advance(61_000);
  await agent.settle();
  expect(await parentOf(host)).toBe('ens33');
});

test('a network that should go is removed although its last change was undone', async () => {
  const { host, time, agent } = await movedInSilence();
  await time.advance(61_000);
  await agent.settle();
  await agent.want(
    document(
      [network({ parent: 'ens34', generation: 2, state: 'absent' })],
      [container({ state: 'absent' })],
      '3',
    ),
  );
  await time.advance(2000);
  await agent.settle();
  expect((await host.docker.networks()).map(({ name }) => name)).not.toContain('mac_net1');
});

test('a trial that cannot be written down is not begun: the change waits, and the rest goes on', async () => {
  const { host, time, disk } = world();
  const agent = await startAgent({ host, time, disk }, first);
  await agent.reached();
  disk.setFull(true);
  await agent.want(moved);
  expect(await parentOf(host)).toBe('ens33');
  disk.setFull(false);
  await time.advance(5000);
  await agent.settle();
  expect(await parentOf(host)).toBe('ens34');
});

test('a failure that cannot be written down is carried out all the same, and written down later', async () => {
  const { host, time, disk, agent } = await movedInSilence();
  disk.setFull(true);
  await time.advance(61_000);
  await agent.settle();
  expect(await parentOf(host)).toBe('ens33');
  expect(await agent.ready()).toMatchObject({ reason: 'RolledBack' });
  disk.setFull(false);
  await time.advance(5000);
  expect(disk.all()[id(1)]?.trial?.rolledBackAt).toEqual(expect.any(Number));
});
