import { docker, must } from '../e2e/outside.ts';
import type { LabHost } from '@trunkline/lab/hosts/lab.ts';
import type { Pool } from './pool.ts';

/** Parents of the other Docker networks: before Engine 27 a parent has room for one. Their cables end in the host. */
export const secondLink = 'spare0';
export const auxLink = 'spare1';

/** Another Docker network of the same Trunkline network, on each host. */
export const secondNetwork = 'chaos-second';

/** Makes it on a host, its parent first. */
export async function makeSecondNetwork(
  host: LabHost,
  network: string,
  { cidr, gateway }: Pick<Pool, 'cidr' | 'gateway'>,
): Promise<void> {
  await makeSpareLinks(host);
  const ipam = ['--ipam-driver', 'trunkline', '--ipam-opt', `network=${network}`];
  await docker(
    host,
    'network',
    'create',
    '-d',
    'macvlan',
    ...ipam,
    // Docker refuses `--ip` on a network whose subnet nobody named.
    '--subnet',
    cidr,
    '--gateway',
    gateway,
    '-o',
    `parent=${secondLink}`,
    secondNetwork,
  );
}

export async function makeSpareLinks(host: LabHost): Promise<void> {
  for (const link of [secondLink, auxLink]) {
    await must(host, 'ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', `${link}-end`);
    for (const end of [link, `${link}-end`]) await must(host, 'ip', 'link', 'set', end, 'up');
  }
}
