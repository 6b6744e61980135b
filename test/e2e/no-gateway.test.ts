/** A network without a gateway: Docker before 29 wants one for it all the same, and that takes no address of the LAN (B6). */
import { ApiError } from '@trunkline/client';
import { afterEach, expect, test } from 'vitest';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { docker, pings } from './outside.ts';
import { macNet1, removeAll, useFleet } from './setup.ts';

const fleet = useFleet('nogateway', { agentEnv: { TRUNKLINE_LEAK_SECONDS: '2' } });
const host = (name: string) => fleet().lab.host(name);
const hosts = ['docker01', 'docker02'] as const;
const stations: string[] = [];

const clear = async (): Promise<void> => {
  for (const name of stations.splice(0)) await fleet().lab.removeStation(name);
  for (const name of hosts) {
    const ids = await docker(host(name), 'ps', '-aq');
    if (ids !== '') await docker(host(name), 'rm', '-f', ...ids.split('\n'));
  }
};

afterEach(async () => {
  await clear();
  await waitFor('everything removed', isEmptied, 180_000, 500);
});

/** False while hosts hold addresses that they give back within seconds; anything else is a failure. */
async function isEmptied(): Promise<boolean> {
  try {
    await removeAll(fleet());
    return (await fleet().client.networks.list()).body.items.length === 0;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'network_in_use') return false;
    throw error;
  }
}

async function run(on: string, name: string, ...options: string[]): Promise<void> {
  const asked = ['--name', name, '--network', macNet1.name, ...options];
  await docker(host(on), 'run', '-d', ...asked, 'busybox', 'sleep', '10000');
}

test('its first addresses are free for whoever needs them, and no container has a way out', async () => {
  const { client, lab } = fleet();
  stations.push((await lab.addStation({ ip: '172.16.100.1', mac: '02:00:00:00:06:04' })).name);
  const subnets = ['172.16.100.0/24', 'fd00:100::/64'].map((cidr) => ({ cidr, gateway: null }));
  const { body } = await client.networks.create({ ...macNet1, subnets }, { wait: '30s' });
  expect(body.status.ready).toBe(true);

  // Each asks for what the other would have had in place of a gateway, before anybody is given one of the pool.
  const named = { docker01: '172.16.100.2', docker02: '172.16.100.3' };
  for (const on of hosts) await run(on, 'named', '--ip', named[on]);
  for (const on of hosts) await run(on, 'plain');
  for (const on of hosts) {
    for (const name of ['named', 'plain']) {
      const routes = async (): Promise<string> =>
        (await docker(host(on), 'exec', name, 'ip', 'route')) +
        (await docker(host(on), 'exec', name, 'ip', '-6', 'route'));
      await waitFor(
        `${name} on ${on} has no default route`,
        async () => !(await routes()).includes('default'),
        20_000,
        100,
      );
      expect(await routes()).toContain('172.16.100.0/24');
      expect(await pings(host(on), name, '172.16.100.1')).toBe(true);
    }
    expect(await pings(host(on), 'plain', on === 'docker01' ? named.docker02 : named.docker01)).toBe(true);
  }
});
