/** What a host does not let its agent do, whatever a server asks for. */
import type { DesiredDocument } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import type { Permissions } from '../observation/permissions.ts';
import { everything } from '../observation/permissions.ts';
import {
  container,
  createFakeHost,
  document,
  id,
  network,
  type FakeHost,
} from '../reconcile/subjects.fixture.ts';
import { planHost, type HostPlan } from './plan.ts';

const only = (...parents: string[]): Permissions => ({ ...everything, parents });
const containers = (permission: Permissions['containers']): Permissions => ({
  ...everything,
  containers: permission,
});

async function planWith(host: FakeHost, desired: DesiredDocument, permitted: Permissions): Promise<HostPlan> {
  return planHost(desired, { ...(await host.look(desired)), permitted });
}
const allSteps = (plan: HostPlan) => plan.keys().flatMap((key) => plan.item(key)?.steps ?? []);

/** A host with a container of ours and one of somebody else on the network, both running. */
async function withBoxes(): Promise<FakeHost> {
  const host = createFakeHost();
  await host.settle(document([network()], [container()]));
  await host.docker.behindOurBack.createContainer({
    name: 'byhand',
    image: 'busybox',
    attachments: [{ network: 'mac_net1', ipv4: '172.16.100.77' }],
  });
  await host.docker.behindOurBack.startContainer('byhand');
  host.changes();
  return host;
}

test.each([
  ['on the parent itself', network()],
  ['on a VLAN of it', network({ vlan: 10 })],
  ['on the parent that the default route determines', network({ parent: null })],
  ['with force', network({ force: true })],
])(
  'a network %s that is not allowed changes nothing on the host, and says which setting forbids it',
  async (_, wanted) => {
    const host = createFakeHost();
    const plan = await planWith(host, document([wanted]), only('ens34', 'bond0'));
    expect(allSteps(plan)).toEqual([]);
    const conditions = plan.networks.get(wanted.id)!().conditions;
    expect(conditions.find(({ type }) => type === 'ParentReady')).toMatchObject({
      status: 'False',
      reason: 'ParentNotAllowed',
      message: expect.stringMatching(/ens33, but on ens34, bond0 \(TRUNKLINE_ALLOWED_PARENTS/),
    });
    expect(conditions.at(-1)).toMatchObject({ type: 'Ready', status: 'False', reason: 'ParentNotAllowed' });
  },
);

test('an allowed parent carries networks and VLANs as ever', async () => {
  const host = createFakeHost();
  for (const wanted of [network(), network({ vlan: 10 })]) {
    const allowed = await planWith(host, document([wanted]), only('ens33'));
    const free = await planWith(host, document([wanted]), everything);
    expect(allSteps(allowed)).toEqual(allSteps(free));
    expect(allSteps(allowed).length).toBeGreaterThan(0);
  }
});

test('what is there on a parent that is no longer allowed is left as it is, also where it should be replaced', async () => {
  const host = await withBoxes();
  const changed = network({ mode: 'private', force: true, generation: 2 });
  const plan = await planWith(host, document([changed], [container()]), only('ens34'));
  expect(plan.networks.get(id(1))!().steps).toEqual([]);
});

test('off: no container is made, started, stopped or removed, and each says which setting forbids it', async () => {
  const host = createFakeHost();
  await host.settle(document([network()]));
  const missing = await planWith(host, document([network()], [container()]), containers('off'));
  expect(allSteps(missing)).toEqual([]);
  expect(missing.containers.get(id(101))!().conditions).toMatchObject([
    {
      type: 'Ready',
      status: 'False',
      reason: 'ContainersOff',
      message: expect.stringContaining('TRUNKLINE_CONTAINERS=off'),
    },
  ]);

  const running = await withBoxes();
  for (const change of [{ state: 'absent' as const }, { generation: 7 }]) {
    const plan = await planWith(running, document([network()], [container(change)]), containers('off'));
    expect(allSteps(plan)).toEqual([]);
    expect(plan.containers.get(id(101))!().conditions.at(-1)).toMatchObject({ reason: 'ContainersOff' });
  }
  // One that should go and is not there has gone.
  const gone = await planWith(
    host,
    document([network()], [container({ state: 'absent' })]),
    containers('off'),
  );
  expect(gone.containers.get(id(101))!().conditions.at(-1)).toMatchObject({ reason: 'Removed' });
});

test.each([
  ['off', ['box1', 'byhand']],
  ['own', ['byhand']],
] as const)(
  '%s: force takes no container off a network that the agent may not touch',
  async (permission, named) => {
    const host = await withBoxes();
    const changed = document([network({ mode: 'private', force: true, generation: 2 })], [container()]);
    const plan = await planWith(host, changed, containers(permission));
    expect(allSteps(plan)).toEqual([]);
    expect(plan.networks.get(id(1))!().conditions.at(-1)).toMatchObject({
      reason: 'ReplaceBlocked',
      message: expect.stringMatching(
        new RegExp(`TRUNKLINE_CONTAINERS=${permission}.*: ${named.join(', ')};`),
      ),
    });
  },
);

test('own: containers that were created through the API are made, disconnected and removed as ever', async () => {
  const host = createFakeHost();
  await host.settle(document([network()], [container()]));
  for (const desired of [
    document([network({ mode: 'private', force: true, generation: 2 })], [container()]),
    document([network()], [container({ state: 'absent' })]),
  ]) {
    const own = allSteps(await planWith(host, desired, containers('own')));
    expect(own).toEqual(allSteps(await planWith(host, desired, everything)));
    expect(own.length).toBeGreaterThan(0);
  }
});

test.each(['off', 'own'] as const)('%s: containers of others are not started again', async (permission) => {
  const host = createFakeHost();
  await host.settle(document([network()]));
  const desired = document([network()]);
  const seen = await host.look(desired);
  if (!seen.docker.reachable) throw new Error('Docker is away');
  await host.docker.behindOurBack.createContainer({
    name: 'byhand',
    image: 'busybox',
    attachments: [{ network: 'mac_net1' }],
  });
  const failed = {
    ...(await host.docker.container('byhand')),
    status: 'exited' as const,
    error: 'plugin "trunkline" not found',
    restartPolicy: { name: 'always' as const, maximumRetryCount: 0 },
  };
  const observed = { ...seen, docker: { ...seen.docker, failedStarts: [failed] } };
  const started = (permitted: Permissions) =>
    [
      ...planHost(desired, { ...observed, permitted })
        .revivals()
        .values(),
    ].flatMap(({ steps }) => steps);
  expect(started(everything).map((step) => step.do)).toEqual(['start-again']);
  expect(started(containers(permission))).toEqual([]);
});
