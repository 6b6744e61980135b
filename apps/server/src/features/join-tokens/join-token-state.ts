/** What decides whether a join token lets a host join. */
export interface JoinTokenFacts {
  hostName: string | null;
  expiresAt: Date;
  usedAt: Date | null;
  usedBy: string | null;
  revokedAt: Date | null;
}

export type JoinTokenState = 'unused' | 'used' | 'expired' | 'revoked';

/** Used stays used: that a host joined with it matters more than what became of the token later. */
export function joinTokenState(token: JoinTokenFacts, now: Date): JoinTokenState {
  if (token.usedAt !== null) return 'used';
  if (token.revokedAt !== null) return 'revoked';
  return token.expiresAt <= now ? 'expired' : 'unused';
}

/** Why a host may not join with the token, and what to do; undefined when it may. */
export function joinRefusal(token: JoinTokenFacts, host: string, now: Date): string | undefined {
  const again = 'create a new one (POST /v1/join-tokens)';
  switch (joinTokenState(token, now)) {
    case 'used':
      return `the join token was used by ${token.usedBy ?? 'another host'} at ${token.usedAt?.toISOString() ?? ''}: a token lets one host join, once; ${again}`;
    case 'revoked':
      return `the join token was revoked at ${token.revokedAt?.toISOString() ?? ''}: ${again}`;
    case 'expired':
      return `the join token expired at ${token.expiresAt.toISOString()}: ${again}`;
    case 'unused':
      if (token.hostName === null || token.hostName === host) return undefined;
      return `the join token is for host ${token.hostName}, not for ${host}: set TRUNKLINE_HOST_NAME=${token.hostName}, or ${again}`;
  }
}
