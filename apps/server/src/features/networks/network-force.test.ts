import type { Condition } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { networkDifference } from './spec/network-difference.ts';
import { forcedHosts, type ForceablePlacement } from './network-force.ts';
import { patchedSpec, wholeSpec } from './spec/network-spec.ts';

const current = wholeSpec({
  name: 'mac_net1',
  parent: 'ens33',
  parents: { docker02: 'eno1' },
  subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
});
const ready = (status: Condition['status']): Condition => ({
  type: 'Ready',
  status,
  reason: 'Ready',
  message: 'said so',
  observedGeneration: 3,
  lastTransitionTime: '2026-11-24T09:30:00.000Z',
});
const placement = (host: string, more: Partial<ForceablePlacement> = {}): ForceablePlacement => ({
  hostId: host,
  host,
  removing: false,
  observedGeneration: 3,
  ready: ready('True'),
  moves: false,
  forceGeneration: null,
  ...more,
});
const forced = (placements: ForceablePlacement[], patch: Parameters<typeof patchedSpec>[1]) =>
  forcedHosts(placements, 3, networkDifference(current, patchedSpec(current, patch))).map(({ host }) => host);

const both = [placement('docker01'), placement('docker02')];
const waiting = placement('docker03', { ready: ready('False') });
const behind = placement('docker04', { observedGeneration: 2 });

test.each([
  ['what Docker makes again everywhere: every host', both, { vlan: 10 }, ['docker01', 'docker02']],
  ['another parent: only the hosts that take it', both, { parent: 'ens34' }, ['docker01']],
  ['what changes in place: no host', both, { mtu: 1400, promiscuous: false }, []],
  ['nothing, real everywhere: no host', both, { vlan: null }, []],
  ['nothing, not real on some: those', [...both, waiting, behind], { vlan: null }, ['docker03', 'docker04']],
  [
    'nothing, real everywhere and waiting to be moved on some: those',
    [...both, placement('docker06', { moves: true })],
    { vlan: null },
    ['docker06'],
  ],
  ['in place, not real on some: those', [...both, waiting], { mtu: 1400 }, ['docker03']],
  ['nothing, allowed already: no host', [{ ...waiting, forceGeneration: 3 }], { vlan: null }, []],
  [
    'nothing, allowed for an older form: it',
    [{ ...waiting, forceGeneration: 2 }],
    { vlan: null },
    ['docker03'],
  ],
  ['a host that it leaves: never', [placement('docker05', { removing: true })], { vlan: 10 }, []],
] as const)('force and %s', (_what, placements, patch, hosts) => {
  expect(forced([...placements], patch)).toEqual(hosts);
});
