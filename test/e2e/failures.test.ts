/** What breaks on hosts, and what the product makes of it. */
import type { Condition, ConditionType, Reason } from '@trunkline/contracts';
import { afterEach, describe, expect, test } from 'vitest';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { containerNamed, docker, must, networkNames, networksNamed, pings } from './outside.ts';
import { box1, box2, conditionOf, macNet1, placementOn, removeAll, useFleet } from './setup.ts';

const fleet = useFleet('failures');
const host = (name: string) => fleet().lab.host(name);

/** A host counts as silent after three heartbeats of 10 s. */
const silenceMs = 45_000;
/** For what happens by itself: the agent sees it at once, or looks again within a minute. */
const healMs = 60_000;

afterEach(async () => {
  await removeAll(fleet());
});

/** Waits until the network is ready on every host. */
async function networkReady(): Promise<void> {
  await waitFor(
    'mac_net1 ready on both hosts',
    async () => {
      const { body } = await fleet().client.networks.get('mac_net1');
      return body.status.ready && body.status.hosts.ready === 2;
    },
    healMs,
    100,
  );
}

/** One condition of the placement on a host, once it is as asked for. */
async function placementSays(
  on: string,
  type: ConditionType,
  status: Condition['status'],
  reason?: Reason,
): Promise<string> {
  return await waitFor(
    `${type} ${status} ${reason ?? ''} on ${on}`,
    async () => {
      const { conditions } = await placementOn(fleet(), 'mac_net1', on);
      const found = conditionOf(conditions, type);
      const fits = found?.status === status && (reason === undefined || found.reason === reason);
      return fits ? found.message : undefined;
    },
    healMs,
    100,
  );
}

describe('hosts that cannot be reached', () => {
  test('a network made while agents are stopped or cut off says so, and is real when they come back', async () => {
    const { client, lab, stopAgent, startAgent } = fleet();
    await stopAgent('docker01');
    await lab.cut('docker02');
    try {
      await waitFor(
        'both hosts being silent',
        async () => (await client.hosts.list()).body.items.every(({ online }) => !online),
        silenceMs,
        200,
      );
      const { body } = await client.networks.create(macNet1, { wait: '30s' });
      expect(body.status).toMatchObject({ ready: false, hosts: { total: 2, ready: 0, unknown: 2 } });
      for (const name of ['docker01', 'docker02']) {
        const { conditions } = await placementOn(fleet(), 'mac_net1', name);
        expect(conditionOf(conditions, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'HostOffline' });
        expect(await networkNames(host(name))).toEqual([]);
      }
    } finally {
      await lab.mend('docker02');
      await startAgent('docker01');
    }
    await networkReady();
    expect(await networksNamed(host('docker01'), 'mac_net1')).toHaveLength(1);
    expect(await networksNamed(host('docker02'), 'mac_net1')).toHaveLength(1);
  });

  test('a Docker that is down is reported as such, and everything is back when it is', async () => {
    const { client, lab } = fleet();
    await client.networks.create(macNet1, { wait: '30s' });
    await client.containers.create(box1, { wait: '60s' });
    await client.containers.create(box2, { wait: '60s' });
    await lab.killDockerd('docker01');
    try {
      await placementSays('docker01', 'NetworkReady', 'Unknown', 'DockerUnreachable');
      const { body } = await client.hosts.get('docker01');
      expect(conditionOf(body.conditions, 'DockerReachable')?.status).toBe('False');
    } finally {
      await lab.startDockerd('docker01');
    }
    await networkReady();
    await waitFor('box1', async () => await pings(host('docker01'), 'box1', '172.16.100.20'), healMs, 200);
    await waitFor(
      'the API saying so',
      async () => (await client.containers.get('box1')).body.running,
      healMs,
      100,
    );
  });

  test('a host that reboots comes back with its network and its container', async () => {
    const { client, reboot } = fleet();
    await client.networks.create(macNet1, { wait: '30s' });
    await client.containers.create(box1, { wait: '60s' });
    await client.containers.create(box2, { wait: '60s' });
    await reboot('docker01');
    await waitFor(
      'box1 on the wire',
      async () => await pings(host('docker02'), 'box2', '172.16.100.10'),
      healMs,
      200,
    );
    expect(await must(host('docker01'), 'ip', 'link', 'show', 'ens33')).toContain('PROMISC');
    await networkReady();
    await waitFor(
      'the API saying so',
      async () => (await client.containers.get('box1')).body.running,
      healMs,
      100,
    );
  });
});

describe('a parent that is missing', () => {
  test('is named, with the interfaces that do exist, and PATCH to the right one heals it', async () => {
    const { client } = fleet();
    const { body, etag } = await client.networks.create({ ...macNet1, parent: 'ens34' }, { wait: '2s' });
    expect(body.status).toMatchObject({ ready: false, hosts: { notReady: 2 } });
    for (const name of ['docker01', 'docker02']) {
      const message = await placementSays(name, 'ParentReady', 'False', 'ParentMissing');
      expect(message).toMatch(/ens34 .*ens33/);
      expect(await networkNames(host(name))).toEqual([]);
    }
    const patched = await client.networks.patch(
      'mac_net1',
      { parent: 'ens33' },
      { ifMatch: etag!, wait: '30s' },
    );
    expect(patched.body).toMatchObject({ generation: 2, status: { ready: true, hosts: { ready: 2 } } });
    expect((await networksNamed(host('docker01'), 'mac_net1'))[0]!.Options['parent']).toBe('ens33');
  });

  test('that appears later is taken into use by itself', async () => {
    const { client } = fleet();
    await client.networks.create({ ...macNet1, parents: { docker01: 'late0' } }, { wait: '2s' });
    await placementSays('docker01', 'ParentReady', 'False', 'ParentMissing');
    await placementSays('docker02', 'Ready', 'True');
    await must(host('docker01'), 'ip', 'link', 'add', 'late0', 'type', 'veth', 'peer', 'name', 'late1');
    try {
      await must(host('docker01'), 'ip', 'link', 'set', 'late1', 'up');
      await networkReady();
      expect((await networksNamed(host('docker01'), 'mac_net1'))[0]!.Options['parent']).toBe('late0');
      await client.networks.remove('mac_net1', { ifMatch: '*', wait: '30s' });
    } finally {
      await must(host('docker01'), 'ip', 'link', 'delete', 'late0');
    }
  });
});

describe('what somebody does by hand on a host', () => {
  test('a network removed behind our back is made again', async () => {
    const { client } = fleet();
    const { body } = await client.networks.create(macNet1, { wait: '30s' });
    const [before] = await networksNamed(host('docker01'), 'mac_net1');
    await docker(host('docker01'), 'network', 'rm', 'mac_net1');
    const after = await waitFor(
      'mac_net1 on docker01',
      async () => (await networksNamed(host('docker01'), 'mac_net1'))[0],
      healMs,
    );
    expect(after.Id).not.toBe(before!.Id);
    expect(after.Labels['io.trunkline.network']).toBe(body.id);
  });

  test('a container removed behind our back comes back with the same address', async () => {
    const { client } = fleet();
    await client.networks.create(macNet1, { wait: '30s' });
    await client.containers.create(box1, { wait: '60s' });
    const before = await containerNamed(host('docker01'), 'box1');
    await docker(host('docker01'), 'rm', '-f', 'box1');
    const after = await waitFor(
      'box1',
      async () => {
        const seen = await containerNamed(host('docker01'), 'box1');
        return seen?.State.Running === true && seen;
      },
      healMs,
    );
    expect(after.Id).not.toBe(before!.Id);
    expect(after.NetworkSettings.Networks['mac_net1']!.IPAddress).toBe('172.16.100.10');
  });

  test('a foreign network of the same name that does not fit is named and left alone, also when ours is removed', async () => {
    const { client } = fleet();
    const foreign = ['-d', 'macvlan', '--subnet', '10.9.0.0/24', '-o', 'parent=ens33', 'mac_net1'];
    const id = await docker(host('docker01'), 'network', 'create', ...foreign);
    try {
      await client.networks.create(macNet1, { wait: '2s' });
      expect(await placementSays('docker01', 'NetworkReady', 'False', 'NameTaken')).toContain('10.9.0.0/24');
      await placementSays('docker02', 'Ready', 'True');
      const removed = await client.networks.remove('mac_net1', { ifMatch: '*', wait: '30s' });
      expect(removed.status).toBe(204);
      expect((await networksNamed(host('docker01'), 'mac_net1')).map(({ Id }) => Id)).toEqual([id]);
      expect(await networkNames(host('docker02'))).toEqual([]);
    } finally {
      await docker(host('docker01'), 'network', 'rm', id);
    }
  });

  test('a foreign network that fits is adopted, used, and left in place when ours is removed', async () => {
    const { client } = fleet();
    const fitting = ['--subnet', '172.16.100.0/24', '--gateway', '172.16.100.1', '-o', 'parent=ens33'];
    const id = await docker(host('docker01'), 'network', 'create', '-d', 'macvlan', ...fitting, 'mac_net1');
    try {
      const { body } = await client.networks.create(macNet1, { wait: '30s' });
      expect(body.status.ready).toBe(true);
      await placementSays('docker01', 'NetworkReady', 'True', 'Adopted');
      await client.containers.create(box1, { wait: '60s' });
      await client.containers.create(box2, { wait: '60s' });
      expect(await pings(host('docker01'), 'box1', '172.16.100.20')).toBe(true);
      await removeAll(fleet());
      expect((await networksNamed(host('docker01'), 'mac_net1')).map(({ Id }) => Id)).toEqual([id]);
      expect(await networkNames(host('docker02'))).toEqual([]);
    } finally {
      await docker(host('docker01'), 'network', 'rm', id);
    }
  });
});
