import type { Container, Network, Placement } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { containerStanding, networkStanding } from './standing.ts';

const network = (ready: number, total: number) =>
  ({ name: 'a', status: { ready: ready === total, hosts: { ready, total } } }) as Network;
const ready = (status: string, reason: string, observedGeneration = 2) => [
  { type: 'Ready', status, reason, message: 'says why', observedGeneration },
];
const placement = (host: string, status: string, reason: string, observedGeneration = 2) =>
  ({ host, generation: 2, conditions: ready(status, reason, observedGeneration) }) as unknown as Placement;
const nowhere = {
  name: 'a',
  status: { ready: false, hosts: { ready: 0, total: 0 }, conditions: ready('False', 'NoHosts') },
} as unknown as Network;
const good = placement('docker01', 'True', 'Ready');
const silent = placement('docker02', 'Unknown', 'HostOffline');
const failed = placement('docker03', 'False', 'ParentMissing');
const failedBefore = placement('docker03', 'False', 'ParentMissing', 1);
const starting = placement('docker04', 'False', 'Missing');

test.each([
  [network(1, 1), [good], 'real', 'network a is in place on 1 of 1 hosts'],
  [nowhere, [], 'stuck', 'network a is nowhere: NoHosts, says why'],
  [network(1, 2), [good, silent], 'stuck', 'docker02: HostOffline, says why'],
  [network(1, 3), [good, silent, failed], 'blocked', 'docker03: ParentMissing, says why'],
  [network(1, 3), [good, silent, failedBefore], 'under way', 'docker03: ParentMissing, says why'],
  [network(1, 3), [good, starting, failed], 'under way', 'docker04: Missing, says why'],
  [network(0, 1), [], 'under way', '0 of 1 hosts'],
] as const)(
  'a network waits for what may still come, not for silent hosts or a person alone: %#',
  (one, placements, state, says) => {
    const standing = networkStanding(one, placements);
    expect(standing.state).toBe(state);
    expect(standing.says).toContain(says);
  },
);

const container = (running: boolean, conditions: unknown[]) =>
  ({ name: 'box1', host: 'docker01', running, conditions, generation: 2 }) as Container;

test('a container is real when it was seen running', () => {
  expect(containerStanding(container(true, [])).state).toBe('real');
  expect(containerStanding(container(false, []))).toEqual({
    state: 'under way',
    says: 'container box1 does not run on docker01 yet: its agent has not looked yet',
  });
  expect(containerStanding(container(false, ready('Unknown', 'HostOffline'))).state).toBe('stuck');
  expect(containerStanding(container(false, ready('False', 'ImageMissing'))).state).toBe('blocked');
  expect(containerStanding(container(false, ready('False', 'ImageMissing', 1))).state).toBe('under way');
  expect(containerStanding(container(false, ready('False', 'Starting'))).state).toBe('under way');
});
