/** The checker on what it was made for: Docker's own IPAM on two hosts gives the same addresses out twice. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { docker, must } from '../e2e/outside.ts';
import { createLab, type Lab } from '@trunkline/lab/hosts/lab.ts';
import { createChecker } from './checker.ts';
import { kernelView } from './kernel-view.ts';
import { poolOf } from './pool.ts';

const pool = poolOf(24);
let lab: Lab;

beforeAll(async () => {
  lab = await createLab({ name: `checker-${String(process.pid)}`, hosts: 2 });
  for (const host of lab.hosts) {
    const subnet = ['--subnet', pool.cidr, '--gateway', pool.gateway, '-o', 'parent=ens33'];
    await docker(host, 'network', 'create', '-d', 'macvlan', ...subnet, 'plain');
  }
});
afterAll(async () => {
  await lab?.down();
});

const run = async (host: string, name: string, ...options: string[]): Promise<string> =>
  await docker(lab.host(host), 'run', '-d', '--name', name, ...options, 'busybox', 'sleep', '100000');

test('what the kernel view says of a container is what `ip` says inside of it, and ends with the container', async () => {
  const container = await run('docker01', 'one', '--network', 'plain', '--ip', '10.213.0.77');
  const view = kernelView(lab);
  expect(view.live()).toMatchObject([{ host: 'docker01', container, ip: '10.213.0.77' }]);
  const [{ pid } = { pid: 0 }] = view.containers();
  const enter = ['nsenter', `--net=/proc/${String(pid)}/ns/net`];
  const links = JSON.parse(await must(lab.host('docker01'), ...enter, 'ip', '-json', '-4', 'address')) as {
    ifname: string;
    addr_info: { local: string }[];
  }[];
  const seen = links.filter(({ ifname }) => ifname !== 'lo').flatMap(({ addr_info }) => addr_info);
  expect(seen.map(({ local }) => local)).toEqual(['10.213.0.77']);
  // Docker knows nothing any more, the container is on the wire all the same.
  await lab.killDockerd('docker01');
  expect(view.live()).toMatchObject([{ container, ip: '10.213.0.77' }]);
  await lab.startDockerd('docker01');
  await docker(lab.host('docker01'), 'rm', '-f', 'one');
  expect(view.live()).toEqual([]);
});

test("Docker's own IPAM on two hosts is caught giving out one address twice", async () => {
  const checker = createChecker(new Set(pool.addresses));
  const view = kernelView(lab);
  const first = await run('docker01', 'first', '--network', 'plain');
  const lookAt = (at: number) => checker.add({ kind: 'look', at, live: view.live() });
  expect(lookAt(0)).toEqual([]);
  const second = await run('docker02', 'second', '--network', 'plain');
  expect(lookAt(1)).toMatchObject([
    {
      kind: 'duplicate',
      ip: pool.addresses[0],
      hosts: ['docker01', 'docker02'],
      containers: [first, second],
    },
  ]);
});
