/** Agent, server and database killed at any moment: nothing is lost, nothing is doubled, what runs keeps running. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { ApiError, ServerUnreachable } from '@trunkline/client';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { containerNamed, containerNames, docker, networkNames, networksNamed, pings } from './outside.ts';
import { seeded } from './seeded.ts';
import { box, box1, box2, macNet1, removeAll, useFleet } from './setup.ts';

const fleet = useFleet('crashes');
const host = (name: string) => fleet().lab.host(name);
const healMs = 60_000;

afterEach(async () => {
  await fleet().startServer();
  await Promise.all(fleet().lab.hosts.map(async ({ name }) => await fleet().startAgent(name)));
  await removeAll(fleet());
});

async function runBoth(): Promise<void> {
  const { client } = fleet();
  await client.networks.create(macNet1, { wait: '30s' });
  await Promise.all([
    client.containers.create(box1, { wait: '60s' }),
    client.containers.create(box2, { wait: '60s' }),
  ]);
}

describe('the agent killed at random moments of a reconcile', () => {
  test('converges after each restart, with one network and one container and no more', async () => {
    const { client, killAgent, startAgent } = fleet();
    const seed = Number(process.env['TRUNKLINE_TEST_SEED'] ?? Date.now() % 1_000_000);
    const random = seeded(seed);
    // The moments lie in a create (network 0.1 s, container 0.6 s) and in a removal.
    const killWithin = async (maxMs: number): Promise<void> => {
      await delay(random() * maxMs);
      await killAgent('docker01');
      await startAgent('docker01');
    };
    try {
      for (let round = 0; round < 4; round += 1) {
        await client.networks.create(macNet1);
        await killWithin(300);
        await client.containers.create(box1);
        await killWithin(900);
        await waitFor(
          'box1 running',
          async () => (await client.containers.get('box1')).body.running,
          healMs,
          50,
        );
        expect(await containerNames(host('docker01'))).toEqual(['box1']);
        expect(await networksNamed(host('docker01'), 'mac_net1')).toHaveLength(1);
        // A shell as process 1 ends on no SIGTERM: the removal would take 10 s.
        await docker(host('docker01'), 'kill', 'box1');
        await client.containers.remove('box1');
        await killWithin(300);
        await waitFor('box1 gone', async () => (await containerNames(host('docker01'))).length === 0, healMs);
        await client.networks
          .remove('mac_net1', { ifMatch: '*', wait: '30s' })
          .catch(async (error: unknown) => {
            // The agent has yet to say that the container is gone.
            if (!(error instanceof ApiError && error.code === 'network_in_use')) throw error;
            await removeAll(fleet());
          });
        expect(await networkNames(host('docker01'))).toEqual([]);
      }
    } catch (error) {
      throw new Error(`with TRUNKLINE_TEST_SEED=${String(seed)}`, { cause: error });
    }
  });
});

describe('the server', () => {
  test('killed with kill -9 during writes has lost nothing that it acknowledged, and touched nothing that runs', async () => {
    const { client, killServer, startServer } = fleet();
    await runBoth();
    const before = await containerNamed(host('docker01'), 'box1');
    const acknowledged = new Map<string, string>();
    const writers = new AbortController();
    const half = Promise.withResolvers<void>();
    const write = async (writer: number): Promise<void> => {
      for (let number = 0; number < 25 && !writers.signal.aborted;) {
        const owner = `writer-${String(writer)}-${String(number)}`;
        try {
          const { body } = await client.addresses.byOwner('mac_net1', owner);
          const known = acknowledged.get(owner);
          expect(known ?? body.ip).toBe(body.ip);
          acknowledged.set(owner, body.ip);
          number += 1;
          if (acknowledged.size === 80) half.resolve();
        } catch (error) {
          // Down, or on its way up: asked again, by the same owner.
          if (!(error instanceof ServerUnreachable) && !(error instanceof ApiError && error.status === 503))
            throw error;
          await delay(50);
        }
      }
    };
    const all = Promise.all(Array.from({ length: 8 }, async (_, writer) => await write(writer)));
    try {
      await Promise.race([half.promise, all]);
      await killServer();
      await startServer();
      await all;
    } finally {
      writers.abort();
    }
    expect(acknowledged.size).toBe(200);
    const stored = new Map<string, string>();
    const ips: string[] = [];
    for await (const { ip, owner } of client.addresses.all('mac_net1')) {
      ips.push(ip);
      if (owner !== null && acknowledged.has(owner)) stored.set(owner, ip);
    }
    expect(stored).toEqual(acknowledged);
    expect(new Set(ips).size).toBe(ips.length);
    expect(await containerNamed(host('docker01'), 'box1')).toEqual(before);
    expect(await pings(host('docker01'), 'box1', '172.16.100.20')).toBe(true);
  });

  test('being down leaves the hosts as they are, and agents keep them so, even after their own restart', async () => {
    const { killServer, killAgent, startAgent } = fleet();
    await runBoth();
    const before = await containerNamed(host('docker02'), 'box2');
    const box1Answers = async (): Promise<boolean> => await pings(host('docker02'), 'box2', '172.16.100.10');
    await killServer();
    // All of it gone while nobody watches: the agent puts it back from its own disk.
    await killAgent('docker01');
    await docker(host('docker01'), 'rm', '-f', 'box1');
    await docker(host('docker01'), 'network', 'rm', 'mac_net1');
    await startAgent('docker01');
    await waitFor('network and box1 made again', box1Answers, healMs, 200);
    // And again while the agent runs.
    await docker(host('docker01'), 'rm', '-f', 'box1');
    await waitFor('box1 made again', box1Answers, healMs, 200);
    expect(await containerNamed(host('docker02'), 'box2')).toEqual(before);
  });

  test('answers 503 while its database is gone, and works again by itself', async () => {
    const { client, killDatabase } = fleet();
    await runBoth();
    await killDatabase();
    const answers = new Set<string>();
    const ask = async (): Promise<boolean> => {
      try {
        await client.networks.list();
        answers.add('200');
        return true;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        answers.add(`${String(error.status)} ${error.code}`);
        await client.health.live();
        return false;
      }
    };
    expect(await ask()).toBe(false);
    await waitFor('the API', ask, healMs, 20);
    expect([...answers].sort()).toEqual(['200', '503 database_unavailable']);
    await client.health.ready();
    const { body } = await client.containers.create(box('box3', 'docker02'), { wait: '60s' });
    expect(body.running).toBe(true);
    expect(await pings(host('docker01'), 'box1', '172.16.100.20')).toBe(true);
  });
});
