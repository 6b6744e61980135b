import type { Condition, ConditionType, Reason } from '@trunkline/contracts';
import { describe, expect, test } from 'vitest';
import {
  afterReport,
  agentConnected,
  conflictRestsMs,
  identityShared,
  presentConditions,
  recoveryConditions,
  withCondition,
  type HostStanding,
} from './host-conditions.ts';

const joined = new Date('2026-11-24T09:00:00.000Z');
const now = new Date('2026-11-24T10:00:00.000Z');
const ready = (status: Condition['status'], reason: Reason, at = joined): Condition => ({
  type: 'Ready',
  status,
  reason,
  message: 'words',
  observedGeneration: 1,
  lastTransitionTime: at.toISOString(),
});
const host = (conditions: Condition[], lastSeenAt = now): HostStanding => ({
  name: 'docker01',
  version: 3,
  lastSeenAt,
  createdAt: joined,
  conditions,
});
const of = (conditions: readonly Condition[], type: ConditionType) =>
  conditions.find((one) => one.type === type);

test('the time of a transition stays while the status does, whatever the agent says of it', () => {
  const stored = host([ready('True', 'Ready'), agentConnected(3, joined)]);
  const { conditions, changes } = afterReport(stored, [ready('True', 'Ready', now)], now);
  expect(of(conditions, 'Ready')?.lastTransitionTime).toBe(joined.toISOString());
  expect(changes).toEqual([]);
});

test('another reason is shown, and is no transition; another status is both, at no time later than now', () => {
  const stored = host([ready('True', 'Ready'), agentConnected(3, joined)]);
  const reason = afterReport(stored, [ready('True', 'DockerSlow', now)], now);
  expect(reason.changes.map((change) => change.reason)).toEqual(['DockerSlow']);
  expect(of(reason.conditions, 'Ready')?.lastTransitionTime).toBe(joined.toISOString());
  const ahead = new Date(now.getTime() + 3_600_000);
  const status = afterReport(stored, [ready('False', 'DockerUnreachable', ahead)], now);
  expect(of(status.conditions, 'Ready')?.lastTransitionTime).toBe(now.toISOString());
});

test('an agent that is heard again after silence is connected again', () => {
  const silent = withCondition([], { ...agentConnected(3, joined), status: 'Unknown' });
  expect(afterReport(host(silent), [], now).reconnected).toBe(true);
  expect(afterReport(host([agentConnected(3, joined)]), [], now).reconnected).toBe(false);
});

test('a conflict of identities stays in sight until it has rested', () => {
  const conflict = host([identityShared(3, now, 'two agents')]);
  const soon = new Date(now.getTime() + conflictRestsMs - 1);
  expect(of(afterReport(conflict, [], soon).conditions, 'IdentityUnique')?.status).toBe('False');
  const later = new Date(now.getTime() + conflictRestsMs);
  expect(of(afterReport(conflict, [], later).conditions, 'IdentityUnique')).toBeUndefined();
});

test('a silent host is not said to be ready, nor to be broken: nobody could look (promise 9)', () => {
  const seen = new Date(now.getTime() - 120_000);
  for (const status of ['True', 'False', 'Unknown'] as const) {
    const shown = presentConditions(host([ready(status, 'DockerSlow')], seen), false, now);
    expect(of(shown, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'AgentSilent' });
    expect(of(shown, 'Ready')?.message).toContain(
      `silent for 120 s; it last reported ${status} (DockerSlow)`,
    );
  }
});

test('a host that has not reported yet says so', () => {
  const shown = presentConditions(host([agentConnected(1, joined)]), true, now);
  expect(of(shown, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'Pending' });
  expect(shown.filter(({ type }) => type === 'AgentConnected')).toHaveLength(1);
});

describe('a host that a recovery waits for', () => {
  const waitedFor = (lastSeenAt: Date | null, recovery: { comparedAt?: Date; releasedAt?: Date } = {}) =>
    recoveryConditions(
      {
        name: 'docker01',
        version: 3,
        lastSeenAt,
        recovery: { recovery: 'r', comparedAt: null, releasedAt: null, ...recovery },
      },
      now,
    );
  const before = new Date(now.getTime() - 1);

  test.each([null, before])('and was not heard since it began may be refused, seen at %s', (seenAt) => {
    const [shown] = waitedFor(seenAt);
    expect(shown).toMatchObject({
      type: 'LeasesCompared',
      reason: 'WaitedFor',
      lastTransitionTime: now.toISOString(),
    });
    expect(shown?.message).toContain('make sure that it runs');
    expect(shown?.message).toContain('host_not_joined');
    expect(shown?.message).toContain('DELETE /v1/hosts/docker01?force=true');
    expect(shown?.message).toContain('POST /v1/recovery/hosts/docker01/release');
  });
  test('and was heard is not said to be away', () => {
    const [shown] = waitedFor(now);
    expect(shown?.message).toContain('its agent was heard since');
    expect(shown?.message).not.toContain('host_not_joined');
    expect(shown?.message).toContain('POST /v1/recovery/hosts/docker01/release');
  });
  test('is shown no longer once it compared, and as let go where it was', () => {
    expect(waitedFor(now, { comparedAt: now })).toEqual([]);
    expect(waitedFor(before, { releasedAt: now })).toMatchObject([{ reason: 'LetGo' }]);
  });
});
