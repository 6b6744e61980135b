import type { Condition, Report } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { createConditionLog } from './condition-log.ts';
import { document, network } from './subjects.fixture.ts';

const net = network({ name: 'mac_net1' });
const desired = document([net]);

const stamped = (type: string, status: string, reason: string, message = `${type} ${reason}`): Condition =>
  ({
    type,
    status,
    reason,
    message,
    observedGeneration: 1,
    lastTransitionTime: '2026-11-30T10:00:00.000Z',
  }) as Condition;

function logged() {
  const lines: unknown[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push([level, fields, message]);
  const conditionLog = createConditionLog({ info: at('info'), warn: at('warn') } as never);
  const report = (host: readonly Condition[], ofNetwork: readonly Condition[]): unknown[] => {
    const placements = [{ networkId: net.id, conditions: ofNetwork }];
    conditionLog.note({ conditions: host, placements, containers: [] } as unknown as Report, desired);
    return lines.splice(0);
  };
  return { report };
}

test('what is wrong is written when it begins, names the network, and is written again when it is over', () => {
  const { report } = logged();
  const missing = stamped('ParentReady', 'False', 'ParentMissing', 'ens34 does not exist');
  expect(report([], [missing])).toEqual([
    [
      'warn',
      { network: 'mac_net1', condition: 'ParentReady', reason: 'ParentMissing' },
      'ens34 does not exist',
    ],
  ]);
  expect(report([], [missing])).toEqual([]);
  expect(report([], [stamped('ParentReady', 'True', 'ParentUp', 'ens34 is up')])).toEqual([
    ['info', { network: 'mac_net1', condition: 'ParentReady', reason: 'ParentUp' }, 'ens34 is up'],
  ]);
  expect(report([], [stamped('ParentReady', 'True', 'ParentUp')])).toEqual([]);
});

test('another reason is news; another message of the same reason is not', () => {
  const { report } = logged();
  expect(report([stamped('DockerReady', 'False', 'DockerUnreachable', 'for 1 s')], [])).toHaveLength(1);
  expect(report([stamped('DockerReady', 'False', 'DockerUnreachable', 'for 2 s')], [])).toEqual([]);
  expect(report([stamped('DockerReady', 'False', 'DockerTooOld')], [])).toHaveLength(1);
});

test('what the agent is mending is no news, and neither is that it was mended', () => {
  const { report } = logged();
  expect(report([], [stamped('NetworkReady', 'False', 'Missing')])).toEqual([]);
  expect(report([], [stamped('NetworkReady', 'True', 'Exists')])).toEqual([]);
});

test('what was said stays said while the agent tries again', () => {
  const { report } = logged();
  const refused = stamped('NetworkReady', 'False', 'CreateRefused');
  expect(report([], [refused])).toHaveLength(1);
  expect(report([], [stamped('NetworkReady', 'False', 'Missing')])).toEqual([]);
  expect(report([], [refused])).toEqual([]);
});

test('Ready has no line where it repeats another condition, and one where it stands alone', () => {
  const { report } = logged();
  const missing = stamped('ParentReady', 'False', 'ParentMissing');
  expect(report([], [missing, stamped('Ready', 'False', 'ParentMissing')])).toHaveLength(1);
  expect(
    report([], [stamped('ParentReady', 'True', 'ParentUp'), stamped('Ready', 'False', 'DockerUnreachable')]),
  ).toHaveLength(2);
});

test('a network that is gone is forgotten without a line', () => {
  const { report } = logged();
  report([], [stamped('ParentReady', 'False', 'ParentMissing')]);
  const without = createConditionLog({ info: () => expect.fail(), warn: () => expect.fail() } as never);
  without.note({ conditions: [], placements: [], containers: [] } as unknown as Report, null);
  expect(report([], [])).toEqual([]);
  expect(report([], [stamped('ParentReady', 'True', 'ParentUp')])).toEqual([]);
});
