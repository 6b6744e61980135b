import type { DesiredDocument, HostFacts } from '@trunkline/contracts';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { checkPreflight } from '../checks/preflight.ts';
import { DockerRefused } from '../host/docker-errors.ts';
import { createManualTime, turns } from '../lib/manual-time.fake.ts';
import { createFailedStarts } from '../observation/failed-starts.ts';
import { containerLabel } from '../observation/marks.ts';
import { observe } from '../observation/observe.ts';
import { createObserver } from '../observation/observer.ts';
import { planHost } from '../plan/plan.ts';
import { createReconciler } from './reconciler.ts';
import { createFakeHost, document, id, network } from './subjects.fixture.ts';

const noSocket = 'plugin "trunkline" not found';
const empty = 'remote: no address is left on this host in 172.16.100.0/24';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Setting {
  readonly labels?: Record<string, string>;
  readonly names?: readonly string[];
  readonly desired?: DesiredDocument | null;
  /** Whether another container runs on the network. */
  readonly busy?: boolean;
}

/** A reconciler on a host with containers by hand that ended on `mac_net1`; Docker says `error` of their last start. */
async function setUp(
  error: string | null,
  { labels = {}, names = ['byhand'], desired: first = document([network()]), busy = false }: Setting = {},
) {
  const host = createFakeHost();
  const docker = host.docker.behindOurBack;
  await host.settle(document([network()]));
  for (const name of names) {
    await docker.createContainer({
      name,
      image: 'busybox',
      labels,
      restartPolicy: { name: 'always', maximumRetryCount: 0 },
      attachments: [{ network: 'mac_net1' }],
    });
    await docker.startContainer(name);
    host.docker.crash(name, 255);
  }
  if (busy) {
    await docker.createContainer({ name: 'other', image: 'busybox', attachments: [{ network: 'mac_net1' }] });
    await docker.startContainer('other');
  }
  const time = createManualTime();
  const log = pino({ level: 'silent' });
  const starts: number[] = [];
  let inspections = 0;
  let answer: 'starts' | 'refuses' | 'hangs' = 'starts';
  let words = error;
  let desired: DesiredDocument | null = first;
  const ended = new AbortController();
  const hanging = new Promise<void>((resolve) => {
    ended.signal.addEventListener('abort', () => resolve());
  });
  const seen = {
    ...host.docker,
    container: async (one: string) => {
      inspections += 1;
      return { ...(await host.docker.container(one)), error: words };
    },
    startContainer: async (one: string) => {
      starts.push(time.now());
      if (answer === 'refuses') throw new DockerRefused('start container', 500, empty);
      if (answer === 'hangs') return hanging;
      await docker.startContainer(one);
    },
  };
  const failedStarts = createFailedStarts();
  const observer = createObserver(
    (below) => observe({ ...host.sources, docker: seen, failedStarts, now: time.now }, desired, below),
    time.now,
  );
  const reconciler = createReconciler({
    desired: () => desired,
    observer,
    apply: { ...host, docker: seen },
    facts: async () => ({}) as HostFacts,
    onNews: () => {},
    timing: time,
    log,
  });
  const look = async (notServing: string | null = null) => {
    host.setBook({ notServing });
    reconciler.hostChanged();
    await turns(60);
    await time.advance(250);
    await turns(60);
  };
  host.setBook({ notServing: 'the agent is starting' });
  const running = reconciler.run(ended.signal);
  stops.push(async () => {
    ended.abort();
    await running;
  });
  return {
    host,
    docker,
    look,
    starts,
    time,
    observer,
    reconciler,
    answer: (to: typeof answer) => void (answer = to),
    say: (to: string | null) => void (words = to),
    want: (to: DesiredDocument) => void (desired = to),
    inspections: () => inspections,
    notStarted: reconciler.notStarted,
  };
}

test('once the driver serves, what failed for it is started, and no sooner', async () => {
  const { docker, look, starts } = await setUp(noSocket);
  await look('the agent is starting');
  expect(starts).toEqual([]);
  await look();
  expect(starts).toHaveLength(1);
  expect((await docker.container('byhand')).status).toBe('running');
  await look();
  expect(starts).toHaveLength(1);
});

test('one that a person stopped stays so', async () => {
  const { look, starts } = await setUp(null);
  await look();
  await look();
  expect(starts).toEqual([]);
});

test('one that a person stopped and Docker tried all the same when it came back, in vain, is started', async () => {
  const { host, look, starts, say } = await setUp(null);
  await look();
  say(noSocket);
  await look();
  expect(starts).toEqual([]);
  host.docker.setReachable(false);
  await look();
  host.docker.setReachable(true);
  await look();
  expect(starts).toHaveLength(1);
});

test('those of Trunkline are left to their own plan', async () => {
  const { look, starts } = await setUp(noSocket, { labels: { [containerLabel]: 'c1' } });
  await look();
  expect(starts).toEqual([]);
});

test('a start that fails again is tried later and later, never with every look', async () => {
  const { look, starts, time, answer } = await setUp(noSocket);
  answer('refuses');
  for (let second = 0; second < 60; second += 1) {
    await look();
    await time.advance(750);
  }
  // After 2, 4, 8, 16 and 32 s at the latest.
  expect(starts.length).toBeGreaterThan(3);
  expect(starts.length).toBeLessThan(7);
});

test('a container that cannot be started again is reported with its network, until it runs or is gone', async () => {
  const { docker, look, time, answer, notStarted } = await setUp(noSocket);
  answer('refuses');
  await look();
  expect(notStarted()).toMatchObject([
    {
      name: 'byhand',
      networks: [{ ipamOptions: { network: network().id } }],
      why: expect.stringContaining(empty),
    },
  ]);
  answer('starts');
  await time.advance(3000);
  await look();
  expect(notStarted()).toEqual([]);
  expect((await docker.container('byhand')).status).toBe('running');
});

test('what is to be started is in a preflight of its network, and what was started is its last action', async () => {
  const desired = document([network()]);
  const { host, look, observer, reconciler } = await setUp(noSocket);
  await look('the agent is starting');
  host.setBook({ notServing: null });
  const check = {
    id: id(500),
    kind: 'preflight' as const,
    network: network(),
    expiresAt: '2026-11-24T09:31:00Z',
  };
  const { result } = await checkPreflight(check, { desired: () => desired, look: observer.look });
  expect(result).toMatchObject({
    actions: ['start container byhand again: its start had failed at its network'],
    conditions: expect.arrayContaining([expect.objectContaining({ type: 'Ready', status: 'True' })]),
  });
  await look();
  expect((await reconciler.report(false))?.placements).toMatchObject([
    { lastAction: 'started container byhand again: its start had failed at its network' },
  ]);
});

test('without a document, what failed is started all the same', async () => {
  const { look, starts } = await setUp(noSocket, { desired: null });
  await look();
  expect(starts).toHaveLength(1);
});

test('another document does not cut short the wait after a failure', async () => {
  const { look, starts, answer, want } = await setUp(noSocket);
  answer('refuses');
  await look();
  const before = starts.length;
  for (const revision of ['2', '3', '4', '5']) {
    want(document([network()], [], revision));
    await look();
  }
  expect(starts).toHaveLength(before);
});

test('starts that hang are few at once, and hold up nothing of the document', async () => {
  const names = Array.from({ length: 12 }, (_, n) => `byhand${n}`);
  const { host, docker, look, starts, answer, want } = await setUp(noSocket, { names });
  answer('hangs');
  await look();
  expect(starts).toHaveLength(4);
  host.links.put({ name: 'ens34', up: true, carrier: true });
  const other = network({
    id: id(2),
    name: 'mac_net2',
    parent: 'ens34',
    subnets: [{ cidr: '172.16.101.0/24', gateway: null }],
  });
  want(document([network(), other], [], '2'));
  await look();
  expect((await docker.networks()).map(({ name }) => name)).toEqual(['mac_net1', 'mac_net2']);
});

test('a container that ended for another reason is not inspected with every look', async () => {
  const { look, inspections } = await setUp(null, { busy: true });
  await look();
  const before = inspections();
  await look();
  await look();
  expect(inspections()).toBe(before);
});

/** Containers by hand alone on a network that Docker loses with them: one with each restart policy, and two by people. */
async function loseNetworkOfOthers() {
  const host = createFakeHost();
  const docker = host.docker.behindOurBack;
  const desired = document([network()]);
  await host.settle(desired);
  const add = async (name: string, policy: 'no' | 'always' | 'unless-stopped', ipv4?: string) => {
    await docker.createContainer({
      name,
      image: 'busybox',
      restartPolicy: { name: policy, maximumRetryCount: 0 },
      attachments: [{ network: 'mac_net1', ...(ipv4 === undefined ? {} : { ipv4 }) }],
    });
    await docker.startContainer(name);
  };
  await add('stopped', 'unless-stopped');
  await docker.stopContainer('stopped', 10);
  await add('always', 'always', '172.16.100.77');
  await add('unless', 'unless-stopped');
  await add('once', 'no');
  const revivals = async () =>
    [
      ...planHost(desired, await host.look(desired))
        .revivals()
        .values(),
    ].flatMap(({ steps }) => steps);
  const statuses = async () =>
    Object.fromEntries((await docker.containers()).map(({ name, status }) => [name, status]));
  return { host, docker, desired, revivals, statuses };
}

test('a network that Docker lost with containers by hand alone on it is made again, and those that should run do', async () => {
  const { host, docker, desired, revivals, statuses } = await loseNetworkOfOthers();
  const { id: before } = await docker.network('mac_net1');
  host.docker.loseNetwork('mac_net1');
  // Nothing is started before the network is there again.
  expect(await revivals()).toEqual([]);
  expect(await statuses()).toEqual({ stopped: 'exited', always: 'exited', unless: 'exited', once: 'exited' });
  await host.settle(desired);
  expect((await docker.network('mac_net1')).id).not.toBe(before);
  expect(await statuses()).toEqual({
    stopped: 'exited',
    always: 'running',
    unless: 'running',
    once: 'exited',
  });
  expect((await docker.container('always')).endpoints).toMatchObject([
    { networkName: 'mac_net1', ipv4: '172.16.100.77' },
  ]);
  expect(await host.steps(desired)).toEqual([]);
});

test('a network that is whole is left alone, whatever of its containers stopped', async () => {
  const { host, docker, desired, statuses } = await loseNetworkOfOthers();
  for (const name of ['always', 'unless', 'once']) await docker.stopContainer(name, 10);
  expect(await host.steps(desired)).toEqual([]);
  expect(new Set(Object.values(await statuses()))).toEqual(new Set(['exited']));
});
