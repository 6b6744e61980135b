import { Agent } from 'node:http';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import { formatApiVersion, negotiate } from './docker-api-version.ts';
import type { ApiVersion } from './docker-api-version.ts';
import type { DockerVersion } from './docker-engine.ts';
import {
  DockerConflict,
  DockerError,
  DockerNotFound,
  DockerRefused,
  DockerUnreachable,
  DockerUnsupported,
} from './docker-errors.ts';
import { trueTypes } from './dockerode-types.ts';
import { record, text } from './json-read.ts';
import type { ResponseBound } from './response-bound.ts';

/** Two dockerode clients on one API version. */
export interface DockerClients {
  readonly api: ApiVersion;
  /** For calls that answer soon; gives up on a silent socket by itself. */
  readonly requests: Docker;
  /** For streams and waits: a client-wide time limit would cut an event stream that is silent. */
  readonly patient: Docker;
}

/** One thing to ask of Docker, bounded in time. */
export interface DockerCall<T> {
  /** For people: `create network mac_net1`. */
  readonly operation: string;
  readonly timeoutMs: number;
  readonly run: (clients: DockerClients, signal: AbortSignal) => Promise<T>;
}

/** The connection to one daemon, across its restarts and upgrades. */
export interface DockerSession {
  /**
   * The daemon's versions; settles on one to speak. Asked once for a daemon: answering runs three programs there
   * (`docker version` shows their versions too) and takes some 35 ms, longer than all else that a look asks.
   */
  readonly version: () => Promise<DockerVersion>;
  /** Another daemon may answer from now on: its versions are asked for again. */
  readonly forget: () => void;
  /** Runs a call on the settled version; every failure becomes a `DockerError`. */
  readonly call: <T>(call: DockerCall<T>) => Promise<T>;
}

/**
 * Opens a session; nothing is sent yet. The API version is asked for before the first call, and again after any sign
 * that another daemon may answer now (not reachable, or a 400, which is how an Engine refuses a version).
 */
export function createDockerSession(options: {
  readonly socketPath: string;
  /** Bound of calls that only look. */
  readonly responseBound: ResponseBound;
  readonly silenceMs: number;
}): DockerSession {
  const { socketPath } = options;
  // A look, what it leads to and the next look follow one another: connections are kept, as many as a look asks at once. A
  // daemon that ends closes them, and Node drops what was closed.
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 2 });
  // docker-modem prints its options for debugging on every request, also when nobody debugs: keep that short.
  Object.defineProperty(agent, inspect.custom, { value: () => 'Agent' });
  // `host`, `protocol` and `timeout` are named because docker-modem fills them from DOCKER_* variables otherwise.
  const base = { socketPath, agent, host: undefined, protocol: 'http', timeout: undefined } as const;
  const unversioned = new Docker(base);
  let settled: (DockerClients & { readonly version: DockerVersion }) | undefined;

  const forget = (): void => {
    settled = undefined;
  };

  const bounded = async <T>(
    operation: string,
    timeoutMs: number,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const limit = new AbortController();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      limit.abort();
      late.reject(new DockerUnreachable(operation, 'timeout', `no answer within ${timeoutMs} ms`));
    }, timeoutMs);
    try {
      // Raced as well as aborted: dockerode 5.0.1 cannot abort every call (network inspect).
      return await Promise.race([run(limit.signal), late.promise]);
    } catch (error) {
      const failure = dockerFailure(operation, error, socketPath);
      if (
        failure instanceof DockerUnreachable ||
        (failure instanceof DockerRefused && failure.status === 400)
      ) {
        forget();
      }
      throw failure;
    } finally {
      clearTimeout(timer);
    }
  };

  const version = async (): Promise<DockerVersion> => {
    if (settled !== undefined) return settled.version;
    const answer = record(
      await options.responseBound.watch((boundMs) =>
        bounded('version', boundMs, (abortSignal) => trueTypes(unversioned).version({ abortSignal })),
      ),
    );
    const daemonApiVersion = text(answer['ApiVersion']);
    const api = negotiate({ newest: daemonApiVersion, oldest: text(answer['MinAPIVersion']) });
    if ('unsupported' in api) throw new DockerUnsupported('version', api.unsupported);
    const apiVersion = formatApiVersion(api);
    const said = {
      version: text(answer['Version']) ?? 'unknown',
      apiVersion,
      daemonApiVersion: daemonApiVersion ?? apiVersion,
      os: text(answer['Os']) ?? 'unknown',
      arch: text(answer['Arch']) ?? 'unknown',
      kernel: text(answer['KernelVersion']) ?? 'unknown',
    };
    settled = {
      api,
      version: said,
      requests: new Docker({ ...base, version: `v${apiVersion}`, timeout: options.silenceMs }),
      patient: new Docker({ ...base, version: `v${apiVersion}` }),
    };
    return said;
  };

  const clients = async (): Promise<DockerClients> => {
    if (settled === undefined) await version();
    if (settled === undefined) {
      throw new DockerUnreachable('version', 'unknown', 'the connection was cut off at its start; try again');
    }
    return settled;
  };

  return {
    version,
    forget,
    call: async ({ operation, timeoutMs, run }) => {
      const ready = await clients();
      return bounded(operation, timeoutMs, (signal) => run(ready, signal));
    },
  };
}

/**
 * Sorts a failure by status code and errno, never by its text. What is neither (a mistake of ours) is passed on as it is.
 */
function dockerFailure(operation: string, error: unknown, socketPath: string): unknown {
  if (error instanceof DockerError || !(error instanceof Error)) return error;
  const status = 'statusCode' in error ? error.statusCode : undefined;
  if (typeof status === 'number') {
    const said = ('json' in error ? text(record(error.json)['message']) : null) ?? error.message.trim();
    if (status === 404) return new DockerNotFound(operation, said, error);
    if (status === 409) return new DockerConflict(operation, said, error);
    return new DockerRefused(operation, status, said, error);
  }
  const errno = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (errno === undefined) return error;
  return new DockerUnreachable(operation, errno, unreachable(errno, socketPath), error);
}

function unreachable(errno: string, socketPath: string): string {
  switch (errno) {
    case 'ENOENT':
      return `there is no socket ${socketPath}; is Docker installed and started, and is this its socket?`;
    case 'ECONNREFUSED':
      return `nothing listens on ${socketPath}; start Docker`;
    case 'EACCES':
      return `no permission to use ${socketPath}; run the agent as root`;
    default:
      return `the connection over ${socketPath} broke (${errno})`;
  }
}
