import {
  placementPath,
  placementsPath,
  type HostSelector,
  type Placement,
  type Report,
} from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { lockSelection } from '../../platform/database/locks.ts';
import { ApiError } from '../../platform/errors.ts';
import { decodeCursor, isNamePosition, pageOf, type PageOf } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import type { LimitThresholds } from '../limits/limit-conditions.ts';
import { stationsOnHosts } from '../limits/limit-facts.ts';
import { disputesOf } from './address-disputes.ts';
import { refuseWhileAttached } from './attached-containers.ts';
import { planPlacements, type HostRef } from './host-selection.ts';
import { foundNetwork } from './placed-network.ts';
import { recordPlacements, type PlacementDeps } from './placement-reports.ts';
import { placementStandings } from './placement-standings.ts';
import { waitsForPerson } from './placement-status.ts';
import { presentPlacement, type HostsOfPlacements, type PlacementContext } from './placement-view.ts';
import {
  findPlacedNetwork,
  findPlacement,
  forcePlacements,
  insertPlacements,
  keepPlacedOn,
  listPlacements,
  lockNetworksById,
  markPlacements,
  placementsOf,
  placementsOn,
  selectingNetworks,
} from './placements.store.ts';

/** What placements need of other features. */
export interface PlacementsDeps extends PlacementDeps {
  hosts: HostsOfPlacements;
  /** From when on limits are shown as conditions. */
  thresholds: LimitThresholds;
}

/** Where networks are, and what became of them there. */
export interface PlacementsService {
  /** The placements of a network, in the order of hosts' names. Throws network_not_found. */
  list(network: string, page: { limit: number; cursor: string | undefined }): Promise<PageOf<Placement>>;
  /** Throws network_not_found, host_not_found. */
  get(network: string, host: string): Promise<Placement>;
  /** Taken before any row by whoever decides which networks are on which hosts. */
  lockSelection(db: TransactionClient): Promise<void>;
  /** Puts a network on the hosts that it selects, and off the others. */
  placeNetwork(change: Change, network: { id: string; name: string }, selector: HostSelector): Promise<void>;
  /** Puts a host that joined, or whose labels changed, on the networks that select it, and off the others. */
  placeHost(change: Change, host: HostRef): Promise<void>;
  /** The host leaves the fleet: whatever was on it, nothing of ours will be taken down there any more. */
  forgetHost(change: Change, host: Pick<HostRef, 'id' | 'name'>): Promise<void>;
  /** Hosts that have a network, or are to take it down. */
  hostsOf(db: TransactionClient, networkId: string): Promise<string[]>;
  /** Lets hosts disconnect containers where Docker must make a network again to reach a generation of it. */
  allowForce(
    change: Change,
    networkId: string,
    hostIds: readonly string[],
    generation: number,
  ): Promise<void>;
  /** Takes what an agent reports of its networks, and ends removals for which it brings the evidence. */
  recordPlacements(
    change: Change,
    host: HostRef,
    report: Pick<Report, 'placements' | 'inventory'>,
    observedAt: Date,
    /** The agent heard more than the database knows, which was restored: what it reports of later generations is passed over. */
    mayBeAhead?: boolean,
  ): Promise<void>;
  /** Of some networks, those that are on a host to stay, kept there until the transaction ends. */
  keepPlacedOn(db: TransactionClient, networkIds: readonly string[], hostId: string): Promise<string[]>;
  /** Whether one of the networks can only be made ready on the host by a person. */
  waitForPerson(db: TransactionClient, networkIds: readonly string[], hostId: string): Promise<boolean>;
}

export function createPlacementsService(
  platform: Pick<Platform, 'database'>,
  deps: PlacementsDeps,
): PlacementsService {
  const { prisma } = platform.database;
  const { hosts, thresholds } = deps;

  /** What placements of a network, on one host or on all, are shown with. */
  const contextOf = async (networkId: string, host: string | null): Promise<PlacementContext> => ({
    hosts,
    thresholds,
    disputes: await disputesOf(prisma, networkId, host),
    stations: await stationsOnHosts(prisma, networkId, host, thresholds.manyStations),
  });

  return {
    async list(name, { limit, cursor }) {
      const network = foundNetwork(await findPlacedNetwork(prisma, name), name);
      const list = `placements of ${network.id}`;
      const rows = await listPlacements(
        prisma,
        network.id,
        decodeCursor(list, cursor, isNamePosition),
        limit + 1,
      );
      const page = pageOf(list, rows, limit, ({ host }) => host.name);
      const context = await contextOf(network.id, null);
      return { ...page, items: page.items.map((row) => presentPlacement(network, row, context)) };
    },

    async get(name, host) {
      const network = foundNetwork(await findPlacedNetwork(prisma, name), name);
      const row = await findPlacement(prisma, network.id, host);
      if (row === null)
        throw new ApiError(
          'host_not_found',
          `network ${name} is on no host ${host}: see ${placementsPath(name)}`,
        );
      return presentPlacement(network, row, await contextOf(network.id, host));
    },

    lockSelection,

    async placeNetwork(change, network, selector) {
      const { db } = change;
      const placed = await placementsOf(db, network.id);
      const plan = planPlacements(selector, await hosts.listForSelection(db), placed);
      await insertPlacements(db, network.id, plan.add);
      await markPlacements(db, network.id, plan.keep, false);
      await markPlacements(db, network.id, plan.remove, true);
      const leaving = new Set(plan.remove);
      if (leaving.size > 0)
        await refuseWhileAttached(db, network, 'the network cannot be removed from its hosts', ({ hostId }) =>
          leaving.has(hostId),
        );
      change.notifyHosts([...placed.map(({ hostId }) => hostId), ...plan.add]);
    },

    async placeHost(change, host) {
      await lockSelection(change.db);
      const removing = new Map(
        (await placementsOn(change.db, host.id)).map((placement) => [
          placement.networkId,
          placement.removing,
        ]),
      );
      for (const network of await selectingNetworks(change.db)) {
        const now = removing.get(network.id);
        const placements = now === undefined ? [] : [{ hostId: host.id, removing: now }];
        const plan = planPlacements(network.hostSelector, [host], placements);
        await insertPlacements(change.db, network.id, plan.add);
        await markPlacements(change.db, network.id, plan.keep, false);
        await markPlacements(change.db, network.id, plan.remove, true);
        if (plan.remove.length > 0) {
          const what = `the labels of ${host.name} would remove ${network.name} from it`;
          await refuseWhileAttached(change.db, network, what, ({ hostId }) => hostId === host.id);
        }
        if (plan.add.length + plan.keep.length + plan.remove.length === 0) continue;
        change.record({
          type: plan.remove.length > 0 ? 'placement.removing' : 'placement.added',
          subject: placementPath(network.name, host.name),
          network: network.name,
          host: host.name,
          data: { generation: network.generation },
        });
        change.notifyHosts([host.id]);
      }
    },

    async forgetHost(change, host) {
      await lockSelection(change.db);
      const placements = await placementsOn(change.db, host.id);
      const networkIds = placements.map(({ networkId }) => networkId);
      const networks = await lockNetworksById(change.db, networkIds);
      await change.db.placement.deleteMany({ where: { hostId: host.id } });
      for (const network of networks) if (network.deleting) await deps.finishRemoval(change, network);
    },

    hostsOf: async (db, networkId) => (await placementsOf(db, networkId)).map(({ hostId }) => hostId),

    async allowForce(change, networkId, hostIds, generation) {
      await forcePlacements(change.db, networkId, hostIds, generation);
      change.notifyHosts(hostIds);
    },

    recordPlacements: (change, host, report, observedAt, mayBeAhead) =>
      recordPlacements(change, deps, host, report, observedAt, mayBeAhead),

    keepPlacedOn,

    async waitForPerson(db, networkIds, hostId) {
      const standings = await Promise.all(networkIds.map((id) => placementStandings(db, id)));
      return standings.flat().some((row) => row.hostId === hostId && waitsForPerson(row));
    },
  };
}
