/** `verify`: the wire of a network is tried by itself when it becomes ready on a host. */
import type { Condition, DesiredWireCheck } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import type { TestAgent } from '@trunkline/test/integration/server.ts';
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import { carryOut } from '../networks/reports.fixture.ts';
import { deafProbe, wellProbe } from './probe.fixture.ts';

const at = useTwoHosts();
const soon = { timeout: 15_000 };

const partsOf = async (agent: TestAgent): Promise<DesiredWireCheck[]> =>
  (await agent.document()).checks.filter((one): one is DesiredWireCheck => one.kind === 'wire');
async function partFor(agent: TestAgent): Promise<DesiredWireCheck> {
  await expect.poll(async () => (await partsOf(agent)).length, soon).toBe(1);
  return (await partsOf(agent))[0]!;
}
const verified = async (name: string): Promise<Condition | undefined> => {
  const { body } = await at.server.request('GET', `/v1/networks/${name}`);
  return (body.status as { conditions: Condition[] }).conditions.find(({ type }) => type === 'WireVerified');
};
async function answerAll(hears: boolean): Promise<void> {
  for (const agent of [at.one, at.two]) {
    const part = await partFor(agent);
    const result = hears ? wellProbe(part) : deafProbe(part);
    await agent.checkResult(part.id, { state: 'done', result, error: null });
  }
}

test('it is tried once it is ready, says what came of it, and is tried again when another host becomes ready', async () => {
  await at.call.make('checked', {
    hosts: { all: true },
    verify: true,
    subnets: [{ cidr: '10.66.0.0/24', gateway: null }],
  });
  expect(await verified('checked')).toMatchObject({ status: 'Unknown', reason: 'NotVerified' });
  at.server.startSweeps();
  await carryOut(at.one);
  await answerAll(true);
  await expect.poll(() => verified('checked'), soon).toMatchObject({ status: 'True', reason: 'Verified' });
  expect((await verified('checked'))?.message).toMatch(/2 hosts reach each other on checked.*\/v1\/checks\//);

  // Nothing changed: nothing is tried.
  at.server.clock.advance(20_000);
  await carryOut(at.one);
  expect(await partsOf(at.one)).toEqual([]);
  await carryOut(at.two);
  await answerAll(false);
  await expect
    .poll(() => verified('checked'), soon)
    .toMatchObject({
      status: 'False',
      reason: 'WireFaulty',
      message: expect.stringContaining('nothing passes'),
    });

  await at.call.patch('checked', { verify: false });
  expect(await verified('checked')).toBeUndefined();
});

test('it is refused with mode passthru', async () => {
  const { status, body } = await at.server.request('POST', '/v1/networks', {
    name: 'through',
    parent: 'ens33',
    mode: 'passthru',
    verify: true,
    subnets: [{ cidr: '10.67.0.0/24' }],
  });
  expect(status).toBe(400);
  expect(body.errors).toContainEqual({ pointer: '/verify', message: expect.stringContaining('passthru') });
});
