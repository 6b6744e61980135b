/** A host that is switched off and on while the server is down: all of it comes back from the agent's own disk. */
import { afterEach, expect, test } from 'vitest';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { containerNamed, linksOf, pings, type ContainerSeen } from './outside.ts';
import { box1, box2, conditionOf, macNet1, placementOn, removeAll, useFleet } from './setup.ts';

const fleet = useFleet('reboot');
const host = (name: string) => fleet().lab.host(name);
const healMs = 60_000;

afterEach(async () => {
  await fleet().startServer();
  await removeAll(fleet());
});

const isPromiscuous = async (): Promise<boolean> =>
  (await linksOf(host('docker01'))).some(
    ({ ifname, flags }) => ifname === 'ens33' && flags.includes('PROMISC'),
  );
/** What must be the same after the reboot. */
const placeOf = (seen: ContainerSeen | undefined) => [
  seen?.Id,
  seen?.NetworkSettings.Networks[macNet1.name]?.IPAddress,
  seen?.NetworkSettings.Networks[macNet1.name]?.MacAddress,
];

test('promise 5: links come back before Docker, then the containers with their addresses, all without the server', async () => {
  const { client, stopServer, startServer, reboot, lab } = fleet();
  await client.networks.create(macNet1, { wait: '30s' });
  await Promise.all([
    client.containers.create({ ...box1, restart: 'always' }, { wait: '60s' }),
    client.containers.create({ ...box2, restart: 'always' }, { wait: '60s' }),
  ]);
  const before = await containerNamed(host('docker01'), 'box1');
  const neighbour = await containerNamed(host('docker02'), 'box2');
  expect(placeOf(before)[1]).toBe('172.16.100.10');
  await stopServer();

  let promiscuousBeforeDocker: boolean | undefined;
  let dockerBefore: boolean | undefined;
  await reboot('docker01', {
    afterBoot: async () => {
      promiscuousBeforeDocker = await isPromiscuous();
      dockerBefore = (await lab.status()).find(({ name }) => name === 'docker01')?.docker;
    },
  });
  expect({ promiscuousBeforeDocker, dockerBefore }).toEqual({
    promiscuousBeforeDocker: true,
    dockerBefore: false,
  });
  const answers = async (): Promise<boolean> => await pings(host('docker02'), 'box2', '172.16.100.10');
  await waitFor('box1 answering box2', answers, healMs, 200);
  const after = await containerNamed(host('docker01'), 'box1');
  expect(after?.State.Running).toBe(true);
  expect(after?.State.StartedAt).not.toBe(before?.State.StartedAt);
  expect(placeOf(after)).toEqual(placeOf(before));
  expect(await containerNamed(host('docker02'), 'box2')).toEqual(neighbour);

  const backAt = Date.now();
  await startServer();
  await waitFor(
    'the server saying so',
    async () => {
      const { body } = await client.containers.get('box1');
      const { conditions, observedAt } = await placementOn(fleet(), macNet1.name, 'docker01');
      const ready = conditionOf(conditions, 'Ready')?.status === 'True';
      return ready && body.running && Date.parse(observedAt ?? '') >= backAt;
    },
    healMs,
    100,
  );
});
