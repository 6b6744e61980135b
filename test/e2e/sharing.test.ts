import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ContainerCreate } from '@trunkline/contracts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { containerNamed, docker } from './outside.ts';
import { macNet1, removeAll, useFleet } from './setup.ts';

const fleet = useFleet('s3');
const host = () => fleet().lab.host('docker01');

const t1: ContainerCreate = {
  name: 't1',
  host: 'docker01',
  image: 'busybox',
  command: [
    'sh',
    '-c',
    'mkdir -p /www && echo hello from t1 > /www/index.html && exec httpd -f -p 8080 -h /www',
  ],
  attachments: [{ network: 'mac_net1', address: '172.16.100.30' }],
};
const t2: ContainerCreate = {
  name: 't2',
  host: 'docker01',
  image: 'busybox',
  tty: true,
  stdinOpen: true,
  networkMode: 'container:t1',
};

/** Whether what t1 listens on answers on t2's loopback. By nc: the wget of a static busybox crashes in getaddrinfo. */
async function loopbackAnswers(): Promise<boolean> {
  const script = 'printf "GET / HTTP/1.0\\r\\n\\r\\n" | nc -w 2 127.0.0.1 8080';
  const { stdout } = await host().exec(['docker', 'exec', 't2', 'sh', '-c', script]);
  return stdout.includes('hello from t1');
}

async function addresses(container: string): Promise<string> {
  return await docker(host(), 'exec', container, 'ip', '-o', 'addr');
}

describe("S3: a container shares another's network stack", () => {
  beforeEach(async () => {
    const { client } = fleet();
    await client.networks.create(macNet1, { wait: '30s' });
    await client.containers.create(t1, { wait: '60s' });
    await client.containers.create(t2, { wait: '60s' });
  });
  afterEach(async () => {
    await removeAll(fleet());
  });

  test('t2 sees the interfaces and addresses of t1, and what t1 listens on answers on the loopback of t2', async () => {
    expect(await addresses('t2')).toContain('172.16.100.30/24');
    expect(await addresses('t2')).toBe(await addresses('t1'));
    await waitFor('the answer of t1', loopbackAnswers, 5000);
  });

  test('t1 is not removed while t2 shares its stack', async () => {
    await expect(fleet().client.containers.remove('t1')).rejects.toMatchObject({
      status: 409,
      code: 'container_in_use',
    });
    expect((await containerNamed(host(), 't1'))?.State.Running).toBe(true);
  });

  test('with force both are removed, t2 before t1, and the address is free', async () => {
    const { client } = fleet();
    const ids = {
      t1: (await containerNamed(host(), 't1'))!.Id,
      t2: (await containerNamed(host(), 't2'))!.Id,
    };
    const since = String(Math.floor(Date.now() / 1000) - 1);
    await client.containers.remove('t1', { force: true, wait: '60s' });
    await expect(client.containers.get('t2')).rejects.toMatchObject({ status: 404 });
    const until = String(Math.ceil(Date.now() / 1000) + 1);
    const events = ['events', '--since', since, '--until', until, '--format', '{{.ID}}'];
    const destroyed = await docker(host(), ...events, '--filter', 'event=destroy');
    // The window is of whole seconds: what an earlier test removed may be in it.
    const ours = destroyed.split('\n').filter((id) => id === ids.t1 || id === ids.t2);
    expect(ours).toEqual([ids.t2, ids.t1]);
    const { items } = (await client.addresses.list('mac_net1')).body;
    expect(items.filter(({ ip, state }) => ip === '172.16.100.30' && state !== 'quarantined')).toEqual([]);
  });

  test('when t1 is removed behind our back both come back, sharing again', async () => {
    const before = await containerNamed(host(), 't1');
    await docker(host(), 'rm', '-f', 't1');
    await waitFor(
      't1 and t2',
      async () => {
        const now = await containerNamed(host(), 't1');
        return now !== undefined && now.Id !== before!.Id && (await loopbackAnswers());
      },
      30_000,
      100,
    );
    expect(await addresses('t2')).toContain('172.16.100.30/24');
  });
});
