import { addressPath, networkPath, type Lease, type Recall, type Revocation } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import { poolQuery } from '../../platform/database/query.ts';
import type { HostQuery } from '../../platform/database/host-queries.ts';
import type { Platform } from '../../platform/platform.ts';
import { startSweep } from '../../platform/sweep.ts';
import type { AddressesService } from '../addresses/addresses.service.ts';
import { heldLease, type LeaseHost } from './held-lease.ts';
import { createLeaseClaims, type LeaseClaims } from './lease-claims.ts';
import { createLeaseSyncs, type ContainersOfLeases, type LeaseSyncs } from './lease-sync.ts';
import { createRecallFirst, type RecallFirst } from './recall-first.ts';
import { compareHeld } from './leases.store.ts';
import { endConflicts } from './conflicts.store.ts';
import { endHoldsOf, revocationsOfHosts } from './ended-holds.store.ts';
import { endRecalls, recallsOfHosts } from './recalls.store.ts';

export interface LeasesService extends LeaseSyncs, LeaseClaims, RecallFirst {
  /** Networks of which some hosts are asked to return what they do not use. */
  recalls: HostQuery<Recall>;
  /** Holds that the server has ended, and that the hosts have to confirm. */
  revocations: HostQuery<Revocation>;
  /**
   * The host is no longer there, or nothing of the network is left on it: what it held is quarantined, or goes back to its
   * reservation. Call it before the placements go.
   */
  endHolds(change: Change, host: LeaseHost, networkId?: string): Promise<void>;
  /** All that a host holds. */
  heldBy(host: LeaseHost): Promise<Lease[]>;
  startSweep(): () => Promise<void>;
}

const sweepMs = 2_000;
const sweepMost = 1_000;

export function createLeasesService(
  platform: Pick<Platform, 'database' | 'changes' | 'feed' | 'metrics' | 'log' | 'stopping'>,
  deps: {
    addresses: Pick<AddressesService, 'explain'>;
    containers: ContainersOfLeases;
    /** See `lease_room` in prisma/functions. */
    maxUnused: number;
  },
): LeasesService {
  const { changes } = platform;
  return {
    ...createLeaseSyncs(platform, deps),
    ...createLeaseClaims(platform, deps),
    ...createRecallFirst(platform),

    recalls: recallsOfHosts,
    revocations: revocationsOfHosts,

    heldBy: async (host) =>
      (await compareHeld(poolQuery(platform.database.pool), host.id, [])).unlisted.map((row) =>
        heldLease(row),
      ),

    async endHolds(change, host, networkId) {
      for (const row of await endHoldsOf(change.db, host.id, networkId ?? null)) {
        // What was only kept in advance is nobody's news.
        if (row.state !== 'bound' && row.owner === null) continue;
        change.record({
          type: 'address.released',
          subject: addressPath(row.network, row.ip),
          network: row.network,
          host: host.name,
          data: { owner: row.owner, container: row.container, forced: false },
        });
      }
    },

    startSweep: () =>
      startSweep('leases', sweepMs, platform.log, async () => {
        await changes.make({ actor: 'server' }, async (change) => {
          for (const { network, family, hosts } of await endRecalls(change.db)) {
            change.record({
              type: 'network.shortage-ended',
              subject: networkPath(network),
              network,
              data: { family: `ipv${family}` },
            });
            change.notifyHosts(hosts);
          }
        });
        await changes.make({ actor: 'server' }, async (change) => {
          for (const ended of await endConflicts(change.db, sweepMost)) {
            const about = { subject: addressPath(ended.network, ended.ip), network: ended.network };
            if (ended.notified !== null) change.notifyHosts([ended.notified]);
            if (ended.kind === 'bound')
              change.record({
                type: 'address.bound',
                ...about,
                host: ended.host,
                data: {
                  container: ended.container,
                  dockerId: ended.dockerId,
                  mac: ended.mac,
                  generation: Number(ended.generation),
                },
              });
            else change.record({ type: 'address.recheck', ...about, data: { owner: ended.owner } });
          }
        });
      }),
  };
}
