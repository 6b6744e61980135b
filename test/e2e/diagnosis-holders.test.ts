/** S4 on real hosts, who else has an address: a diagnosis asks the wire, and knows the addresses of the hosts themselves. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Check, CheckCreate, DiagnosisResult } from '@trunkline/contracts';
import { must } from './outside.ts';
import { box1, box2, emptyFleet, macNet1, useFleet } from './setup.ts';

const fleet = useFleet('holders');
const mended: (() => Promise<unknown>)[] = [];
const router = { ip: '172.16.100.1', mac: '02:00:00:00:00:01' };
const foreign = '02:00:00:00:66:66';

beforeAll(async () => {
  const { client, lab } = fleet();
  await lab.addStation(router);
  await client.networks.create(macNet1, { wait: '30s' });
  for (const one of [box1, box2]) await client.containers.create(one, { wait: '60s' });
});
afterEach(async () => {
  for (const mend of mended.splice(0).toReversed()) await mend();
});
afterAll(async () => {
  await emptyFleet(fleet());
});

async function diagnose(about: Omit<CheckCreate, 'kind'>): Promise<DiagnosisResult> {
  const { body } = await fleet().client.checks.create({ kind: 'diagnose', ...about }, { wait: '30s' });
  expect(body).toMatchObject({ state: 'done', kind: 'diagnose' });
  return (body as Check & { result: DiagnosisResult }).result;
}

async function station(ip: string, mac: string): Promise<void> {
  const { name } = await fleet().lab.addStation({ ip, mac });
  mended.push(async () => await fleet().lab.removeStation(name));
}

const about = {
  network: { network: macNet1.name },
  container: { container: 'box2' },
  pair: { from: { container: 'box1' }, to: { container: 'box2' } },
} satisfies Record<string, Omit<CheckCreate, 'kind'>>;

test.each(Object.entries(about))('of what is well nothing is found about the %s', async (_, asked) => {
  expect((await diagnose(asked)).findings).toEqual([]);
});

test.each(Object.entries(about))(
  'a second gateway is found about the %s, with both MACs',
  async (_, asked) => {
    await station(router.ip, foreign);
    const { findings } = await diagnose(asked);
    expect(findings[0]).toMatchObject({ code: 'gateway-two-macs', severity: 'error' });
    for (const mac of [router.mac, foreign]) expect(findings[0]?.message).toContain(mac);
  },
);

test.each(Object.entries(about))(
  'a foreign machine with the address of a container is found about the %s, with its MAC',
  async (_, asked) => {
    await station('172.16.100.20', foreign);
    const { findings } = await diagnose(asked);
    const found = findings.find(({ code }) => code === 'address-foreign');
    expect(found).toMatchObject({ severity: 'error' });
    expect(found?.message).toContain(foreign);
  },
);

test('a host that itself has the address of a container is named as that', async () => {
  const host = fleet().lab.host('docker01');
  const where = ['172.16.100.20/32', 'dev', 'ens33'];
  await must(host, 'ip', 'address', 'add', ...where);
  mended.push(async () => await must(host, 'ip', 'address', 'delete', ...where));
  await expect
    .poll(async () => (await diagnose(about.container)).findings[0], { timeout: 60_000 })
    .toMatchObject({
      code: 'address-on-two',
      severity: 'error',
      message: expect.stringContaining('host docker01 itself has it on ens33'),
    });
});
