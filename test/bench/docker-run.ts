import { docker } from '../e2e/outside.ts';
import { createFleet } from '@trunkline/lab/fleet/fleet.ts';
import type { LabHost } from '@trunkline/lab/hosts/lab.ts';
import { median } from './median.ts';
import { makePlainNetwork, plainName, plugOwnNic } from './plain-network.ts';
import { warmPoolsFull } from './warm-pool.ts';

const rounds = 20;
const warm = 8;
const own = 'ours';

/** Time of `docker run -d` until it has answered, in milliseconds. The container is removed, untimed. */
async function runOn(host: LabHost, network: string, ip?: string): Promise<number> {
  const named = ip === undefined ? [] : ['--ip', ip];
  const options = ['-d', '--name', 'timed', '--network', network, ...named];
  const began = performance.now();
  await docker(host, 'run', ...options, 'busybox', 'sleep', '100000');
  const took = performance.now() - began;
  await docker(host, 'rm', '-f', 'timed');
  return took;
}

const ms = (value: number): string => `${value.toFixed(0)} ms`;
const row = (label: string, samples: readonly number[], ratio: string): string[] => [
  label,
  ms(median(samples)),
  ms(Math.min(...samples)),
  ms(Math.max(...samples)),
  ratio,
];

/**
 * `docker run` on a network of ours against the same on one with Docker's own IPAM, alternating on one host, each network
 * on a NIC of its own that is like the other's.
 */
export async function benchDockerRun(progress: (text: string) => void): Promise<string[][]> {
  progress('starting a host, server and agent');
  await using fleet = await createFleet({ hosts: 1, name: `run-${String(process.pid)}` });
  const host = fleet.lab.host('docker01');
  await makePlainNetwork(host, '10.8.0.0/24', '10.8.0.1');
  await fleet.client.networks.create(
    {
      name: own,
      parent: await plugOwnNic(host),
      subnets: [{ cidr: '10.9.0.0/24', gateway: '10.9.0.1' }],
      warm,
    },
    { wait: '60s' },
  );
  await warmPoolsFull(fleet.client, own, 1, warm);
  const ours: number[] = [];
  const plain: number[] = [];
  const oursNamed: number[] = [];
  const plainNamed: number[] = [];
  // The first of each finds cold caches.
  await runOn(host, plainName);
  await runOn(host, own);
  for (let round = 1; round <= rounds; round += 1) {
    progress(`round ${String(round)} of ${String(rounds)}`);
    // Who is first changes: what the other left to be done meets both alike.
    const order = round % 2 === 0 ? ([own, plainName] as const) : ([plainName, own] as const);
    for (const network of order) {
      (network === own ? ours : plain).push(await runOn(host, network));
      // An address that this host does not hold: the server is asked for it, and then the wire.
      const ip = `10.${network === own ? '9' : '8'}.0.${String(100 + round)}`;
      (network === own ? oursNamed : plainNamed).push(await runOn(host, network, ip));
    }
  }
  return [
    [`docker run, ${String(rounds)} rounds`, 'median', 'fastest', 'slowest', 'ratio'],
    row("on a network with Docker's own IPAM", plain, ''),
    row('on a network of ours', ours, `${(median(ours) / median(plain)).toFixed(3)}x`),
    row("with --ip, Docker's own IPAM", plainNamed, ''),
    row(
      'with --ip, on a network of ours',
      oursNamed,
      `${(median(oursNamed) - median(plainNamed)).toFixed(0)} ms more`,
    ),
  ];
}
