import { createCallRecord } from './call-record.ts';
import type { CallRecord } from './call-record.ts';
import type {
  DockerAttachment,
  DockerContainerDetail,
  DockerEndpoint,
  DockerEngine,
  DockerEvent,
  DockerNetwork,
} from './docker-engine.ts';
import { DockerConflict, DockerNotFound, DockerRefused, DockerUnreachable } from './docker-errors.ts';
import { firstFree, idle, imageName, macOf, newContainer, without } from './docker-parts.fake.ts';

/** A small Docker Engine in memory, for table tests. */
export type FakeDockerEngine = DockerEngine &
  Pick<CallRecord, 'calls' | 'failNext'> & {
    /** Puts an image there. */
    readonly addImage: (ref: string) => void;
    /** Makes an image pullable. */
    readonly addToRegistry: (ref: string) => void;
    /** Stops and starts answering; while stopped, every call fails with `DockerUnreachable` and event streams end. */
    readonly setReachable: (reachable: boolean) => void;
    /** Ends a container's process, as a crash would. */
    readonly crash: (idOrName: string, exitCode: number) => void;
    /**
     * Ends its containers and fails every start on a network that is still listed, as Docker does when its parent was
     * missing at the daemon's start.
     */
    readonly loseNetwork: (name: string) => void;
    /** The same engine for somebody else's hands: its calls are not recorded. */
    readonly behindOurBack: DockerEngine;
  };

/**
 * An Engine without networks, containers or images. It knows what the reconciler relies on: unique names, networks in
 * use, addresses taken, what a stopped container keeps and loses. docker-engine.contract.ts holds it to what a real
 * dockerd does. `calls` has only what would have changed something, so `[]` says "touched nothing".
 */
export function createFakeDockerEngine(
  options: { readonly version?: string; readonly apiVersion?: string; readonly dataRoot?: string } = {},
): FakeDockerEngine {
  const { calls, failNext, note, look } = createCallRecord();
  const networks = new Map<string, DockerNetwork>();
  const containers = new Map<string, DockerContainerDetail>();
  const lost = new Set<string>();
  const images = new Set<string>();
  const registry = new Set<string>();
  const followers = new Set<{ onEvent: (event: DockerEvent) => void; end: () => void }>();
  const dataRoot = options.dataRoot ?? '/var/lib/docker';
  let reachable = true;
  let made = 0;

  const nextId = (): string => (made += 1).toString(16).padStart(64, '0');
  const now = (): string => new Date(made * 1000).toISOString();

  const findNetwork = (operation: string, idOrName: string): DockerNetwork => {
    const network =
      networks.get(idOrName) ?? [...networks.values()].find((candidate) => candidate.name === idOrName);
    if (network === undefined) throw new DockerNotFound(operation, `network ${idOrName} not found`);
    return network;
  };
  const findContainer = (operation: string, idOrName: string): DockerContainerDetail => {
    const container =
      containers.get(idOrName) ?? [...containers.values()].find((candidate) => candidate.name === idOrName);
    if (container === undefined) throw new DockerNotFound(operation, `No such container: ${idOrName}`);
    return container;
  };
  const change = (container: DockerContainerDetail, to: Partial<DockerContainerDetail>): void => {
    containers.set(container.id, { ...container, ...to });
  };
  const emit = (
    type: DockerEvent['type'],
    action: string,
    id: string,
    attributes: Readonly<Record<string, string>> = {},
  ): void => {
    for (const follower of followers) follower.onEvent({ type, action, id, attributes, time: made });
  };
  const running = (): readonly DockerContainerDetail[] =>
    [...containers.values()].filter((container) => container.status === 'running');
  const endpointsOn = (networkId: string) =>
    running().flatMap((container) =>
      container.endpoints
        .filter((endpoint) => endpoint.networkId === networkId)
        .map((endpoint) => ({ container, endpoint })),
    );

  const attach = (operation: string, attachment: DockerAttachment): DockerEndpoint => {
    const network = findNetwork(operation, attachment.network);
    return {
      ...idle,
      networkId: network.id,
      networkName: network.name,
      requestedIpv4: attachment.ipv4 ?? null,
      requestedIpv6: attachment.ipv6 ?? null,
      mac: attachment.mac ?? attachment.usualMac ?? null,
      aliases: attachment.aliases ?? [],
    };
  };
  const join = (operation: string, endpoint: DockerEndpoint): DockerEndpoint => {
    const network = findNetwork(operation, endpoint.networkId);
    if (lost.has(network.id)) throw new DockerRefused(operation, 404, lostWords(network.id));
    const pool = network.subnets.find((subnet) => !subnet.cidr.includes(':'));
    const taken = endpointsOn(network.id).map((other) => other.endpoint.ipv4);
    const ipv4 = endpoint.requestedIpv4 ?? (pool === undefined ? null : firstFree(pool, taken));
    if (ipv4 !== null && taken.includes(ipv4)) {
      throw new DockerRefused(operation, 403, 'Address already in use');
    }
    return {
      ...endpoint,
      endpointId: nextId(),
      ipv4,
      ipv4PrefixLength: pool === undefined ? null : Number(pool.cidr.split('/')[1]),
      ipv6: endpoint.requestedIpv6,
      ipv6PrefixLength: endpoint.requestedIpv6 === null ? null : 64,
      mac: endpoint.mac ?? macOf(ipv4),
      gateway: pool?.gateway ?? null,
    };
  };
  const stop = (container: DockerContainerDetail, exitCode: number): void => {
    const endpoints = container.endpoints.map((endpoint) => ({ ...endpoint, ...without(endpoint) }));
    change(container, { status: 'exited', pid: null, exitCode, finishedAt: now(), endpoints });
    emit('container', 'die', container.id, { name: container.name, exitCode: String(exitCode) });
    for (const { networkId, networkName } of container.endpoints) {
      emit('network', 'disconnect', networkId, { container: container.id, name: networkName });
    }
  };
  const joinAll = (operation: string, container: DockerContainerDetail): DockerEndpoint[] => {
    const removed = container.endpoints.find(({ networkId }) => !networks.has(networkId));
    if (removed !== undefined) {
      const said = `network ${removed.networkId} not found`;
      change(container, { error: said });
      throw new DockerNotFound(operation, said);
    }
    try {
      return container.endpoints.map((endpoint) => join(operation, endpoint));
    } catch (error) {
      if (error instanceof DockerRefused) change(container, { error: error.said });
      throw error;
    }
  };
  /** The stack of another is there only while that one runs. */
  const joinStack = (operation: string, container: DockerContainerDetail): void => {
    if (!container.networkMode.startsWith('container:')) return;
    const owner = container.networkMode.slice('container:'.length);
    const found = containers.get(owner) ?? [...containers.values()].find(({ name }) => name === owner);
    if (found?.status === 'running') return;
    const said =
      found === undefined
        ? `No such container: ${owner}`
        : `cannot join network of a non running container: ${owner}`;
    change(container, { error: said });
    throw found === undefined ? new DockerNotFound(operation, said) : new DockerRefused(operation, 500, said);
  };
  const start = (operation: string, container: DockerContainerDetail): void => {
    joinStack(operation, container);
    const endpoints = joinAll(operation, container);
    const pid = 1000 + made;
    const hostsPath = `${dataRoot}/containers/${container.id}/hosts`;
    const runs = { status: 'running', pid, exitCode: 0, startedAt: now(), error: null } as const;
    change(container, { ...runs, endpoints, hostsPath });
    for (const { networkId, networkName } of endpoints) {
      emit('network', 'connect', networkId, { container: container.id, name: networkName });
    }
    emit('container', 'start', container.id, { name: container.name });
  };

  const engineFor = (record: Pick<CallRecord, 'note' | 'look'>): DockerEngine => {
    /** A call that only looks. */
    const seen = (method: string): void => {
      if (!reachable) throw new DockerUnreachable(method, 'ECONNREFUSED', 'the fake was set not to answer');
      record.look(method);
    };
    /** A call that changes something. */
    const changing = (method: string, ...args: readonly unknown[]): void => {
      if (!reachable) throw new DockerUnreachable(method, 'ECONNREFUSED', 'the fake was set not to answer');
      record.note(method, ...args);
    };
    return {
      version: async () => {
        seen('version');
        const apiVersion = options.apiVersion ?? '1.41';
        return {
          version: options.version ?? '20.10.24',
          apiVersion,
          daemonApiVersion: apiVersion,
          os: 'linux',
          arch: 'amd64',
          kernel: '6.1.0',
        };
      },
      ping: async () => seen('ping'),
      dataRoot: async () => {
        seen('dataRoot');
        return dataRoot;
      },
      networks: async () => {
        seen('networks');
        return [...networks.values()];
      },
      network: async (idOrName) => {
        seen('network');
        const network = findNetwork('inspect network', idOrName);
        const attached = endpointsOn(network.id).map(({ container, endpoint }) => ({
          containerId: container.id,
          containerName: container.name,
          endpointId: endpoint.endpointId ?? '',
          ipv4: endpoint.ipv4,
          ipv6: endpoint.ipv6,
          mac: endpoint.mac,
        }));
        return { ...network, attached };
      },
      createNetwork: async (spec) => {
        changing('createNetwork', spec);
        if ([...networks.values()].some((network) => network.name === spec.name)) {
          throw new DockerConflict('create network', `network with name ${spec.name} already exists`);
        }
        const id = nextId();
        networks.set(id, {
          id,
          name: spec.name,
          driver: spec.driver,
          options: { ...spec.options },
          labels: { ...spec.labels },
          ipamDriver: spec.ipamDriver ?? 'default',
          ipamOptions: { ...spec.ipamOptions },
          subnets: spec.subnets.map((subnet) => ({
            cidr: subnet.cidr,
            gateway: subnet.gateway ?? null,
            ipRange: subnet.ipRange ?? null,
            aux: { ...subnet.aux },
          })),
          internal: spec.internal ?? false,
          attachable: spec.attachable ?? false,
          enableIPv6: spec.enableIPv6 ?? spec.subnets.some((subnet) => subnet.cidr.includes(':')),
          created: now(),
        });
        emit('network', 'create', id, { name: spec.name, type: spec.driver });
        return { id };
      },
      removeNetwork: async (idOrName) => {
        changing('removeNetwork', idOrName);
        const network = findNetwork('remove network', idOrName);
        if (endpointsOn(network.id).length > 0) {
          throw new DockerConflict('remove network', `network ${network.name} has active endpoints`);
        }
        networks.delete(network.id);
        emit('network', 'destroy', network.id, { name: network.name, type: network.driver });
      },
      containers: async () => {
        seen('containers');
        return [...containers.values()];
      },
      container: async (idOrName) => {
        seen('container');
        return findContainer('inspect container', idOrName);
      },
      createContainer: async (spec) => {
        const operation = 'create container';
        changing('createContainer', spec);
        if (!images.has(imageName(spec.image))) {
          throw new DockerNotFound(operation, `No such image: ${spec.image}`);
        }
        if ([...containers.values()].some((container) => container.name === spec.name)) {
          throw new DockerConflict(operation, `The container name "/${spec.name}" is already in use`);
        }
        const endpoints = (spec.attachments ?? []).map((attachment) => attach(operation, attachment));
        const id = nextId();
        containers.set(id, { ...newContainer(id, spec, now()), endpoints });
        emit('container', 'create', id, { name: spec.name, image: spec.image });
        return { id };
      },
      startContainer: async (idOrName) => {
        changing('startContainer', idOrName);
        const container = findContainer('start container', idOrName);
        if (container.status !== 'running') start('start container', container);
      },
      stopContainer: async (idOrName, timeoutSeconds) => {
        changing('stopContainer', idOrName, timeoutSeconds);
        const container = findContainer('stop container', idOrName);
        if (container.status === 'running') stop(container, 137);
      },
      restartContainer: async (idOrName, timeoutSeconds) => {
        changing('restartContainer', idOrName, timeoutSeconds);
        const container = findContainer('restart container', idOrName);
        if (container.status === 'running') stop(container, 137);
        start('restart container', findContainer('restart container', idOrName));
      },
      setRestartPolicy: async (idOrName, policy) => {
        changing('setRestartPolicy', idOrName, policy);
        change(findContainer('update container', idOrName), { restartPolicy: policy });
      },
      removeContainer: async (idOrName, { force = false } = {}) => {
        changing('removeContainer', idOrName, { force });
        const container = findContainer('remove container', idOrName);
        if (container.status === 'running' && !force) {
          throw new DockerConflict('remove container', `container ${container.name} is running`);
        }
        if (container.status === 'running') stop(container, 137);
        containers.delete(container.id);
        emit('container', 'destroy', container.id, { name: container.name });
      },
      connectNetwork: async (containerIdOrName, attachment) => {
        const operation = 'connect network';
        changing('connectNetwork', containerIdOrName, attachment);
        const container = findContainer(operation, containerIdOrName);
        const idleEndpoint = attach(operation, attachment);
        if (container.endpoints.some((endpoint) => endpoint.networkId === idleEndpoint.networkId)) {
          throw new DockerRefused(operation, 403, `endpoint with name ${container.name} already exists`);
        }
        const endpoint = container.status === 'running' ? join(operation, idleEndpoint) : idleEndpoint;
        change(container, { endpoints: [...container.endpoints, endpoint] });
        emit('network', 'connect', endpoint.networkId, { container: container.id });
      },
      disconnectNetwork: async (containerIdOrName, networkIdOrName, { force = false } = {}) => {
        const operation = 'disconnect network';
        changing('disconnectNetwork', containerIdOrName, networkIdOrName, { force });
        const container = findContainer(operation, containerIdOrName);
        const network = findNetwork(operation, networkIdOrName);
        // A container that does not run has its networks by name, also one that was removed since.
        const isOn = ({ networkId, networkName }: DockerEndpoint): boolean =>
          networkId === network.id || (container.status !== 'running' && networkName === network.name);
        const endpoints = container.endpoints.filter((endpoint) => !isOn(endpoint));
        change(container, { endpoints });
        emit('network', 'disconnect', network.id, { container: container.id });
      },
      imageExists: async (ref) => {
        seen('imageExists');
        return images.has(imageName(ref));
      },
      pullImage: async (ref, onProgress) => {
        changing('pullImage', ref);
        if (!registry.has(imageName(ref))) {
          throw new DockerNotFound(`pull ${ref}`, `pull access denied for ${ref}`);
        }
        onProgress?.({ status: 'Downloading', layer: null, current: 1, total: 1 });
        images.add(imageName(ref));
      },
      events: async ({ onEvent, onConnect, signal }) => {
        if (signal.aborted) return;
        seen('events');
        const ended = Promise.withResolvers<void>();
        const follower = { onEvent, end: ended.resolve };
        followers.add(follower);
        signal.addEventListener('abort', () => ended.resolve(), { once: true });
        onConnect?.();
        await ended.promise;
        followers.delete(follower);
      },
    };
  };

  return {
    ...engineFor({ note, look }),
    calls,
    failNext,
    addImage: (ref) => void images.add(imageName(ref)),
    addToRegistry: (ref) => void registry.add(imageName(ref)),
    setReachable: (on) => {
      reachable = on;
      if (!on) for (const follower of followers) follower.end();
    },
    crash: (idOrName, exitCode) => stop(findContainer('crash', idOrName), exitCode),
    loseNetwork: (name) => {
      const { id } = findNetwork('lose', name);
      lost.add(id);
      for (const { container } of endpointsOn(id)) {
        stop(container, 137);
        change(findContainer('lose', container.id), { error: lostWords(id) });
      }
    },
    behindOurBack: engineFor({ note: () => {}, look: () => {} }),
  };
}

/** What a dockerd of 20.10 and 28 says of a network that it lists and lost. */
function lostWords(networkId: string): string {
  return `failed to create endpoint: network id "${networkId}" not found`;
}
