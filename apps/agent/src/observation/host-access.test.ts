import { expect, test } from 'vitest';
import { createFakeDockerEngine } from '../host/docker-engine.fake.ts';
import { createHostAccessLook } from './host-access.ts';

async function setUp() {
  const docker = createFakeDockerEngine();
  docker.addImage('busybox');
  const subnets = [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }];
  await docker.createNetwork({ name: 'mac_net1', driver: 'macvlan', options: { parent: 'ens33' }, subnets });
  const attachments = [{ network: 'mac_net1' }];
  const { id } = await docker.createContainer({ name: 'box1', image: 'busybox', attachments });
  await docker.startContainer(id);
  const asked: string[] = [];
  const read: number[] = [];
  const gone = new Set<number>();
  const counting = {
    container: (of: string) => {
      asked.push(of);
      return docker.container(of);
    },
  };
  const lookInto = createHostAccessLook(counting, async (pid) => {
    read.push(pid);
    return gone.has(pid) ? null : { routes: [], linkOf: () => 'eth0' };
  });
  return { docker, id, asked, read, gone, look: async () => lookInto(await docker.containers()) };
}

test('Docker is asked once for each start of a container which process it is', async () => {
  const { docker, id, asked, read, look } = await setUp();
  await look();
  await look();
  expect([asked.length, read.length]).toEqual([1, 2]);
  await docker.restartContainer(id, 1);
  expect([...(await look()).keys()]).toEqual([id]);
  expect(asked).toHaveLength(2);
  expect(read.at(-1)).toBe((await docker.container(id)).pid);
});

test('a process that is gone is left out, and asked for again', async () => {
  const { id, asked, read, gone, look } = await setUp();
  await look();
  gone.add(read[0]!);
  expect((await look()).size).toBe(0);
  gone.clear();
  expect([...(await look()).keys()]).toEqual([id]);
  expect(asked).toHaveLength(2);
});

test('a container that was removed since the list is left out', async () => {
  const { docker, id, look } = await setUp();
  const before = await docker.containers();
  await docker.removeContainer(id, { force: true });
  const lookInto = createHostAccessLook(docker, async () => ({ routes: [], linkOf: () => null }));
  expect((await lookInto(before)).size).toBe(0);
  expect((await look()).size).toBe(0);
});
