/** What macvlan costs, shown with real numbers (scenario S5; docs/networks.md, "What it costs, and what is left"). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Frames } from '@trunkline/contracts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { docker } from './outside.ts';
import { emptyFleet, macNet1, placementOn, useFleet } from './setup.ts';

const fleet = useFleet('limits');
const sleeping = ['busybox', 'sleep', '1000000'];
const reportedMs = 60_000;

const run = (on: string, name: string, ...options: string[]): Promise<string> =>
  docker(
    fleet().lab.host(on),
    'run',
    '-d',
    '--name',
    name,
    '--network',
    macNet1.name,
    ...options,
    ...sleeping,
  );

async function stationsAre(on: string, containers: number): Promise<void> {
  await waitFor(
    `${containers} stations of ${on}`,
    async () => (await placementOn(fleet(), macNet1.name, on)).stations.containers === containers,
    reportedMs,
    200,
  );
}

/** Waits for frames of a host that were counted over a whole period, and that are as they should be. */
async function framesOf(on: string, isMeant: (frames: Frames) => boolean): Promise<Frames> {
  let last: Frames | null = null;
  await waitFor(
    `frames on ${on}`,
    async () => {
      last = (await placementOn(fleet(), macNet1.name, on)).frames;
      return last !== null && last.floodedPerSecond !== null && isMeant(last);
    },
    reportedMs,
    200,
  ).catch((error: unknown) => {
    throw new Error(`frames of ${on}: ${JSON.stringify(last)}`, { cause: error });
  });
  return last as unknown as Frames;
}

describe('limits of a network on two hosts', () => {
  beforeAll(async () => {
    await fleet().client.networks.create(macNet1, { wait: '30s' });
    await run('docker01', 'box1');
    await run('docker01', 'box3', '--ip', '172.16.100.33');
    await run('docker02', 'box2');
    await stationsAre('docker01', 2);
    await stationsAre('docker02', 1);
  });
  afterAll(() => emptyFleet(fleet()));

  test('plain containers are counted as stations, by network and by host', async () => {
    const { client } = fleet();
    const { body } = await client.networks.limits(macNet1.name);
    expect(body.stations).toEqual({ containers: 3, macs: 3 });
    expect((await client.networks.get(macNet1.name)).body.status.stations).toEqual(body.stations);
    expect((await placementOn(fleet(), macNet1.name, 'docker01')).stations).toEqual({
      containers: 2,
      macs: 2,
    });
    expect((await placementOn(fleet(), macNet1.name, 'docker02')).stations).toEqual({
      containers: 1,
      macs: 1,
    });
  });

  test('what is left is what no container has: the warm pools of both hosts are part of it', async () => {
    const { body } = await fleet().client.networks.limits(macNet1.name);
    expect(body.pools).toMatchObject([
      { family: 4, allocatable: '253', left: '250', perDay: null, daysUntilFull: null },
    ]);
    expect(Number(body.subnets[0]?.leased)).toBeGreaterThan(0);
    expect(body.conditions).toEqual([]);
  });

  test('broadcast of one host is seen by the containers of the other, and counted', async () => {
    const on2 = fleet().lab.host('docker02');
    // ARP requests for an address that nobody has go to everybody: several a second, until the container is removed.
    await docker(
      on2,
      'exec',
      '-d',
      'box2',
      'sh',
      '-c',
      'while :; do for n in 0 1 2 3 4; do arping -q -c 1 -w 1 -I eth0 172.16.100.25$n & usleep 100000; done; wait; done',
    );
    const loud = await framesOf('docker01', ({ floodedPerSecond }) => (floodedPerSecond ?? 0) > 1);
    expect(loud).toMatchObject({ link: 'ens33', container: expect.stringMatching(/^box[13]$/) });
    expect(loud.seconds).toBeGreaterThan(0);
    // The NIC of the lab is a veth, which counts no multicast: that is shown as it is.
    expect(loud.multicastPerSecond).toBe(0);
    const { body } = await fleet().client.health.metrics();
    expect(body).toMatch(
      /^trunkline_placement_flooded_frames_per_second\{network="mac_net1",host="docker01",link="ens33"\} [1-9]/m,
    );
    expect(body).toMatch(/^trunkline_placement_macs\{network="mac_net1",host="docker01"\} 2$/m);
  });

  test('a container that is removed is no station any more', async () => {
    await docker(fleet().lab.host('docker02'), 'rm', '-f', 'box2');
    await stationsAre('docker02', 0);
    const { body } = await fleet().client.networks.limits(macNet1.name);
    expect(body.stations).toEqual({ containers: 2, macs: 2 });
  });
});
