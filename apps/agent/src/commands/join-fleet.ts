import { parseJoinSecret } from '@trunkline/contracts';
import { readHostId } from '../machine/identity.ts';
import { keepTrustedAuthority } from '../machine/trusted-authority.ts';
import { findAuthority } from '../sync/find-authority.ts';
import type { Units } from './units.ts';

/** What a join by a person needs. */
export interface JoinFleetDeps {
  readonly server: string;
  readonly token: string;
  readonly stateDir: string;
  readonly hostName: string;
  readonly units: Units;
  /** Joins as an agent with these settings does, on a state directory that nobody else uses; fails where the server cannot be reached. */
  readonly join: () => Promise<void>;
  /** Writes the settings, so that the units find them. */
  readonly writeSettings: () => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Lets this host join, and starts its agent. The settings are written when the host has joined: a join that fails leaves them as they were. A
 * host that has joined keeps its identity, and spends no token. Answers what happened, in one sentence.
 */
export async function joinFleet(deps: JoinFleetDeps): Promise<string> {
  const { server, token, stateDir, hostName, units } = deps;
  const hasUnits = await units.areThere();
  // An agent that tries to join holds the state directory.
  if (hasUnits) await units.stopAgent();
  const had = await readHostId(stateDir);
  try {
    if (had === null) await deps.join();
    else {
      const { authority } = parseJoinSecret(token);
      if (authority !== null)
        await keepTrustedAuthority(stateDir, await findAuthority(server, authority, deps.signal));
    }
    await deps.writeSettings();
  } catch (error) {
    // It goes on as it did before. What the join failed for is what is said.
    if (hasUnits && had !== null) await units.start().catch(() => {});
    throw error;
  }
  if (hasUnits) await units.start();
  const what =
    had === null
      ? `${hostName} has joined the fleet of ${server}`
      : `this host had joined before: it keeps its identity, and its server is ${server}`;
  return `${what}; ${hasUnits ? 'its agent runs' : 'systemd does not run its units here: start trunkline-agent yourself'}`;
}
