import { ApiError, ServerUnreachable, type AgentClient } from '@trunkline/client';

/** Another agent speaks for this host: this one must stop, or the two would undo each other's work. */
export class AgentSuperseded extends Error {
  override readonly name = 'AgentSuperseded';

  constructor(cause: ApiError) {
    super(
      `another agent with the identity of this host took over (${cause.problem?.detail ?? cause.message}): ` +
        'stop one of them; a copied state folder must not be used on two machines',
      { cause },
    );
  }
}

/** The server knows the identity of this host from another machine. */
export class IdentityCopied extends Error {
  override readonly name = 'IdentityCopied';

  constructor(cause: ApiError) {
    super(cause.problem?.detail ?? cause.message, { cause });
  }
}

/** Why the server knows no such host, in its own words, where that is the error. Null: the error is another one. */
function notJoined(error: unknown): string | null {
  return error instanceof ApiError && error.code === 'host_not_joined'
    ? (error.problem?.detail ?? error.message)
    : null;
}

/** A client whose calls report that the server knows no such host before they fail. */
export function heedingNotJoined(client: AgentClient, onNotJoined: (why: string) => void): AgentClient {
  const heed = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      const why = notJoined(error);
      if (why !== null) onNotJoined(why);
      throw error;
    }
  };
  return {
    desired: (...asked) => heed(client.desired(...asked)),
    names: (...asked) => heed(client.names(...asked)),
    report: (...asked) => heed(client.report(...asked)),
    checkResult: (...asked) => heed(client.checkResult(...asked)),
    syncLeases: (...asked) => heed(client.syncLeases(...asked)),
    claimLease: (...asked) => heed(client.claimLease(...asked)),
    compareLeases: (...asked) => heed(client.compareLeases(...asked)),
    close: client.close,
  };
}

/**
 * A client whose polls, reports and checks notify whether the server answered. A refusal is an answer, and an error that the server
 * itself reports as well; a call that was given up here is neither.
 */
export function heedingServer(
  client: AgentClient,
  { onAnswer, onSilence }: { readonly onAnswer: () => void; readonly onSilence: () => void },
): AgentClient {
  const heed = async <T>(call: Promise<T>): Promise<T> => {
    try {
      const answer = await call;
      onAnswer();
      return answer;
    } catch (error) {
      if (error instanceof ServerUnreachable) onSilence();
      throw error;
    }
  };
  return {
    ...client,
    desired: (...asked) => heed(client.desired(...asked)),
    names: (...asked) => heed(client.names(...asked)),
    report: (...asked) => heed(client.report(...asked)),
    checkResult: (...asked) => heed(client.checkResult(...asked)),
  };
}

/** The error that ends the agent, or null for one that time can mend. */
export function fatalFailure(error: unknown): AgentSuperseded | IdentityCopied | null {
  if (!(error instanceof ApiError)) return null;
  if (error.code === 'identity_copied') return new IdentityCopied(error);
  return error.code === 'agent_superseded' ? new AgentSuperseded(error) : null;
}
