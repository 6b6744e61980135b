import { expect, it } from 'vitest';
import { describeDockerEngineContract } from './docker-engine.contract.ts';
import { DockerRefused, DockerUnreachable } from './docker-errors.ts';
import { createFakeDockerEngine } from './docker-engine.fake.ts';

describeDockerEngineContract('fake', async () => {
  const engine = createFakeDockerEngine();
  engine.addImage('busybox');
  return { engine, dispose: async () => {} };
});

const spec = { name: 'mac_net1', driver: 'macvlan', subnets: [{ cidr: '172.16.100.0/24' }] };

it('records only what would have changed something, and not what others did', async () => {
  const engine = createFakeDockerEngine();
  await engine.behindOurBack.createNetwork(spec);
  await engine.networks();
  expect(engine.calls).toEqual([]);
  await engine.removeNetwork('mac_net1');
  expect(engine.calls).toEqual([{ method: 'removeNetwork', args: ['mac_net1'] }]);
});

it('fails a call as set, once, and changes nothing then', async () => {
  const engine = createFakeDockerEngine();
  engine.failNext('createNetwork', new DockerRefused('create network', 500, 'no'));
  await expect(engine.createNetwork(spec)).rejects.toThrow(DockerRefused);
  expect(await engine.networks()).toEqual([]);
  await engine.createNetwork(spec);
  expect(await engine.networks()).toHaveLength(1);
});

it('is unreachable while set so, and ends its event streams', async () => {
  const engine = createFakeDockerEngine();
  const following = engine.events({ onEvent: () => {}, signal: new AbortController().signal });
  engine.setReachable(false);
  await following;
  await expect(engine.networks()).rejects.toThrow(DockerUnreachable);
  engine.setReachable(true);
  expect(await engine.networks()).toEqual([]);
});
