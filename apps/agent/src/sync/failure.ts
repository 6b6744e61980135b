import { ApiError } from '@trunkline/client';

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

/** The error that ends the agent, or null for one that time can mend. */
export function fatalFailure(error: unknown): AgentSuperseded | IdentityCopied | null {
  if (!(error instanceof ApiError)) return null;
  if (error.code === 'identity_copied') return new IdentityCopied(error);
  return error.code === 'agent_superseded' ? new AgentSuperseded(error) : null;
}
