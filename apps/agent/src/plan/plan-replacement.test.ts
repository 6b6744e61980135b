/** Networks that must be made again under their containers, and containers that lost their interface. */
import { expect, test } from 'vitest';
import { planHost } from './plan.ts';
import {
  container,
  createFakeHost,
  document,
  id,
  Killed,
  killAt,
  network,
  type FakeHost,
} from '../reconcile/subjects.fixture.ts';

async function withBox(): Promise<FakeHost> {
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
const addressOf = async (host: FakeHost, name: string) =>
  (await host.docker.container(name)).endpoints.map(({ networkName, ipv4 }) => [networkName, ipv4]);

test('with force the containers are disconnected, the network is replaced, and they get the same addresses again', async () => {
  const host = await withBox();
  const changed = document([network({ mode: 'private', force: true, generation: 2 })], [container()]);
  const steps = (await host.settle(changed)).map((step) => step.do);
  expect(steps).toEqual([
    'detach-containers',
    'remove-network',
    'create-network',
    'attach-container',
    'attach-container',
  ]);
  expect((await host.docker.network('mac_net1')).options['macvlan_mode']).toBe('private');
  expect(await addressOf(host, 'box1')).toEqual([['mac_net1', '172.16.100.10']]);
  expect(await addressOf(host, 'byhand')).toEqual([['mac_net1', '172.16.100.77']]);
});

test('without force nothing is touched, and who is in the way is named with the way out', async () => {
  const host = await withBox();
  const desired = document([network({ mode: 'private' })], [container()]);
  const plan = planHost(desired, await host.look(desired)).networks.get(id(1))!();
  expect(plan.steps).toEqual([]);
  expect(plan.conditions.at(-1)).toMatchObject({ reason: 'ReplaceBlocked' });
  expect(plan.conditions.at(-1)!.message).toMatch(/box1, byhand.*force=true/);
});

test('force takes nothing away that could not be put back: a parent that is missing keeps everything as it is', async () => {
  const host = await withBox();
  const desired = document([network({ parent: 'ens99', force: true })], [container()]);
  expect(await host.steps(desired)).toEqual([]);
});

test.each([0, 1, 2, 3, 4])(
  'killed at step %i of a replacement, the containers come back all the same',
  async (at) => {
    const host = await withBox();
    const desired = document([network({ mode: 'private', force: true, generation: 2 })], [container()]);
    await expect(host.settle(desired, killAt(at))).rejects.toBeInstanceOf(Killed);
    await host.settle(desired);
    expect(await addressOf(host, 'box1')).toEqual([['mac_net1', '172.16.100.10']]);
    expect(await addressOf(host, 'byhand')).toEqual([['mac_net1', '172.16.100.77']]);
  },
);

test('a container that is removed while its network is made again is forgotten', async () => {
  const host = await withBox();
  const desired = document([network({ mode: 'private', force: true })], [container()]);
  await expect(host.settle(desired, killAt(1))).rejects.toBeInstanceOf(Killed);
  await host.docker.behindOurBack.removeContainer('byhand', { force: true });
  await host.settle(desired);
  expect(host.sources.detached()).toEqual({});
});

test('a network that Docker lost, since its parent was missing at its start, is made again and its containers start', async () => {
  const host = createFakeHost();
  await host.settle(document([network()], [container()]));
  const { id: dockerId } = await host.docker.network('mac_net1');
  host.docker.loseNetwork('mac_net1');
  await host.settle(document([network()], [container()]));
  expect((await host.docker.network('mac_net1')).id).not.toBe(dockerId);
  expect((await host.docker.container('box1')).status).toBe('running');
  expect(await addressOf(host, 'box1')).toEqual([['mac_net1', '172.16.100.10']]);
});

test('a container that lost its interface is reported, and restarted only where the network says so', async () => {
  const host = createFakeHost();
  await host.settle(document([network()], [container()]));
  const { pid } = await host.docker.container('box1');
  host.setInterfaces(pid!, 1);
  const planOf = async (restartBroken: boolean) => {
    const desired = document([network({ restartBroken })], [container()]);
    return planHost(desired, await host.look(desired)).containers.get(id(101))!();
  };
  expect((await planOf(true)).steps).toEqual([]);
  expect((await planOf(true)).conditions.at(0)).toMatchObject({ type: 'NetworkAttached', status: 'True' });
  host.setInterfaces(pid!, 0);
  const plan = await planOf(false);
  expect(plan.steps).toEqual([]);
  expect(plan.conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
    'NetworkAttached False InterfaceLost',
    'Ready False InterfaceLost',
  ]);
  expect((await planOf(true)).steps).toMatchObject([{ do: 'restart-container', name: 'box1' }]);
});

test('a container whose interface is lost waits for its network before it is restarted', async () => {
  const host = createFakeHost();
  await host.settle(document([network({ parent: 'ens33' })], [container()]));
  host.setInterfaces((await host.docker.container('box1')).pid!, 0);
  host.links.takeAway('ens33');
  const desired = document([network({ restartBroken: true })], [container()]);
  expect(planHost(desired, await host.look(desired)).containers.get(id(101))!().steps).toEqual([]);
});
