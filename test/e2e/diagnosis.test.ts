/** S4 on real hosts: why something does not work is said in one list, the cause first, and of what works nothing is said. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Check, CheckCreate, DiagnosisResult } from '@trunkline/contracts';
import { docker } from './outside.ts';
import { macNet1, removeAll, useFleet } from './setup.ts';

const fleet = useFleet('diagnosis');
const host = (name: string) => fleet().lab.host(name);
const mended: (() => Promise<unknown>)[] = [];
const routerAt = { ip: '172.16.100.1', mac: '02:00:00:00:00:01' };
let router: string;

beforeAll(async () => {
  const { client, lab } = fleet();
  router = (await lab.addStation(routerAt)).name;
  await client.networks.create({ ...macNet1, quarantineSeconds: 0 }, { wait: '30s' });
  for (const [name, on] of [
    ['box1', 'docker01'],
    ['box2', 'docker02'],
  ] as const)
    await client.containers.create(
      {
        name,
        host: on,
        image: 'busybox',
        command: ['sleep', '100000'],
        attachments: [{ network: 'mac_net1' }],
      },
      { wait: '60s' },
    );
  await docker(
    host('docker01'),
    'run',
    '-d',
    '--name',
    'plain',
    '--network',
    'mac_net1',
    'busybox',
    'sleep',
    '9999',
  );
});
afterEach(async () => {
  for (const mend of mended.splice(0).toReversed()) await mend();
});
afterAll(async () => {
  await docker(host('docker01'), 'rm', '-f', 'plain');
  await removeAll(fleet());
});

async function diagnose(about: Omit<CheckCreate, 'kind'>): Promise<DiagnosisResult> {
  const { body } = await fleet().client.checks.create({ kind: 'diagnose', ...about }, { wait: '30s' });
  expect(body).toMatchObject({ state: 'done', kind: 'diagnose' });
  const { createdAt, finishedAt, result } = body as Check & { result: DiagnosisResult };
  expect(Date.parse(finishedAt ?? '') - Date.parse(createdAt)).toBeLessThan(10_000);
  return result;
}

const pair = { from: { container: 'box1' }, to: { container: 'box2' } };

describe('what works', () => {
  test.each<[string, Omit<CheckCreate, 'kind'>]>([
    ['a network', { network: 'mac_net1' }],
    ['a host', { host: 'docker02' }],
    ['a container', { container: 'box1' }],
    ['a container that somebody else runs', { container: 'plain' }],
    ['the way between two containers', pair],
  ])('%s: nothing is found, and what was looked at is said', async (_, about) => {
    const result = await diagnose(about);
    expect(result.findings).toEqual([]);
    expect(result.looked.filter(({ outcome }) => outcome === 'not-looked')).toEqual([]);
    expect(result.ok).toBe(true);
    expect(result.message).toContain('nothing is wrong with');
  });
});

describe('what does not work', () => {
  test('a container that is gone from Docker, and one that nobody knows', async () => {
    await expect(diagnose({ container: 'nobody' })).rejects.toMatchObject({ code: 'container_not_found' });
    await expect(diagnose({})).rejects.toMatchObject({ code: 'invalid_request' });
  });

  test('the gateway that is silent is a warning, and what was tried is shown', async () => {
    const { lab } = fleet();
    await lab.removeStation(router);
    mended.push(async () => {
      router = (await lab.addStation(routerAt)).name;
    });
    const { findings } = await diagnose({ network: 'mac_net1' });
    expect(findings).toMatchObject([{ code: 'gateway-silent', severity: 'warning' }]);
    expect(findings[0]?.evidence.join(' ')).toContain('to gateway 172.16.100.1: 0 of');
  });

  test('a host whose agent is away is found as that', async () => {
    await fleet().stopAgent('docker02');
    const isOnline = async () => (await fleet().client.hosts.get('docker02')).body.online;
    const patience = { timeout: 60_000, interval: 500 };
    mended.push(async () => {
      await fleet().startAgent('docker02');
      await expect.poll(isOnline, patience).toBe(true);
    });
    await expect.poll(isOnline, patience).toBe(false);
    const { findings, ok } = await diagnose(pair);
    expect(ok).toBe(false);
    expect(findings[0]).toMatchObject({ code: 'host-offline', host: 'docker02' });
  });
});

test('a container without a network is found as that on the host that is named', async () => {
  await docker(
    host('docker02'),
    'run',
    '-d',
    '--name',
    'lonely',
    '--network',
    'none',
    'busybox',
    'sleep',
    '9999',
  );
  mended.push(async () => await docker(host('docker02'), 'rm', '-f', 'lonely'));
  await expect(diagnose({ container: 'lonely' })).rejects.toMatchObject({ code: 'container_not_found' });
  const { findings } = await diagnose({ container: 'lonely', host: 'docker02' });
  expect(findings[0]).toMatchObject({ code: 'container-not-attached', host: 'docker02' });
});
