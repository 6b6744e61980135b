/** Names over hosts files, with plain `docker run` and through the API (docs/networks.md, "Names"). */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LabHost } from '@trunkline/lab/hosts/lab.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { docker, must, pings } from './outside.ts';
import { box, conditionOf, emptyFleet, macNet1, placementOn, useFleet } from './setup.ts';

const fleet = useFleet('names');
const host = (name: string): LabHost => fleet().lab.host(name);
const on1 = (): LabHost => host('docker01');
const on2 = (): LabHost => host('docker02');
const heardMs = 20_000;
/** From a start to the names that this host knows already. */
const backMs = 1_000;

const sleeping = ['busybox', 'sleep', '1000000'];

async function run(on: LabHost, name: string, ...options: string[]): Promise<void> {
  await docker(on, 'run', '-d', '--name', name, '--network', macNet1.name, ...options, ...sleeping);
}

const hostsOf = async (on: LabHost, container: string): Promise<string> =>
  await docker(on, 'exec', container, 'cat', '/etc/hosts');

/** True once the C library of the container finds the name, and what it finds answers. */
async function reaches(on: LabHost, container: string, name: string, deadlineMs = heardMs): Promise<true> {
  await waitFor(
    `${container} reaching ${name}`,
    async () => await pings(on, container, name),
    deadlineMs,
    100,
  );
  return true;
}

async function hasName(on: LabHost, container: string, name: string, deadlineMs: number): Promise<true> {
  await waitFor(
    `${name} in the hosts file of ${container}`,
    async () => (await hostsOf(on, container)).split('\n').some((line) => line.split(/\s+/).includes(name)),
    deadlineMs,
    20,
  );
  return true;
}

const addressOf = async (on: LabHost, container: string): Promise<string> =>
  await docker(on, 'inspect', '-f', '{{.NetworkSettings.Networks.mac_net1.IPAddress}}', container);

const uniqueOn = async (on: string) =>
  conditionOf((await placementOn(fleet(), macNet1.name, on)).conditions, 'NamesUnique');

/** The file without the line of the container's own address, which is another one after a restart. */
const withoutOwnLine = (text: string): string => text.replace(/^\S+\t[0-9a-f]{12}$/m, '');

async function setNames(names: boolean): Promise<void> {
  await fleet().client.networks.patch(macNet1.name, { names }, { ifMatch: '*', wait: '30s' });
}

describe('names over hosts', () => {
  let asDockerWrote: string;

  beforeAll(async () => {
    await fleet().client.networks.create(macNet1, { wait: '30s' });
    await run(on1(), 'box1', '--add-host', 'printer:172.16.100.9', '--add-host', 'db:172.16.100.8');
    await run(on2(), 'box2', '--network-alias', 'web', '--network-alias', 'db');
    asDockerWrote = await hostsOf(on1(), 'box1');
    await setNames(true);
  });
  afterAll(async () => {
    await emptyFleet(fleet());
  });

  test.each(['box2', 'box2.mac_net1', 'web', 'web.mac_net1'])(
    'a plain container on docker01 reaches one on docker02 as %s',
    async (name) => {
      expect(await reaches(on1(), 'box1', name)).toBe(true);
    },
  );

  test('it is reached by name, and reaches itself', async () => {
    await reaches(on2(), 'box2', 'box1');
    await reaches(on2(), 'box2', 'box1.mac_net1');
    expect(await reaches(on1(), 'box1', 'box1')).toBe(true);
  });

  test("Docker's lines and the user's stay as they are, and a name that they have is theirs", async () => {
    const now = await hostsOf(on1(), 'box1');
    expect(now.startsWith(asDockerWrote)).toBe(true);
    expect(asDockerWrote).toMatch(/172\.16\.100\.9\s+printer/);
    expect(now.slice(asDockerWrote.length)).not.toMatch(/\bdb\b(?!\.)/);
    expect(now.slice(asDockerWrote.length)).toMatch(/\bdb\.mac_net1\b/);
  });

  test('a container of the API is in the names, and has them', async () => {
    const { client } = fleet();
    await client.containers.create(box('api2', 'docker02'), { wait: '60s' });
    await reaches(on1(), 'box1', 'api2');
    expect(await reaches(on2(), 'api2', 'box1')).toBe(true);
  });

  test('the check finds the name of a container on another host', async () => {
    const { client } = fleet();
    await client.containers.create(box('api1', 'docker01'), { wait: '60s' });
    await reaches(on1(), 'api1', 'api2');
    const { body } = await client.checks.create(
      { kind: 'connectivity', from: { container: 'api1' }, to: { container: 'api2' } },
      { wait: '30s' },
    );
    expect(body).toMatchObject({ state: 'done', result: { byName: { name: 'api2', reachable: true } } });
  });

  test('a restarted container has the names within a second, and an address that changed is followed', async () => {
    await docker(on1(), 'restart', '-t', '0', 'box1');
    expect(await hasName(on1(), 'box1', 'box2', backMs)).toBe(true);
    await docker(on2(), 'restart', '-t', '0', 'box2');
    await reaches(on1(), 'box1', 'box2');
    await reaches(on1(), 'box1', 'web');
  });

  test('a container that is connected to another network keeps them', async () => {
    await docker(
      on1(),
      'network',
      'create',
      '--internal',
      '-d',
      'bridge',
      '--subnet',
      '10.9.0.0/24',
      'aside',
    );
    await docker(on1(), 'network', 'connect', 'aside', 'box1');
    await hasName(on1(), 'box1', 'box2', heardMs);
    await docker(on1(), 'network', 'disconnect', 'aside', 'box1');
    await docker(on1(), 'network', 'rm', 'aside');
    expect(await hasName(on1(), 'box1', 'box2', heardMs)).toBe(true);
  });

  test('a container that shares a network stack has them, one on the network of the host is left alone', async () => {
    await docker(on1(), 'run', '-d', '--name', 'sharer', '--network', 'container:box1', ...sleeping);
    await docker(on1(), 'run', '-d', '--name', 'onhost', '--network', 'host', ...sleeping);
    await reaches(on1(), 'sharer', 'box2');
    expect(await hostsOf(on1(), 'onhost')).not.toContain('trunkline');
  });

  test('a hosts file that the user mounted is left alone', async () => {
    await must(on1(), 'sh', '-c', 'echo 127.0.0.1 localhost mine > /run/own-hosts');
    await run(on1(), 'mounted', '-v', '/run/own-hosts:/etc/hosts');
    await reaches(on1(), 'box1', 'mounted');
    expect(await must(on1(), 'cat', '/run/own-hosts')).toBe('127.0.0.1 localhost mine');
  });

  test('two containers of one name: each host has its own, and a condition names both', async () => {
    await run(on1(), 'twin');
    await run(on2(), 'twin');
    await waitFor(
      'the condition on both hosts',
      async () =>
        (await uniqueOn('docker01'))?.status === 'False' && (await uniqueOn('docker02'))?.status === 'False',
      heardMs,
      100,
    );
    expect((await uniqueOn('docker01'))?.message).toMatch(/twin on docker01 .*twin on docker02/);
    for (const [on, reader] of [
      [on1(), 'box1'],
      [on2(), 'box2'],
    ] as const) {
      await hasName(on, reader, 'twin', heardMs);
      const line = (await hostsOf(on, reader)).split('\n').find((one) => one.split(/\s+/).includes('twin'));
      expect(line?.split(/\s+/)[0]).toBe(await addressOf(on, 'twin'));
    }
    await docker(on2(), 'rm', '-f', 'twin');
    await waitFor(
      'the condition over',
      async () => (await uniqueOn('docker01'))?.status === 'True',
      heardMs,
      100,
    );
  });

  test('without the server, names go on: over a restart of the agent, and for a container that starts now', async () => {
    await fleet().stopServer();
    try {
      await fleet().stopAgent('docker01');
      await reaches(on1(), 'box1', 'box2');
      await fleet().startAgent('docker01');
      await docker(on1(), 'restart', '-t', '0', 'box1');
      await hasName(on1(), 'box1', 'box2', backMs);
      await reaches(on1(), 'box1', 'box2');
      await run(on1(), 'late');
      await hasName(on1(), 'late', 'box2', backMs);
      await reaches(on1(), 'late', 'web');
      await reaches(on1(), 'box1', 'late');
    } finally {
      await fleet().startServer();
    }
    expect(await reaches(on2(), 'box2', 'late')).toBe(true);
  });

  test('a container that is removed leaves the names of the other host', async () => {
    await docker(on1(), 'rm', '-f', 'late');
    await waitFor('late gone', async () => !(await hostsOf(on2(), 'box2')).includes('late'), heardMs, 100);
    expect(await hostsOf(on2(), 'box2')).toContain('box1');
  });

  test('switched off, the file is byte for byte what Docker wrote; no file was replaced', async () => {
    await setNames(true);
    await docker(on1(), 'rm', '-f', 'sharer', 'onhost', 'mounted', 'twin');
    const path = await docker(on1(), 'inspect', '-f', '{{.HostsPath}}', 'box1');
    const before = await must(on1(), 'stat', '-c', '%i', path);
    await hasName(on1(), 'box1', 'box2', heardMs);
    const withNames = await hostsOf(on1(), 'box1');
    await setNames(false);
    await waitFor('no block', async () => !(await hostsOf(on1(), 'box1')).includes('trunkline'), heardMs, 50);
    const now = await hostsOf(on1(), 'box1');
    expect(withNames.startsWith(now)).toBe(true);
    expect(withoutOwnLine(now)).toBe(withoutOwnLine(asDockerWrote));
    expect(await must(on1(), 'stat', '-c', '%i', path)).toBe(before);
    expect(await readFile('/etc/hosts', 'utf8')).not.toContain('trunkline');
    expect(
      conditionOf((await placementOn(fleet(), macNet1.name, 'docker01')).conditions, 'NamesReady'),
    ).toBeUndefined();
  });
});
