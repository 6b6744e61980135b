import type { DesiredContainer } from '@trunkline/contracts';
import { beforeEach, describe, expect, test } from 'vitest';
import { containerLabel, generationLabel } from '../observation/marks.ts';
import { planHost } from './plan.ts';
import {
  container,
  createFakeHost,
  document,
  id,
  network,
  type FakeHost,
} from '../reconcile/subjects.fixture.ts';

let host: FakeHost;
beforeEach(() => {
  host = createFakeHost();
});

async function planOf(wanted: DesiredContainer, others: DesiredContainer[] = []) {
  const desired = document([network()], [wanted, ...others]);
  return planHost(desired, await host.look(desired)).containers.get(wanted.id)!();
}
const kinds = (plan: { steps: readonly { do: string }[] }) => plan.steps.map((step) => step.do);
const ready = (plan: { conditions: readonly { status: string; reason: string; message: string }[] }) =>
  plan.conditions.at(-1)!;

/** The network and the container as wanted, made and running. */
async function running(wanted = container()): Promise<void> {
  await host.settle(document([network()], [wanted]));
  host.changes();
}
const asOurs = (wanted: DesiredContainer) => ({
  name: wanted.name,
  image: wanted.image,
  labels: { [containerLabel]: wanted.id, [generationLabel]: String(wanted.generation) },
});

test('S1: a container is made with its reserved address, marked, and started', async () => {
  await host.settle(document([network()]));
  const wanted = container({ env: { TZ: 'UTC' }, labels: { app: 'web' }, command: ['sleep', '60'] });
  const plan = await planOf(wanted);
  expect(plan.steps).toEqual([
    {
      do: 'create-container',
      spec: {
        name: 'box1',
        image: 'busybox',
        command: ['sleep', '60'],
        env: ['TZ=UTC'],
        tty: true,
        stdinOpen: true,
        restartPolicy: { name: 'unless-stopped', maximumRetryCount: 0 },
        labels: { app: 'web', 'io.trunkline.container': id(101), 'io.trunkline.generation': '1' },
        hostname: 'box1',
        attachments: [{ network: 'mac_net1', ipv4: '172.16.100.10', usualMac: '02:42:ac:10:64:0a' }],
      },
    },
  ]);
  await running(wanted);
  expect(ready(await planOf(wanted))).toMatchObject({ status: 'True', reason: 'Running' });
});

test('labels of the operator cannot take the place of our marks', async () => {
  await host.settle(document([network()]));
  const plan = await planOf(container({ labels: { 'io.trunkline.container': 'x' } }));
  expect(plan.steps[0]).toMatchObject({ spec: { labels: { 'io.trunkline.container': id(101) } } });
});

test('a container waits for its network and says so', async () => {
  const plan = await planOf(container());
  expect(kinds(plan)).toEqual([]);
  expect(ready(plan)).toMatchObject({ status: 'False', reason: 'NetworkNotReady' });
});

test('an image is pulled when it is missing, always when asked, never when forbidden', async () => {
  await host.settle(document([network()]));
  expect(kinds(await planOf(container({ image: 'nginx' })))).toEqual(['pull-image', 'create-container']);
  expect(kinds(await planOf(container({ pull: 'always' })))).toEqual(['pull-image', 'create-container']);
  const never = await planOf(container({ image: 'nginx', pull: 'never' }));
  expect(kinds(never)).toEqual([]);
  expect(ready(never)).toMatchObject({ reason: 'ImageMissing' });
});

test('a container removed behind the back of the agent is made again', async () => {
  await running();
  await host.docker.behindOurBack.removeContainer('box1', { force: true });
  expect(kinds(await planOf(container()))).toEqual(['create-container']);
});

test('a foreign container of that name is never touched, present or absent', async () => {
  await host.settle(document([network()]));
  await host.docker.behindOurBack.createContainer({ name: 'box1', image: 'busybox' });
  const present = await planOf(container());
  expect(kinds(present)).toEqual([]);
  expect(ready(present)).toMatchObject({
    status: 'False',
    reason: 'NameTaken',
    message: expect.stringContaining('exists that Trunkline did not create'),
  });
  const absent = await planOf(container({ state: 'absent' }));
  expect(kinds(absent)).toEqual([]);
  expect(absent.found).toBeNull();
});

test('one of that name with the mark of another container is never touched', async () => {
  await host.settle(document([network()]));
  await host.docker.behindOurBack.createContainer({
    ...asOurs(container({ id: id(102) })),
    name: 'box1',
  });
  expect(kinds(await planOf(container({ state: 'absent' })))).toEqual([]);
  const present = await planOf(container());
  expect(kinds(present)).toEqual([]);
  // Such as one that a host kept which was retired and joined again.
  const { reason, message } = ready(present) ?? {};
  expect(reason).toBe('NameTaken');
  expect(message).not.toContain('did not create');
  expect(message).toContain(`io.trunkline.container=${id(102)}`);
  expect(message).toContain('docker rm -f box1');
});

test('ours under another name, holding the address, blocks both making it again and saying that it is gone', async () => {
  await host.settle(document([network()]));
  const { id: dockerId } = await host.docker.behindOurBack.createContainer({
    ...asOurs(container()),
    name: 'renamed',
    attachments: [{ network: 'mac_net1', ipv4: '172.16.100.10' }],
  });
  const present = await planOf(container());
  expect(kinds(present)).toEqual([]);
  expect(ready(present)).toMatchObject({ reason: 'Renamed' });
  const absent = await planOf(container({ state: 'absent' }));
  expect(kinds(absent)).toEqual([]);
  expect(absent.found?.id).toBe(dockerId);
  expect(ready(absent)).toMatchObject({ reason: 'RemovalBlocked' });
});

test('a copy that carries our mark but none of the addresses is not touched and blocks nothing', async () => {
  await host.settle(document([network()]));
  await host.docker.behindOurBack.createContainer({ ...asOurs(container()), name: 'copy' });
  expect(kinds(await planOf(container()))).toEqual(['create-container']);
  expect(kinds(await planOf(container({ state: 'absent' })))).toEqual([]);
});

test('absent: ours is stopped and removed, and nothing else', async () => {
  await running();
  await host.docker.behindOurBack.createContainer({ name: 'other', image: 'busybox' });
  const gone = container({ state: 'absent' });
  expect(kinds(await planOf(gone))).toEqual(['stop-container', 'remove-container']);
  await host.settle(document([network()], [gone]));
  expect((await host.docker.containers()).map(({ name }) => name)).toEqual(['other']);
});

test('one that ended or was stopped by hand is left so and reported, whatever its restart policy', async () => {
  for (const restart of ['no', 'on-failure', 'always', 'unless-stopped'] as const) {
    host = createFakeHost();
    await running(container({ restart }));
    host.docker.crash('box1', 3);
    const plan = await planOf(container({ restart }));
    expect(kinds(plan)).toEqual([]);
    expect(ready(plan)).toMatchObject({ status: 'False', reason: 'Exited' });
    expect(ready(plan).message).toContain('exit code 3');
  }
});

test('one that Docker should have kept running and whose start failed is started again', async () => {
  await running();
  host.docker.crash('box1', 128);
  const desired = document([network()], [container()]);
  const observed = await host.look(desired);
  const { docker } = observed;
  if (!docker.reachable) throw new Error('Docker is there');
  const [one] = docker.details.values();
  const failed = { ...one!, error: 'network mac_net1 not found' };
  const after = { ...observed, docker: { ...docker, details: new Map([[failed.id, failed]]) } };
  expect(kinds(planHost(desired, after).containers.get(id(101))!())).toEqual(['start-container']);
  const policyNo = document([network()], [container({ restart: 'no' })]);
  expect(kinds(planHost(policyNo, after).containers.get(id(101))!())).toEqual(['set-restart-policy']);
});

test('one that ended while Docker was away is started again, one that was stopped before or after is not', async () => {
  await running();
  host.docker.crash('box1', 137);
  const desired = document([network()], [container()]);
  const observed = await host.look(desired);
  const endedAt = Date.parse((await host.docker.container('box1')).finishedAt!);
  const withOutage = (from: number, to: number) => {
    if (!observed.docker.reachable) throw new Error('Docker is there');
    const docker = { ...observed.docker, outage: { from, to } };
    return kinds(planHost(desired, { ...observed, docker }).containers.get(id(101))!());
  };
  expect(withOutage(endedAt - 5, endedAt + 5)).toEqual(['start-container']);
  expect(withOutage(endedAt + 1, endedAt + 5)).toEqual([]);
  expect(withOutage(endedAt - 5, endedAt - 1)).toEqual([]);
});

test('one that runs with an address that was released by force is reported, not touched', async () => {
  await running();
  const loser = container({
    attachments: [{ ...container().attachments[0]!, withdrawn: ['172.16.100.10'] }],
  });
  const plan = await planOf(loser);
  expect(kinds(plan)).toEqual([]);
  expect(ready(plan)).toMatchObject({ status: 'False', reason: 'AddressRevoked' });
  expect(ready(plan).message).toContain('it runs with 172.16.100.10, released by force or in conflict');
});

test('one that runs with another address than reserved is reported, not touched', async () => {
  await running();
  const moved = container({
    attachments: [{ ...container().attachments[0]!, address: '172.16.100.77' }],
  });
  const plan = await planOf(moved);
  expect(kinds(plan)).toEqual([]);
  expect(ready(plan)).toMatchObject({ status: 'False', reason: 'AddressMismatch' });
  expect(ready(plan).message).toContain('it has 172.16.100.10, not the reserved 172.16.100.77');
});

test('one that somebody attached to another network as well is reported', async () => {
  await running();
  await host.docker.behindOurBack.createNetwork({
    name: 'extra',
    driver: 'bridge',
    subnets: [{ cidr: '10.8.0.0/24' }],
  });
  await host.docker.behindOurBack.connectNetwork('box1', { network: 'extra' });
  expect(ready(await planOf(container()))).toMatchObject({ reason: 'AddressMismatch' });
});

test('one made from a generation that a restored backup raised, and changed nothing else, is as it should be', async () => {
  await running();
  const plan = await planOf(container({ generation: 2001, sameAs: [1, 1001] }));
  expect(kinds(plan)).toEqual([]);
  expect(ready(plan)).toMatchObject({ status: 'True' });
  const other = await planOf(container({ generation: 2001, sameAs: [2, 1002] }));
  expect(ready(other)).toMatchObject({ status: 'False', reason: 'Replacing' });
});

test('one made from a generation that was lost with a restored backup is reported and kept', async () => {
  await running(container({ generation: 5 }));
  const plan = await planOf(container({ generation: 1003, sameAs: [3] }));
  expect(kinds(plan)).toEqual([]);
  expect(ready(plan)).toMatchObject({ status: 'False', reason: 'Outdated' });
});

const changed = (more: Partial<DesiredContainer> = {}) => container({ generation: 2, ...more });

describe('one that was changed since it was made', () => {
  test('is replaced, and runs as it should be', async () => {
    await running();
    const wanted = changed({ env: { TZ: 'UTC' } });
    const plan = await planOf(wanted);
    expect(kinds(plan)).toEqual(['stop-container', 'remove-container', 'create-container']);
    expect(ready(plan)).toMatchObject({ status: 'False', reason: 'Replacing' });
    await host.settle(document([network()], [wanted]));
    expect(await host.docker.container('box1')).toMatchObject({ status: 'running', env: ['TZ=UTC'] });
    expect(ready(await planOf(wanted))).toMatchObject({ status: 'True' });
  });

  test('is started also where it was stopped by hand', async () => {
    await running();
    await host.docker.behindOurBack.stopContainer('box1', 0);
    expect(kinds(await planOf(changed()))).toEqual(['remove-container', 'create-container']);
    await host.settle(document([network()], [changed()]));
    expect(await host.docker.container('box1')).toMatchObject({ status: 'running' });
  });

  test('goes on running until its new image is there', async () => {
    await running();
    const wanted = changed({ image: 'nginx' });
    expect(kinds(await planOf(wanted))).toEqual([
      'pull-image',
      'stop-container',
      'remove-container',
      'create-container',
    ]);
    await expect(host.settle(document([network()], [wanted]))).rejects.toThrow(/pull access denied/);
    expect(await host.docker.container('box1')).toMatchObject({ status: 'running', image: 'busybox' });
    const never = await planOf(changed({ image: 'nginx', pull: 'never' }));
    expect(kinds(never)).toEqual([]);
    expect(ready(never)).toMatchObject({ reason: 'ImageMissing' });
  });

  test('and is of somebody else by now is not touched', async () => {
    await host.settle(document([network()]));
    await host.docker.behindOurBack.createContainer({ name: 'box1', image: 'busybox' });
    expect(kinds(await planOf(changed()))).toEqual([]);
  });

  test('has only its restart policy changed where nothing else is', async () => {
    await running();
    const before = await host.docker.container('box1');
    const wanted = changed({ restart: 'always', sameAs: [1] });
    expect((await planOf(wanted)).steps).toEqual([
      { do: 'set-restart-policy', dockerId: before.id, name: 'box1', restart: 'always' },
    ]);
    await host.settle(document([network()], [wanted]));
    expect(await host.docker.container('box1')).toMatchObject({
      id: before.id,
      startedAt: before.startedAt,
      restartPolicy: { name: 'always' },
    });
    expect(kinds(await planOf(wanted))).toEqual([]);
  });

  test('takes those along that share its network stack', async () => {
    await host.settle(document([network()], [t1, t2]));
    const wanted = { ...t1, generation: 2 };
    await host.settle(document([network()], [wanted, t2]));
    const target = await host.docker.container('t1');
    expect(await host.docker.container('t2')).toMatchObject({
      status: 'running',
      networkMode: `container:${target.id}`,
    });
    expect(ready(await planOf(t2, [wanted]))).toMatchObject({ status: 'True' });
  });

  test('and shares the stack of another is replaced once that one runs', async () => {
    await host.settle(document([network()], [t1, t2]));
    const wanted = { ...t2, generation: 2 };
    expect(kinds(await planOf(wanted, [t1]))).toEqual([
      'stop-container',
      'remove-container',
      'create-container',
    ]);
    await host.docker.behindOurBack.stopContainer('t1', 0);
    expect(ready(await planOf(wanted, [t1]))).toMatchObject({ reason: 'TargetNotRunning' });
    expect(kinds(await planOf(wanted, [t1]))).toEqual([]);
  });
});

test('one of an older generation that never ran is made again', async () => {
  await host.settle(document([network()]));
  await host.docker.behindOurBack.createContainer({
    ...asOurs(container()),
    attachments: [{ network: 'mac_net1', ipv4: '172.16.100.10' }],
  });
  const plan = await planOf(container({ generation: 2 }));
  expect(kinds(plan)).toEqual(['remove-container', 'create-container']);
  expect(ready(plan)).toMatchObject({ status: 'False', reason: 'Replacing' });
});

test('with Docker down a container is unknown, never absent', async () => {
  host.docker.setReachable(false);
  for (const state of ['present', 'absent'] as const) {
    const plan = await planOf(container({ state }));
    expect(kinds(plan)).toEqual([]);
    expect(ready(plan)).toMatchObject({ status: 'Unknown', reason: 'DockerUnreachable' });
  }
});

const t1 = container({ id: id(201), name: 't1' });
const t2 = container({ id: id(202), name: 't2', networkMode: 'container:t1', attachments: [] });

test('S3: a container shares the stack of another once that one runs', async () => {
  expect(ready(await planOf(t2, [t1]))).toMatchObject({ reason: 'TargetNotRunning' });
  await host.settle(document([network()], [t1, t2]));
  const target = await host.docker.container('t1');
  expect((await host.docker.container('t2')).networkMode).toBe(`container:${target.id}`);
  expect(ready(await planOf(t2, [t1]))).toMatchObject({ status: 'True' });
});

test('S3: it is restarted when the other was restarted, and made again when that one is another container', async () => {
  await host.settle(document([network()], [t1, t2]));
  // The clock of the fake moves with what is made.
  await host.docker.behindOurBack.createContainer({ name: 'tick', image: 'busybox' });
  await host.docker.behindOurBack.restartContainer('t1', 1);
  expect(kinds(await planOf(t2, [t1]))).toEqual(['restart-container']);
  await host.docker.behindOurBack.removeContainer('t1', { force: true });
  await host.settle(document([network()], [t1]));
  expect(kinds(await planOf(t2, [t1]))).toEqual(['stop-container', 'remove-container', 'create-container']);
  await host.settle(document([network()], [t1, t2]));
  expect(ready(await planOf(t2, [t1]))).toMatchObject({ status: 'True' });
});

test('S3: the stack of a container that Trunkline does not run is not shared', async () => {
  await host.docker.behindOurBack.createContainer({ name: 't1', image: 'busybox' });
  await host.docker.behindOurBack.startContainer('t1');
  const plan = await planOf(t2, [t1]);
  expect(kinds(plan)).toEqual([]);
  expect(ready(plan)).toMatchObject({ reason: 'TargetNotRunning' });
});

test('S3: removed together, the one that shares the stack goes first', async () => {
  await host.settle(document([network()], [t1, t2]));
  const [gone1, gone2] = [
    { ...t1, state: 'absent' as const },
    { ...t2, state: 'absent' as const },
  ];
  const plan = await planOf(gone1, [gone2]);
  expect(kinds(plan)).toEqual([]);
  expect(ready(plan)).toMatchObject({ reason: 'Removing', message: expect.stringContaining('once t2') });
  expect(kinds(await planOf(gone2, [gone1]))).toEqual(['stop-container', 'remove-container']);
  const steps = await host.settle(document([network()], [gone1, gone2]));
  expect(steps.flatMap((step) => (step.do === 'remove-container' ? [step.name] : []))).toEqual(['t2', 't1']);
});

test('S3: a removal, and a replacement, say what is left without a network', async () => {
  await host.settle(document([network()], [t1, t2]));
  const docker = host.docker.behindOurBack;
  for (const [name, of] of [
    ['sidecar', 't1'],
    ['deeper', 't2'],
  ] as const) {
    const { id: owner } = await docker.container(of);
    await docker.createContainer({ name, image: 'busybox', networkMode: `container:${owner}` });
  }
  const removal = await planOf({ ...t1, state: 'absent' });
  expect(kinds(removal)).toEqual(['stop-container', 'remove-container']);
  expect(ready(removal).message).toContain('deeper, sidecar, t2, which Trunkline does not run');
  await docker.removeContainer('t1', { force: true });
  await host.settle(document([network()], [t1]));
  const replacement = await planOf(t2, [t1]);
  expect(ready(replacement)).toMatchObject({
    reason: 'TargetReplaced',
    message: expect.stringContaining('deeper, which Trunkline does not run'),
  });
});

test('S3: one without a restart policy whose restart failed half way is started once the other runs', async () => {
  const once = { ...t2, restart: 'no' as const };
  await host.settle(document([network()], [t1, once]));
  const docker = host.docker.behindOurBack;
  await docker.stopContainer('t2', 0);
  expect(kinds(await planOf(once, [t1]))).toEqual([]);
  host.docker.crash('t1', 1);
  await expect(docker.restartContainer('t2', 0)).rejects.toThrow(/cannot join/);
  expect(ready(await planOf(once, [t1]))).toMatchObject({ reason: 'TargetNotRunning' });
  await docker.startContainer('t1');
  expect(kinds(await planOf(once, [t1]))).toEqual(['start-container']);
});
