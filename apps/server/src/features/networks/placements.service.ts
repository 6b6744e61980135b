import {
  addressBookType,
  movesWhenFree,
  type Condition,
  type DesiredNetwork,
  type PlacementReport,
  type Report,
} from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import { conditionsDiffer, mergeConditions, wasSeen } from '../../platform/conditions.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { ApiError } from '../../platform/errors.ts';
import { notAhead } from '../../platform/reported-generations.ts';
import type { HostQuery } from '../../platform/database/host-queries.ts';
import { conflictEvents } from './conflict-events.ts';
import { networksOfHosts } from './desired-networks.ts';
import { planPlacements, type HostRef } from './host-selection.ts';
import {
  attachedContainers,
  deleteNetwork,
  lockNetworksById,
  lockSelection,
  otherContainers,
  selectingNetworks,
} from './networks.store.ts';
import {
  deleteLeftPlacement,
  insertPlacements,
  keepPlacedOn,
  markPlacements,
  placementsForReport,
  placementsOf,
  placementsOn,
  writePlacements,
  type ReportedRow,
} from './placements.store.ts';

/** What the end of a network needs of its addresses. */
export interface AddressesOfNetworks {
  countHeld(db: TransactionClient, networkId: string, gone: boolean): Promise<number>;
  forgetNetwork(change: Change, networkId: string): Promise<void>;
}

/** What the end of a network on a host needs of its leases. */
export interface LeasesOfNetworks {
  endHolds(change: Change, host: { id: string; name: string }, networkId?: string): Promise<void>;
}

/** A network that a container is to be attached to. */
export interface AttachableNetwork {
  id: string;
  name: string;
  deleting: boolean;
  /** Which IP versions it has subnets of. */
  families: (4 | 6)[];
}

/** Where networks are, and what became of them there. */
export interface PlacementsService {
  /** Puts a host that joined, or whose labels changed, on the networks that select it, and off the others. */
  placeHost(change: Change, host: HostRef): Promise<void>;
  /** The host leaves the fleet: whatever was on it, nothing of ours will be taken down there any more. */
  forgetHost(change: Change, host: Pick<HostRef, 'id' | 'name'>): Promise<void>;
  /** All networks a host should have, and those it should not have any more. */
  desired: HostQuery<DesiredNetwork>;
  /** Takes what an agent says of its networks, and ends removals for which it brings the evidence. */
  recordPlacements(
    change: Change,
    host: HostRef,
    report: Pick<Report, 'placements' | 'inventory'>,
    observedAt: Date,
    /** The agent heard more than the database knows, which was restored: what it says of later generations is passed over. */
    mayBeAhead?: boolean,
  ): Promise<void>;
  /** Networks by name, kept as they are until the transaction ends. Those that do not exist are left out. */
  findForAttachment(change: Change, names: readonly string[]): Promise<AttachableNetwork[]>;
  /** Of some networks, those that are on a host to stay, kept there until the transaction ends. */
  keepPlacedOn(db: TransactionClient, networkIds: readonly string[], hostId: string): Promise<string[]>;
  /** Whether the network, in its present form, was seen real on the host. */
  isReadyOn(db: TransactionClient, networkId: string, hostId: string): Promise<boolean>;
}

/** Path of a network in the API. */
export const networkPath = (name: string): string => `/v1/networks/${name}`;
/** Path of a placement in the API. */
export const placementPath = (network: string, host: string): string =>
  `${networkPath(network)}/placements/${host}`;

/** Refuses what would pull a network from under containers. Call it after the change it guards against was written. */
export async function refuseWhileAttached(
  db: TransactionClient,
  network: { id: string; name: string },
  what: string,
  concerns: (attached: { host: string; hostId: string }) => boolean,
  remedy = 'remove them first',
): Promise<void> {
  const attached = (await attachedContainers(db, network.id)).filter(concerns);
  if (attached.length === 0) return;
  // Also those that other tools started: whoever removes the containers wants to know of all of them.
  const others = (await otherContainers(db, network.id, 100)).filter(concerns);
  const all = [...attached, ...others];
  const names = all.slice(0, 5).map(({ container, host }) => `${container} on ${host}`);
  const more = all.length > names.length ? ` and ${all.length - names.length} more` : '';
  throw new ApiError(
    'network_in_use',
    `${what} while containers are attached to ${network.name}: ${names.join(', ')}${more}; ${remedy}`,
    {
      data: {
        containers: attached.slice(0, 100).map(({ container }) => `/v1/containers/${container}`),
        others: others.map(({ container, host }) => ({ container, host })),
      },
    },
  );
}

/** Drops a network that is being removed once nothing is left of it on any host; true when it is gone. */
export async function finishRemoval(
  change: Change,
  addresses: AddressesOfNetworks,
  network: { id: string; name: string },
): Promise<boolean> {
  if ((await placementsOf(change.db, network.id)).length > 0) return false;
  if ((await addresses.countHeld(change.db, network.id, true)) > 0) return false;
  await addresses.forgetNetwork(change, network.id);
  await deleteNetwork(change.db, network.id);
  change.record({ type: 'network.deleted', subject: networkPath(network.name), network: network.name });
  return true;
}

/**
 * The agent looked after it was told, and nothing is left. A report that speaks of an older generation may have been
 * made before the network even came there, so it proves nothing (promise 4). Neither does one that shows containers on it.
 */
const provesRemoval = (row: ReportedRow, report: PlacementReport): boolean =>
  row.leaving && report.removed && report.generation >= row.generation && wasSeen(report.conditions);

const isReady = (conditions: readonly Condition[]): boolean =>
  conditions.some(({ type, status }) => type === 'Ready' && status === 'True');

/**
 * The forced change is real there, and nobody is waited for to move the network to the address book. A report of that
 * generation is not enough: agents report the one they tried, and containers that a failed try left disconnected need the
 * next one.
 */
const showsForced = (row: ReportedRow, report: PlacementReport): boolean =>
  row.forceGeneration !== null &&
  report.generation >= row.forceGeneration &&
  isReady(report.conditions) &&
  !report.conditions.some(({ type, reason }) => type === addressBookType && reason === movesWhenFree);

/** The second report that shows it: the first may have been on its way while the host, cut off by the change, undid it. */
const endsForce = (row: ReportedRow, report: PlacementReport): boolean =>
  showsForced(row, report) && row.observedGeneration >= (row.forceGeneration ?? 0) && isReady(row.conditions);

export function createPlacements(
  addresses: AddressesOfNetworks,
  leases: LeasesOfNetworks,
): PlacementsService {
  const removeLeft = async (
    change: Change,
    host: Pick<HostRef, 'id' | 'name'>,
    networkIds: readonly string[],
  ) => {
    // Network rows before placements, as everywhere.
    for (const network of await lockNetworksById(change.db, networkIds)) {
      if (!(await deleteLeftPlacement(change.db, network.id, host.id))) continue;
      // Nothing is left of it there, the host says: so no container is on what it held.
      await leases.endHolds(change, host, network.id);
      change.record({
        type: 'placement.removed',
        subject: placementPath(network.name, host.name),
        network: network.name,
        host: host.name,
      });
      change.notifyHosts([host.id]);
      if (network.deleting) await finishRemoval(change, addresses, network);
    }
  };

  return {
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
          const what = `the labels of ${host.name} would take ${network.name} off it`;
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
      for (const network of networks) if (network.deleting) await finishRemoval(change, addresses, network);
    },

    desired: networksOfHosts,

    async recordPlacements(change, host, { placements: reports, inventory }, observedAt, mayBeAhead = false) {
      const inUse = new Set(inventory.map(({ networkId }) => networkId));
      const rows = new Map(
        (await placementsForReport(change.db, host.id)).map((row) => [row.networkId, row]),
      );
      const known = reports.flatMap((report) => {
        const row = rows.get(report.networkId);
        if (row === undefined) return [];
        return [{ row, report, name: `network ${row.network}`, generation: row.generation }];
      });
      const believed = notAhead('/placements', known, mayBeAhead);
      const isGone = ({ row, report }: (typeof believed)[number]): boolean =>
        provesRemoval(row, report) && !inUse.has(report.networkId);
      const left = believed.filter(isGone);
      const seen = believed.filter((one) => !isGone(one));
      await removeLeft(
        change,
        host,
        left.map(({ row }) => row.networkId),
      );
      // Once carried out, force is taken back: what is found wrong there later was not spoken of. For that the agent is
      // woken to report once more, and again to be told.
      if (seen.some(({ row, report }) => showsForced(row, report))) change.notifyHosts([host.id]);
      await writePlacements(
        change.db,
        host.id,
        observedAt,
        seen.map(({ row, report }) => ({
          networkId: report.networkId,
          observedGeneration: report.generation,
          dockerNetworkId: report.dockerNetworkId,
          link: report.link,
          lastAction: report.lastAction,
          conditions: mergeConditions(row.conditions, report.conditions),
          conflicts: report.conflicts ?? [],
          endsForce: endsForce(row, report),
        })),
      );
      for (const { row, report } of seen) {
        for (const event of conflictEvents(row, report.conflicts ?? [], host.name)) change.record(event);
        if (!conditionsDiffer(row, report) && !endsForce(row, report)) continue;
        const ready = report.conditions.find(({ type }) => type === 'Ready');
        change.record({
          type: 'placement.changed',
          subject: placementPath(row.network, host.name),
          network: row.network,
          host: host.name,
          data: {
            generation: report.generation,
            ready: ready?.status ?? 'Unknown',
            reason: ready?.reason ?? null,
            message: ready?.message ?? null,
            action: report.lastAction,
          },
        });
      }
    },

    findForAttachment: (change, names) => change.db.$queryRaw`
      SELECT n.id, n.name, n.deleting_since IS NOT NULL AS deleting,
             ARRAY(SELECT DISTINCT family(s.cidr) FROM subnet s WHERE s.network_id = n.id ORDER BY 1) AS families
      FROM network n WHERE n.name = ANY (${[...names]}::text[]) ORDER BY n.id FOR SHARE OF n`,

    keepPlacedOn,

    async isReadyOn(db, networkId, hostId) {
      const [row] = await db.$queryRaw<{ ready: boolean }[]>`
        SELECT p.observed_generation >= n.generation AND p.conditions @> '[{"type": "Ready", "status": "True"}]' AS ready
        FROM placement p JOIN network n ON n.id = p.network_id
        WHERE p.network_id = ${networkId}::uuid AND p.host_id = ${hostId}::uuid AND NOT p.removing`;
      return row?.ready === true;
    },
  };
}
