/** State of another machine: a cloned host gives nothing of what was the other one's. */
import { afterEach, expect, test } from 'vitest';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
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

/** A plain run; the address, or Docker's error. */
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
    await expect(startAgent('docker02')).rejects.toThrow(/the state of another machine was set aside/);
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

/** Addresses that containers of a host were given, from inside them. */
async function insides(on: string): Promise<string[]> {
  const names = (await docker(host(on), 'ps', '--format', '{{.Names}}'))
    .split('\n')
    .filter((name) => name !== '');
  return Promise.all(names.map((name) => docker(host(on), 'exec', name, 'hostname', '-i')));
}

test('promise 1: the state folder of a host, put back after others went on, gives nothing before the server confirmed it', async () => {
  const { client, stopAgent, startAgent, stopServer, startServer } = fleet();
  await client.networks.create(macNet1, { wait: '30s' });
  const pool = async (): Promise<string[]> => {
    const { body } = await client.addresses.list('mac_net1', { state: 'leased', host: 'docker01' });
    return body.items.map(({ ip }) => ip);
  };
  await waitFor('a warm pool', async () => (await pool()).length === 4, 30_000, 200);
  const old = await pool();
  const copy = await pack('docker01');
  const [subnet] = macNet1.subnets;
  const exclude = (addresses: string[]) =>
    client.networks.patch('mac_net1', { subnets: [{ ...subnet!, exclude: addresses }] }, { ifMatch: '*' });
  await exclude(old);
  await waitFor('other leases', async () => (await pool()).every((ip) => !old.includes(ip)), 30_000, 200);
  await exclude([]);
  try {
    for (const [n, ip] of old.entries())
      await docker(
        host('docker02'),
        'run',
        '-d',
        '--name',
        `r${n}`,
        '--network',
        'mac_net1',
        '--ip',
        ip,
        'busybox',
        'sleep',
        '1000',
      );

    await stopAgent('docker01');
    await stopServer();
    await unpack('docker01', copy);
    const silent = startAgent('docker01').catch(() => {});
    expect(await plainRun('docker01', 'early')).toMatch(/restored from a copy/);
    await docker(host('docker01'), 'rm', '-f', 'early');
    await startServer();
    await silent;
    await waitFor(
      'a start',
      async () => {
        const given = await plainRun('docker01', 'late');
        if (!given.startsWith('172')) await docker(host('docker01'), 'rm', '-f', 'late');
        return given.startsWith('172');
      },
      30_000,
      200,
    );

    // At once with the start: Docker waits for the driver.
    await stopAgent('docker01');
    await unpack('docker01', copy);
    const runs = ['a', 'b', 'c'].map((name) => plainRun('docker01', name));
    await startAgent('docker01');
    const given = await Promise.all(runs);
    expect(given.filter((ip) => old.includes(ip))).toEqual([]);
    const all = [...(await insides('docker01')), ...(await insides('docker02'))];
    expect(new Set(all).size).toBe(all.length);
  } finally {
    for (const [on, names] of [
      ['docker01', ['early', 'late', 'a', 'b', 'c']],
      ['docker02', old.map((_, n) => `r${n}`)],
    ] as const)
      for (const name of names) await docker(host(on), 'rm', '-f', name).catch(() => '');
  }
  const bound = async () => (await client.addresses.list('mac_net1', { state: 'bound' })).body.items;
  await waitFor('its addresses given back', async () => (await bound()).length === 0, 60_000, 200);
});
