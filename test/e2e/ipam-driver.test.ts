/** The address driver against a real dockerd: every fact about a dead, slow or half-dead driver, and what becomes of it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDockerEngine } from '../../apps/agent/src/host/dockerode-engine.ts';
import { mustRun, run as machine } from '@trunkline/lab/hosts/commands.ts';
import { createLab, type Lab, type LabHost } from '@trunkline/lab/hosts/lab.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { desiredOf, ipamOn, smallNet, type IpamOnHost, type RunningIpam } from './ipam-host.ts';
import { containerNames, docker, engineMajor, pings, removeNetwork } from './outside.ts';

/** The grace of what leaked is 10 s of it: longer than a container takes to start on a busy machine. */
const settleMs = 60_000;
let lab: Lab;
let host: LabHost;
let folder: string;
let book: IpamOnHost;
let running: RunningIpam;

beforeAll(async () => {
  lab = await createLab({ name: `ipam-${String(process.pid)}`, hosts: 1 });
  host = lab.host('docker01');
});
afterAll(async () => {
  await lab?.down();
});
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'trunkline-ipam-'));
  book = ipamOn(host, folder);
  running = await book.start();
  const network = ['--ipam-driver', 'trunkline', '--ipam-opt', `network=${smallNet.id}`];
  const subnet = ['--subnet', '172.16.100.0/28', '--gateway', '172.16.100.1'];
  await docker(
    host,
    'network',
    'create',
    '-d',
    'macvlan',
    ...network,
    ...subnet,
    '-o',
    'parent=ens33',
    'mac_net1',
  );
  await warm();
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.error(book.logs.slice(-60).join(''));
  book.source.mode = 'well';
  const names = await containerNames(host);
  if (names.length > 0) await docker(host, 'rm', '-f', ...names);
  await removeNetwork(lab, host, 'mac_net1');
  await running.stop();
  await rm(folder, { recursive: true });
});

async function warm(): Promise<void> {
  await waitFor('a warm pool', () => book.source.held.size >= smallNet.warm, settleMs);
}

/** `docker run` of a container that sleeps; answers its address, or Docker's error. */
async function run(name: string, ...options: string[]): Promise<string> {
  const argv = [
    'docker',
    'run',
    '-d',
    '--name',
    name,
    '--network',
    'mac_net1',
    ...options,
    'busybox',
    'sleep',
    '1000',
  ];
  const { code, stderr } = await host.exec(argv);
  return code === 0 ? await addressOf(name) : stderr;
}

async function addressOf(name: string): Promise<string> {
  return await docker(host, 'inspect', '-f', '{{.NetworkSettings.Networks.mac_net1.IPAddress}}', name);
}

/** What this host holds, by the server. */
function held(): string[] {
  return [...book.source.held.values()].map(({ ip }) => ip).sort();
}

/** Nothing leaked and nothing was freed: the host holds what its containers have, and a warm pool. */
async function settled(...addresses: string[]): Promise<void> {
  await waitFor(
    `${addresses.join(', ')} held and ${String(smallNet.warm)} warm, not ${held().join(', ')}`,
    () => addresses.every((ip) => held().includes(ip)) && held().length === addresses.length + smallNet.warm,
    settleMs,
    50,
  ).catch((error: unknown) => {
    throw new Error(`held are ${held().join(', ')}`, { cause: error });
  });
}

/** The server answers again, which the agent hears by its poll. */
function serverBack(): void {
  book.source.mode = 'well';
  running.ipam.serverAnswers();
}

async function isUp(name: string): Promise<boolean> {
  return (await docker(host, 'inspect', '-f', '{{.State.Running}}', name)) === 'true';
}

async function startAgain(): Promise<void> {
  running = await book.start();
}

/** One call as Docker makes it, with any body. */
async function call(method: string, body: string): Promise<{ Error?: string }> {
  return await new Promise((resolve, reject) => {
    const asked = request(
      { socketPath: book.socket, path: `/${method}`, method: 'POST', headers: { host: '' } },
      (answer) => {
        let text = '';
        answer.on('data', (part: Buffer) => (text += part.toString()));
        answer.on('end', () => resolve(JSON.parse(text) as { Error?: string }));
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

describe('addresses', () => {
  test('docker run gets one of the pool, and what is stopped or removed gives it back', async () => {
    const first = await run('box1');
    const second = await run('box2');
    expect(new Set([first, second]).size).toBe(2);
    expect(await pings(host, 'box1', second)).toBe(true);
    await settled(first, second);
    await docker(host, 'restart', '-t', '0', 'box1');
    await settled(await addressOf('box1'), second);
    await docker(host, 'rm', '-f', 'box1', 'box2');
    await settled();
    expect(book.source.returned.every(({ reason }) => reason === 'released')).toBe(true);
  });

  test('--ip is claimed, kept while its container is stopped, and refused where somebody has it', async () => {
    book.source.taken.set('172.16.100.12', 'box9 on docker02');
    expect(await run('box1', '--ip', '172.16.100.9')).toBe('172.16.100.9');
    expect(await run('box2', '--ip', '172.16.100.9')).toContain('172.16.100.9 is on container box1');
    expect(await run('box3', '--ip', '172.16.100.12')).toContain('172.16.100.12 is held by box9 on docker02');
    expect(await run('box4', '--ip', '172.16.100.1')).toContain('172.16.100.1 is the gateway');
    await docker(host, 'rm', 'box2', 'box3', 'box4');
    await docker(host, 'stop', '-t', '0', 'box1');
    await settled('172.16.100.9');
    book.source.mode = 'away';
    await docker(host, 'start', 'box1');
    expect(await addressOf('box1')).toBe('172.16.100.9');
    expect(await run('box5', '--ip', '172.16.100.13')).toContain('172.16.100.13 cannot be proven free');
  });

  test('--mac-address gets the address that is reserved for it', async () => {
    book.source.reserved.set('02:42:ac:10:64:0b', '172.16.100.11');
    // Not with Docker's own client, which from 25 on refuses `--mac-address` for an Engine as old as the lab's.
    const engine = createDockerEngine({ socketPath: host.dockerSocket });
    const { id } = await engine.createContainer({
      name: 'box1',
      image: 'busybox',
      command: ['sleep', '1000'],
      attachments: [{ network: 'mac_net1', mac: '02:42:ac:10:64:0b' }],
    });
    await engine.startContainer(id);
    expect(await addressOf('box1')).toBe('172.16.100.11');
    await docker(host, 'restart', '-t', '0', 'box1');
    expect(await addressOf('box1')).toBe('172.16.100.11');
  });

  test('thirteen containers at once get the thirteen addresses, and the next is refused with the reason', async () => {
    const names = Array.from({ length: 13 }, (_, n) => `box${String(n)}`);
    const all = await Promise.all(names.map(async (name) => await run(name)));
    expect(new Set(all).size).toBe(13);
    expect(all.every((ip) => /^172\.16\.100\.\d+$/.test(ip))).toBe(true);
    expect(await run('late')).toContain('172.16.100.0/28 is full: 13 addresses are held by docker01');
    await docker(host, 'rm', '-f', 'box3', 'late');
    expect(await run('later')).toBe(all[3]);
  });
});

describe('the server', () => {
  test('being away keeps no container from starting, also more of them than the pool is warm', async () => {
    book.source.mode = 'away';
    const addresses = [await run('box1'), await run('box2'), await run('box3')];
    expect(new Set(addresses).size).toBe(3);
    expect(await run('box4')).toContain('no address is left on this host in 172.16.100.0/28 (3 in use)');
    await docker(host, 'rm', '-f', 'box1', 'box4');
    expect(await run('box5')).toBe(addresses[0]);
    serverBack();
    await settled(...addresses);
  });

  test('not answering holds up no call for longer than its bound, and a container from the pool hardly at all', async () => {
    book.source.mode = 'silent';
    const began = Date.now();
    expect(await run('box1')).toMatch(/^172\.16\.100\./);
    const again = Date.now();
    expect(await run('box2')).toMatch(/^172\.16\.100\./);
    expect(Date.now() - again).toBeLessThan(5000);
    expect(again - began).toBeLessThan(6000);
    const asked = Date.now();
    expect(await run('box3', '--ip', '172.16.100.13')).toContain('172.16.100.13 cannot be proven free');
    expect(Date.now() - asked).toBeLessThan(6000);
  });

  test('having carried out what it could not answer loses no address', async () => {
    book.source.mode = 'cut';
    expect(await run('box1', '--ip', '172.16.100.10')).toContain('cannot be proven free');
    await docker(host, 'rm', 'box1');
    expect(held()).toContain('172.16.100.10');
    serverBack();
    await settled();
  });

  test('having forgotten what a container has is sent it again', async () => {
    const ip = await run('box1');
    book.source.held.delete(`${smallNet.id}/${ip}`);
    await running.stop();
    await startAgain();
    await settled(ip);
    expect(await addressOf('box1')).toBe(ip);
  });
});

describe('the agent', () => {
  test('killed while Docker waits for it: the start fails in a sentence, and nothing leaks', async () => {
    book.source.mode = 'silent';
    const before = book.source.claims;
    const starting = run('box1', '--ip', '172.16.100.10');
    await waitFor('the claim', () => book.source.claims > before, settleMs);
    await running.kill();
    book.source.mode = 'well';
    await startAgain();
    expect(await starting).toMatch(/cannot be proven free|was restarted while this container was started/);
    await docker(host, 'rm', 'box1');
    await settled();
    expect(await run('box2')).toMatch(/^172\.16\.100\./);
  });

  test('is never moved by a call without a body or a pool', async () => {
    const before = held();
    for (const body of ['', '{}', '{"PoolID":""}', '{"PoolID":"mac_net1"}', 'x'.repeat(100_000)]) {
      for (const method of [
        'IpamDriver.RequestAddress',
        'IpamDriver.ReleaseAddress',
        'IpamDriver.ReleasePool',
      ]) {
        expect((await call(method, body)).Error).toBeTypeOf('string');
      }
    }
    expect((await call('IpamDriver.RequestPool', '')).Error).toBeTypeOf('string');
    expect((await call('NetworkDriver.CreateNetwork', '{}')).Error).toContain('has no');
    expect(held()).toEqual(before);
  });

  test('away at a release: what leaked is found, all that lives is left alone', async () => {
    const first = await run('box1');
    const second = await run('box2');
    await running.stop();
    // Docker waits 15 s for a driver that is away, and may give the removal up over it.
    await host.exec(['docker', 'rm', '-f', 'box1']);
    await startAgain();
    await waitFor('box1 gone', async () => await isRemoved('box1'), settleMs, 500);
    await settled(second);
    // Docker may have released it once more as soon as the driver was back: then it is on its way.
    await waitFor('the return of what leaked', () => !held().includes(first), settleMs, 50);
    expect(await addressOf('box2')).toBe(second);
  });

  test('with its disk wiped or damaged gives nothing twice, and learns what it held', async () => {
    const first = await run('box1');
    const second = await run('box2');
    await settled(first, second);
    for (const harm of [
      async () => await rm(path.join(folder, 'leases.jsonl')),
      async () => await writeFile(path.join(folder, 'leases.jsonl'), 'rubbish\n'),
    ]) {
      await running.stop();
      await harm();
      await startAgain();
      const third = await run('box3');
      expect([first, second]).not.toContain(third);
      await docker(host, 'rm', '-f', 'box3');
      await settled(first, second);
    }
  });
});

/** Removes a container that is still there; whether there is none. */
async function isRemoved(name: string): Promise<boolean> {
  if ((await docker(host, 'ps', '-aq', '--filter', `name=^${name}$`)) === '') return true;
  await host.exec(['docker', 'rm', '-f', name]);
  return false;
}

/** A disk of 64 KiB over the state folder, with what it holds. Calling its disposal needs an agent that is stopped. */
async function smallDisk(): Promise<
  { readonly fill: () => Promise<void>; readonly empty: () => Promise<void> } & AsyncDisposable
> {
  const leases = await readFile(path.join(folder, 'leases.jsonl'));
  await mustRun(machine, ['mount', '-t', 'tmpfs', '-o', 'size=64k', 'trunkline-ipam', folder]);
  await writeFile(path.join(folder, 'leases.jsonl'), leases);
  const filler = path.join(folder, 'filler');
  return {
    fill: async () => {
      await expect(writeFile(filler, Buffer.alloc(128 * 1024))).rejects.toThrow('ENOSPC');
    },
    empty: () => rm(filler),
    [Symbol.asyncDispose]: async () => void (await mustRun(machine, ['umount', folder])),
  };
}

test('on a full disk the agent gives nothing and says so; with room again it goes on, and frees what was removed meanwhile', async () => {
  const first = await run('box1');
  await settled(first);
  await running.stop();
  {
    await using disk = await smallDisk();
    await disk.fill();
    await startAgain();
    try {
      expect(await run('box2')).toContain('cannot write its state folder (ENOSPC');
      const full = {
        status: 'False',
        reason: 'LeasesNotWritable',
        message: expect.stringContaining('ENOSPC'),
      };
      expect(running.ipam.hostCondition()).toMatchObject(full);
      expect(running.ipam.networkCondition(smallNet)).toMatchObject(full);
      await docker(host, 'rm', '-f', 'box1', 'box2');
      expect(held()).toContain(first);
      await disk.empty();
      await waitFor('the condition', () => running.ipam.hostCondition().reason === 'Serving', settleMs, 50);
      await settled();
      expect(running.ipam.networkCondition(smallNet)).toMatchObject({ status: 'True', reason: 'Ready' });
      expect(await run('box3')).toMatch(/^172\.16\.100\./);
      await docker(host, 'rm', '-f', 'box3');
    } finally {
      await running.stop();
    }
  }
  await startAgain();
});

describe('dockerd', () => {
  test('killed and started: what restarts by itself gets an address again, and nothing leaks', async () => {
    await run('box1', '--restart', 'always');
    await run('box2', '--restart', 'always', '--ip', '172.16.100.9');
    await run('box3');
    book.source.mode = 'away';
    await lab.killDockerd('docker01');
    await lab.startDockerd('docker01');
    for (const name of ['box1', 'box2']) await waitFor(`${name} up`, async () => await isUp(name), settleMs);
    expect(await addressOf('box2')).toBe('172.16.100.9');
    serverBack();
    await settled(await addressOf('box1'), '172.16.100.9');
  });

  test('stopped and started with the server away: the same', async () => {
    await run('box1', '--restart', 'always');
    await run('box2', '--restart', 'always', '--ip', '172.16.100.9');
    book.source.mode = 'away';
    await lab.stopDockerd('docker01');
    await lab.startDockerd('docker01');
    expect(await addressOf('box2')).toBe('172.16.100.9');
    serverBack();
    await settled(await addressOf('box1'), '172.16.100.9');
  });
});

test('a network needs no more than the name of a Trunkline network, and none but a right one is made', async () => {
  await docker(host, 'network', 'rm', 'mac_net1');
  const make = async (...options: string[]): Promise<string> =>
    (
      await host.exec([
        'docker',
        'network',
        'create',
        '-d',
        'macvlan',
        '--ipam-driver',
        'trunkline',
        ...options,
        '-o',
        'parent=ens33',
        'mac_net1',
      ])
    ).stderr;
  expect(await make()).toContain('is not named');
  expect(await make('--ipam-opt', 'network=nope')).toContain('no Trunkline network "nope"');
  expect(await make('--ipam-opt', 'network=mac_net1', '--subnet', '10.0.0.0/24')).toContain(
    '172.16.100.0/28',
  );
  expect(await make('--ipam-opt', 'network=mac_net1')).toBe('');
  const config = await docker(host, 'network', 'inspect', '-f', '{{json .IPAM.Config}}', 'mac_net1');
  expect(JSON.parse(config)).toEqual([{ Subnet: '172.16.100.0/28', Gateway: '172.16.100.1' }]);
  book.desired = desiredOf({ networks: [] });
  expect(await run('box1')).toMatch(/^172\.16\.100\./);
  await docker(host, 'rm', '-f', 'box1');
  // Without a gateway Docker before 29 gets one that is no address of the pool, and nothing is held for it.
  await docker(host, 'network', 'rm', 'mac_net1');
  const [subnet] = smallNet.subnets;
  const without = { ...smallNet, subnets: [{ cidr: subnet?.cidr ?? '', gateway: null }] };
  book.desired = desiredOf({ networks: [without] });
  expect(await make('--ipam-opt', 'network=mac_net1')).toBe('');
  const seen = await docker(host, 'network', 'inspect', '-f', '{{json .IPAM.Config}}', 'mac_net1');
  const [{ Gateway: gateway }] = JSON.parse(seen) as [{ Gateway?: string }];
  expect(gateway).toBe((await engineMajor(host)) >= 29 ? undefined : '127.0.0.1');
  await settled(await run('box2'));
});
