/** What the host says of the wire. */
import { expect, test } from 'vitest';
import type { WireState } from '../observation/wire-state.ts';
import { hostConditions } from './plan.ts';
import { createFakeHost, document } from '../reconcile/subjects.fixture.ts';

const whole: WireState = { missing: [], unannounced: [] };
const arping = { tool: 'arping', package: 'iputils-arping' };
const nft = { tool: 'nft', package: 'nftables' };
const failed = { container: 'box1', ip: '172.16.100.10', message: 'the container no longer has the address' };

test.each([
  ['28.0.1', whole, 'True ToolsThere', 'True EngineAnnounces', /announces the address of each container/],
  ['20.10.24', whole, 'True ToolsThere', 'True AgentAnnounces', /the agent does/],
  [
    '20.10.24',
    { ...whole, missing: [nft] },
    'False ToolsMissing',
    'True AgentAnnounces',
    /install nftables$/,
  ],
  [
    '20.10.24',
    { ...whole, missing: [arping] },
    'True ToolsThere',
    'False ToolsMissing',
    /update Docker to 28$/,
  ],
  [
    '28.0.1',
    { ...whole, missing: [arping] },
    'True ToolsThere',
    'True EngineAnnounces',
    /announces the address of each container/,
  ],
  [
    '20.10.24',
    { ...whole, unannounced: [failed] },
    'True ToolsThere',
    'False AnnounceFailed',
    /172.16.100.10 of box1/,
  ],
])('Docker %s, %j: %s, %s', async (version, wire, probed, announced, says) => {
  const desired = document([]);
  const observed = { ...(await createFakeHost({ version }).look(desired)), wire };
  const conditions = hostConditions(observed, desired);
  const shown = (type: string) => {
    const found = conditions.find((one) => one.type === type)!;
    return `${found.status} ${found.reason}`;
  };
  expect([shown('WireProbed'), shown('AddressesAnnounced')]).toEqual([probed, announced]);
  expect(conditions.some(({ message }) => says.test(message))).toBe(true);
  // None of it stands in the way of a network.
  expect(shown('Ready')).toBe('True Ready');
});
