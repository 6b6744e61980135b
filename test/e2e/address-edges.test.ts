/** Promise 1 over two real hosts and their server: what is taken away, adopted, moved, or of another subnet; one MAC on two hosts. */
import { ApiError } from '@trunkline/client';
import { afterEach, describe, expect, test } from 'vitest';
import { createDockerEngine } from '../../apps/agent/src/host/dockerode-engine.ts';
import { patient } from '@trunkline/lab/hosts/patience.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { containerNamed, docker, must, pings } from './outside.ts';
import { emptyFleet, macNet1, useFleet } from './setup.ts';

const fleet = useFleet('edges', { agentEnv: { TRUNKLINE_LEAK_SECONDS: '5' } });
const host = (name: string) => fleet().lab.host(name);
const network = macNet1.name;
const soonMs = 30_000;

afterEach(() => emptyFleet(fleet()));

const ipamOf = (on: string, name: string): Promise<string> =>
  docker(host(on), 'inspect', '-f', `{{.NetworkSettings.Networks.${network}.IPAddress}}`, name);

/** `docker run` of a container that ends at once when it is stopped; its address, or Docker's error. */
async function run(on: string, name: string, ...options: string[]): Promise<string> {
  const argv = ['docker', 'run', '-d', '--name', name, '--stop-signal', 'KILL', '--network', network];
  const { code, stderr } = await host(on).exec([...argv, ...options, 'busybox', 'sleep', '10000']);
  if (code === 0) return await ipamOf(on, name);
  await host(on).exec(['docker', 'rm', '-f', name]);
  return stderr;
}

/** The same by Docker's API: its client from 25 on refuses `--mac-address` for an Engine as old as the lab's. */
async function runWithMac(on: string, name: string, mac: string, ipv4?: string): Promise<string> {
  const engine = createDockerEngine({ socketPath: host(on).dockerSocket });
  const address = ipv4 === undefined ? {} : { ipv4 };
  const { id } = await engine.createContainer({
    name,
    image: 'busybox',
    command: ['sleep', '10000'],
    attachments: [{ network, mac, ...address }],
  });
  try {
    await engine.startContainer(id);
    return await ipamOf(on, name);
  } catch (error) {
    await docker(host(on), 'rm', '-f', name);
    return String(error);
  }
}

const again = async (on: string, ...argv: string[]): Promise<string> =>
  (await host(on).exec(['docker', ...argv])).stderr;
const isUp = async (on: string, name: string): Promise<boolean> =>
  (await containerNamed(host(on), name))?.State.Running === true;
const isThere = async (on: string, name: string): Promise<boolean> =>
  (await containerNamed(host(on), name)) !== undefined;
const row = async (ip: string) => (await fleet().client.addresses.get(network, ip)).body;
const isBound = async (ip: string): Promise<boolean> =>
  await row(ip).then(
    ({ state }) => state === 'bound',
    (error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return false;
      throw error;
    },
  );

describe('an address that is released by force (A5)', () => {
  const ip = '172.16.100.150';

  /** From now on svc runs on docker01, and starts on docker02 no more. */
  async function movesTo01(): Promise<void> {
    await waitFor(
      'its run on docker01',
      async () => (await run('docker01', 'svc', '--ip', ip)) === ip,
      soonMs,
      500,
    );
    expect(await again('docker02', 'start', 'svc')).toContain(ip);
    expect(await isUp('docker02', 'svc')).toBe(false);
  }

  test('is not given to its loser again, which is refused at its restart, and then runs for whom asks', async () => {
    const { client } = fleet();
    await client.networks.create(macNet1, { wait: '30s' });
    expect(await run('docker02', 'svc', '--ip', ip)).toBe(ip);
    await waitFor('svc in the book', () => isBound(ip), soonMs, 100);
    await client.addresses.release(network, ip, { force: true });
    // It runs on, and answers on the wire: nobody else has its address before it is gone.
    expect(await isUp('docker02', 'svc')).toBe(true);
    expect(await again('docker02', 'restart', 'svc')).toContain(ip);
    expect(await isUp('docker02', 'svc')).toBe(false);
    await movesTo01();
    expect(await isUp('docker01', 'svc')).toBe(true);
    const peer = await run('docker02', 'peer');
    expect(await pings(host('docker01'), 'svc', peer)).toBe(true);
  });

  test('of a host that cannot be heard is given to nobody before that host has heard it', async () => {
    const { client, lab } = fleet();
    await client.networks.create(macNet1, { wait: '30s' });
    expect(await run('docker02', 'svc', '--ip', ip)).toBe(ip);
    await waitFor('svc in the book', () => isBound(ip), soonMs, 100);
    await lab.cut('docker02');
    try {
      const released = client.addresses.release(network, ip, { force: true });
      await expect(released).rejects.toMatchObject({ code: 'release_unconfirmed' });
      expect(await run('docker01', 'svc', '--ip', ip)).toContain('docker02');
      // It has not heard it: what runs there keeps running.
      expect(await again('docker02', 'restart', 'svc')).toBe('');
      expect(await row(ip)).toMatchObject({ state: 'quarantined', awaitingHost: 'docker02' });
    } finally {
      await lab.mend('docker02');
    }
    const isAwaited = async (): Promise<boolean> =>
      await row(ip).then(
        ({ awaitingHost }) => awaitingHost !== null,
        () => false,
      );
    await waitFor('docker02 to hear it', async () => !(await isAwaited()), 60_000, 200);
    expect(await again('docker02', 'restart', 'svc')).toContain(ip);
    await movesTo01();
  });

  test('is on no second host while the server is away, although both containers have one MAC', async () => {
    const { client, startServer, stopServer } = fleet();
    await client.networks.create(macNet1, { wait: '30s' });
    const box = { image: 'busybox', command: ['sleep', '10000'], attachments: [{ network, address: ip }] };
    await client.containers.create({ ...box, name: 'before', host: 'docker01' }, { wait: '60s' });
    await client.addresses.release(network, ip, { force: true });
    // It runs on there; the server knows that its MAC is taken.
    await client.containers.create({ ...box, name: 'after', host: 'docker02' });
    await waitFor('the container of docker02', () => isThere('docker02', 'after'), soonMs, 200);
    await stopServer();
    try {
      await waitFor(
        'the answer of the wire',
        async () => (await again('docker02', 'start', 'after')).includes(`${ip} is in use on the network`),
        soonMs,
        500,
      );
      expect(await isUp('docker02', 'after')).toBe(false);
      expect(await isUp('docker01', 'before')).toBe(true);
    } finally {
      await startServer();
    }
  });
});

/** As a firewall or a dead switch does it: nobody answers, and no error comes back. */
async function lose(on: string): Promise<AsyncDisposable> {
  const { lab } = fleet();
  const nft = (...argv: string[]) => must(host(on), 'nft', ...argv);
  await nft('add', 'table', 'inet', 'lost');
  await nft('add chain inet lost out { type filter hook output priority 0; policy accept; }');
  await nft('add', 'rule', 'inet', 'lost', 'out', 'ip', 'daddr', lab.switchAddress, 'drop');
  return { [Symbol.asyncDispose]: async () => void (await nft('delete', 'table', 'inet', 'lost')) };
}

/** `docker run`, and how long it took, in milliseconds. */
async function timed(name: string, ...options: string[]): Promise<{ stderr: string; ms: number }> {
  const argv = ['docker', 'run', '-d', '--name', name, '--network', network, ...options];
  const began = performance.now();
  const { stderr } = await host('docker01').exec([...argv, 'busybox', 'sleep', '10000']);
  return { stderr, ms: performance.now() - began };
}

const warm = async (): Promise<number> =>
  (await fleet().client.addresses.list(network, { state: 'leased', host: 'docker01' })).body.items.length;

test('promise 5: with every packet to the server lost, and none refused, containers start from the leases of their host at once, and what cannot be proven free is refused at once', async () => {
  const { client } = fleet();
  const ip = '172.16.100.150';
  await client.networks.create({ ...macNet1, warm: 4 }, { wait: '30s' });
  await waitFor('a warm pool', async () => (await warm()) === 4, soonMs, 100);
  {
    await using _ = await lose('docker01');
    const runs = await Promise.all(['b1', 'b2', 'b3', 'b4'].map((name) => timed(name)));
    expect(runs.map(({ stderr }) => stderr)).toEqual(['', '', '', '']);
    const named = await timed('b5', '--ip', ip);
    expect(named.stderr).toMatch(
      / cannot be proven free, the server (did not answer in time|cannot be reached)/,
    );
    for (const { ms } of [...runs, named]) expect(ms).toBeLessThan(patient(5500));
    // By now it is known: nobody waits for the server any more.
    await docker(host('docker01'), 'rm', '-f', 'b1');
    const later = await timed('b6');
    expect(later.stderr).toBe('');
    expect(later.ms).toBeLessThan(patient(5500));
  }
  await waitFor('its run', async () => (await run('docker01', 'b7', '--ip', ip)) === ip, 60_000, 500);
});

test('promise 4: a container that a killed Docker does not know of when it comes back keeps its address', async () => {
  const { client, lab } = fleet();
  const on = host('docker01');
  await client.networks.create({ ...macNet1, quarantineSeconds: 0, warm: 0 }, { wait: '30s' });
  const [lost, gone] = [await run('docker01', 'lost'), await run('docker01', 'gone')];
  const inspect = (name: string, what: string) => docker(on, 'inspect', '-f', `{{.${what}}}`, name);
  const pid = await inspect('lost', 'State.Pid');
  const files = [await inspect('lost', 'Id'), await inspect('gone', 'Id')].map(
    (id) => `/var/lib/docker/containers/${id}/config.v2.json`,
  );
  const gonePid = await inspect('gone', 'State.Pid');
  await waitFor('both in the book', async () => (await isBound(lost)) && isBound(gone), soonMs, 100);
  await lab.killDockerd('docker01');
  try {
    // As a Docker leaves it that is killed between the start of a container's process and its note of that.
    await must(
      on,
      'sed',
      '-i',
      '-e',
      's/"Running":true/"Running":false/',
      '-e',
      's/"Pid":[0-9]*/"Pid":0/',
      ...files,
    );
    await must(on, 'kill', '-9', gonePid);
    await lab.startDockerd('docker01');
    expect(await isUp('docker01', 'lost')).toBe(false);
    expect(await on.exec(['kill', '-0', pid])).toMatchObject({ code: 0 });
    const isFree = async (): Promise<boolean> =>
      await row(gone).then(
        () => false,
        () => true,
      );
    await waitFor('the address of the other one to be free', isFree, 60_000, 200);
    expect(await row(lost)).toMatchObject({ host: 'docker01' });
    expect(await run('docker02', 'other', '--ip', lost)).toContain(`${lost} `);
    expect(await run('docker01', 'again', '--ip', lost)).toContain(`${lost} `);
  } finally {
    await on.exec(['kill', '-9', pid]);
  }
});

test('what runs on an adopted network is in the book, and its address is had by nobody else (A9)', async () => {
  const { client } = fleet();
  const ip = '172.16.100.50';
  const subnet = ['--subnet', '172.16.100.0/24', '--gateway', '172.16.100.1', '-o', 'parent=ens33'];
  await docker(host('docker02'), 'network', 'create', '-d', 'macvlan', ...subnet, network);
  try {
    expect(await run('docker02', 'old2', '--ip', ip)).toBe(ip);
    await client.networks.create(macNet1, { wait: '30s' });
    await waitFor('old2 in the book', () => isBound(ip), soonMs, 100);
    expect(await row(ip)).toMatchObject({ host: 'docker02', container: 'old2' });
    await expect(client.addresses.reserve(network, { address: ip })).rejects.toMatchObject({
      code: 'address_taken',
    });
    expect(await run('docker01', 'thief', '--ip', ip)).toContain('container old2 on host docker02');
    const { body } = await client.checks.create({ kind: 'addresses', network }, { wait: '30s' });
    expect(body.result).toMatchObject({ consistent: true });
  } finally {
    await emptyFleet(fleet());
    // It was there before, so it stays.
    await docker(host('docker02'), 'network', 'rm', network);
  }
});

test('one MAC is on one host, whoever starts the other one, also on an address that its host holds (A10)', async () => {
  const { client } = fleet();
  const mac = '02:42:ac:10:64:aa';
  await client.networks.create(macNet1, { wait: '30s' });
  const ip = await runWithMac('docker01', 'first', mac);
  await waitFor('first in the book', () => isBound(ip), soonMs, 100);
  const held = async (): Promise<string | undefined> =>
    (await client.addresses.list(network, { state: 'leased', host: 'docker02' })).body.items[0]?.ip;
  await waitFor('a warm pool of docker02', async () => (await held()) !== undefined, soonMs, 100);
  for (const asked of [undefined, '172.16.100.90', await held()])
    expect(await runWithMac('docker02', 'second', mac, asked)).toContain('container first on host docker01');
  const box = { host: 'docker02', image: 'busybox', command: ['sleep', '10000'] };
  await expect(
    client.containers.create({ ...box, name: 'third', attachments: [{ network, mac }] }),
  ).rejects.toMatchObject({ code: 'mac_in_use', message: expect.stringContaining('first on host docker01') });

  // The other way round: the container of the API came first.
  const own = '02:42:ac:10:64:ab';
  await client.containers.create(
    { ...box, name: 'fourth', attachments: [{ network, mac: own }] },
    { wait: '60s' },
  );
  expect(await runWithMac('docker01', 'fifth', own)).toContain('fourth');
  await docker(host('docker01'), 'rm', '-f', 'first');
  await waitFor(
    'its MAC to be free',
    async () => (await runWithMac('docker02', 'second', mac)).startsWith('172.'),
    soonMs,
    500,
  );
});

test('after another subnet containers run at once, with addresses of it (B2)', async () => {
  const { client } = fleet();
  await client.networks.create(macNet1, { wait: '30s' });
  const subnets = [{ cidr: '172.16.103.0/24', gateway: '172.16.103.1' }];
  await client.networks.patch(network, { subnets }, { ifMatch: '*', wait: '30s' });
  const names = ['a1', 'a2', 'a3', 'a4'];
  const all = await Promise.all(
    ['docker01', 'docker02'].flatMap((on) => names.map(async (name) => await run(on, name))),
  );
  for (const ip of all) expect(ip).toMatch(/^172\.16\.103\.\d+$/);
  expect(new Set(all).size).toBe(all.length);
});

test('a container that is moved by hand has its address on the other host within seconds, whatever the quarantine (B9)', async () => {
  const { client } = fleet();
  const ip = '172.16.100.70';
  await client.networks.create({ ...macNet1, quarantineSeconds: 300 }, { wait: '30s' });
  expect(await run('docker01', 'svc', '--ip', ip)).toBe(ip);
  await waitFor('svc in the book', () => isBound(ip), soonMs, 100);
  await docker(host('docker01'), 'rm', '-f', 'svc');
  await waitFor(
    'its run on docker02',
    async () => (await run('docker02', 'svc', '--ip', ip)) === ip,
    soonMs,
    500,
  );
});
