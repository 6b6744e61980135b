import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { DockerContainerDetail, DockerEngine } from '../host/docker-engine.ts';
import { DockerRefused } from '../host/docker-errors.ts';
import { createManualTime, turns } from '../lib/manual-time.fake.ts';
import { containerLabel } from '../observation/marks.ts';
import { observe } from '../observation/observe.ts';
import type { Observed, ObservedDocker } from '../observation/observed.ts';
import { createRevival, startsAgain } from './revival.ts';
import { createFakeHost, document, network } from './subjects.fixture.ts';

// Seen with 20.10.24; the last is how 28 puts others before.
const said = {
  refused:
    'legacy plugin: Post "http://%2Frun%2Fdocker%2Fplugins%2Ftrunkline.sock/Plugin.Activate": dial unix /run/docker/plugins/trunkline.sock: connect: connection refused',
  noSocket: 'plugin "trunkline" not found',
  empty: 'remote: no address is left on this host in 172.16.100.0/24',
  // 20.10.24 and 28.5.2, with the parent's cable out.
  noCarrier:
    'error running hook #0: level=fatal msg="failed to set IPv6 gateway while updating gateway: route for the gateway fe80::7472:756e:6b6c:696e could not be found: network is unreachable": unknown',
  wrapped: 'failed to set up container networking: remote: no address is left on this host',
};
const exited = {
  status: 'exited',
  error: said.noSocket,
  restartPolicy: { name: 'always', maximumRetryCount: 0 },
  endpoints: [],
};

const [gone, here] = ['a'.repeat(64), 'b'.repeat(64)];
const lost = (networkId: string) =>
  `failed to create endpoint byhand on network mac_net1: network id "${networkId}" not found`;
const removed = `network ${gone} not found`;

test.each([
  ['no socket', {}, 'now'],
  ['nobody behind the socket', { error: said.refused }, 'now'],
  ['a refusal of the driver', { error: said.empty }, 'now'],
  ['a refusal as newer Engines tell it', { error: said.wrapped }, 'now'],
  ['no carrier, on a network without a gateway', { error: said.noCarrier }, 'now'],
  ['unless-stopped', { restartPolicy: { name: 'unless-stopped', maximumRetryCount: 0 } }, 'now'],
  ['a network that Docker lost and that was made again', { error: lost(gone) }, 'now'],
  ['a network that Docker lost and still lists', { error: lost(here) }, 'later'],
  ['a network that was removed, where it is on the one made since', { error: removed }, 'now'],
  [
    'a network that was removed, where it is on none since',
    { error: removed, endpoints: [{ networkId: here }, { networkId: gone }] },
    'later',
  ],
  ['stopped by a person: its last start did not fail', { error: null }, 'never'],
  ['another failure', { error: 'driver failed programming external connectivity' }, 'never'],
  ['no such policy', { restartPolicy: { name: 'no', maximumRetryCount: 0 } }, 'never'],
  [
    'no such policy, on a network that was lost',
    { error: lost(gone), restartPolicy: { name: 'no', maximumRetryCount: 0 } },
    'never',
  ],
  ['on-failure', { restartPolicy: { name: 'on-failure', maximumRetryCount: 0 } }, 'never'],
  ['it never ran: a person saw the error', { status: 'created' }, 'never'],
  ['it never ran on a network that was lost', { status: 'created', error: lost(gone) }, 'never'],
  ['it runs', { status: 'running' }, 'never'],
] as const)('failed at its network: %s', (_, change, expected) => {
  expect(startsAgain({ ...exited, ...change } as unknown as DockerContainerDetail, new Set([here]))).toBe(
    expected,
  );
});

/** A container by hand that ended, on a network with the driver; Docker says `error` of its last start. */
async function setUp(error: string | null, labels: Record<string, string> = {}) {
  const host = createFakeHost();
  const docker = host.docker.behindOurBack;
  await host.settle(document([network()]));
  await docker.createContainer({
    name: 'byhand',
    image: 'busybox',
    labels,
    restartPolicy: { name: 'always', maximumRetryCount: 0 },
    attachments: [{ network: 'mac_net1' }],
  });
  await docker.startContainer('byhand');
  host.docker.crash('byhand', 255);
  const time = createManualTime();
  const starts: number[] = [];
  let refuses = false;
  let words = error;
  const seam: Pick<DockerEngine, 'container' | 'startContainer'> = {
    container: async (id) => ({ ...(await docker.container(id)), error: words }),
    startContainer: async (id) => {
      starts.push(time.now());
      if (refuses) throw new DockerRefused('start container', 500, said.empty);
      await docker.startContainer(id);
    },
  };
  const revival = createRevival({ docker: seam, timing: time, log: pino({ level: 'silent' }) });
  const look = async (
    book: Observed['book'] = { notServing: null },
    outage: ObservedDocker['outage'] = null,
  ) => {
    const { docker: seen } = await observe(host.sources, document([network()]));
    revival.onObservation({ docker: seen.reachable ? { ...seen, outage } : seen, book });
    await turns();
  };
  return {
    host,
    docker,
    look,
    starts,
    time,
    refuse: (to: boolean) => void (refuses = to),
    say: (to: string | null) => void (words = to),
    notStarted: revival.notStarted,
  };
}

test('once the driver serves, what failed for it is started, and no sooner', async () => {
  const { docker, look, starts } = await setUp(said.noSocket);
  await look({ notServing: 'the agent is starting' });
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
  const { look, starts, say } = await setUp(null);
  await look();
  say(said.noSocket);
  await look();
  expect(starts).toEqual([]);
  await look({ notServing: null }, { from: 1, to: 2 });
  expect(starts).toHaveLength(1);
});

test('those of Trunkline are left to their own plan', async () => {
  const { look, starts } = await setUp(said.noSocket, { [containerLabel]: 'c1' });
  await look();
  expect(starts).toEqual([]);
});

test('a start that fails again is tried later and later, never with every look', async () => {
  const { look, starts, time, refuse } = await setUp(said.noSocket);
  refuse(true);
  for (let second = 0; second < 60; second += 1) {
    await look();
    await time.advance(1000);
  }
  // After 2, 4, 8, 16 and 32 s at the latest.
  expect(starts.length).toBeGreaterThan(3);
  expect(starts.length).toBeLessThan(7);
});

test('a container that cannot be started again is reported with its network, until it runs or is gone', async () => {
  const { docker, look, time, refuse, notStarted } = await setUp(said.noSocket);
  refuse(true);
  await look();
  expect(notStarted()).toMatchObject([
    {
      name: 'byhand',
      networks: [{ ipamOptions: { network: network().id } }],
      why: expect.stringContaining(said.empty),
    },
  ]);
  refuse(false);
  await time.advance(3000);
  await look();
  expect(notStarted()).toEqual([]);
  expect((await docker.container('byhand')).status).toBe('running');
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
  const revival = createRevival({ docker, timing: createManualTime(), log: pino({ level: 'silent' }) });
  const look = async () => {
    revival.onObservation(await host.look(desired));
    await turns();
  };
  const statuses = async () =>
    Object.fromEntries((await docker.containers()).map(({ name, status }) => [name, status]));
  return { host, docker, desired, look, statuses };
}

test('a network that Docker lost with containers by hand alone on it is made again, and those that should run do', async () => {
  const { host, docker, desired, look, statuses } = await loseNetworkOfOthers();
  const { id: before } = await docker.network('mac_net1');
  host.docker.loseNetwork('mac_net1');
  // Nothing is started before the network is there again.
  await look();
  expect(await statuses()).toEqual({ stopped: 'exited', always: 'exited', unless: 'exited', once: 'exited' });
  await host.settle(desired);
  expect((await docker.network('mac_net1')).id).not.toBe(before);
  await look();
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
  const { host, docker, desired, look, statuses } = await loseNetworkOfOthers();
  for (const name of ['always', 'unless', 'once']) await docker.stopContainer(name, 10);
  await look();
  expect(await host.steps(desired)).toEqual([]);
  expect(new Set(Object.values(await statuses()))).toEqual(new Set(['exited']));
});
