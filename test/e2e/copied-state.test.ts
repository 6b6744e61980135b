/** State of another machine: a cloned host gives nothing of what was the other one's. */
import { afterEach, expect, test } from 'vitest';
import { waitFor } from '../lab/wait.ts';
import { docker, must } from './outside.ts';
import { macNet1, removeAll, useFleet } from './setup.ts';

const fleet = useFleet('copied');
const host = (name: string) => fleet().lab.host(name);
const stateDir = '/var/lib/trunkline-agent';
const shell = (name: string, command: string): Promise<string> => must(host(name), 'sh', '-c', command);
const pack = (name: string): Promise<string> =>
  shell(name, `tar -C ${stateDir} --exclude 'agent.lock*' -cz . | base64 -w0`);
const unpack = (name: string, packed: string): Promise<string> =>
  shell(name, `rm -rf ${stateDir}/* && echo ${packed} | base64 -d | tar -C ${stateDir} -xz`);

afterEach(() => removeAll(fleet()));

/** A plain run; the address, or what Docker said. */
async function plainRun(on: string, name: string): Promise<string> {
  const ran = await host(on).exec([
    'docker',
    'run',
    '-d',
    '--name',
    name,
    '--network',
    'mac_net1',
    'busybox',
    'sleep',
    '1000',
  ]);
  if (ran.code !== 0) return ran.stderr;
  return docker(
    host(on),
    'inspect',
    '-f',
    '{{(index .NetworkSettings.Networks "mac_net1").IPAddress}}',
    name,
  );
}

test('promise 1: the state folder of one host, copied to another, gives nothing there, and the first goes on', async () => {
  const { client, stopAgent, startAgent } = fleet();
  await client.networks.create(macNet1, { wait: '30s' });
  const warm = async (): Promise<number> => {
    const { body } = await client.addresses.list('mac_net1', { state: 'leased', host: 'docker01' });
    return body.items.length;
  };
  await waitFor('a warm pool', async () => (await warm()) === 4, 30_000, 200);
  await stopAgent('docker02');
  const own = await pack('docker02');
  await unpack('docker02', await pack('docker01'));
  try {
    // Its join token is spent, and its name is taken.
    await expect(startAgent('docker02')).rejects.toThrow(/the state of another machine was put aside/);
    const [first, refused] = await Promise.all([plainRun('docker01', 'one'), plainRun('docker02', 'two')]);
    expect(first).toMatch(/^172\.16\.100\.\d+$/);
    expect(refused).not.toMatch(/^172\.16\.100\.\d+$/);
    expect(await shell('docker02', `ls ${stateDir}`)).toMatch(/of-another-machine-\d+/);
    expect(await plainRun('docker01', 'three')).toMatch(/^172\.16\.100\.\d+$/);
    expect((await client.hosts.get('docker01')).body.online).toBe(true);
  } finally {
    await docker(host('docker02'), 'rm', '-f', 'two').catch(() => '');
    await docker(host('docker01'), 'rm', '-f', 'one', 'three');
    await unpack('docker02', own);
    await startAgent('docker02');
  }
  expect(await plainRun('docker02', 'four')).toMatch(/^172\.16\.100\.\d+$/);
  await docker(host('docker02'), 'rm', '-f', 'four');
  const bound = async () => (await client.addresses.list('mac_net1', { state: 'bound' })).body.items;
  await waitFor('its address given back', async () => (await bound()).length === 0, 60_000, 200);
});
