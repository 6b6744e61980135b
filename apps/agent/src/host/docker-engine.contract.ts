import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DockerContainerSpec, DockerEngine, DockerEvent, DockerNetworkSpec } from './docker-engine.ts';
import { DockerConflict, DockerNotFound, DockerRefused } from './docker-errors.ts';

/** An Engine whose host has `ens33` free for a macvlan network and the image `busybox`. */
export interface DockerEngineSubject {
  readonly engine: DockerEngine;
  readonly dispose: () => Promise<void>;
}

const deadline = { timeout: 20_000, interval: 100 };

/** What every `DockerEngine` promises, real dockerd or fake. */
export function describeDockerEngineContract(name: string, create: () => Promise<DockerEngineSubject>): void {
  describe(`Docker engine contract: ${name}`, () => {
    let subject: DockerEngineSubject;
    let engine: DockerEngine;
    // Names of this test's own, so that what one leaves behind cannot mislead the next.
    let net: string;
    let box: string;

    beforeAll(async () => {
      subject = await create();
      engine = subject.engine;
    });
    afterAll(async () => {
      await subject?.dispose();
    });
    beforeEach(() => {
      const suffix = randomBytes(3).toString('hex');
      net = `net-${suffix}`;
      box = `box-${suffix}`;
    });
    afterEach(async () => {
      for (const container of await engine.containers()) {
        if (container.name.startsWith(box)) await engine.removeContainer(container.id, { force: true });
      }
      for (const network of await engine.networks()) {
        if (network.name.startsWith(net)) await engine.removeNetwork(network.id);
      }
    });

    const macvlan = (): DockerNetworkSpec => ({
      name: net,
      driver: 'macvlan',
      options: { parent: 'ens33', macvlan_mode: 'bridge' },
      labels: { 'io.trunkline.network': 'abc' },
      subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
    });
    const onNetwork = (change: Partial<DockerContainerSpec> = {}): DockerContainerSpec => ({
      name: box,
      image: 'busybox',
      command: ['sh'],
      tty: true,
      stdinOpen: true,
      labels: { 'io.trunkline.container': 'xyz' },
      attachments: [{ network: net, ipv4: '172.16.100.10', mac: '02:11:22:33:44:55' }],
      ...change,
    });

    it('has the hosts file of a running container in the folder of the container', async () => {
      await engine.createNetwork(macvlan());
      const { id } = await engine.createContainer(onNetwork());
      await engine.startContainer(id);
      expect((await engine.container(id)).hostsPath).toBe(
        `${await engine.dataRoot()}/containers/${id}/hosts`,
      );
    });

    it('settles on an API version that both sides speak', async () => {
      await engine.ping();
      expect(await engine.version()).toMatchObject({ apiVersion: expect.stringMatching(/^1\.\d+$/) });
    });

    it('makes a network as asked, lists it so, and removes it', async () => {
      const { id } = await engine.createNetwork(macvlan());
      const expected = {
        id,
        name: net,
        driver: 'macvlan',
        options: { parent: 'ens33', macvlan_mode: 'bridge' },
        labels: { 'io.trunkline.network': 'abc' },
        ipamDriver: 'default',
        subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1', ipRange: null, aux: {} }],
        internal: false,
        enableIPv6: false,
      };
      expect(await engine.networks()).toContainEqual(expect.objectContaining(expected));
      expect(await engine.network(net)).toMatchObject({ ...expected, attached: [] });
      await expect(engine.createNetwork(macvlan())).rejects.toThrow(DockerConflict);
      await engine.removeNetwork(id);
      await expect(engine.network(id)).rejects.toThrow(DockerNotFound);
      await expect(engine.removeNetwork(id)).rejects.toThrow(DockerNotFound);
    });

    it('runs a container with its address and MAC, and shows both from each side', async () => {
      const network = await engine.createNetwork(macvlan());
      const { id } = await engine.createContainer(onNetwork());
      expect(await engine.container(box)).toMatchObject({
        id,
        status: 'created',
        pid: null,
        startedAt: null,
        endpoints: [{ networkName: net, ipv4: null, requestedIpv4: '172.16.100.10' }],
      });
      await engine.startContainer(id);
      await engine.startContainer(id);
      const endpoint = {
        networkId: network.id,
        networkName: net,
        ipv4: '172.16.100.10',
        ipv4PrefixLength: 24,
        ipv6: null,
        mac: '02:11:22:33:44:55',
        requestedIpv4: '172.16.100.10',
      };
      expect(await engine.container(id)).toMatchObject({
        name: box,
        image: 'busybox',
        status: 'running',
        pid: expect.any(Number),
        error: null,
        startedAt: expect.any(String),
        tty: true,
        stdinOpen: true,
        networkMode: net,
        restartPolicy: { name: 'no' },
        labels: { 'io.trunkline.container': 'xyz' },
        endpoints: [endpoint],
      });
      expect((await engine.containers()).find((container) => container.id === id)).toMatchObject({
        name: box,
        status: 'running',
        endpoints: [endpoint],
      });
      expect((await engine.network(net)).attached).toEqual([
        expect.objectContaining({
          containerId: id,
          containerName: box,
          ipv4: '172.16.100.10',
          mac: '02:11:22:33:44:55',
        }),
      ]);
    });

    it('keeps what was asked for of a stopped container, and loses its address', async () => {
      await engine.createNetwork(macvlan());
      const { id } = await engine.createContainer(onNetwork());
      await engine.startContainer(id);
      await engine.stopContainer(id, 0);
      await engine.stopContainer(id, 0);
      const stopped = (await engine.containers()).find((container) => container.id === id);
      expect(stopped).toMatchObject({
        status: 'exited',
        endpoints: [{ ipv4: null, requestedIpv4: '172.16.100.10' }],
      });
      expect((await engine.network(net)).attached).toEqual([]);
      await engine.restartContainer(id, 0);
      expect(await engine.container(id)).toMatchObject({
        status: 'running',
        endpoints: [{ ipv4: '172.16.100.10' }],
      });
    });

    it('changes the restart policy of a container that runs, and leaves it running', async () => {
      await engine.createNetwork(macvlan());
      const { id } = await engine.createContainer(onNetwork());
      await engine.startContainer(id);
      const before = await engine.container(id);
      await engine.setRestartPolicy(id, { name: 'always', maximumRetryCount: 0 });
      expect(await engine.container(id)).toMatchObject({
        status: 'running',
        startedAt: before.startedAt,
        restartPolicy: { name: 'always', maximumRetryCount: 0 },
      });
    });

    it('removes neither a network in use nor, without force, a running container', async () => {
      const network = await engine.createNetwork(macvlan());
      const { id } = await engine.createContainer(onNetwork());
      await engine.startContainer(id);
      await expect(engine.removeNetwork(network.id)).rejects.toThrow(DockerConflict);
      await expect(engine.removeContainer(id)).rejects.toThrow(DockerConflict);
      await engine.removeContainer(id, { force: true });
      await expect(engine.container(id)).rejects.toThrow(DockerNotFound);
      await expect(engine.removeContainer(id)).rejects.toThrow(DockerNotFound);
    });

    it('refuses a name that is taken, an image that is not there, an address in use', async () => {
      await engine.createNetwork(macvlan());
      const { id } = await engine.createContainer(onNetwork());
      await engine.startContainer(id);
      await expect(engine.createContainer(onNetwork())).rejects.toThrow(DockerConflict);
      const strange = onNetwork({ name: `${box}-2`, image: 'no-such-image' });
      await expect(engine.createContainer(strange)).rejects.toThrow(DockerNotFound);
      expect(await engine.imageExists('no-such-image')).toBe(false);
      expect(await engine.imageExists('busybox')).toBe(true);
      const second = await engine.createContainer(
        onNetwork({ name: `${box}-3`, attachments: [{ network: net, ipv4: '172.16.100.10' }] }),
      );
      await expect(engine.startContainer(second.id)).rejects.toThrow(DockerRefused);
      expect(await engine.container(second.id)).toMatchObject({ pid: null });
    });

    it('puts a container on two networks before it starts, each with its address', async () => {
      await engine.createNetwork(macvlan());
      await engine.createNetwork({
        name: `${net}-b`,
        driver: 'bridge',
        subnets: [{ cidr: '172.16.101.0/24', gateway: '172.16.101.1' }],
      });
      const { id } = await engine.createContainer(
        onNetwork({
          attachments: [
            { network: `${net}-b`, ipv4: '172.16.101.10' },
            { network: net, ipv4: '172.16.100.10', mac: '02:11:22:33:44:55' },
          ],
        }),
      );
      await engine.startContainer(id);
      const { endpoints } = await engine.container(id);
      expect(Object.fromEntries(endpoints.map((endpoint) => [endpoint.networkName, endpoint.ipv4]))).toEqual({
        [net]: '172.16.100.10',
        [`${net}-b`]: '172.16.101.10',
      });
      expect(endpoints.find((endpoint) => endpoint.networkName === net)?.mac).toBe('02:11:22:33:44:55');
      await engine.disconnectNetwork(id, `${net}-b`);
      expect((await engine.container(id)).endpoints.map((endpoint) => endpoint.networkName)).toEqual([net]);
    });

    it('gives a container that is connected again the MAC and the names that it had', async () => {
      const first = await engine.createNetwork(macvlan());
      const attached = { network: net, ipv4: '172.16.100.10', mac: '02:11:22:33:44:55', aliases: ['web'] };
      const { id } = await engine.createContainer(onNetwork({ attachments: [attached] }));
      await engine.startContainer(id);
      const before = (await engine.container(id)).endpoints[0];
      expect(before).toMatchObject({ mac: attached.mac, aliases: ['web'] });
      await engine.disconnectNetwork(id, first.id);
      // The network may be another one of that name by now.
      await engine.removeNetwork(first.id);
      await engine.createNetwork(macvlan());
      const { mac: usualMac, ...again } = attached;
      await engine.connectNetwork(id, { ...again, usualMac });
      const { endpoints } = await engine.container(id);
      expect(endpoints).toHaveLength(1);
      expect(endpoints[0]).toMatchObject({ ipv4: '172.16.100.10', mac: usualMac, aliases: ['web'] });
    });

    it('starts no stopped container whose network was removed, until it is connected to the new one of that name', async () => {
      const first = await engine.createNetwork(macvlan());
      const { id } = await engine.createContainer(onNetwork());
      await engine.startContainer(id);
      await engine.stopContainer(id, 0);
      await engine.removeNetwork(first.id);
      const second = await engine.createNetwork(macvlan());
      await expect(engine.startContainer(id)).rejects.toThrow(DockerNotFound);
      expect(await engine.container(id)).toMatchObject({
        status: 'exited',
        error: expect.stringContaining(`network ${first.id} not found`),
        endpoints: [{ networkId: first.id, networkName: net, requestedIpv4: '172.16.100.10' }],
      });
      await engine.disconnectNetwork(id, second.id, { force: true });
      expect((await engine.container(id)).endpoints).toEqual([]);
      await engine.connectNetwork(id, { network: net, ipv4: '172.16.100.10' });
      await engine.startContainer(id);
      expect((await engine.container(id)).endpoints).toMatchObject([
        { networkId: second.id, ipv4: '172.16.100.10' },
      ]);
    });

    it('leaves no half-made container when one of its networks does not exist', async () => {
      await engine.createNetwork(macvlan());
      const attachments = [{ network: net, ipv4: '172.16.100.10' }, { network: `${net}-missing` }];
      const made = engine.createContainer(onNetwork({ attachments }));
      await expect(made).rejects.toThrow(DockerNotFound);
      expect((await engine.containers()).map((container) => container.name)).not.toContain(box);
    });

    it('shares the network stack of another container (S3), or has none', async () => {
      const first = await engine.createContainer(onNetwork({ attachments: [] }));
      expect(await engine.container(first.id)).toMatchObject({ networkMode: 'none' });
      await engine.startContainer(first.id);
      const second = await engine.createContainer(
        onNetwork({ name: `${box}-2`, attachments: [], networkMode: `container:${first.id}` }),
      );
      await engine.startContainer(second.id);
      expect(await engine.container(second.id)).toMatchObject({
        status: 'running',
        networkMode: `container:${first.id}`,
        endpoints: [],
      });
    });

    it('starts what shares the stack of another only while that one runs, and says so in the words that are known (S3)', async () => {
      const first = await engine.createContainer(onNetwork({ attachments: [] }));
      await engine.startContainer(first.id);
      const second = await engine.createContainer(
        onNetwork({ name: `${box}-2`, attachments: [], networkMode: `container:${first.id}` }),
      );
      await engine.startContainer(second.id);
      await engine.stopContainer(second.id, 0);
      await engine.stopContainer(first.id, 0);
      await expect(engine.startContainer(second.id)).rejects.toThrow(/non running container/);
      const failed = await engine.container(second.id);
      expect(failed).toMatchObject({ status: 'exited' });
      expect(failed.error).toMatch(/cannot join network (?:namespace )?of a non running container/);
      await engine.removeContainer(first.id);
      await expect(engine.startContainer(second.id)).rejects.toThrow(/No such container/);
    });

    it('reports what happens once connected, and ends when aborted', async () => {
      const stop = new AbortController();
      const seen: DockerEvent[] = [];
      const connected = Promise.withResolvers<void>();
      const following = engine.events({
        onEvent: (event) => seen.push(event),
        onConnect: connected.resolve,
        signal: stop.signal,
      });
      try {
        await Promise.race([connected.promise, following]);
        const network = await engine.createNetwork(macvlan());
        const { id } = await engine.createContainer(onNetwork());
        await engine.startContainer(id);
        const reported = () => seen.map((event) => [event.type, event.action, event.id]);
        await expect.poll(reported, deadline).toContainEqual(['network', 'create', network.id]);
        await expect.poll(reported, deadline).toContainEqual(['container', 'start', id]);
        await expect
          .poll(() => seen, deadline)
          .toContainEqual(
            expect.objectContaining({
              type: 'network',
              action: 'connect',
              id: network.id,
              attributes: expect.objectContaining({ container: id }),
            }),
          );
      } finally {
        stop.abort();
        await following;
      }
    });
  });
}
