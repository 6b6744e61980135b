import { ApiError, joinHost, ServerUnreachable, type ServerLocation } from '@trunkline/client';
import { agentProtocolVersion, parseJoinSecret, type HostFacts } from '@trunkline/contracts';
import type { Logger } from 'pino';
import { keepTrustedAuthority } from '../machine/trusted-authority.ts';
import { saveHostId, type Identity, type JoinedIdentity } from '../machine/identity.ts';
import { findAuthority, WrongAuthority } from './find-authority.ts';
import { faultFields } from '../lib/connection-fault.ts';
import { backoffMs, type Timing } from '../lib/timing.ts';

/** The server refused the join. Another try with the same settings is of no use. */
export class JoinRefused extends Error {
  override readonly name = 'JoinRefused';
}

/** What a join needs. */
export interface JoinDeps {
  readonly stateFolder: string;
  readonly server: ServerLocation;
  readonly token: string | null;
  readonly hostName: string;
  readonly facts: () => Promise<HostFacts>;
  /** Fails where the server cannot be reached or is out of order, in place of another try. */
  readonly once?: boolean;
  readonly timing: Timing;
  readonly log: Logger;
}

const backoff = { firstMs: 500, maxMs: 60_000 };

/**
 * Makes sure that this host has joined, and answers its identity with the host's id. Waits for a server that cannot be
 * reached or is out of order; fails with {@link JoinRefused} when the server refuses, and with the signal's reason.
 */
export async function ensureJoined(
  deps: JoinDeps,
  identity: Identity,
  signal: AbortSignal,
): Promise<JoinedIdentity> {
  if (identity.hostId !== null) return { ...identity, hostId: identity.hostId };
  const { token, log } = deps;
  if (token === null) {
    throw new JoinRefused(
      'this host has not joined yet: create a join token (POST /v1/join-tokens) and put its secret into TRUNKLINE_JOIN_TOKEN',
    );
  }
  const { secret, authority } = parseJoinSecret(token);
  for (let failures = 1; ; failures += 1) {
    signal.throwIfAborted();
    try {
      const ca = authority === null ? null : await findAuthority(deps.server.baseUrl, authority, signal);
      const answer = await joinHost(
        // The token goes to nobody else.
        ca === null ? deps.server : { ...deps.server, ca, onlyCa: true },
        {
          protocol: agentProtocolVersion,
          token: secret,
          name: deps.hostName,
          publicKey: identity.publicKey,
          facts: await deps.facts(),
        },
        signal,
      );
      if (ca !== null) await keepTrustedAuthority(deps.stateFolder, ca);
      await saveHostId(deps.stateFolder, identity, answer.hostId);
      log.info({ hostId: answer.hostId, name: answer.name }, 'joined');
      return { ...identity, hostId: answer.hostId };
    } catch (error) {
      signal.throwIfAborted();
      if (deps.once === true || !isWorthRetrying(error)) throw refusal(error);
      const waitMs = backoffMs(failures, backoff, deps.timing.random);
      log.warn({ ...faultFields(error), waitMs }, 'join failed, trying again');
      await deps.timing.delay(waitMs, signal);
    }
  }
}

function isWorthRetrying(error: unknown): boolean {
  if (error instanceof ServerUnreachable) return true;
  return error instanceof ApiError && (error.status >= 500 || error.status === 429);
}

function refusal(error: unknown): unknown {
  if (error instanceof WrongAuthority) return new JoinRefused(error.message, { cause: error });
  if (!(error instanceof ApiError)) return error;
  const advice =
    error.code === 'join_token_invalid'
      ? 'create a new join token (POST /v1/join-tokens) and put its secret into TRUNKLINE_JOIN_TOKEN'
      : error.code === 'host_exists'
        ? 'choose another name in TRUNKLINE_HOST_NAME, or retire the host with that name'
        : 'correct that and start the agent again';
  return new JoinRefused(
    `the server refused the join (${error.code}): ${error.problem?.detail ?? error.message}; ${advice}`,
    {
      cause: error,
    },
  );
}
