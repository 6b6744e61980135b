import type { Condition } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { condition } from './conditions.ts';

const at = { generation: 1, since: new Date(0) };

test('the server shows no condition type or reason that is not in the table', () => {
  const base = condition('HostsKnown', 'True', 'AllJoined', '', at);
  const conditions: Condition[] = [
    base,
    // @ts-expect-error There is no such reason.
    condition('HostsKnown', 'True', 'AllThere', '', at),
    // @ts-expect-error The reason is one of another type.
    condition('HostsKnown', 'True', 'AgentHeard', '', at),
    // @ts-expect-error There is no such type.
    { ...base, type: 'HostsThere' },
    // @ts-expect-error There is no such reason.
    { ...base, reason: 'AllThere' },
    // @ts-expect-error The reason is one of another type, also in a literal.
    { ...base, type: 'HostsKnown', reason: 'AgentHeard' },
  ];
  expect(conditions).toHaveLength(6);
});
