/** A backup put back while hosts went on: nothing is given twice, what runs is taken in, and changes reach the hosts again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { mustRun, run as runHere } from '@trunkline/lab/hosts/commands.ts';
import { patient } from '@trunkline/lab/hosts/patience.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { containerNamed, docker } from './outside.ts';
import { macNet1, removeAll, useFleet } from './setup.ts';

const fleet = useFleet('restored');
const hosts = ['docker01', 'docker02'] as const;
const healMs = 60_000;
/** A dispute is looked at once a minute, when all that claim the address have reported. */
const disputeMs = 240_000;
const started: [string, string][] = [];

afterEach(async () => {
  for (const [host, name] of started.splice(0))
    await docker(fleet().lab.host(host), 'rm', '-f', name).catch(() => '');
  const isFree = async (): Promise<boolean> => {
    for await (const { state } of fleet().client.addresses.all('mac_net1'))
      if (state === 'bound') return false;
    return true;
  };
  await waitFor('what was removed being given back', isFree, healMs, 200);
  await removeAll(fleet());
});

async function runs(host: string, prefix: string, count: number): Promise<void> {
  const on = fleet().lab.host(host);
  for (let n = 1; n <= count; n += 1) {
    const name = `${prefix}${host.slice(-1)}${n}`;
    started.push([host, name]);
    const run = [
      'docker',
      'run',
      '-d',
      '--name',
      name,
      '--network',
      'mac_net1',
      'busybox',
      'sleep',
      '100000',
    ];
    // While the server recovers a start may be refused, with the reason.
    await waitFor(
      `${name} to run`,
      async () => {
        const { code } = await on.exec(run);
        if (code !== 0) await on.exec(['docker', 'rm', '-f', name]);
        return code === 0;
      },
      healMs,
      500,
    );
  }
}

/** Addresses from inside the containers. */
async function addresses(): Promise<string[]> {
  const all: string[] = [];
  for (const host of hosts) {
    const on = fleet().lab.host(host);
    const names = (await docker(on, 'ps', '--format', '{{.Names}}'))
      .split('\n')
      .filter((name) => name !== '');
    for (const name of names) all.push(await docker(on, 'exec', name, 'hostname', '-i'));
  }
  return all;
}

const putBack = async (from: string, to: string): Promise<void> => {
  await rm(to, { recursive: true, force: true });
  // With its owners: PostgreSQL does not run on what belongs to root.
  await mustRun(runHere, ['cp', '-a', from, to]);
};

const isUp = async (host: string, name: string): Promise<boolean> =>
  (await containerNamed(fleet().lab.host(host), name))?.State.Running === true;

test(
  'promise 1: a container that moved to another host after the backup runs there alone, also while the server is away',
  async () => {
    const { client, dataDir, startServer, stopServer, lab } = fleet();
    const address = '172.16.100.32';
    const box = {
      image: 'busybox',
      command: ['sleep', '100000'],
      attachments: [{ network: macNet1.name, address }],
    };
    const folder = await mkdtemp(path.join(tmpdir(), 'trunkline-backup-'));
    const backup = path.join(folder, 'data');
    try {
      await client.networks.create(macNet1, { wait: '30s' });
      await client.containers.create({ ...box, name: 'then', host: 'docker01' }, { wait: '60s' });
      await stopServer();
      await putBack(dataDir, backup);
      await startServer();
      await client.containers.remove('then', { wait: '60s' });
      await client.containers.create({ ...box, name: 'now', host: 'docker02' }, { wait: '60s' });
      started.push(['docker02', 'now']);
      await stopServer();
      await putBack(backup, dataDir);
      await startServer();
      const stateOf = async () => (await client.addresses.get(macNet1.name, address)).body;
      await waitFor(
        'the dispute',
        async () => (await stateOf().catch(() => undefined))?.state === 'conflicted',
        healMs,
        200,
      );
      const isMade = async (): Promise<boolean> =>
        (await containerNamed(lab.host('docker01'), 'then')) !== undefined;
      await waitFor('the container of the backup', isMade, healMs, 200);
      const start = async (): Promise<string> =>
        (await lab.host('docker01').exec(['docker', 'start', 'then'])).stderr;
      expect(await start()).toContain(`${address} is in conflict`);
      await stopServer();
      await waitFor(
        'a refusal without the server',
        async () => (await start()).includes(address),
        healMs,
        500,
      );
      expect(await isUp('docker01', 'then')).toBe(false);
      expect(await isUp('docker02', 'now')).toBe(true);
      await startServer();
      // Nobody else is to have it: the dispute ends, and the book has who is on it.
      await client.containers.remove('then', { wait: '60s' });
      await waitFor(
        'the end of the dispute',
        async () => {
          const found = await stateOf().catch(() => undefined);
          return found?.state === 'bound' && found.host === 'docker02' && found.container === 'now';
        },
        disputeMs,
        500,
      );
    } finally {
      await startServer();
      await rm(folder, { recursive: true, force: true });
    }
  },
  patient(480_000),
);

test(
  'promises 1 and 6: the copy of a data directory, put back after hosts went on (A6)',
  async () => {
    const { client, dataDir, startServer, stopServer, lab } = fleet();
    await client.networks.create(macNet1, { wait: '30s' });
    const folder = await mkdtemp(path.join(tmpdir(), 'trunkline-backup-'));
    const backup = path.join(folder, 'data');
    try {
      await Promise.all(hosts.map((host) => runs(host, 'before', 1)));
      await stopServer();
      await putBack(dataDir, backup);
      await startServer();
      await Promise.all(hosts.map((host) => runs(host, 'lost', 5)));
      for (const [host, name] of [
        ['docker01', 'lost11'],
        ['docker01', 'lost12'],
        ['docker02', 'lost21'],
      ] as const)
        await docker(lab.host(host), 'rm', '-f', name);
      await stopServer();
      await putBack(backup, dataDir);
      await startServer();
      await Promise.all(hosts.map((host) => runs(host, 'after', 6)));
      await waitFor(
        'the end of the recovery',
        async () => (await client.recovery.get()).body.phase === 'open',
        healMs,
        200,
      );
      const all = await addresses();
      expect(all).toHaveLength(2 + 7 + 12);
      expect(new Set(all).size).toBe(all.length);
      // A change reaches the hosts by itself.
      await client.networks.patch('mac_net1', { warm: 2 }, { ifMatch: '*', wait: '60s' });
      await waitFor(
        'a consistent book',
        async () => {
          const held: string[] = [];
          for await (const { ip, state } of client.addresses.all('mac_net1'))
            if (state === 'bound') held.push(ip);
          return all.every((ip) => held.includes(ip));
        },
        healMs,
        200,
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  patient(240_000),
);

test(
  'promise 1: what containers have on a network that was deleted and made again after the backup is given to nobody else',
  async () => {
    const { client, dataDir, startServer, stopServer, lab } = fleet();
    const address = '172.16.100.40';
    const run = (name: string): string[] => [
      'docker',
      'run',
      '-d',
      '--name',
      name,
      '--network',
      macNet1.name,
      '--ip',
      address,
      'busybox',
      'sleep',
      '100000',
    ];
    const one = lab.host('docker01');
    const two = lab.host('docker02');
    const folder = await mkdtemp(path.join(tmpdir(), 'trunkline-backup-'));
    const backup = path.join(folder, 'data');
    const stateOf = async () => (await client.addresses.get(macNet1.name, address)).body;
    try {
      await client.networks.create(macNet1, { wait: '30s' });
      await stopServer();
      await putBack(dataDir, backup);
      await startServer();
      await client.networks.remove(macNet1.name, { ifMatch: '*', wait: '60s' });
      await client.networks.create(macNet1, { wait: '60s' });
      started.push(['docker02', 'twin']);
      await docker(two, ...run('twin').slice(1));
      await stopServer();
      await putBack(backup, dataDir);
      await startServer();
      // Its Docker network has the label of a network that the server does not know.
      await waitFor(
        'the address in the book',
        async () => {
          const found = await stateOf().catch(() => undefined);
          return found?.state === 'bound' && found.host === 'docker02' && found.container === 'twin';
        },
        healMs,
        200,
      );
      await waitFor(
        'the end of the recovery',
        async () => (await client.recovery.get()).body.phase === 'open',
        healMs,
        200,
      );
      expect((await one.exec(run('early'))).stderr).toContain('lost with a restored backup');
      await docker(one, 'rm', '-f', 'early');
      // On the other host the operator removes that Docker network, and Trunkline makes its own.
      await docker(one, 'network', 'rm', macNet1.name);
      const start = async (): Promise<string> => {
        const { stderr } = await one.exec(run('other'));
        await one.exec(['docker', 'rm', '-f', 'other']);
        return stderr;
      };
      await waitFor(
        'a refusal that names who has it',
        async () => (await start()).includes('bound to container twin on host docker02'),
        healMs,
        500,
      );
      const { body } = await client.checks.create(
        { kind: 'addresses', network: macNet1.name },
        { wait: '30s' },
      );
      expect(body.result).toMatchObject({ findings: [] });
      // Once it is gone there, so is the hold.
      await docker(two, 'rm', '-f', 'twin');
      await docker(two, 'network', 'rm', macNet1.name);
      await waitFor('the address being given again', async () => (await start()) === '', disputeMs, 500);
    } finally {
      await startServer();
      for (const host of [one, two]) {
        await host.exec(['docker', 'rm', '-f', 'twin', 'other']);
        // Where it is the Docker network of today, the agent makes it again.
        await host.exec(['docker', 'network', 'rm', macNet1.name]);
      }
      await rm(folder, { recursive: true, force: true });
    }
  },
  patient(480_000),
);
