import { createDockerCalls, imageReference, type DockerCalls } from './docker-calls.ts';
import {
  createContainer,
  inspectContainer,
  listContainers,
  removeContainer,
  restartContainer,
  setRestartPolicy,
  startContainer,
  stopContainer,
} from './docker-containers.ts';
import type { DockerEngine } from './docker-engine.ts';
import { DockerNotFound, DockerUnreachable } from './docker-errors.ts';
import {
  connectNetwork,
  createNetwork,
  disconnectNetwork,
  inspectNetwork,
  listNetworks,
  removeNetwork,
} from './docker-networks.ts';
import { createDockerSession } from './docker-session.ts';
import { followEvents, pullImage } from './docker-streams.ts';
import { dataRootFromWire } from './docker-wire.ts';
import { trueTypes } from './dockerode-types.ts';
import { createResponseBound } from './response-bound.ts';

/** Where Docker is and how long to wait for it; times in milliseconds. */
export interface DockerEngineOptions {
  /** Always given, never guessed: `/run/docker.sock`. */
  readonly socketPath: string;
  /** Bound of calls that only look. It grows up to six times on a host that has been seen to need it. Default 10 000. */
  readonly readTimeoutMs?: number;
  /** Bound of calls that change something. Docker itself tries an IPAM driver for 15 s. Default 60 000. */
  readonly writeTimeoutMs?: number;
  /** How long a pull may make no progress. Default 120 000. */
  readonly pullSilenceMs?: number;
  /** Clock, milliseconds since 1970. */
  readonly nowMs?: () => number;
}

/** The Docker Engine behind a socket, over dockerode. Sends nothing until it is asked something. */
export function createDockerEngine(options: DockerEngineOptions): DockerEngine {
  const readTimeoutMs = options.readTimeoutMs ?? 10_000;
  const writeTimeoutMs = options.writeTimeoutMs ?? 60_000;
  const nowMs = options.nowMs ?? Date.now;
  const responseBound = createResponseBound({
    minMs: readTimeoutMs,
    maxMs: readTimeoutMs * 6,
    now: nowMs,
    isLate: (error) => error instanceof DockerUnreachable && error.reason === 'timeout',
  });
  const session = createDockerSession({
    socketPath: options.socketPath,
    responseBound,
    silenceMs: writeTimeoutMs + readTimeoutMs,
  });

  const calls = createDockerCalls(session, responseBound, writeTimeoutMs);

  return {
    version: session.version,
    ping: async () => {
      await calls.read('ping', (docker, abortSignal) => trueTypes(docker).ping({ abortSignal }));
    },
    dataRoot: async () =>
      dataRootFromWire(
        await calls.read('info', (docker, abortSignal) => trueTypes(docker).info({ abortSignal })),
      ),

    networks: () => listNetworks(calls),
    network: (idOrName) => inspectNetwork(calls, idOrName),
    createNetwork: (spec) => createNetwork(calls, spec),
    removeNetwork: (idOrName) => removeNetwork(calls, idOrName),
    connectNetwork: (container, attachment) => connectNetwork(calls, container, attachment),
    disconnectNetwork: (container, network, { force = false } = {}) =>
      disconnectNetwork(calls, container, network, force),

    containers: () => listContainers(calls),
    container: (idOrName) => inspectContainer(calls, idOrName),
    createContainer: (spec) => createContainer(calls, spec),
    startContainer: (idOrName) => startContainer(calls, idOrName),
    stopContainer: (idOrName, timeoutSeconds) => stopContainer(calls, idOrName, timeoutSeconds),
    restartContainer: (idOrName, timeoutSeconds) => restartContainer(calls, idOrName, timeoutSeconds),
    setRestartPolicy: (idOrName, policy) => setRestartPolicy(calls, idOrName, policy),
    removeContainer: (idOrName, { force = false } = {}) => removeContainer(calls, idOrName, force),

    imageExists: (ref) => imageExists(calls, ref),
    pullImage: async (ref, onProgress) =>
      pullImage(session, imageReference(ref), onProgress, { silenceMs: options.pullSilenceMs ?? 120_000 }),

    events: (follow) => followEvents(session, follow, { openTimeoutMs: readTimeoutMs, nowMs }),
  };
}

async function imageExists({ read }: DockerCalls, ref: string): Promise<boolean> {
  const operation = `inspect image ${imageReference(ref)}`;
  try {
    await read(operation, (docker) => docker.getImage(ref).inspect());
    return true;
  } catch (error) {
    if (error instanceof DockerNotFound) return false;
    throw error;
  }
}
