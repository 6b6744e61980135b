import type Docker from 'dockerode';
import { DockerRefused } from './docker-errors.ts';
import type { DockerClients, DockerSession } from './docker-session.ts';
import type { ResponseBound } from './response-bound.ts';

/** Calls of one Docker Engine, each bounded in time. `operation` names the call in its errors: `start container box1`. */
export interface DockerCalls {
  /** A call that only looks. Its bound grows on a host that has been seen to need longer. */
  readonly read: <T>(
    operation: string,
    run: (docker: Docker, signal: AbortSignal) => Promise<T>,
  ) => Promise<T>;
  /** A call that changes something; `extraMs` is what it may take beyond the usual bound. */
  readonly write: <T>(
    operation: string,
    run: (clients: DockerClients, signal: AbortSignal) => Promise<T>,
    extraMs?: number,
  ) => Promise<T>;
}

/** The calls of a session; `writeTimeoutMs`: bound of those that change something, in milliseconds. */
export function createDockerCalls(
  session: Pick<DockerSession, 'call'>,
  responseBound: Pick<ResponseBound, 'watch'>,
  writeTimeoutMs: number,
): DockerCalls {
  return {
    read: (operation, run) =>
      responseBound.watch((timeoutMs) =>
        session.call({ operation, timeoutMs, run: ({ requests }, signal) => run(requests, signal) }),
      ),
    write: (operation, run, extraMs = 0) =>
      session.call({ operation, timeoutMs: writeTimeoutMs + extraMs, run }),
  };
}

/** A container's or network's name or id, checked: dockerode puts it into the path as it stands. */
export function reference(idOrName: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/.test(idOrName)) return idOrName;
  throw new DockerRefused(`find ${JSON.stringify(idOrName)}`, 400, 'this is not a Docker name or id');
}

/** An image's name, tag or digest, checked for the same reason. */
export function imageReference(ref: string): string {
  if (ref.length <= 512 && /^[a-zA-Z0-9][\w.:@-]*(\/[\w.:@-]+)*$/.test(ref) && !ref.includes('..'))
    return ref;
  throw new DockerRefused(`find image ${JSON.stringify(ref)}`, 400, 'this is not an image reference');
}
