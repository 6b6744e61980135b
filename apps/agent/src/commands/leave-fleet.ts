import { StateFolderBusy } from '../sync/state-lock.ts';
import type { Units } from './units.ts';

/** Something that keeps this host from leaving. */
export class CannotLeave extends Error {
  override readonly name = 'CannotLeave';
}

/** What leaving needs. */
export interface LeaveFleetDeps {
  readonly hostName: string;
  readonly force: boolean;
  readonly units: Units;
  /** Names of the Trunkline networks that Docker has here; fails where it does not answer. */
  readonly networks: () => Promise<readonly string[]>;
  /** Removes identity and state; fails with `StateFolderBusy` while an agent uses them. */
  readonly removeState: () => Promise<void>;
  /** Takes server and token out of the settings. */
  readonly clearSettings: () => Promise<void>;
}

/** Takes this host out of its fleet. Answers what is left to do, in one sentence. Fails with {@link CannotLeave}. */
export async function leaveFleet(deps: LeaveFleetDeps): Promise<string> {
  const { hostName, force, units } = deps;
  if (!force) await refuseWhileUsed(deps);
  if (await units.areThere()) await units.disable();
  try {
    await deps.removeState();
  } catch (error) {
    if (!(error instanceof StateFolderBusy)) throw error;
    throw new CannotLeave(`${error.message}; it was not started by systemd`, { cause: error });
  }
  await deps.clearSettings();
  return `this host has left its fleet; retire it on the server: DELETE /v1/hosts/${hostName} (trunkline delete host ${hostName})`;
}

async function refuseWhileUsed({ networks }: LeaveFleetDeps): Promise<void> {
  const found = await networks().catch((error: unknown) => {
    throw new CannotLeave(
      'Docker does not answer, so it is not known whether Trunkline networks are here: start Docker, or use --force',
      { cause: error },
    );
  });
  if (found.length > 0)
    throw new CannotLeave(
      `${found.join(', ')} ${found.length === 1 ? 'is' : 'are'} still on this host, and containers there could not be started again: take this host out of these networks first, or use --force`,
    );
}
