import { docker, must } from '../e2e/outside.ts';
import type { LabHost } from '@trunkline/lab/hosts/lab.ts';

/** Name of the network that Docker gives addresses out on by itself. */
export const plainName = 'plain';

/** A NIC beside the uplink: an Engine before 27 takes one macvlan network a parent. The switch is at its far end too. */
async function plugNic(host: LabHost, nic: string): Promise<void> {
  const far = `${nic}far`;
  await must(host, 'ip', 'link', 'add', nic, 'type', 'veth', 'peer', 'name', far);
  for (const end of [nic, far]) await must(host, 'ip', 'link', 'set', end, 'up');
}

/** Makes a macvlan network with Docker's own IPAM beside the uplink, on a NIC of its own. */
export async function makePlainNetwork(host: LabHost, subnet: string, gateway: string): Promise<void> {
  await plugNic(host, 'plain0');
  const where = ['--subnet', subnet, '--gateway', gateway, '-o', 'parent=plain0'];
  await docker(host, 'network', 'create', '-d', 'macvlan', ...where, plainName);
}

/** A second NIC that is like the plain network's, for a network of ours. */
export async function plugOwnNic(host: LabHost): Promise<string> {
  await plugNic(host, 'ours0');
  return 'ours0';
}
