/** Joining and leaving, with systemd and without. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CommandFailed, type RunCommand } from '../host/command.ts';
import { loadIdentity, saveHostId } from '../machine/identity.ts';
import { StateFolderBusy } from '../sync/state-lock.ts';
import { joinFleet } from './join-fleet.ts';
import { CannotLeave, leaveFleet, type LeaveFleetDeps } from './leave-fleet.ts';
import { createUnits } from './units.ts';

let stateDir: string;
let did: string[];
beforeEach(async () => {
  stateDir = await mkdtemp(path.join(tmpdir(), 'trunkline-commands-'));
  did = [];
});
afterEach(async () => {
  await rm(stateDir, { recursive: true, force: true });
});

const run: RunCommand = async (file, argv) => {
  did.push([file, ...argv].join(' '));
  return { stdout: '', stderr: '', code: 0 };
};
const withSystemd = () => createUnits({ run, exists: async () => true });
const without = () => createUnits({ run, exists: async () => false });

const joining = (units = withSystemd(), join = async (): Promise<void> => void did.push('join')) =>
  joinFleet({
    server: 'https://s:7400',
    token: 'tlj_secret',
    stateDir,
    hostName: 'docker01',
    units,
    join,
    writeSettings: async () => void did.push('settings'),
    signal: new AbortController().signal,
  });

const units = 'trunkline-agent.socket trunkline-agent-boot.service trunkline-agent.service';

test('a host joins, then the settings are written, then its units are enabled and started', async () => {
  expect(await joining()).toBe('docker01 has joined the fleet of https://s:7400; its agent runs');
  expect(did).toEqual([
    'systemctl cat --quiet trunkline-agent.service',
    'systemctl stop trunkline-agent.service',
    'join',
    'settings',
    `systemctl enable --quiet ${units}`,
    'systemctl start trunkline-agent.socket',
    'systemctl restart trunkline-agent.service',
  ]);
});

test('without systemd, join says how to start the agent', async () => {
  expect(await joining(without())).toContain('start trunkline-agent yourself');
  expect(did).toEqual(['join', 'settings']);
});

test('a join that fails writes and starts nothing', async () => {
  await expect(joining(withSystemd(), () => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
  expect(did).toEqual([
    'systemctl cat --quiet trunkline-agent.service',
    'systemctl stop trunkline-agent.service',
  ]);
});

test('a host that has joined keeps its identity and spends no token', async () => {
  const identity = await saveHostId(stateDir, await loadIdentity(stateDir), 'an-id');
  expect(await joining()).toContain('this host had joined before: it keeps its identity');
  expect(did).not.toContain('join');
  expect(did.slice(-2)).toEqual([
    'systemctl start trunkline-agent.socket',
    'systemctl restart trunkline-agent.service',
  ]);
  expect((await loadIdentity(stateDir)).publicKey).toBe(identity.publicKey);
});

test('where its new settings cannot be written, the agent of before is started again', async () => {
  await saveHostId(stateDir, await loadIdentity(stateDir), 'an-id');
  const failing = joinFleet({
    server: 'https://s:7400',
    token: 'tlj_secret',
    stateDir,
    hostName: 'docker01',
    units: withSystemd(),
    join: async () => {},
    writeSettings: () => Promise.reject(new Error('read-only')),
    signal: new AbortController().signal,
  });
  await expect(failing).rejects.toThrow('read-only');
  expect(did.at(-1)).toBe('systemctl restart trunkline-agent.service');
});

const none: RunCommand = async () => ({ stdout: '', stderr: '', code: 1 });

test('a systemd without the units is as none', async () => {
  expect(await createUnits({ run: none, exists: async () => true }).areThere()).toBe(false);
});

const leaving = (change: Partial<LeaveFleetDeps> = {}) =>
  leaveFleet({
    hostName: 'docker01',
    force: false,
    units: withSystemd(),
    networks: async () => [],
    removeState: async () => void did.push('remove'),
    clearSettings: async () => void did.push('clear'),
    ...change,
  });

test('leave stops the units, then removes the state, and says how to retire the host on the server', async () => {
  expect(await leaving()).toContain('DELETE /v1/hosts/docker01');
  expect(did).toEqual([
    'systemctl cat --quiet trunkline-agent.service',
    `systemctl disable --quiet --now ${units}`,
    'remove',
    'clear',
  ]);
});

test.each([
  [
    'its networks are here',
    { networks: async () => ['mac_net1', 'mac_net2'] },
    'mac_net1, mac_net2 are still',
  ],
  ['Docker is silent', { networks: () => Promise.reject(new Error('no socket')) }, 'Docker does not answer'],
])('it does not leave while %s, unless forced', async (_, change, why) => {
  await expect(leaving(change)).rejects.toThrow(CannotLeave);
  await expect(leaving(change)).rejects.toThrow(why);
  expect(did).toEqual([]);
  expect(await leaving({ ...change, force: true })).toContain('has left');
});

test('an agent that somebody else started keeps its state', async () => {
  await writeFile(path.join(stateDir, 'x'), '');
  const removeState = () => Promise.reject(new StateFolderBusy(stateDir, 7));
  await expect(leaving({ units: without(), removeState })).rejects.toThrow('it was not started by systemd');
  expect(did).toEqual([]);
});

const failing: RunCommand = async (file, argv) => {
  if (argv[0] !== 'enable') return { stdout: '', stderr: '', code: 0 };
  const failure = { kind: 'exit', argv: [file, ...argv], code: 1, reason: 'exit code 1' } as const;
  throw new CommandFailed({ ...failure, stdout: '', stderr: 'masked' });
};

test('a unit that cannot be started is said with the command', async () => {
  await expect(createUnits({ run: failing, exists: async () => true }).start()).rejects.toThrow(
    'systemctl enable',
  );
});
