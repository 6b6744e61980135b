/** S3 by hand: `docker run --network container:t1` of somebody else's, whatever made t1. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiError } from '@trunkline/client';
import type { ContainerCreate } from '@trunkline/contracts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { containerNamed, docker, must } from './outside.ts';
import { conditionOf, emptyFleet, macNet1, placementOn, useFleet } from './setup.ts';

const fleet = useFleet('s3-by-hand');
const host = () => fleet().lab.host('docker01');
const address = '172.16.100.30';
const serve = 'mkdir -p /www && echo hello from t1 > /www/index.html && exec httpd -f -p 8080 -h /www';
const t1: ContainerCreate = {
  name: 't1',
  host: 'docker01',
  image: 'busybox',
  command: ['sh', '-c', serve],
  attachments: [{ network: 'mac_net1', address }],
};

/** t1 by the API, or by hand. */
const ways = {
  'the API': async () => {
    await fleet().client.containers.create(t1, { wait: '60s' });
  },
  'docker run': async () => {
    const run = ['run', '-itd', '--name', 't1', '--network', 'mac_net1', '--ip', address];
    await docker(host(), ...run, '--restart', 'always', 'busybox', 'sh', '-c', serve);
  },
};

/** As by hand, with nothing but Docker. A shell as process 1 ends on no SIGTERM: it is stopped by SIGKILL, which is not waited for. */
const share = async (name: string, ...options: string[]): Promise<void> => {
  const argv = ['run', '-itd', '--name', name, '--network', 'container:t1', '--stop-signal', 'KILL'];
  await docker(host(), ...argv, ...options, 'busybox');
};

/** Whether a container sees t1's interfaces and addresses and what t1 listens on answers on its loopback. By nc, as in sharing.test.ts. */
async function shares(name: string): Promise<boolean> {
  const seen = async (of: string) => (await host().exec(['docker', 'exec', of, 'ip', '-o', 'addr'])).stdout;
  const own = await seen('t1');
  if (!own.includes(`${address}/24`) || (await seen(name)) !== own) return false;
  const script = 'printf "GET / HTTP/1.0\\r\\n\\r\\n" | nc -w 2 127.0.0.1 8080';
  return (await host().exec(['docker', 'exec', name, 'sh', '-c', script])).stdout.includes('hello from t1');
}
const sharedBy = async (): Promise<readonly string[]> => {
  const { body } = await fleet().client.addresses.get('mac_net1', address);
  return body.sharedBy;
};
const sharing = (name: string, ms = 60_000) => waitFor(`${name} shares`, () => shares(name), ms, 100);
const known = (...names: string[]) =>
  waitFor(`shared by ${names.join()}`, async () => (await sharedBy()).join() === names.join(), 20_000, 100);
const running = async (name: string) => (await containerNamed(host(), name))?.State.Running;
const hostCondition = async () =>
  conditionOf((await fleet().client.hosts.get('docker01')).body.conditions, 'SharedStack');
const containerCondition = async () =>
  conditionOf((await fleet().client.containers.get('t1')).body.conditions, 'SharedStack');
const lastAction = async () => (await placementOn(fleet(), 'mac_net1', 'docker01')).lastAction;

/** Without force t1 stays until the host has reported that nobody shares its stack any more. */
async function clear(): Promise<void> {
  await fleet()
    .client.containers.remove('t1', { force: true })
    .catch((error: unknown) => {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    });
  await emptyFleet(fleet());
}

describe.each(Object.keys(ways) as (keyof typeof ways)[])('S3 by hand, where %s made t1', (way) => {
  beforeEach(async () => {
    await fleet().client.networks.create({ ...macNet1, hostAccess: true, names: true }, { wait: '30s' });
    await ways[way]();
    await share('t2');
  });
  afterEach(clear);

  test('t2 sees the interfaces of t1, what t1 listens on answers on the loopback of t2, and the book names t2', async () => {
    await sharing('t2');
    await known('t2');
    const { items } = (await fleet().client.endpoints.list({ network: 'mac_net1' })).body;
    expect(items).toMatchObject([{ container: 't1', managed: way === 'the API', sharedBy: ['t2'] }]);
    // Host access and names are those of t1: one namespace, one hosts file.
    const inside = async (of: string, ...argv: string[]) => await docker(host(), 'exec', of, ...argv);
    const hostsFile = (of: string) => inside(of, 'cat', '/etc/hosts');
    await waitFor('names', async () => (await hostsFile('t2')).includes('# trunkline: names'), 10_000, 100);
    expect(await hostsFile('t2')).toBe(await hostsFile('t1'));
    await waitFor(
      'the host reaches what runs in t2',
      async () => (await host().exec(['ping', '-c', '1', '-W', '1', address])).code === 0,
      10_000,
      100,
    );
    expect(await inside('t2', 'ip', 'route')).toBe(await inside('t1', 'ip', 'route'));
    await share('t3', '--restart', 'always');
    await known('t2', 't3');
    await docker(host(), 'rm', '-f', 't3');
    await known('t2');
  });

  test('t1 is restarted, and t2 with it: at once after docker restart, a crash, and a start after a stop', async () => {
    await sharing('t2');
    const restarts = async (what: string, act: () => Promise<unknown>) => {
      const before = (await containerNamed(host(), 't2'))!.State.StartedAt;
      await act();
      await waitFor(
        `t2 after ${what}`,
        async () => (await containerNamed(host(), 't2'))?.State.StartedAt !== before && (await shares('t2')),
        30_000,
        100,
      );
    };
    await restarts('docker restart', () => docker(host(), 'restart', '-t', '0', 't1'));
    await waitFor(
      'the last action',
      async () =>
        /restarted container t2, which shares the network stack of t1/.test((await lastAction()) ?? ''),
      10_000,
      100,
    );
    const pid = await docker(host(), 'inspect', '-f', '{{.State.Pid}}', 't1');
    await restarts('a crash', () => must(host(), 'kill', '-9', pid));
    await restarts('a stop and a start', async () => {
      await docker(host(), 'stop', '-t', '0', 't1');
      await waitFor(
        'the condition',
        async () => (await hostCondition())?.reason === 'OwnerNotRunning',
        10_000,
        100,
      );
      await docker(host(), 'start', 't1');
    });
    // It is restarted once for each: nothing goes on.
    const settled = (await containerNamed(host(), 't2'))!.State.StartedAt;
    await waitFor('the condition', async () => (await hostCondition())?.status === 'True', 10_000, 100);
    expect((await containerNamed(host(), 't2'))!.State.StartedAt).toBe(settled);
  });

  test('a sharer that Docker could not start is started after t1, one that a person stopped is not', async () => {
    await share('t3', '--restart', 'always');
    await share('t4', '--restart', 'always');
    await known('t2', 't3', 't4');
    await docker(host(), 'stop', '-t', '0', 't4');
    await docker(host(), 'stop', '-t', '0', 't1');
    await docker(host(), 'kill', 't3');
    expect((await host().exec(['docker', 'start', 't3'])).code).not.toBe(0);
    await docker(host(), 'start', 't1');
    await sharing('t3');
    await sharing('t2');
    expect(await running('t4')).toBe(false);
  });

  test('after a reboot those with a policy share again', async () => {
    await share('t3', '--restart', 'always');
    await sharing('t3');
    await fleet().reboot('docker01');
    await sharing('t3', 90_000);
    // t2 has no policy: Docker leaves it, and so does the agent.
    expect(await running('t2')).toBe(false);
  });
});

describe('S3 by hand: t1 of the API goes', () => {
  beforeEach(async () => {
    await fleet().client.networks.create(macNet1, { wait: '30s' });
    await ways['the API']();
    await share('t2', '--restart', 'always');
    await known('t2');
  });
  afterEach(clear);

  test('a removal is refused with the name of t2, and done with force, which says what is left', async () => {
    const { client } = fleet();
    const refused = await client.containers.remove('t1').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ApiError);
    expect(refused).toMatchObject({
      status: 409,
      code: 'container_in_use',
      message: expect.stringContaining('t2'),
    });
    expect(await running('t1')).toBe(true);
    await client.containers.remove('t1', { force: true, wait: '60s' });
    await waitFor('t1 gone', async () => (await containerNamed(host(), 't1')) === undefined, 30_000, 100);
    await waitFor(
      'the condition',
      async () => (await hostCondition())?.reason === 'MadeForEarlier',
      10_000,
      100,
    );
    expect((await hostCondition())?.message).toContain('docker rm -f t2');
    await docker(host(), 'rm', '-f', 't2');
    await waitFor('no condition', async () => (await hostCondition()) === undefined, 10_000, 100);
  });

  test('made again under the same name, host and container say what has to be done for t2, also after the agent restarted', async () => {
    const before = (await containerNamed(host(), 't1'))!.Id;
    await docker(host(), 'rm', '-f', 't1');
    await waitFor(
      'another t1',
      async () => {
        const now = await containerNamed(host(), 't1');
        return now?.State.Running === true && now.Id !== before;
      },
      30_000,
      100,
    );
    await fleet().killAgent('docker01');
    await fleet().startAgent('docker01');
    await waitFor(
      'the condition',
      async () => (await containerCondition())?.reason === 'MadeForEarlier',
      30_000,
      100,
    );
    expect((await containerCondition())?.message).toContain('t2 shares the network stack of t1');
    expect((await hostCondition())?.reason).toBe('MadeForEarlier');
    await docker(host(), 'rm', '-f', 't2');
    await share('t2');
    await sharing('t2');
    await waitFor('the condition', async () => (await containerCondition())?.status === 'True', 10_000, 100);
  });
});
