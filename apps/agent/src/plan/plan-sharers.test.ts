import { beforeEach, expect, test } from 'vitest';
import type { DockerContainerDetail } from '../host/docker-engine.ts';
import {
  container,
  createFakeHost,
  document,
  id,
  network,
  type FakeHost,
} from '../reconcile/subjects.fixture.ts';
import { hostConditions, planHost } from './plan.ts';
import { sharerNeed } from './plan-sharers.ts';
import { sharedStackOf } from './stack-conditions.ts';

const early = '2026-11-24T09:30:00Z';
const late = '2026-11-24T09:31:00Z';
const join = `cannot join network of a non running container: ${'a'.repeat(64)}`;
const policy = (name: string, maximumRetryCount = 0) => ({ restartPolicy: { name, maximumRetryCount } });
const owner = { id: 'o', status: 'running', startedAt: late };
const sharer = {
  id: 's',
  status: 'running',
  startedAt: early,
  error: null,
  restartCount: 0,
  ...policy('no'),
};
const exited = { status: 'exited', error: join, ...policy('always') };

test.each<[string, object, object | null, number | null, string]>([
  ['in the stack of the run of now', { startedAt: late }, {}, null, 'nothing'],
  ['in the stack of an earlier run, whatever its policy', {}, {}, null, 'restart'],
  ['running, while the other is stopped', {}, { status: 'exited' }, null, 'wait'],
  ['running, while the other keeps ending', {}, { status: 'restarting' }, null, 'wait'],
  ['running, while the other is paused', {}, { status: 'paused' }, null, 'nothing'],
  ['paused in the stack of an earlier run', { status: 'paused' }, {}, null, 'nothing'],
  ['not started, since the other did not run', exited, {}, null, 'start'],
  ['the same, and the other still does not', exited, { status: 'exited' }, null, 'wait'],
  ['the same with unless-stopped', { ...exited, ...policy('unless-stopped') }, {}, null, 'start'],
  ['the same with on-failure', { ...exited, ...policy('on-failure') }, {}, null, 'start'],
  [
    'the same with on-failure, retried as often as it may',
    { ...exited, ...policy('on-failure', 3), restartCount: 3 },
    {},
    null,
    'nothing',
  ],
  ['the same without a policy: a person saw the error', { ...exited, ...policy('no') }, {}, null, 'nothing'],
  ['stopped by a person', { ...exited, error: null }, {}, null, 'nothing'],
  ['ended by itself for another reason', { ...exited, error: 'exec: no such file' }, {}, null, 'nothing'],
  [
    'never run: a person saw the error',
    { ...exited, status: 'created', startedAt: null },
    {},
    null,
    'nothing',
  ],
  [
    'stopped for a restart that did not come to its end, without a policy',
    { status: 'exited' },
    {},
    Date.parse(late),
    'start',
  ],
  [
    'the same, and the other ended meanwhile',
    { status: 'exited' },
    { status: 'exited' },
    Date.parse(late),
    'wait',
  ],
  [
    'started since that, and stopped by a person',
    { status: 'exited', startedAt: late },
    {},
    Date.parse(early),
    'nothing',
  ],
  ['of a container that is gone', {}, null, null, 'remake'],
])('S3: one that is %s', (_, mine, theirs, since, need) => {
  const of = theirs === null ? null : ({ ...owner, ...theirs } as unknown as DockerContainerDetail);
  const one = { ...sharer, ...mine } as unknown as DockerContainerDetail;
  expect(sharerNeed({ sharer: one, owner: of }, undefined, since)).toBe(need);
});

let host: FakeHost;
const t1 = container({ id: id(201), name: 't1' });
const wanted = document([network()], [t1]);
beforeEach(async () => {
  host = createFakeHost();
  await host.settle(wanted);
  await host.docker.behindOurBack.createContainer({
    name: 'plain',
    image: 'busybox',
    attachments: [{ network: 'mac_net1' }],
  });
  await host.docker.behindOurBack.startContainer('plain');
});

async function share(name: string, of: string, policyName: 'no' | 'always' = 'no'): Promise<void> {
  const docker = host.docker.behindOurBack;
  await docker.createContainer({
    name,
    image: 'busybox',
    restartPolicy: { name: policyName, maximumRetryCount: 0 },
    networkMode: `container:${(await docker.container(of)).id}`,
  });
  await docker.startContainer(name);
}
async function restart(name: string): Promise<void> {
  // The clock of the fake moves with what is made.
  await host.docker.behindOurBack.createContainer({ name: `tick${Math.random()}`, image: 'busybox' });
  await host.docker.behindOurBack.restartContainer(name, 0);
}
const steps = async () =>
  (await host.steps(wanted)).map((step) => ('name' in step ? `${step.do} ${step.name}` : step.do));
const ofHost = async () =>
  hostConditions(await host.look(wanted), wanted).find(({ type }) => type === 'SharedStack');

test.each(['t1', 'plain'])(
  'S3: what shares the stack of %s is restarted with it, one after the other',
  async (of) => {
    await share('t2', of);
    await share('t3', 't2');
    expect(await steps()).toEqual([]);
    await restart(of);
    expect(await steps()).toEqual(['restart-sharer t2']);
    expect(await ofHost()).toMatchObject({ status: 'False', reason: 'SharersRestarting' });
    const plan = planHost(wanted, await host.look(wanted));
    const { id: t2 } = await host.docker.container('t2');
    expect(plan.shownBy(`revival:${t2}`)).toEqual([`network:${id(1)}`]);
    await host.docker.behindOurBack.createContainer({ name: 'tock', image: 'busybox' });
    const taken = await host.settle(wanted);
    expect(taken.map((step) => ('name' in step ? step.name : ''))).toEqual(['t2', 't3']);
    expect(await ofHost()).toMatchObject({ status: 'True', reason: 'Shared' });
  },
);

test('S3: what shares no stack of ours, and what a person stopped, is left alone', async () => {
  const docker = host.docker.behindOurBack;
  await docker.createContainer({ name: 'other', image: 'busybox' });
  await docker.startContainer('other');
  await share('beside', 'other');
  await share('stopped', 't1', 'always');
  await docker.stopContainer('stopped', 0);
  await restart('other');
  await restart('t1');
  expect(await steps()).toEqual([]);
});

test('S3: what Docker could not start before the other is started after it', async () => {
  const docker = host.docker.behindOurBack;
  await share('t2', 'plain', 'always');
  host.docker.crash('plain', 255);
  host.docker.crash('t2', 255);
  await docker.startContainer('t2').catch(() => {});
  expect(await steps()).toEqual([]);
  expect(await ofHost()).toMatchObject({
    reason: 'OwnerNotRunning',
    message: expect.stringContaining('docker start plain'),
  });
  await docker.startContainer('plain');
  expect(await steps()).toEqual(['start-sharer t2']);
  await host.settle(wanted);
  expect((await host.docker.container('t2')).status).toBe('running');
});

test('S3: one without a policy whose restart fails half way is started once the other runs', async () => {
  const docker = host.docker.behindOurBack;
  await share('t2', 'plain');
  const { id: t2 } = await docker.container('t2');
  await restart('plain');
  expect(await steps()).toEqual(['restart-sharer t2']);
  // Docker stopped it, and the other ended before it was started again.
  await host.stacks.begin(t2);
  await docker.stopContainer('t2', 0);
  host.docker.crash('plain', 1);
  expect(await steps()).toEqual([]);
  await docker.startContainer('plain');
  expect(await steps()).toEqual(['start-sharer t2']);
  await host.settle(wanted);
  expect(host.stackMemory().restarting).toEqual({});
  await docker.stopContainer('t2', 0);
  expect(await steps()).toEqual([]);
});

test('S3: made for a container that is gone: nothing is done, and host and container say what to do', async () => {
  const docker = host.docker.behindOurBack;
  await share('t2', 't1', 'always');
  await host.look(wanted);
  await docker.removeContainer('t1', { force: true });
  await host.settle(wanted);
  expect(await steps()).toEqual([]);
  expect((await host.docker.container('t1')).status).toBe('running');
  const said = {
    status: 'False',
    reason: 'MadeForEarlier',
    message: expect.stringMatching(
      /t2 shares the network stack of t1.*docker rm -f t2.*--network container:t1/,
    ),
  };
  expect(await ofHost()).toMatchObject(said);
  const observed = await host.look(wanted);
  const { docker: seen } = observed;
  if (!seen.reachable) throw new Error('it is reachable');
  expect(sharedStackOf('t1', await host.docker.container('t1'), seen)).toMatchObject(said);
  // Nothing depends on a container of somebody else.
  expect(hostConditions(observed, wanted).at(-1)).toMatchObject({ type: 'Ready', status: 'True' });
  await docker.removeContainer('t2', { force: true });
  await share('t2', 't1');
  expect(await ofHost()).toMatchObject({ status: 'True' });
});

test('without a document, what shares a stack follows all the same', async () => {
  await share('t2', 'plain');
  await restart('plain');
  const { plans } = { plans: planHost(null, await host.look(wanted)).revivals() };
  expect([...plans.values()].flatMap((plan) => plan.steps)).toMatchObject([
    { do: 'restart-sharer', name: 't2' },
  ]);
});
