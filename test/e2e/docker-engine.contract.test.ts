import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCommandRunner } from '../../apps/agent/src/host/command.ts';
import { describeDockerEngineContract } from '../../apps/agent/src/host/docker-engine.contract.ts';
import { DockerUnreachable } from '../../apps/agent/src/host/docker-errors.ts';
import { createDockerEngine } from '../../apps/agent/src/host/dockerode-engine.ts';
import { createLinks } from '../../apps/agent/src/host/ip-links.ts';
import { inContainerNetwork } from '../../apps/agent/src/host/namespace.ts';
import { createLab } from '@trunkline/lab/hosts/lab.ts';
import type { Lab } from '@trunkline/lab/hosts/lab.ts';

describe('the agent and a real dockerd', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({ name: `engine-${String(process.pid)}`, hosts: 1 });
  });
  afterAll(async () => {
    await lab?.down();
  });

  describeDockerEngineContract('dockerd', async () => ({
    engine: createDockerEngine({ socketPath: lab.host('docker01').dockerSocket }),
    dispose: async () => {},
  }));

  it('runs programs of the host in the network of a container', async () => {
    const engine = createDockerEngine({ socketPath: lab.host('docker01').dockerSocket });
    const { id } = await engine.createContainer({
      name: 'alone',
      image: 'busybox',
      command: ['sleep', '60'],
    });
    try {
      await engine.startContainer(id);
      const { pid } = await engine.container(id);
      const inside = createLinks(inContainerNetwork(createCommandRunner(), pid ?? 0));
      expect((await inside.list()).map((link) => link.name)).toEqual(['lo']);
    } finally {
      await engine.removeContainer(id, { force: true });
    }
  });

  it('says that Docker is gone while it is, and goes on by itself when it is back', async () => {
    const engine = createDockerEngine({ socketPath: lab.host('docker01').dockerSocket });
    const connected = Promise.withResolvers<void>();
    const following = engine.events({
      onEvent: () => {},
      onConnect: connected.resolve,
      signal: new AbortController().signal,
    });
    const ended = following.then(
      () => 'ended',
      (error: unknown) => error,
    );
    await Promise.race([connected.promise, ended]);
    await lab.killDockerd('docker01');
    expect(await ended).toBeInstanceOf(DockerUnreachable);
    await expect(engine.networks()).rejects.toThrow(DockerUnreachable);
    await lab.startDockerd('docker01');
    expect(await engine.networks()).not.toEqual([]);
  });
});
