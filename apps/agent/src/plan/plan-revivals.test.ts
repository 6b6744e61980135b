import { expect, test } from 'vitest';
import type { DockerContainerDetail } from '../host/docker-engine.ts';
import { startsAgain } from './plan-revivals.ts';

// Seen with 20.10.24; the last is how 28 puts others before.
const said = {
  refused:
    'legacy plugin: Post "http://%2Frun%2Fdocker%2Fplugins%2Ftrunkline.sock/Plugin.Activate": dial unix /run/docker/plugins/trunkline.sock: connect: connection refused',
  noSocket: 'plugin "trunkline" not found',
  empty: 'remote: no address is left on this host in 172.16.100.0/24',
  // 20.10.24 and 28.5.2, with the parent's cable out.
  noCarrier:
    'error running hook #0: level=fatal msg="failed to set IPv6 gateway while updating gateway: route for the gateway fe80::7472:756e:6b6c:696e could not be found: network is unreachable": unknown',
  wrapped: 'failed to set up container networking: remote: no address is left on this host',
};
const exited = {
  status: 'exited',
  error: said.noSocket,
  restartPolicy: { name: 'always', maximumRetryCount: 0 },
  endpoints: [],
};

const [gone, here] = ['a'.repeat(64), 'b'.repeat(64)];
const lost = (networkId: string) =>
  `failed to create endpoint byhand on network mac_net1: network id "${networkId}" not found`;
const removed = `network ${gone} not found`;

test.each([
  ['no socket', {}, 'now'],
  ['nobody behind the socket', { error: said.refused }, 'now'],
  ['a refusal of the driver', { error: said.empty }, 'now'],
  ['a refusal as newer Engines tell it', { error: said.wrapped }, 'now'],
  ['no carrier, on a network without a gateway', { error: said.noCarrier }, 'now'],
  ['unless-stopped', { restartPolicy: { name: 'unless-stopped', maximumRetryCount: 0 } }, 'now'],
  ['a network that Docker lost and that was made again', { error: lost(gone) }, 'now'],
  ['a network that Docker lost and still lists', { error: lost(here) }, 'later'],
  ['a network that was removed, where it is on the one made since', { error: removed }, 'now'],
  [
    'a network that was removed, where it is on none since',
    { error: removed, endpoints: [{ networkId: here }, { networkId: gone }] },
    'later',
  ],
  ['stopped by a person: its last start did not fail', { error: null }, 'never'],
  ['another failure', { error: 'driver failed programming external connectivity' }, 'never'],
  ['no such policy', { restartPolicy: { name: 'no', maximumRetryCount: 0 } }, 'never'],
  [
    'no such policy, on a network that was lost',
    { error: lost(gone), restartPolicy: { name: 'no', maximumRetryCount: 0 } },
    'never',
  ],
  ['on-failure', { restartPolicy: { name: 'on-failure', maximumRetryCount: 0 } }, 'never'],
  ['it never ran: a person saw the error', { status: 'created' }, 'never'],
  ['it never ran on a network that was lost', { status: 'created', error: lost(gone) }, 'never'],
  ['it runs', { status: 'running' }, 'never'],
] as const)('failed at its network: %s', (_, change, expected) => {
  expect(startsAgain({ ...exited, ...change } as unknown as DockerContainerDetail, new Set([here]))).toBe(
    expected,
  );
});
