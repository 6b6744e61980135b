/** Hosts that stay right by themselves: what people and accidents break is noticed and mended, and nothing else touched. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NetworkCreate } from '@trunkline/contracts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { containerNamed, docker, engineMajor, linksOf, must, networksNamed, pings } from './outside.ts';
import { box, conditionOf, placementOn, removeAll, useFleet } from './setup.ts';

const fleet = useFleet('staying');
const host = (name: string) => fleet().lab.host(name);
const healMs = 60_000;

/** A second NIC of docker01, so that it can vanish without the host: one end of a cable whose other end is in the host. */
const nic = 'ens34';
const own: NetworkCreate = {
  name: 'mac_net2',
  parent: nic,
  hosts: { names: ['docker01'] },
  subnets: [{ cidr: '172.16.200.0/24', gateway: '172.16.200.1' }],
  quarantineSeconds: 0,
};
const web = { ...box('web', 'docker01'), attachments: [{ network: own.name, address: '172.16.200.10' }] };
const db = { ...box('db', 'docker01'), attachments: [{ network: own.name, address: '172.16.200.20' }] };

async function plugNic(name = nic): Promise<void> {
  await must(host('docker01'), 'ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}wall`);
  await must(host('docker01'), 'ip', 'link', 'set', `${name}wall`, 'up');
}

/** Docker starts without the NIC, which comes a moment later: the networks on it are lost to Docker, and still listed. */
async function startDockerWithout(name: string): Promise<void> {
  const { lab } = fleet();
  await lab.stopDockerd('docker01');
  await must(host('docker01'), 'ip', 'link', 'set', name, 'down');
  await must(host('docker01'), 'ip', 'link', 'set', name, 'name', 'gone0');
  await lab.startDockerd('docker01');
  await must(host('docker01'), 'ip', 'link', 'set', 'gone0', 'name', name);
}
const readyOn = async (name = own.name): Promise<boolean> =>
  conditionOf((await placementOn(fleet(), name, 'docker01')).conditions, 'Ready')?.status === 'True';
const link = async (name: string) => (await linksOf(host('docker01'))).find(({ ifname }) => ifname === name);
const webAnswers = async (): Promise<boolean> => await pings(host('docker01'), 'db', '172.16.200.10');

beforeAll(async () => {
  const { client } = fleet();
  await plugNic();
  await client.networks.create(own, { wait: '30s' });
  await Promise.all([
    client.containers.create(web, { wait: '60s' }),
    client.containers.create(db, { wait: '60s' }),
  ]);
  await waitFor('web answering', webAnswers, healMs, 200);
});

afterAll(async () => {
  await removeAll(fleet());
});

describe('what is broken by hand', () => {
  test('promiscuous mode that was switched off is on again', async () => {
    await must(host('docker01'), 'ip', 'link', 'set', nic, 'promisc', 'off');
    await waitFor('promiscuous mode', async () => (await link(nic))?.flags.includes('PROMISC'), healMs, 50);
    expect(await webAnswers()).toBe(true);
  });

  test('a parent that was set down is up again, and its containers answer', async () => {
    await must(host('docker01'), 'ip', 'link', 'set', nic, 'down');
    await waitFor('the parent', async () => (await link(nic))?.flags.includes('UP'), healMs, 50);
    await waitFor('web answering', webAnswers, healMs, 200);
    expect((await link(nic))?.flags).toContain('PROMISC');
  });

  test('a container that lost its interface with the link below it is told of, and restarted when the network says so', async () => {
    const { client } = fleet();
    await must(host('docker01'), 'ip', 'link', 'delete', nic);
    const lost = async (): Promise<string | undefined> =>
      conditionOf((await client.containers.get('web')).body.conditions, 'NetworkAttached')?.reason;
    await waitFor('NetworkAttached to say so', async () => (await lost()) === 'InterfaceLost', healMs, 100);
    // It still shows as running: nothing else would notice.
    expect((await containerNamed(host('docker01'), 'web'))?.State.Running).toBe(true);
    await plugNic();
    await waitFor('the network ready', readyOn, healMs, 100);
    expect(await lost()).toBe('InterfaceLost');
    const { id } = (await client.networks.get(own.name)).body;
    await client.networks.patch(own.name, { restartBroken: true }, { ifMatch: '*', wait: '30s' });
    await waitFor('web answering', webAnswers, healMs, 200);
    expect((await client.networks.get(own.name)).body.id).toBe(id);
    await waitFor('the condition', async () => (await lost()) === 'InterfacesThere', healMs, 100);
  });

  test('what was stopped when its network was removed by hand starts on the one that is made again, at its address', async () => {
    const pruned: NetworkCreate = {
      ...own,
      name: 'mac_net4',
      parent: 'ens36',
      subnets: [{ cidr: '172.16.220.0/24', gateway: '172.16.220.1' }],
    };
    const on = host('docker01');
    await plugNic('ens36');
    await fleet().client.networks.create(pruned, { wait: '30s' });
    const run = ['run', '-itd', '--network', pruned.name, '--ip', '172.16.220.77', '--name', 'stopped'];
    await docker(on, ...run, 'busybox');
    await docker(on, 'stop', '-t', '0', 'stopped');
    const network = async (): Promise<string | undefined> =>
      (await containerNamed(on, 'stopped'))?.NetworkSettings.Networks[pruned.name]?.NetworkID;
    try {
      const before = await network();
      expect(before).toBe((await networksNamed(on, pruned.name))[0]?.Id);
      // It takes every network that nothing runs on.
      await docker(on, 'network', 'prune', '--force');
      await waitFor('the stopped one connected again', async () => (await network()) !== before, healMs, 100);
      await docker(on, 'start', 'stopped');
      expect((await networksNamed(on, pruned.name))[0]?.Id).toBe(await network());
      expect((await containerNamed(on, 'stopped'))?.NetworkSettings.Networks[pruned.name]?.IPAddress).toBe(
        '172.16.220.77',
      );
    } finally {
      await docker(on, 'rm', '-f', 'stopped');
    }
  });

  test('a network that Docker lost, since its parent was missing at its start, is made again, and containers by hand run that should', async () => {
    const theirs: NetworkCreate = {
      ...own,
      name: 'mac_net3',
      parent: 'ens35',
      subnets: [{ cidr: '172.16.210.0/24', gateway: '172.16.210.1' }],
    };
    const on = host('docker01');
    await plugNic('ens35');
    await fleet().client.networks.create(theirs, { wait: '30s' });
    const run = ['run', '-itd', '--network', theirs.name];
    await docker(on, ...run, '--restart', 'always', '--ip', '172.16.210.77', '--name', 'byhand', 'busybox');
    await docker(on, ...run, '--restart', 'unless-stopped', '--name', 'stopped', 'busybox');
    await docker(on, 'stop', '-t', '0', 'stopped');
    try {
      const before = (await networksNamed(on, theirs.name))[0]?.Id;
      await startDockerWithout('ens35');
      expect((await containerNamed(on, 'byhand'))?.State.Running).toBe(false);
      await waitFor(
        'byhand running',
        async () => (await containerNamed(on, 'byhand'))?.State.Running,
        healMs,
        100,
      );
      const seen = await containerNamed(on, 'byhand');
      expect(seen?.NetworkSettings.Networks[theirs.name]?.IPAddress).toBe('172.16.210.77');
      expect((await networksNamed(on, theirs.name))[0]?.Id).not.toBe(before);
      await waitFor('the network ready', async () => await readyOn(theirs.name), healMs, 100);
      expect((await containerNamed(on, 'stopped'))?.State.Running).toBe(false);
      // Nothing was in the way of the network beside it.
      await waitFor('web answering', webAnswers, healMs, 200);
    } finally {
      await docker(on, 'rm', '-f', 'byhand', 'stopped');
    }
  });

  // Last: before 27 Docker remembers what it lost, and may take it for the network that holds the parent when it starts again.
  test('so is one with containers of ours, which answer', async () => {
    const before = (await networksNamed(host('docker01'), own.name))[0]?.Id;
    await startDockerWithout(nic);
    await waitFor('web answering', webAnswers, healMs, 200);
    expect((await networksNamed(host('docker01'), own.name))[0]?.Id).not.toBe(before);
    expect(
      (await containerNamed(host('docker01'), 'web'))?.NetworkSettings.Networks[own.name]?.IPAddress,
    ).toBe('172.16.200.10');
  });
});

describe('changes that Docker cannot make to a network', () => {
  test('are refused while containers are attached, with force they are disconnected and get the same addresses again', async () => {
    const { client } = fleet();
    const where = ['--network', own.name, '--ip', '172.16.200.77'];
    await docker(host('docker01'), 'run', '-itd', '--name', 'byhand', ...where, 'busybox');
    try {
      await expect(
        client.networks.patch(own.name, { mode: 'private' }, { ifMatch: '*' }),
      ).rejects.toMatchObject({
        status: 409,
        code: 'network_in_use',
      });
      await client.networks.patch(own.name, { mode: 'vepa' }, { ifMatch: '*', wait: '60s', force: true });
      await waitFor('the network ready', readyOn, healMs, 100);
      expect((await networksNamed(host('docker01'), own.name))[0]?.Options['macvlan_mode']).toBe('vepa');
      for (const [name, address] of [
        ['web', '172.16.200.10'],
        ['db', '172.16.200.20'],
        ['byhand', '172.16.200.77'],
      ] as const) {
        const seen = await containerNamed(host('docker01'), name);
        expect(seen?.State.Running).toBe(true);
        expect(seen?.NetworkSettings.Networks[own.name]?.IPAddress).toBe(address);
      }
      await client.networks.patch(own.name, { mode: 'bridge' }, { ifMatch: '*', wait: '60s', force: true });
      await waitFor('web answering', webAnswers, healMs, 200);
    } finally {
      await docker(host('docker01'), 'rm', '-f', 'byhand');
    }
  });
});

/** Of the default route inside the container `two`. */
const gateway = async (): Promise<string> =>
  /default via (\S+)/.exec(await docker(host('docker01'), 'exec', 'two', 'ip', 'route'))?.[1] ?? '';

describe('a container on two networks', () => {
  test('has the default route of its first one, whatever the networks are called, after a restart as well', async () => {
    const { client } = fleet();
    // By its name it comes after the other, which an Engine before 28 would take.
    const subnets = [{ cidr: '172.16.202.0/24', gateway: '172.16.202.1' }];
    const first = {
      name: 'zone',
      parent: 'ens33',
      hosts: { names: ['docker01'] },
      subnets,
      quarantineSeconds: 0,
    };
    await client.networks.create(first, { wait: '30s' });
    try {
      const attachments = [{ network: first.name }, { network: own.name }];
      const { body } = await client.containers.create(
        { ...box('two', 'docker01'), attachments },
        { wait: '60s' },
      );
      expect(conditionOf(body.conditions, 'Ready')?.status).toBe('True');
      expect(await gateway()).toBe('172.16.202.1');
      await docker(host('docker01'), 'restart', '-t', '0', 'two');
      await waitFor('its route', async () => (await gateway()) === '172.16.202.1', healMs, 100);
    } finally {
      await client.containers.remove('two', { ifMatch: '*', wait: '60s' });
      await client.networks.remove(first.name, { ifMatch: '*', wait: '60s' });
    }
  });
});

describe('preflight', () => {
  test('a dry run says host by host what would be done and what stands in the way, and touches nothing', async () => {
    const { client } = fleet();
    const before = await Promise.all(['docker01', 'docker02'].map(async (name) => await fingerprint(name)));
    const { body } = await client.networks.create(
      {
        name: 'mac_dry',
        parent: nic,
        subnets: [{ cidr: '172.16.201.0/24', gateway: '172.16.201.1' }],
      },
      { dryRun: true },
    );
    expect(body.preflight?.map(({ host: name, answered }) => [name, answered])).toEqual([
      ['docker01', true],
      ['docker02', true],
    ]);
    const [first, second] = body.preflight ?? [];
    // From Engine 27 on macvlan networks share a parent.
    const shares = (await engineMajor(host('docker01'))) >= 27;
    const reason = conditionOf(first?.conditions ?? [], 'Ready')?.reason;
    expect(reason).toBe(shares ? 'Preflight' : 'ParentInUse');
    expect(conditionOf(second?.conditions ?? [], 'Ready')).toMatchObject({
      reason: 'ParentMissing',
      message: expect.stringContaining('ens33'),
    });
    const possible = await client.networks.create(
      {
        name: 'mac_dry',
        parent: 'ens33',
        hosts: { names: ['docker02'] },
        subnets: [{ cidr: '172.16.201.0/24', gateway: '172.16.201.1' }],
      },
      { dryRun: true },
    );
    expect(possible.body.preflight?.[0]).toMatchObject({
      host: 'docker02',
      actions: ['set ens33 promiscuous', 'create Docker network mac_dry on ens33'],
    });
    const after = await Promise.all(['docker01', 'docker02'].map(async (name) => await fingerprint(name)));
    expect(after).toEqual(before);
    await expect(client.networks.get('mac_dry')).rejects.toMatchObject({ status: 404 });
  });
});

/** All that is on a host's links and in its Docker, without what changes by itself. */
async function fingerprint(name: string): Promise<unknown> {
  return {
    links: (await linksOf(host(name))).map(({ ifname, flags, mtu, address, ifalias }) => ({
      ifname,
      flags,
      mtu,
      address,
      ifalias,
    })),
    networks: await docker(
      host(name),
      'network',
      'ls',
      '--no-trunc',
      '--format',
      '{{.ID}} {{.Name}} {{.Driver}}',
    ),
  };
}
