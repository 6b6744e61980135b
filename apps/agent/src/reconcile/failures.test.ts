import { expect, test } from 'vitest';
import { CommandFailed } from '../host/command.ts';
import { DockerConflict, DockerRefused, DockerUnreachable } from '../host/docker-errors.ts';
import { readFailure } from './failures.ts';
import type { Step } from '../plan/steps.ts';

const removal: Step = { do: 'remove-network', dockerId: 'n1', name: 'mac_net1', why: 'absent' };
const conflict = (words: string): DockerConflict => new DockerConflict('remove network', words);

test.each([
  ['20.10', 'error while removing network: network mac_net1 id n1 has active endpoints'],
  ['28.1', 'error while removing network: network mac_net1 has 1 active endpoint (ghost)'],
])('a network that Docker %s believes in use, though nobody has it: says to restart Docker', (_, words) => {
  const failure = readFailure(removal, conflict(words));
  expect(failure).toMatchObject({ type: 'NetworkReady', reason: 'EndpointsMiscounted', terminal: false });
  expect(failure?.message).toContain(words);
  expect(failure?.message).toContain('restart Docker on this host');
});

test('a removal that Docker refuses for anything else is reported in its words', () => {
  const failure = readFailure(removal, new DockerRefused('remove network', 500, 'no space left on device'));
  expect(failure).toMatchObject({ type: 'NetworkReady', reason: 'RemovalFailed' });
  expect(failure?.message).toBe('docker: remove network: no space left on device (status 500)');
});

test('a Docker that does not answer is no failure of the step: the next look says so better', () => {
  expect(
    readFailure(removal, new DockerUnreachable('remove network', 'ECONNREFUSED', 'no answer')),
  ).toBeNull();
});

test('a kernel without VLANs is not tried again, and says what to load', () => {
  const step: Step = { do: 'load-module', module: '8021q' };
  const argv = ['modprobe', '8021q'];
  const said = { reason: 'exit code 1', stdout: '', stderr: 'FATAL: Module 8021q not found' };
  const failure = readFailure(step, new CommandFailed({ argv, kind: 'exit', code: 1, ...said }));
  expect(failure).toMatchObject({ type: 'LinkReady', reason: 'VlanUnsupported', terminal: true });
  expect(failure?.message).toContain('modprobe 8021q');
});

const shimFailures: Step[] = [
  { do: 'add-shim', parent: 'ens33', link: 'tlh-ens33', mac: 'd6:54:00:00:00:01', alias: 'trunkline:1' },
  { do: 'set-link-up', link: 'tlh-ens33', as: 'shim' },
  { do: 'change-shim-routes', shim: 'tlh-ens33', set: [], remove: ['172.16.100.10'] },
  { do: 'change-host-routes', dockerId: 'c1', name: 'box1', set: [], remove: [] },
];
test.each(shimFailures)('what the kernel refuses of host access is said as that: $do', (step) => {
  const said = { reason: 'exit code 2', stdout: '', stderr: 'RTNETLINK answers: Device or resource busy' };
  const argv = ['ip', 'link', 'add'];
  const failure = readFailure(step, new CommandFailed({ argv, kind: 'exit', code: 2, ...said }));
  expect(failure).toMatchObject({ type: 'HostAccess', reason: 'HostAccessFailed', terminal: false });
  expect(failure?.message).toContain('Device or resource busy');
});
