/** Boots real VMs: the promises of runInVm and of the commands around it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { beforeAll, expect, test } from 'vitest';
import { commandEnvironment, mustRun, run } from '../hosts/commands.ts';
import { waitFor } from '../hosts/wait.ts';
import { kernelHasVlan } from './kernel-has-vlan.ts';
import { prepareVm } from './kernel-package.ts';
import { runInVm, type VmOptions } from './run-in-vm.ts';

const MAIN = path.join(import.meta.dirname, 'main.ts');
const WHERE_VLAN = path.join(import.meta.dirname, 'where-vlan.ts');
const MARK = 'TRUNKLINE_VM_TEST';
const UNTIL_KILLED = ['sleep', 'infinity'];

/** Processes that this file's VMs made, however deep. */
function processes(mark: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const isZombie = /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
      return !isZombie && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`${MARK}=${mark}\0`);
    } catch {
      return false;
    }
  });
}

const temporaryFiles = (): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith('trunkline-vm-'));

async function inVm(options: VmOptions): Promise<{ code: number; stdout: string; stderr: string }> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const texts = Promise.all([text(stdout), text(stderr)]);
  const code = await runInVm({ ...options, stdout, stderr }).finally(() => {
    stdout.end();
    stderr.end();
  });
  const [out, error] = await texts;
  return { code, stdout: out, stderr: error };
}

async function machine(): Promise<object> {
  return {
    links: await mustRun(run, ['ip', '-json', 'link', 'show']).then((json) =>
      (JSON.parse(json) as { ifname: string }[]).map(({ ifname }) => ifname),
    ),
    mounts: readFileSync('/proc/self/mounts', 'utf8'),
    files: temporaryFiles(),
  };
}

beforeAll(async () => {
  await prepareVm(console.error);
});

test('a command runs with its arguments, folder and variables; exit code and both outputs come back', async () => {
  const before = await machine();
  const script = 'printf "%s|" "$1" "$2" "$PWD" "$ANSWER"; echo wrong >&2; exit 42';
  const seen = await inVm({
    argv: ['sh', '-c', script, 'sh', `it's "two" words`, 'line\nbreak'],
    cwd: import.meta.dirname,
    env: { ANSWER: '$(id) *' },
  });
  expect(seen).toEqual({
    code: 42,
    stdout: `it's "two" words|line\nbreak|${import.meta.dirname}|$(id) *|`,
    stderr: 'wrong\n',
  });
  expect(await machine()).toEqual(before);
});

test('a large output arrives whole, and what a command leaves running does not keep the VM up', async () => {
  const seen = await inVm({ argv: ['sh', '-c', 'seq 200000; sleep 1000 &'] });
  expect(seen.stdout.length).toBe(1_288_895);
  expect(seen.stdout.endsWith('\n200000\n')).toBe(true);
  expect(seen.code).toBe(0);
});

test('VLAN, macvlan, bridge and veth links can be made, and what is written stays inside', async () => {
  const script = `set -e
    ip link add name trunk0 type bridge
    ip link add link trunk0 name trunk0.10 type vlan id 10
    ip link add link trunk0.10 name mac0 type macvlan mode bridge
    ip link add name veth0 type veth peer name veth1
    ip -details link show trunk0.10
    echo written > written-in-the-vm`;
  const seen = await inVm({ argv: ['sh', '-c', script], cwd: import.meta.dirname });
  expect(seen).toMatchObject({ code: 0, stderr: '' });
  expect(seen.stdout).toContain('vlan protocol 802.1Q id 10');
  expect(readdirSync(import.meta.dirname)).not.toContain('written-in-the-vm');
});

test('a command or a folder that is not there is reported, with the exit code of a shell', async () => {
  const noCommand = await inVm({ argv: ['no-such-command'] });
  expect(noCommand.code).toBe(127);
  expect(noCommand.stderr).toMatch(/no-such-command.*No such file/);
  const noFolder = await inVm({ argv: ['true'], cwd: '/no/such/folder' });
  expect(noFolder.code).toBe(1);
  expect(noFolder.stderr).toContain('/no/such/folder');
});

test('a kernel that hangs is given up, with its last words', async () => {
  const hangs = runInVm({
    argv: ['true'],
    kernelArguments: ['rdinit=/bin/busybox', '--', 'sleep', '1000'],
    bootDeadlineMs: 15_000,
  });
  await expect(hangs).rejects.toThrow(/has not booted within 15 s/);
});

test('a kernel that panics is an error, with its last words', async () => {
  const panics = runInVm({ argv: ['true'], kernelArguments: ['rdinit=/no/such/init'] });
  await expect(panics).rejects.toThrow(/Kernel panic - not syncing/);
});

test('a command that runs too long is ended', async () => {
  await expect(runInVm({ argv: UNTIL_KILLED, timeLimitMs: 20_000 })).rejects.toThrow('ran longer than 20 s');
});

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
  ['SIGKILL', null],
] as const)('%s to the runner leaves nothing behind', async (signal, code) => {
  const mark = `${String(process.pid)}-${signal}`;
  const child = spawn(process.execPath, [MAIN, 'sh', '-c', 'echo inside; exec sleep infinity'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, [MARK]: mark },
  });
  await once(child.stdout, 'data');
  expect(processes(mark).length).toBeGreaterThan(1);
  child.kill(signal);
  expect((await once(child, 'close'))[0]).toBe(code);
  await waitFor('end of qemu', () => processes(mark).length === 0, 5000);
  expect(temporaryFiles()).toEqual([]);
});

test('where-vlan runs a command here if this kernel has VLANs, and in the VM if not', async () => {
  const result = await run([process.execPath, WHERE_VLAN, 'uname', '-r'], {
    env: commandEnvironment() as Record<string, string>,
  });
  const kernel = await prepareVm(() => undefined);
  const here = (await mustRun(run, ['uname', '-r'])).trim();
  expect(result).toMatchObject({ code: 0 });
  expect(result.stdout.trim()).toBe((await kernelHasVlan()) ? here : kernel.version);
});
