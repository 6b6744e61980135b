import type Docker from 'dockerode';
import { gatewayPrioritySince, ipv6OnlySince, isAtLeast, manyEndpointsSince } from './docker-api-version.ts';
import type { DockerEngine } from './docker-engine.ts';
import {
  DockerConflict,
  DockerNotFound,
  DockerRefused,
  DockerUnreachable,
  DockerUnsupported,
} from './docker-errors.ts';
import { createDockerSession } from './docker-session.ts';
import type { DockerClients } from './docker-session.ts';
import { followEvents, pullImage } from './docker-streams.ts';
import { trueTypes } from './dockerode-types.ts';
import { createResponseBound } from './response-bound.ts';
import {
  containerDetailFromWire,
  containerFromWire,
  endpointToWire,
  hasIpv4,
  networkDetailFromWire,
  networkFromWire,
  networkToWire,
  planContainer,
} from './docker-wire.ts';

/** Where Docker is and how long to wait for it; times in milliseconds. */
export interface DockerEngineOptions {
  /** Always given, never guessed: `/run/docker.sock`. */
  readonly socketPath: string;
  /** For what only looks: at first, and up to six times as long on a host that has been seen to need it. Default 10 000. */
  readonly readTimeoutMs?: number;
  /** For what changes something; Docker itself tries an IPAM driver for 15 s. Default 60 000. */
  readonly writeTimeoutMs?: number;
  /** How long a pull may say nothing. Default 120 000. */
  readonly pullSilenceMs?: number;
  /** Clock, milliseconds since 1970. */
  readonly nowMs?: () => number;
}

/** The Docker Engine behind a socket, over dockerode. Sends nothing until it is asked something. */
export function createDockerEngine(options: DockerEngineOptions): DockerEngine {
  const readTimeoutMs = options.readTimeoutMs ?? 10_000;
  const writeTimeoutMs = options.writeTimeoutMs ?? 60_000;
  const responseBound = createResponseBound({
    minMs: readTimeoutMs,
    maxMs: readTimeoutMs * 6,
    now: options.nowMs ?? Date.now,
    isLate: (error) => error instanceof DockerUnreachable && error.reason === 'timeout',
  });
  const session = createDockerSession({
    socketPath: options.socketPath,
    responseBound,
    silenceMs: writeTimeoutMs + readTimeoutMs,
  });

  const read = <T>(operation: string, run: (docker: Docker, signal: AbortSignal) => Promise<T>): Promise<T> =>
    responseBound.watch((timeoutMs) =>
      session.call({ operation, timeoutMs, run: ({ requests }, signal) => run(requests, signal) }),
    );

  const write = <T>(
    operation: string,
    run: (clients: DockerClients, signal: AbortSignal) => Promise<T>,
    extraMs = 0,
  ): Promise<T> => session.call({ operation, timeoutMs: writeTimeoutMs + extraMs, run });

  const engine: DockerEngine = {
    version: session.version,
    ping: async () => {
      await read('ping', (docker, abortSignal) => trueTypes(docker).ping({ abortSignal }));
    },

    networks: () =>
      read('list networks', async (docker, abortSignal) =>
        (await docker.listNetworks({ abortSignal })).map(networkFromWire),
      ),
    network: async (idOrName) => {
      const operation = `inspect network ${reference(idOrName)}`;
      return networkDetailFromWire(
        await read(operation, (docker) => trueTypes(docker).getNetwork(idOrName).inspect()),
      );
    },
    createNetwork: async (spec) => {
      const operation = `create network ${spec.name}`;
      const made = await write(operation, async ({ api, requests }, abortSignal) => {
        if (!hasIpv4(spec) && !isAtLeast(api, ipv6OnlySince)) {
          throw new DockerUnsupported(operation, 'a network without IPv4 requires Docker Engine 28 or later');
        }
        return await trueTypes(requests).createNetwork({
          _query: {},
          _body: networkToWire(spec),
          abortSignal,
        });
      });
      return { id: made.id };
    },
    removeNetwork: async (idOrName) => {
      const operation = `remove network ${reference(idOrName)}`;
      try {
        await write(operation, ({ requests }, abortSignal) =>
          trueTypes(requests).getNetwork(idOrName).remove({ abortSignal }),
        );
      } catch (error) {
        // 403 is how Docker says that containers are attached, and that a network is its own.
        if (error instanceof DockerRefused && error.status === 403) {
          throw new DockerConflict(operation, error.said, error);
        }
        throw error;
      }
    },

    containers: () =>
      read('list containers', async (docker, abortSignal) =>
        (await docker.listContainers({ all: true, abortSignal })).map(containerFromWire),
      ),
    container: async (idOrName) => {
      const operation = `inspect container ${reference(idOrName)}`;
      return containerDetailFromWire(
        await read<unknown>(operation, (docker, abortSignal) =>
          docker.getContainer(idOrName).inspect({ abortSignal }),
        ),
      );
    },
    createContainer: async (spec) => {
      const operation = `create container ${reference(spec.name)}`;
      if (spec.networkMode !== undefined && (spec.attachments ?? []).length > 0) {
        throw new DockerRefused(operation, 400, 'networkMode and attachments exclude each other');
      }
      const wanted = (spec.attachments ?? []).map((attachment) => reference(attachment.network));
      const present = wanted.length === 0 ? [] : await engine.networks();
      const missing = wanted.find(
        (network) => !present.some(({ id, name }) => id === network || name === network),
      );
      // Docker takes a stopped container's networks unseen (20.10.24) and fails its start later.
      if (missing !== undefined) throw new DockerNotFound(operation, `network ${missing} not found`);
      const made = await write(operation, async ({ api, requests }, abortSignal) => {
        const plan = planContainer(spec, {
          manyEndpoints: isAtLeast(api, manyEndpointsSince),
          gatewayPriority: isAtLeast(api, gatewayPrioritySince),
        });
        if ('unsupported' in plan) throw new DockerUnsupported(operation, plan.unsupported);
        const request = { _query: { name: spec.name }, _body: plan.body, abortSignal };
        const { id } = await trueTypes(requests).createContainer(request);
        return { id, connect: plan.connect };
      });
      try {
        for (const attachment of made.connect) await engine.connectNetwork(made.id, attachment);
      } catch (error) {
        await engine.removeContainer(made.id, { force: true }).catch(() => {});
        throw error;
      }
      return { id: made.id };
    },
    startContainer: async (idOrName) => {
      const operation = `start container ${reference(idOrName)}`;
      await unlessAlreadySo(
        write(operation, ({ requests }, abortSignal) =>
          requests.getContainer(idOrName).start({ abortSignal }),
        ),
      );
    },
    stopContainer: async (idOrName, timeoutSeconds) => {
      const operation = `stop container ${reference(idOrName)}`;
      await unlessAlreadySo(
        write(
          operation,
          ({ patient }, abortSignal) =>
            patient.getContainer(idOrName).stop({ t: timeoutSeconds, abortSignal }),
          timeoutSeconds * 1000,
        ),
      );
    },
    restartContainer: async (idOrName, timeoutSeconds) => {
      await write(
        `restart container ${reference(idOrName)}`,
        ({ patient }, abortSignal) =>
          patient.getContainer(idOrName).restart({ t: timeoutSeconds, abortSignal }),
        timeoutSeconds * 1000,
      );
    },
    removeContainer: async (idOrName, { force = false } = {}) => {
      await write(`remove container ${reference(idOrName)}`, ({ requests }, abortSignal) =>
        requests.getContainer(idOrName).remove({ force, v: true, abortSignal }),
      );
    },
    connectNetwork: async (containerIdOrName, attachment) => {
      const operation = `connect ${reference(containerIdOrName)} to ${reference(attachment.network)}`;
      await write(operation, ({ api, requests }, abortSignal) => {
        const withMac = isAtLeast(api, manyEndpointsSince);
        if (attachment.mac !== undefined && !withMac) {
          throw new DockerUnsupported(operation, 'a MAC on connect requires Docker Engine 25 or later');
        }
        return trueTypes(requests)
          .getNetwork(attachment.network)
          .connect({
            Container: containerIdOrName,
            EndpointConfig: endpointToWire(attachment, withMac, isAtLeast(api, gatewayPrioritySince)),
            abortSignal,
          });
      });
    },
    disconnectNetwork: async (containerIdOrName, networkIdOrName, { force = false } = {}) => {
      const operation = `disconnect ${reference(containerIdOrName)} from ${reference(networkIdOrName)}`;
      await write(operation, ({ requests }, abortSignal) =>
        trueTypes(requests)
          .getNetwork(networkIdOrName)
          .disconnect({ Container: containerIdOrName, Force: force, abortSignal }),
      );
    },

    imageExists: async (ref) => {
      const operation = `inspect image ${imageReference(ref)}`;
      try {
        await read(operation, (docker) => docker.getImage(ref).inspect());
        return true;
      } catch (error) {
        if (error instanceof DockerNotFound) return false;
        throw error;
      }
    },
    pullImage: async (ref, onProgress) =>
      pullImage(session, imageReference(ref), onProgress, { silenceMs: options.pullSilenceMs ?? 120_000 }),

    events: (follow) =>
      followEvents(session, follow, {
        openTimeoutMs: readTimeoutMs,
        nowMs: options.nowMs ?? Date.now,
      }),
  };
  return engine;
}

/** A container's or network's name or id; dockerode puts it into the path as it stands. */
function reference(idOrName: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/.test(idOrName)) return idOrName;
  throw new DockerRefused(`find ${JSON.stringify(idOrName)}`, 400, 'this is not a Docker name or id');
}

function imageReference(ref: string): string {
  if (ref.length <= 512 && /^[a-zA-Z0-9][\w.:@-]*(\/[\w.:@-]+)*$/.test(ref) && !ref.includes('..'))
    return ref;
  throw new DockerRefused(`find image ${JSON.stringify(ref)}`, 400, 'this is not an image reference');
}

/** 304: it runs, or is stopped, already. */
async function unlessAlreadySo(answer: Promise<unknown>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (!(error instanceof DockerRefused && error.status === 304)) throw error;
  }
}
