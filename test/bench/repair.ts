import { docker, linksOf, must, networksNamed } from '../e2e/outside.ts';
import { createFleet, type Fleet } from '@trunkline/lab/fleet/fleet.ts';
import type { LabHost } from '@trunkline/lab/hosts/lab.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { kernelHasVlan } from '@trunkline/lab/vm/kernel-has-vlan.ts';
import { median } from './median.ts';

const rounds = 20;
const repairMs = 30_000;
const pollMs = 5;

/** One way to break a host, and how to see that it is mended. */
interface Breakage {
  readonly label: string;
  readonly network: { readonly vlan?: number };
  readonly breakIt: (host: LabHost) => Promise<unknown>;
  readonly isMended: (host: LabHost) => Promise<boolean>;
  /** The same repair by a hand that was waiting for it: the bare limit. */
  readonly byHand: (host: LabHost) => Promise<unknown>;
}

const flags = async (host: LabHost, link: string): Promise<readonly string[]> =>
  (await linksOf(host)).find(({ ifname }) => ifname === link)?.flags ?? [];

const promiscuous: Breakage = {
  label: 'promiscuous mode switched off',
  network: {},
  breakIt: (host) => must(host, 'ip', 'link', 'set', 'ens33', 'promisc', 'off'),
  isMended: async (host) => (await flags(host, 'ens33')).includes('PROMISC'),
  byHand: (host) => must(host, 'ip', 'link', 'set', 'ens33', 'promisc', 'on'),
};
const subnetOptions = ['--subnet', '10.9.0.0/24', '--gateway', '10.9.0.1'];
const dockerNetwork: Breakage = {
  label: 'Docker network removed',
  network: {},
  breakIt: (host) => docker(host, 'network', 'rm', 'repair'),
  isMended: async (host) => (await networksNamed(host, 'repair')).length === 1,
  byHand: (host) =>
    docker(host, 'network', 'create', '-d', 'macvlan', ...subnetOptions, '-o', 'parent=ens33', 'repair'),
};
const vlanLink: Breakage = {
  label: 'VLAN link deleted',
  network: { vlan: 10 },
  breakIt: (host) => must(host, 'ip', 'link', 'delete', 'ens33.10'),
  isMended: async (host) => (await flags(host, 'ens33.10')).includes('UP'),
  byHand: async (host) => {
    await must(host, 'ip', 'link', 'add', 'link', 'ens33', 'name', 'ens33.10', 'type', 'vlan', 'id', '10');
    await must(host, 'ip', 'link', 'set', 'ens33.10', 'up');
  },
};

const ms = (value: number): string => `${value.toFixed(0)} ms`;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function measure(fleet: Fleet, breakage: Breakage): Promise<string[]> {
  const { client, lab } = fleet;
  const host = lab.host('docker01');
  const subnets = [{ cidr: '10.9.0.0/24', gateway: '10.9.0.1' }];
  await client.networks.create(
    { name: 'repair', parent: 'ens33', ...breakage.network, subnets, quarantineSeconds: 0 },
    { wait: '60s' },
  );
  const mended = () => waitFor(`${breakage.label}: mended`, () => breakage.isMended(host), repairMs, pollMs);
  const byAgent: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await breakage.breakIt(host);
    byAgent.push(await timed(mended));
  }
  const byHand: number[] = [];
  await fleet.stopAgent('docker01');
  for (let round = 0; round < rounds; round += 1) {
    await breakage.breakIt(host);
    byHand.push(
      await timed(async () => {
        await breakage.byHand(host);
        await mended();
      }),
    );
  }
  await fleet.startAgent('docker01');
  await client.networks.remove('repair', { ifMatch: '*', wait: '60s' });
  // A host that has only just started may be slower than the wait.
  const isGone = async (): Promise<boolean> => (await client.networks.list()).body.items.length === 0;
  await waitFor('the network gone', isGone, repairMs, pollMs);
  return [
    breakage.label,
    ms(median(byAgent)),
    ms(Math.max(...byAgent)),
    ms(median(byHand)),
    `${(median(byAgent) / median(byHand)).toFixed(1)}x`,
  ];
}

/**
 * From something broken by hand until it is mended, seen from outside, beside the same repair by a hand that knew of it.
 * A deleted VLAN link is among them where the kernel makes such links.
 */
export async function benchRepair(progress: (text: string) => void): Promise<string[][]> {
  const rows = [[`repair, ${String(rounds)} rounds`, 'median', 'slowest', 'by hand', 'ratio']];
  progress('starting a host, server and agent');
  await using fleet = await createFleet({ hosts: 1, name: `repair-${String(process.pid)}` });
  const breakages = [promiscuous, dockerNetwork, ...((await kernelHasVlan()) ? [vlanLink] : [])];
  for (const breakage of breakages) {
    progress(breakage.label);
    rows.push(await measure(fleet, breakage));
  }
  return rows;
}
