import type { DesiredDocument, Report } from '@trunkline/contracts';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { DockerConflict } from '../host/docker-errors.ts';
import { collectFacts } from '../host/facts.ts';
import { createManualTime, turns } from '../lib/manual-time.fake.ts';
import { createObserver } from '../observation/observer.ts';
import { observe } from '../observation/observe.ts';
import { createReconciler } from './reconciler.ts';
import { watchDocker } from '../observation/watch-docker.ts';
import { container, createFakeHost, document, id, network } from './subjects.fixture.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A whole reconciler on a host in memory. */
function start(host = createFakeHost()) {
  const time = createManualTime(0.5);
  const log = pino({ level: 'silent' });
  let desired: DesiredDocument | null = null;
  const observer = createObserver(
    (below) => observe({ ...host.sources, now: time.now }, desired, below),
    time.now,
  );
  const reconciler = createReconciler({
    desired: () => desired,
    observer,
    apply: host,
    facts: () =>
      collectFacts({
        links: host.links,
        docker: host.docker,
        kernel: host.kernel,
        readFile: () => Promise.resolve(''),
        machine: {
          hostname: () => 'h',
          arch: () => 'x64',
          cpus: () => 2,
          memoryBytes: () => 1,
        },
        agentVersion: '0',
      }),
    onNews: () => {},
    timing: time,
    log,
  });
  const ended = new AbortController();
  const running = [
    reconciler.run(ended.signal),
    watchDocker(
      {
        docker: host.docker,
        onChange: reconciler.hostChanged,
        onLost: observer.dockerLost,
        timing: time,
        log,
      },
      ended.signal,
    ),
  ];
  stops.push(async () => {
    ended.abort();
    await Promise.all(running);
  });
  return {
    host,
    time,
    want: async (next: DesiredDocument) => {
      desired = next;
      reconciler.desiredChanged();
      await turns(60);
    },
    happen: async () => {
      await turns(60);
      await time.advance(250);
      await turns(60);
    },
    report: async (): Promise<Report> => (await reconciler.report(false))!,
  };
}

const readyOf = (item: { conditions: Report['conditions'] } | undefined) => {
  const found = item?.conditions.find(({ type }) => type === 'Ready');
  return `${found?.status} ${found?.reason}`;
};

test('S1: wanted network and container become real, and the report says what is', async () => {
  const { want, happen, report } = start();
  await want(document([network()], [container()], '7'));
  await happen();
  const reported = await report();
  expect(reported.observedRevision).toBe('7');
  expect(reported.placements[0]).toMatchObject({
    networkId: id(1),
    generation: 1,
    removed: false,
    link: 'ens33',
    lastAction: 'set ens33 promiscuous, created Docker network mac_net1 on ens33',
  });
  expect(readyOf(reported.placements[0])).toBe('True Ready');
  expect(reported.containers[0]).toMatchObject({
    state: 'running',
    endpoints: [{ network: 'mac_net1', ipv4: '172.16.100.10' }],
  });
  expect(readyOf(reported.containers[0])).toBe('True Running');
  expect(reported.inventory).toMatchObject([{ name: 'box1', networkId: id(1), ipv4: '172.16.100.10' }]);
});

test('a container that is being made while it is deleted is not reported as gone, and is removed once it is there', async () => {
  const host = createFakeHost();
  const made = Promise.withResolvers<void>();
  const slow = Object.assign(Object.create(host.docker) as typeof host.docker, {
    createContainer: async (spec: Parameters<typeof host.docker.createContainer>[0]) => {
      await made.promise;
      return await host.docker.createContainer(spec);
    },
  });
  const { want, happen, report } = start({ ...host, docker: slow });
  await want(document([network()], [container()], '1'));
  await happen();
  await want(document([network()], [container({ state: 'absent', generation: 2 })], '2'));
  const meanwhile = (await report()).containers[0];
  expect(meanwhile).toMatchObject({ state: 'absent' });
  expect(meanwhile?.generation).toBeLessThan(2);
  made.resolve();
  await happen();
  await happen();
  expect((await report()).containers[0]).toMatchObject({ state: 'absent', generation: 2 });
  expect(await host.docker.containers()).toEqual([]);
});

test('S3: who shares the stack of a container is reported with it, whatever made them and the container', async () => {
  const { host, want, happen, report } = start();
  await want(document([network()], [container()], '1'));
  await happen();
  const docker = host.docker.behindOurBack;
  await docker.createContainer({ name: 'plain', image: 'busybox', attachments: [{ network: 'mac_net1' }] });
  await docker.startContainer('plain');
  const sharer = async (name: string, of: string) => {
    await docker.createContainer({
      name,
      image: 'busybox',
      networkMode: `container:${(await docker.container(of)).id}`,
    });
    await docker.startContainer(name);
  };
  await sharer('sidecar', 'box1');
  await sharer('deeper', 'sidecar');
  await sharer('beside', 'plain');
  await happen();
  const reported = await report();
  expect(reported.containers).toMatchObject([{ containerId: id(101), sharedBy: ['sidecar'] }]);
  const byName = Object.fromEntries(reported.inventory.map(({ name, sharedBy }) => [name, sharedBy]));
  expect(byName).toEqual({ box1: ['deeper', 'sidecar'], plain: ['beside'] });
});

test.each<[string, Record<string, string>]>([
  ['names the Trunkline network', { network: 'mac_net1' }],
  ['names its id in capitals', { network: id(1).toUpperCase() }],
  ['names its subnet alone', {}],
])(
  'what runs on a Docker network by hand that %s is reported, once for each container',
  async (_, ipamOptions) => {
    const { host, want, happen, report } = start();
    await want(document([network()], [], '1'));
    await happen();
    const docker = host.docker.behindOurBack;
    for (const name of ['second', 'third']) {
      await docker.createNetwork({
        name,
        driver: 'macvlan',
        options: { parent: `ens3${name.length}` },
        ipamDriver: 'trunkline',
        ipamOptions,
        subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
      });
    }
    await docker.createContainer({
      name: 'byhand',
      image: 'busybox',
      attachments: [{ network: 'second', ipv4: '172.16.100.30' }, { network: 'third' }],
    });
    await docker.startContainer('byhand');
    await happen();
    expect((await report()).inventory).toMatchObject([
      { name: 'byhand', networkId: id(1), ipv4: '172.16.100.30' },
    ]);
  },
);

test('one bad item never blocks the rest', async () => {
  const { host, want, happen, report } = start(createFakeHost({ version: '27.0.0', apiVersion: '1.46' }));
  const bad = network({ id: id(2), name: 'bad_net', parent: 'ens34' });
  host.docker.addToRegistry('busybox');
  await want(
    document([bad, network()], [container({ id: id(102), name: 'no', image: 'nowhere' }), container()]),
  );
  await happen();
  const reported = await report();
  expect(reported.placements.map(readyOf)).toEqual(['False ParentMissing', 'True Ready']);
  expect(reported.containers.map(readyOf)).toEqual(['False PullFailed', 'True Running']);
  const image = reported.containers[0]!.conditions.find(({ type }) => type === 'ImageReady');
  expect(image).toMatchObject({ status: 'False', reason: 'PullFailed' });
  expect(image!.message).toContain('pull access denied');
});

test('a step that fails is reported with its reason, and tried again until it works', async () => {
  const { host, time, want, happen, report } = start();
  host.docker.failNext('createNetwork', new Error('out of luck'), 2);
  await want(document([network()]));
  expect(readyOf((await report()).placements[0])).toBe('False CreateRefused');
  await time.advance(2000);
  await happen();
  expect(readyOf((await report()).placements[0])).toBe('True Ready');
});

test('a failed VLAN link on a kernel without 802.1Q says so and is not tried again and again', async () => {
  const { host, time, want, report } = start();
  const { CommandFailed } = await import('../host/command.ts');
  const refused = new CommandFailed({
    kind: 'exit',
    argv: ['ip'],
    code: 2,
    reason: 'exit code 2',
    stdout: '',
    stderr: 'Error: Unknown device type.',
  });
  host.links.failNext('addVlan', refused, 100);
  await want(document([network({ vlan: 10 })]));
  expect((await report()).placements[0]!.conditions.find(({ type }) => type === 'LinkReady')).toMatchObject({
    status: 'False',
    reason: 'VlanUnsupported',
    message: expect.stringContaining('modprobe 8021q'),
  });
  await time.advance(30_000);
  expect(host.links.calls.filter(({ method }) => method === 'addVlan')).toHaveLength(1);
});

test('a network removed behind the back of the agent is repaired on the event', async () => {
  const { host, want, happen, report } = start();
  await want(document([network()]));
  await happen();
  await host.docker.behindOurBack.removeNetwork('mac_net1');
  await happen();
  await happen();
  expect((await host.docker.networks()).map(({ name }) => name)).toEqual(['mac_net1']);
  expect(readyOf((await report()).placements[0])).toBe('True Ready');
});

test('a missing parent that appears wakes the network at the next look', async () => {
  const { host, want, report, time } = start();
  await want(document([network({ parent: 'ens34' })]));
  expect(readyOf((await report()).placements[0])).toBe('False ParentMissing');
  host.links.put({ name: 'ens34', up: true, carrier: true });
  await time.advance(90_000);
  await turns(60);
  expect(readyOf((await report()).placements[0])).toBe('True Ready');
});

test('with Docker down nothing that was seen is unsaid, and it recovers by itself', async () => {
  const { host, want, happen, report, time } = start();
  await want(document([network()], [container()]));
  await happen();
  host.docker.setReachable(false);
  await happen();
  const down = await report();
  expect(down.conditions.map(({ type, status }) => `${type} ${status}`)).toEqual([
    'DockerReachable False',
    'KernelReady True',
    'VlanReady True',
    'WireProbed True',
    'Ready False',
  ]);
  expect(readyOf(down.placements[0])).toBe('Unknown DockerUnreachable');
  expect(down.containers[0]).toMatchObject({ state: 'running', endpoints: [{ ipv4: '172.16.100.10' }] });
  expect(down.inventory).toHaveLength(1);
  host.docker.setReachable(true);
  await time.advance(10_000);
  await turns(60);
  expect(readyOf((await report()).containers[0])).toBe('True Running');
});

test('with Docker down from the start, no container is said to be absent', async () => {
  const { host, want, report } = start();
  host.docker.setReachable(false);
  await want(document([network({ state: 'absent' })], [container({ state: 'absent' })]));
  const reported = await report();
  expect(reported.containers).toEqual([]);
  expect(reported.placements[0]).toMatchObject({ removed: false });
});

test('absent container and network go in the right order, and only then are said to be gone', async () => {
  const { host, want, happen, report } = start();
  await want(document([network()], [container()], '1'));
  await happen();
  const gone = document([network({ state: 'absent' })], [container({ state: 'absent' })], '2');
  await want(gone);
  await happen();
  await happen();
  const reported = await report();
  expect(reported.placements[0]).toMatchObject({ removed: true });
  expect(reported.containers[0]).toMatchObject({ state: 'absent', dockerId: null });
  expect(reported.inventory).toEqual([]);
  expect(await host.docker.networks()).toEqual([]);
});

test('what Docker refused until it was started again is done at once then, however often it was tried before', async () => {
  const { host, want, happen, report, time } = start();
  await want(document([network()], [], '1'));
  await happen();
  // As an Engine that lost count of the endpoints does, until it is restarted.
  host.docker.failNext('removeNetwork', new DockerConflict('remove', 'network has active endpoints'), 9);
  await want(document([network({ state: 'absent' })], [], '2'));
  for (let n = 0; n < 15; n += 1) {
    await time.advance(4500);
    await turns(60);
  }
  expect(host.docker.calls.filter(({ method }) => method === 'removeNetwork')).toHaveLength(9);
  expect(readyOf((await report()).placements[0])).toBe('False EndpointsMiscounted');
  host.docker.setReachable(false);
  await happen();
  host.docker.setReachable(true);
  await time.advance(10_000);
  await turns(60);
  expect((await report()).placements[0]).toMatchObject({ removed: true });
});

test('what leaves the document without being absent is left alone', async () => {
  const { host, want, happen } = start();
  await want(document([network()], [container()], '1'));
  await happen();
  host.changes();
  await want(document([], [], '2'));
  await happen();
  expect(host.changes()).toEqual([]);
});

test('an adopted network that becomes absent stays, and the report says so', async () => {
  const { host, want, happen, report } = start();
  await host.docker.behindOurBack.createNetwork({
    name: 'mac_net1',
    driver: 'macvlan',
    options: { parent: 'ens33' },
    subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
  });
  await want(document([network()], [], '1'));
  await happen();
  expect(readyOf((await report()).placements[0])).toBe('True Ready');
  await want(document([network({ state: 'absent' })], [], '2'));
  await happen();
  expect((await report()).placements[0]).toMatchObject({
    removed: true,
    lastAction: 'left Docker network mac_net1 in place because it was adopted, not created',
  });
  expect((await host.docker.networks()).map(({ name }) => name)).toEqual(['mac_net1']);
});

test('the time of a condition stays while its status does', async () => {
  const { host, want, happen, report, time } = start();
  await want(document([network()], [], '1'));
  await happen();
  const first = (await report()).placements[0]!.conditions;
  await time.advance(120_000);
  await turns(60);
  expect((await report()).placements[0]!.conditions).toEqual(first);
  host.links.put({ name: 'ens33', up: true, carrier: false, promiscuous: true });
  await time.advance(120_000);
  await turns(60);
  const later = (await report()).placements[0]!.conditions;
  expect(later[0]!.lastTransitionTime > first[0]!.lastTransitionTime).toBe(true);
  expect(later[1]).toEqual(first[1]);
});
