import type { Platform } from '../../platform/platform.ts';
import { startSweep } from '../../platform/sweep.ts';
import { endQuarantines } from './addresses.store.ts';
import { keepForHosts, lockHostsSubnets } from './hosts-own.ts';

const intervalMs = 5_000;
const maxInStep = 1_000;

/** Starts what happens to addresses by time: quarantines end, and what hosts have for themselves is kept. Answers how to stop. */
export function startAddressSweeps({
  database,
  changes,
  log,
  stopping,
}: Pick<Platform, 'database' | 'changes' | 'log' | 'stopping'>): () => Promise<void> {
  const stops = [
    startSweep('quarantine', intervalMs, log, async () => {
      while ((await endQuarantines(database, maxInStep)) >= maxInStep && !stopping.aborted);
    }),
    startSweep('hosts-own', intervalMs, log, () =>
      changes.make({ actor: 'server' }, async (change) =>
        keepForHosts(change, await lockHostsSubnets(change.db)),
      ),
    ),
  ];
  return async () => {
    await Promise.all(stops.map((stop) => stop()));
  };
}
