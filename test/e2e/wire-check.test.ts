/** A check of the wire on real hosts: what passes between them, tried with probes and without containers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Check, WireResult } from '@trunkline/contracts';
import { must } from './outside.ts';
import { macNet1, removeAll, useFleet } from './setup.ts';

const fleet = useFleet('wirecheck');
const hosts = ['docker01', 'docker02'];

beforeAll(async () => {
  await fleet().client.networks.create({ ...macNet1, quarantineSeconds: 0 }, { wait: '30s' });
});
afterAll(async () => {
  await removeAll(fleet());
});

async function check(): Promise<Check & { result: WireResult }> {
  const { body } = await fleet().client.checks.create({ kind: 'wire', network: 'mac_net1' }, { wait: '30s' });
  expect(body).toMatchObject({ state: 'done', kind: 'wire', network: 'mac_net1' });
  return body as Check & { result: WireResult };
}

const linksOf = async (name: string): Promise<string[]> =>
  (JSON.parse(await must(fleet().lab.host(name), 'ip', '-json', 'link', 'show')) as { ifname: string }[])
    .map(({ ifname }) => ifname)
    .toSorted();

test('hosts that reach each other are found to, with the size of packets, and nothing is left behind', async () => {
  const before = await Promise.all(hosts.map(linksOf));
  const router = await fleet().lab.addStation({ ip: '172.16.100.1', mac: '02:00:00:00:00:01' });
  try {
    const { result } = await check();
    expect(result).toMatchObject({ ok: true, verdicts: [], sampled: false });
    expect(result.message).toBe('2 hosts reach each other on mac_net1, with packets of 1500 bytes');
    expect(result.pairs).toHaveLength(2);
    for (const { heard, pings } of result.pairs) {
      expect(heard).toBe(true);
      expect(pings).toMatchObject([{ sent: 5, received: 5, lossPercent: 0, packetBytes: 1500 }]);
    }
    expect(result.gateways.map(({ ping }) => [ping.address, ping.mac])).toEqual(
      hosts.map(() => ['172.16.100.1', '02:00:00:00:00:01']),
    );
  } finally {
    await fleet().lab.removeStation(router.name);
  }
  expect(await Promise.all(hosts.map(linksOf))).toEqual(before);
  const held = async () => {
    const { body } = await fleet().client.addresses.list('mac_net1', {});
    return body.items.filter(({ owner }) => owner?.startsWith('check:') === true);
  };
  await expect.poll(held, { timeout: 60_000, interval: 500 }).toEqual([]);
});

test('a gateway that is silent is named', async () => {
  const { result } = await check();
  expect(result.ok).toBe(false);
  expect(result.verdicts).toMatchObject([{ code: 'gateway-silent', hosts }]);
  expect(result.message).toContain('172.16.100.1 of mac_net1 answers no host');
});

test('a path that is cut is named', async () => {
  await fleet().lab.cut('docker02');
  try {
    const { body } = await fleet().client.checks.create(
      { kind: 'wire', network: 'mac_net1' },
      { wait: '60s' },
    );
    const { result } = body as Check & { result: WireResult };
    expect(result.verdicts).toContainEqual(
      expect.objectContaining({ code: 'not-tried', hosts: ['docker02'] }),
    );
  } finally {
    await fleet().lab.mend('docker02');
  }
});
