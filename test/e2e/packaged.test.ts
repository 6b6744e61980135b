/** Agents as their package brings them do on hosts what those of the checkout do: S1, checks inside containers, a reboot. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DiagnosisResult } from '@trunkline/contracts';
import { createFleet, type Fleet } from '@trunkline/lab/fleet/fleet.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { containerNamed, pings } from './outside.ts';
import { packagedAgent, type PackagedAgent } from './packaged-agent.ts';
import { box1, box2, macNet1 } from './setup.ts';

const healMs = 60_000;
let packaged: PackagedAgent;
let fleet: Fleet | undefined;
const up = (): Fleet => {
  if (fleet === undefined) throw new Error('the fleet did not come up');
  return fleet;
};

beforeAll(async () => {
  packaged = await packagedAgent(() => {});
  fleet = await createFleet({
    hosts: 2,
    name: `packaged-${String(process.pid)}`,
    agent: packaged.command,
  });
  const { client } = fleet;
  await client.networks.create({ ...macNet1, names: true }, { wait: '30s' });
  await Promise.all(
    [box1, box2].map((box) => client.containers.create({ ...box, restart: 'always' }, { wait: '60s' })),
  );
});

afterAll(async () => {
  await fleet?.down();
  await packaged[Symbol.asyncDispose]();
});

test('S1: box1 and box2 reach each other by address and name, as programs in their namespaces find', async () => {
  const { client } = up();
  const check = async () =>
    (
      await client.checks.create(
        { kind: 'connectivity', from: { container: 'box1' }, to: { container: 'box2' } },
        { wait: '30s' },
      )
    ).body;
  const byName = async (): Promise<boolean> => {
    const { result } = await check();
    return result !== null && 'byName' in result && (result.byName?.reachable ?? false);
  };
  await waitFor('box2 reached by its name', byName, healMs, 500);
  expect(await check()).toMatchObject({ state: 'done', result: { reachable: true } });
  const matrix = await client.checks.create({ kind: 'matrix', network: macNet1.name }, { wait: '60s' });
  expect(matrix.body).toMatchObject({ state: 'done', result: { ok: true } });
  const { body } = await client.checks.create({ kind: 'diagnose', network: macNet1.name }, { wait: '60s' });
  // Nobody is the gateway in the lab.
  expect(body).toMatchObject({ state: 'done', result: { findings: [{ code: 'gateway-silent' }] } });
  const looked = (body.result as DiagnosisResult).looked.map(({ outcome }) => outcome);
  expect(looked).not.toContain('not-looked');
});

test('a host that is switched off and on while the server is down comes back from its own disk', async () => {
  const { lab, reboot, stopServer, startServer } = up();
  const before = await containerNamed(lab.host('docker01'), 'box1');
  await stopServer();
  await reboot('docker01');
  const answers = async (): Promise<boolean> =>
    await pings(lab.host('docker02'), 'box2', box1.attachments![0]!.address!);
  await waitFor('box1 answering box2', answers, healMs, 200);
  const after = await containerNamed(lab.host('docker01'), 'box1');
  expect(after?.State.StartedAt).not.toBe(before?.State.StartedAt);
  await startServer();
});
