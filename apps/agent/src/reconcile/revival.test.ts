import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { DockerContainerDetail, DockerEngine } from '../host/docker-engine.ts';
import { DockerRefused } from '../host/docker-errors.ts';
import { createManualTime, turns } from '../sync/manual-time.ts';
import { containerLabel } from './marks.ts';
import { observe, type Observed } from './observe.ts';
import { createRevival, failedForItsAddress } from './revival.ts';
import { createFakeHost, document, network } from './test-subjects.ts';

// Seen with 20.10.24; the last is how 28 puts others before.
const said = {
  refused:
    'legacy plugin: Post "http://%2Frun%2Fdocker%2Fplugins%2Ftrunkline.sock/Plugin.Activate": dial unix /run/docker/plugins/trunkline.sock: connect: connection refused',
  noSocket: 'plugin "trunkline" not found',
  empty: 'remote: no address is left on this host in 172.16.100.0/24',
  wrapped: 'failed to set up container networking: remote: no address is left on this host',
};
const exited = {
  status: 'exited',
  error: said.noSocket,
  restartPolicy: { name: 'always', maximumRetryCount: 0 },
};

test.each([
  ['no socket', {}, true],
  ['nobody behind the socket', { error: said.refused }, true],
  ['a refusal of the driver', { error: said.empty }, true],
  ['a refusal as newer Engines tell it', { error: said.wrapped }, true],
  ['unless-stopped', { restartPolicy: { name: 'unless-stopped', maximumRetryCount: 0 } }, true],
  ['stopped by a person: its last start did not fail', { error: null }, false],
  ['another failure', { error: 'driver failed programming external connectivity' }, false],
  ['no such policy', { restartPolicy: { name: 'no', maximumRetryCount: 0 } }, false],
  ['on-failure', { restartPolicy: { name: 'on-failure', maximumRetryCount: 0 } }, false],
  ['it never ran: a person was told', { status: 'created' }, false],
  ['it runs', { status: 'running' }, false],
] as const)('failed for its address: %s', (_, change, expected) => {
  expect(failedForItsAddress({ ...exited, ...change } as DockerContainerDetail)).toBe(expected);
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
  const seam: Pick<DockerEngine, 'container' | 'startContainer'> = {
    container: async (id) => ({ ...(await docker.container(id)), error }),
    startContainer: async (id) => {
      starts.push(time.now());
      if (refuses) throw new DockerRefused('start container', 500, said.empty);
      await docker.startContainer(id);
    },
  };
  const revival = createRevival({ docker: seam, timing: time, log: pino({ level: 'silent' }) });
  const look = async (book: Observed['book'] = { notServing: null }) => {
    revival.looked({ ...(await observe(host.sources, document([network()]))), book });
    await turns();
  };
  return { docker, look, starts, time, refuse: (to: boolean) => void (refuses = to) };
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
