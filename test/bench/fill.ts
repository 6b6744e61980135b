import { docker } from '../e2e/outside.ts';
import { kernelView } from '../chaos/kernel-view.ts';
import { createFleet, type Fleet } from '@trunkline/lab/fleet/fleet.ts';
import type { LabHost } from '@trunkline/lab/hosts/lab.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { makePlainNetwork, plainName, plugOwnNic } from './plain-network.ts';

/** All that a /24 has beside its gateway. */
const addresses = 253;
/** `docker run` under way at a time, over all hosts. */
const atOnce = 4;
const own = 'ours';
const addressesFreeMs = 120_000;

const wanted = (): number => {
  const text = process.env['TRUNKLINE_BENCH_CONTAINERS'] ?? String(addresses);
  const count = Number(text);
  if (!Number.isInteger(count) || count < 2 || count > addresses)
    throw new Error(
      `TRUNKLINE_BENCH_CONTAINERS is "${text}": write a whole number from 2 to ${String(addresses)}`,
    );
  return count;
};

/** Runs `count` containers on a network, spread over the hosts; the time until all of them run, in milliseconds. */
async function fillTime(
  hosts: readonly LabHost[],
  network: string,
  count: number,
  progress: (done: number) => void,
): Promise<number> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const host = hosts[n % hosts.length];
      if (host === undefined) return;
      await docker(host, 'run', '-d', '--network', network, 'busybox', 'sleep', '100000');
      progress(n + 1);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: atOnce }, worker));
  return performance.now() - began;
}

async function removeContainers({ lab }: Fleet): Promise<void> {
  for (const host of lab.hosts) {
    const ids = (await docker(host, 'ps', '-aq')).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await docker(host, 'rm', '-f', ...ids);
  }
}

const seconds = (value: number): string => `${(value / 1000).toFixed(1)} s`;

/**
 * Real containers on every address of a /24, over two hosts on a network of ours, against Docker's own IPAM on one of
 * them. `TRUNKLINE_BENCH_CONTAINERS` makes it fewer.
 */
export async function benchFill(progress: (text: string) => void): Promise<string[][]> {
  const count = wanted();
  progress('starting two hosts, server and agents');
  await using fleet = await createFleet({ hosts: 2, name: `fill-${String(process.pid)}` });
  const { hosts } = fleet.lab;
  const view = kernelView(fleet.lab);
  const first = fleet.lab.host('docker01');
  await makePlainNetwork(first, '10.8.0.0/24', '10.8.0.1');
  for (const host of hosts) await plugOwnNic(host);
  await fleet.client.networks.create(
    {
      name: own,
      parent: 'ours0',
      subnets: [{ cidr: '10.9.0.0/24', gateway: '10.9.0.1' }],
      quarantineSeconds: 0,
    },
    { wait: '60s' },
  );
  /** What the kernel shows: as many containers, each with an address of its own. */
  const proven = (): void => {
    const live = view.live();
    const different = new Set(live.map(({ ip }) => ip));
    if (different.size !== count || live.length !== count) {
      throw new Error(
        `${String(live.length)} containers have ${String(different.size)} addresses, not ${String(count)}`,
      );
    }
  };
  const progressOf = (what: string) => (done: number) =>
    progress(`${what}: ${String(done)} of ${String(count)}`);
  const plain = await fillTime([first], plainName, count, progressOf("Docker's own IPAM"));
  proven();
  progress('removing containers');
  await removeContainers(fleet);
  await waitFor('no container', () => view.containers().length === 0, addressesFreeMs);
  const ours = await fillTime(hosts, own, count, progressOf('ours'));
  proven();
  progress('removing containers');
  await removeContainers(fleet);
  const row = (label: string, took: number, ratio: string): string[] => [
    label,
    seconds(took),
    `${(took / count).toFixed(0)} ms`,
    ratio,
  ];
  return [
    [`${String(count)} containers, ${String(atOnce)} at a time`, 'time', 'each', 'ratio'],
    row("on one host with Docker's own IPAM", plain, ''),
    row('on two hosts, on a network of ours', ours, `${(ours / plain).toFixed(2)}x`),
  ];
}
