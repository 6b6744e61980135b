import { expect, test } from 'vitest';
import { networkDifference } from './network-difference.ts';
import { patchedSpec, wholeSpec } from './network-spec.ts';

const current = wholeSpec({
  name: 'mac_net1',
  parent: 'ens33',
  parents: { docker02: 'eno1' },
  subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
  labels: { team: 'core', tier: '1' },
});

const replaces = (patch: Parameters<typeof patchedSpec>[1]): boolean =>
  networkDifference(current, patchedSpec(current, patch)).replaces;

test('the same network in another order of keys is no change', () => {
  expect(networkDifference(current, { ...current, labels: { tier: '1', team: 'core' } }).fields).toEqual([]);
});

test('a merge patch keeps what is absent, clears what is null and merges maps', () => {
  const patched = patchedSpec(current, { parent: null, labels: { tier: null, owner: 'ops' }, parents: null });
  expect(patched).toEqual({ ...current, parent: null, parents: {}, labels: { team: 'core', owner: 'ops' } });
  expect(networkDifference(current, patched).fields).toEqual(['parent', 'parents', 'labels']);
});

test('a change that replaces the Docker network is distinguished from one that does not touch it', () => {
  expect(replaces({ vlan: 10 })).toBe(true);
  expect(replaces({ mode: 'private' })).toBe(true);
  expect(replaces({ internal: true })).toBe(true);
  expect(replaces({ subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.2' }] })).toBe(true);
  expect(replaces({ subnets: [{ cidr: '172.16.101.0/24' }] })).toBe(true);
  expect(replaces({ promiscuous: false, quarantineSeconds: 5, labels: null, hosts: { names: [] } })).toBe(
    false,
  );
  expect(
    replaces({ subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1', exclude: ['172.16.100.9'] }] }),
  ).toBe(false);
});

test('what hosts are asked for beyond the network changes in place', () => {
  const patched = patchedSpec(current, {
    mtu: 1400,
    forwarding: true,
    restartBroken: true,
    hostAccess: true,
  });
  const change = networkDifference(current, patched);
  expect(change.fields).toEqual(['mtu', 'forwarding', 'restartBroken', 'hostAccess']);
  expect(change.replaces).toBe(false);
  expect(patchedSpec(patched, { mtu: null })).toEqual({ ...patched, mtu: null });
  expect(patchedSpec(patched, { vlan: 10 })).toEqual({ ...patched, vlan: 10 });
});

test('another parent concerns only the hosts that take it', () => {
  const change = networkDifference(current, patchedSpec(current, { parent: 'ens34' }));
  expect(change.reparents('docker01')).toBe(true);
  expect(change.reparents('docker02')).toBe(false);
});
