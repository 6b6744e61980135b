import type { Condition, ContainerReport } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { judgeReport, type KnownContainer } from './container-verdict.ts';

const ready = (status: Condition['status'] = 'True'): Condition => ({
  type: 'Ready',
  status,
  reason: 'Running',
  message: 'said so',
  observedGeneration: 1,
  lastTransitionTime: '2026-11-24T09:30:00.000Z',
});
const report = (more: Partial<ContainerReport> = {}): ContainerReport => ({
  containerId: '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11',
  generation: 1,
  state: 'running',
  dockerId: 'd1',
  startedAt: '2026-11-24T09:30:00.000Z',
  exitCode: null,
  endpoints: [{ network: 'mac_net1', ipv4: '172.16.100.10', ipv6: null, mac: '02-42-AC-10-64-0A' }],
  conditions: [ready()],
  ...more,
});
const known = (more: Partial<KnownContainer> = {}): KnownContainer => ({
  generation: 1,
  deleting: false,
  observedGeneration: 0,
  observed: null,
  conditions: [],
  places: [{ networkId: 'n1', network: 'mac_net1', ipv4: '172.16.100.10', ipv6: null, observedMac: null }],
  ...more,
});
const after = (seen: ContainerReport): Partial<KnownContainer> => ({
  observedGeneration: seen.generation,
  conditions: seen.conditions,
  observed: { ...seen, observedAt: '2026-11-24T09:31:00.000Z' },
});

test('a container that is seen running binds the addresses that it really has', () => {
  expect(judgeReport(known(), report())).toMatchObject({
    event: 'started',
    moved: true,
    unbound: false,
    bound: [{ ip: '172.16.100.10', mac: '02:42:ac:10:64:0a' }],
    macs: [{ networkId: 'n1', mac: '02:42:ac:10:64:0a' }],
  });
});

test('another address than the reserved one binds nothing', () => {
  const seen = report({ endpoints: [{ network: 'mac_net1', ipv4: '172.16.100.11', ipv6: null, mac: null }] });
  expect(judgeReport(known(), seen)).toMatchObject({ bound: [], unbound: true });
});

test('who shares its stack is written down when it changes, and is not known of an earlier report (S3)', () => {
  const shared = report({ sharedBy: ['t2'] });
  expect(judgeReport(known(after(report())), shared)).toMatchObject({ event: null, sharersChanged: true });
  expect(judgeReport(known(after(shared)), shared)).toMatchObject({ event: null, sharersChanged: false });
  expect(judgeReport(known(after(shared)), report())).toMatchObject({ sharersChanged: true });
});

test('a plain heartbeat is no news', () => {
  expect(judgeReport(known(after(report())), report())).toMatchObject({
    event: null,
    moved: false,
    gone: false,
  });
});

test('a container that ended is unbound and recorded, one that runs again too', () => {
  const ended = report({ state: 'exited', exitCode: 137, endpoints: [] });
  expect(judgeReport(known(after(report())), ended)).toMatchObject({
    event: 'stopped',
    moved: true,
    bound: [],
    unbound: true,
  });
  expect(
    judgeReport(known(after(report())), report({ startedAt: '2026-11-24T10:00:00.000Z' })),
  ).toMatchObject({ event: 'restarted' });
});

const absent = (more: Partial<ContainerReport> = {}) =>
  report({ state: 'absent', generation: 2, endpoints: [], conditions: [ready('False')], ...more });

test.each([
  ['asked for, and looked at since', { deleting: true, generation: 2 }, absent(), true],
  ['not asked for', { deleting: false, generation: 2 }, absent(), false],
  ['from before it was asked for', { deleting: true, generation: 2 }, absent({ generation: 1 }), false],
  [
    'while Docker could not be asked',
    { deleting: true, generation: 2 },
    absent({ conditions: [ready('Unknown')] }),
    false,
  ],
  ['still there', { deleting: true, generation: 2 }, report({ generation: 2 }), false],
])('promise 4: gone on evidence only: %s', (_name, state, seen, gone) => {
  expect(judgeReport(known(state), seen).gone).toBe(gone);
});
