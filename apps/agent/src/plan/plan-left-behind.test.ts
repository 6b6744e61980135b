/** Containers that were stopped when their Docker network was removed by hand, and what brings them onto the next one. */
import { expect, test } from 'vitest';
import type { DockerContainerSpec } from '../host/docker-engine.ts';
import { planHost } from './plan.ts';
import { createFakeHost, document, id, Killed, killAt, network } from '../reconcile/subjects.fixture.ts';

const desired = document([network()]);

/** mac_net1, removed by hand while what was run on it by hand is stopped. */
async function setUp(spec: Partial<DockerContainerSpec> = {}) {
  const host = createFakeHost();
  await host.settle(desired);
  const docker = host.docker.behindOurBack;
  await docker.createContainer({
    name: 'byhand',
    image: 'busybox',
    attachments: [{ network: 'mac_net1', ipv4: '172.16.100.77', aliases: ['web'] }],
    ...spec,
  });
  await docker.startContainer('byhand');
  await docker.stopContainer('byhand', 0);
  const { id: earlier } = await docker.network('mac_net1');
  await docker.removeNetwork('mac_net1');
  return { host, docker, earlier };
}

test('they are connected to the one that is made again, as they were, and stay stopped', async () => {
  const { host, docker, earlier } = await setUp();
  await host.settle(desired);
  const { id: networkId } = await docker.network('mac_net1');
  expect(networkId).not.toBe(earlier);
  expect(await docker.container('byhand')).toMatchObject({
    status: 'exited',
    endpoints: [{ networkId, requestedIpv4: '172.16.100.77', aliases: ['web'] }],
  });
  await docker.startContainer('byhand');
  expect(await host.steps(desired)).toEqual([]);
});

test('the placement says which, until they are', async () => {
  const { host } = await setUp();
  // The network is there by then.
  await expect(host.settle(desired, killAt(1))).rejects.toBeInstanceOf(Killed);
  const plan = planHost(desired, await host.look(desired)).networks.get(id(1))?.();
  expect(plan?.usable).toBe(true);
  expect(plan?.conditions).toContainEqual(
    expect.objectContaining({
      type: 'ContainersAttached',
      status: 'False',
      reason: 'LeftBehind',
      message: expect.stringContaining('byhand'),
    }),
  );
});

test.each([0, 1, 2])('killed at step %i, they are connected all the same', async (at) => {
  const { host, docker } = await setUp();
  await expect(host.settle(desired, killAt(at))).rejects.toBeInstanceOf(Killed);
  await host.settle(desired);
  await docker.startContainer('byhand');
  expect((await docker.container('byhand')).endpoints).toMatchObject([
    { networkName: 'mac_net1', ipv4: '172.16.100.77' },
  ]);
});

test('one that runs elsewhere, or is on another network that is gone, is left alone', async () => {
  const { host, docker } = await setUp({ attachments: [] });
  await docker.createNetwork({ name: 'theirs', driver: 'bridge', subnets: [{ cidr: '10.1.0.0/24' }] });
  await docker.connectNetwork('byhand', { network: 'theirs' });
  await docker.startContainer('byhand');
  await docker.stopContainer('byhand', 0);
  const { id: networkId } = await docker.network('theirs');
  await docker.removeNetwork('theirs');
  await host.settle(desired);
  expect((await docker.container('byhand')).endpoints).toMatchObject([{ networkId }]);
});
