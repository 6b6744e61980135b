import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MachineMarks } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { createFakeLinks } from '../host/links.fake.ts';
import { loadIdentity, saveHostId } from './identity.ts';
import { temporaryFolder } from '../lib/temporary-folder.fixture.ts';
import { acceptMachine, bindToMachine, CopiedState, putStateAside } from './machine-binding.ts';
import { hashedMarks, readMachineMarks } from './machine-marks.ts';

const signal = new AbortController().signal;
const own: MachineMarks = { machineId: 'a'.repeat(32), productId: null, macs: ['00:0c:29:00:00:01'] };
const copy: MachineMarks = { ...own, machineId: 'b'.repeat(32), macs: ['00:0c:29:00:00:02'] };

/** A clock that moves by what is waited for. */
function bind(stateFolder: string, ...seen: readonly MachineMarks[]) {
  let now = 0;
  let looks = 0;
  const timing = { now: () => now, delay: async (ms: number) => void (now += ms) };
  const marks = async (): Promise<MachineMarks> => seen[Math.min(looks++, seen.length - 1)] ?? own;
  return bindToMachine({ stateFolder, marks, timing }, signal).then((binding) => ({
    binding,
    waitedMs: now,
  }));
}

test('a folder is bound at the first start, also one of before, and stays bound', async () => {
  await using folder = await temporaryFolder();
  await bind(folder.path, own);
  await expect(bind(folder.path, own)).resolves.toMatchObject({ binding: { marks: own }, waitedMs: 0 });
  await expect(bind(folder.path, copy)).rejects.toBeInstanceOf(CopiedState);
  // The refusal changed nothing.
  await expect(bind(folder.path, own)).resolves.toMatchObject({ waitedMs: 0 });
});

test('what changes on the same machine is followed, step by step', async () => {
  await using folder = await temporaryFolder();
  const two = { ...own, macs: ['00:0c:29:00:00:01', '00:0c:29:00:00:07'] };
  const after = { ...own, macs: ['00:0c:29:00:00:07'] };
  await bind(folder.path, own);
  await bind(folder.path, two);
  await expect(bind(folder.path, after)).resolves.toMatchObject({ binding: { marks: after } });
});

test('a NIC that comes up late is waited for, and one that does not come decides nothing alone', async () => {
  await using folder = await temporaryFolder();
  await bind(folder.path, own);
  const none = { ...own, macs: [] };
  await expect(bind(folder.path, none, none, own)).resolves.toMatchObject({ waitedMs: 1000 });
  await expect(bind(folder.path, none)).resolves.toMatchObject({ binding: { marks: own }, waitedMs: 15_000 });
  const otherNic = { ...own, macs: copy.macs };
  await expect(bind(folder.path, otherNic, own)).resolves.toMatchObject({ waitedMs: 500 });
  await expect(bind(folder.path, otherNic)).rejects.toThrow(/every Ethernet address of its NICs/);
});

test('state of another machine is put aside whole, and comes back when the operator accepts the machine', async () => {
  await using folder = await temporaryFolder();
  const identity = await loadIdentity(folder.path);
  await saveHostId(folder.path, identity, '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11');
  await bind(folder.path, own);
  await writeFile(join(folder.path, 'leases.jsonl'), 'what this host holds');
  await writeFile(join(folder.path, 'agent.lock'), 'of this process');
  const aside = await putStateAside(folder.path, 1);
  expect((await readdir(folder.path)).toSorted()).toEqual(['agent.lock', 'of-another-machine-1']);
  expect((await readdir(aside)).toSorted()).toEqual(['identity.json', 'leases.jsonl', 'machine.json']);
  // It tried to join as a new host, which was refused.
  await loadIdentity(folder.path);

  await acceptMachine(folder.path, copy, 2);
  await expect(bind(folder.path, copy)).resolves.toMatchObject({ binding: { accepted: true } });
  expect((await loadIdentity(folder.path)).publicKey).toBe(identity.publicKey);
  expect(await readFile(join(folder.path, 'leases.jsonl'), 'utf8')).toBe('what this host holds');
});

test('the marks are those of hardware; in a system container, of its own veth', async () => {
  const files: Record<string, string> = {
    '/etc/machine-id': `${'0a'.repeat(16)}\n`,
    '/sys/class/dmi/id/product_uuid': '4C4C4544-0042-3510-8052-B4C04F4E4D32\n',
  };
  const readText = async (path: string): Promise<string> =>
    files[path] ?? Promise.reject(new Error('ENOENT'));
  const veth = { name: 'eth0', kind: 'veth', mac: '02:00:00:00:00:01' };
  const soft = [
    { name: 'docker0', kind: 'bridge', mac: '02:42:00:00:00:01' },
    { name: 'veth1a2b', kind: 'veth', mac: '02:42:00:00:00:02', master: 'docker0' },
    { name: 'trunkline0', kind: 'macvlan', mac: '02:42:00:00:00:03' },
    { name: 'ens33.10', kind: 'vlan', mac: '00:0c:29:00:00:01', parent: 'ens33' },
  ];
  const inContainer = await readMachineMarks({ links: createFakeLinks([veth, ...soft]), readFile: readText });
  expect(inContainer).toEqual({
    machineId: '0a'.repeat(16),
    productId: '4c4c4544-0042-3510-8052-b4c04f4e4d32',
    macs: ['02:00:00:00:00:01'],
  });
  const nic = { name: 'ens33', kind: null, mac: '00:0c:29:00:00:01' };
  expect(
    (await readMachineMarks({ links: createFakeLinks([nic, veth, ...soft]), readFile: readText })).macs,
  ).toEqual(['00:0c:29:00:00:01']);
  files['/sys/class/dmi/id/product_uuid'] = '03000200-0400-0500-0006-000700080009';
  files['/etc/machine-id'] = 'uninitialized';
  expect(await readMachineMarks({ links: createFakeLinks([]), readFile: readText })).toEqual({
    machineId: null,
    productId: null,
    macs: [],
  });
  expect(JSON.stringify(hashedMarks(own))).not.toContain('0c:29');
});
