import type { ChangeContext } from '../../platform/changes.ts';
import { ApiError } from '../../platform/errors.ts';

/** The agent of a host as the one who changes something. */
export function actor(host: { name: string }, requestId: string): ChangeContext {
  return { actor: `agent:${host.name}`, requestId };
}

/** What a host that has not joined, or was retired, is answered. */
export function unknownHost(keyid: string): ApiError {
  return new ApiError(
    'host_not_joined',
    `no host ${keyid} has joined this server: it was retired, or joined after the backup that this server was restored from, or the agent is connected to the wrong server; to join again, give the agent a new join token and an empty state directory`,
  );
}
