/** A host that is retired while its agent runs gives nothing of its warm pool any more (promise 1). */
import { expect, test } from 'vitest';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { containerNames, docker } from './outside.ts';
import { macNet1, useFleet } from './setup.ts';

const fleet = useFleet('retired');
const host = (name: string) => fleet().lab.host(name);

/** `docker run`; the address, or Docker's error. */
async function run(on: string, name: string, ...options: string[]): Promise<string> {
  const asked = ['--name', name, '--network', macNet1.name, ...options];
  const ran = await host(on).exec(['docker', 'run', '-d', ...asked, 'busybox', 'sleep', '10000']);
  if (ran.code !== 0) return ran.stderr;
  const format = '{{(index .NetworkSettings.Networks "mac_net1").IPAddress}}';
  return docker(host(on), 'inspect', '-f', format, name);
}

test('what it held is given on by the others alone, also when it is asked for by name', async () => {
  const { client } = fleet();
  const [subnet] = macNet1.subnets;
  const subnets = [{ ...subnet!, ranges: ['172.16.100.30-172.16.100.37'] }];
  await client.networks.create({ ...macNet1, subnets }, { wait: '30s' });
  const leased = async (): Promise<number> =>
    (await client.addresses.list(macNet1.name, { state: 'leased' })).body.items.length;
  await waitFor('two warm pools', async () => (await leased()) === 8, 60_000, 200);
  try {
    await client.hosts.retire('docker02', { ifMatch: '*' });
    const early = await run('docker02', 'early');
    const names = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'];
    const given: string[] = [];
    for (const name of names) given.push(await run('docker01', name));
    const late = [await run('docker02', 'late'), await run('docker02', 'named', '--ip', given.at(-1)!)];
    expect(given.filter((ip) => ip.startsWith('172.16.100.'))).toHaveLength(8);
    for (const answer of [early, ...late]) expect(answer).toMatch(/has been retired|knows no host|retired/);
  } finally {
    for (const on of ['docker01', 'docker02']) {
      const all = await containerNames(host(on));
      if (all.length > 0) await docker(host(on), 'rm', '-f', ...all);
    }
  }
});
