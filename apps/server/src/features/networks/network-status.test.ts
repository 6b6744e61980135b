import type { Condition, Reason } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { summarizeNetwork } from './network-status.ts';
import { placementConditions, type PlacementFacts } from '../placements/placement-status.ts';

const at = new Date('2026-11-24T09:30:00.000Z');
const ready = (status: Condition['status'], reason: Reason = 'Ready'): Condition => ({
  type: 'Ready',
  status,
  reason,
  message: 'said so',
  observedGeneration: 2,
  lastTransitionTime: at.toISOString(),
});
const placement = (more: Partial<PlacementFacts> = {}): PlacementFacts => ({
  host: 'docker01',
  online: true,
  lastSeenAt: at,
  removing: false,
  observedGeneration: 2,
  createdAt: at,
  conditions: [ready('True')],
  ...more,
});
const summary = (placements: PlacementFacts[], unknownHosts: string[] = []) =>
  summarizeNetwork({ generation: 2, deleting: false, updatedAt: at, placements, unknownHosts });

test.each([
  ['real everywhere', [placement()], [], 'True', 'OnAllHosts'],
  ['an older generation is real', [placement({ observedGeneration: 1 })], [], 'Unknown', 'HostsPending'],
  ['not looked at', [placement({ conditions: [], observedGeneration: 0 })], [], 'Unknown', 'HostsPending'],
  ['a host is silent', [placement({ online: false })], [], 'Unknown', 'HostsPending'],
  [
    'something is in the way',
    [placement({ conditions: [ready('False', 'ParentMissing')] }), placement({ online: false })],
    [],
    'False',
    'NotOnAllHosts',
  ],
  ['it is leaving a host', [placement({ removing: true })], [], 'False', 'NotOnAllHosts'],
  ['a host has not joined', [placement()], ['docker09'], 'False', 'HostsMissing'],
  ['no host is selected', [], [], 'False', 'NoHosts'],
] as const)('%s', (_name, placements, unknownHosts, status, reason) => {
  const { conditions, ready: isReady } = summary([...placements], [...unknownHosts]);
  expect(conditions[0]).toMatchObject({ type: 'Ready', status, reason });
  expect(isReady).toBe(status === 'True');
});

test.each([
  [
    'has yet to look',
    placement({ removing: true, observedGeneration: 1 }),
    'docker01: it is being removed there',
  ],
  [
    'is blocked by a container that only it knows',
    placement({ removing: true, conditions: [ready('False', 'RemovalBlocked')] }),
    'docker01: it is being removed there: RemovalBlocked, said so',
  ],
] as const)('a host that it leaves and that %s is named, with why', (_what, one, message) => {
  expect(summary([one]).conditions[0]?.message).toMatch(new RegExp(`${message}$`));
  const facts = { generation: 2, updatedAt: at, unknownHosts: [] };
  const deleted = summarizeNetwork({ ...facts, deleting: true, placements: [{ ...one, removing: false }] });
  expect(deleted.conditions[0]).toMatchObject({ status: 'False', reason: 'Deleting' });
  expect(deleted.conditions[0]?.message).toMatch(new RegExp(`still on 1 hosts\\. ${message}$`));
});

test('hosts are counted, those it is leaving too', () => {
  const { hosts } = summary([
    placement(),
    placement({ host: 'docker02', online: false }),
    placement({ host: 'docker03', removing: true }),
  ]);
  expect(hosts).toEqual({ total: 3, ready: 1, notReady: 1, unknown: 1 });
});

test('hosts that have not joined are named in HostsKnown', () => {
  expect(summary([placement()], ['docker08', 'docker09']).conditions[1]).toMatchObject({
    type: 'HostsKnown',
    status: 'False',
    message: expect.stringContaining('docker08, docker09'),
  });
});

test('promise 9: what is said of a silent host is Unknown, says since when, and what it last said', () => {
  expect(placementConditions(placement({ online: false }))).toEqual([
    expect.objectContaining({
      type: 'Ready',
      status: 'Unknown',
      reason: 'HostOffline',
      message: expect.stringMatching(
        /docker01 has been silent since 2026-11-24T09:30:00\.000Z; it last reported True/,
      ),
    }),
  ]);
});
