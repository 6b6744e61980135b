/** Runs where VLAN links can be made: on this kernel or in the VM (packages/lab/src/vm/vlan-in-vm.test.ts). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLab, type Lab } from '@trunkline/lab/hosts/lab.ts';

let lab: Lab;

beforeAll(async () => {
  lab = await createLab({ name: `vlan-${String(process.pid)}`, hosts: 1 });
});
afterAll(async () => {
  await lab?.down();
});

async function must(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await lab.host('docker01').exec(argv);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

test('a host makes a VLAN link on ens33, and Docker a macvlan network on that', async () => {
  await must('ip', 'link', 'add', 'link', 'ens33', 'name', 'ens33.10', 'type', 'vlan', 'id', '10');
  await must('ip', 'link', 'set', 'ens33.10', 'up');
  const options = ['--subnet', '172.16.10.0/24', '--gateway', '172.16.10.1', '-o', 'parent=ens33.10'];
  await must('docker', 'network', 'create', '-d', 'macvlan', ...options, 'vlan10');
  const made = await must(
    'docker',
    'run',
    '--rm',
    '--network',
    'vlan10',
    'busybox',
    'ip',
    'address',
    'show',
    'eth0',
  );
  expect(made).toContain('172.16.10.2/24');
});
