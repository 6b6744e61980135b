import { placementPath, type Condition, type PlacementReport, type Report } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import { conditionsDiffer, mergeConditions, wasSeen } from '../../platform/conditions.ts';
import { notAhead } from '../../platform/reported-generations.ts';
import { conflictEvents } from './conflict-events.ts';
import type { HostRef } from './host-selection.ts';
import {
  deleteLeftPlacement,
  lockNetworksById,
  placementsForReport,
  writePlacements,
  type ReportedRow,
} from './placements.store.ts';

/** What the end of a network on a host needs of other features. */
export interface PlacementDeps {
  leases: { endHolds(change: Change, host: { id: string; name: string }, networkId?: string): Promise<void> };
  /** Drops a network that is being removed, once nothing is left of it on any host; true when it is gone. */
  finishRemoval(change: Change, network: { id: string; name: string }): Promise<boolean>;
}

/**
 * The agent looked after it was notified, and nothing is left. A report that speaks of an older generation may have been
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
  !report.conditions.some(({ type, reason }) => type === 'AddressPool' && reason === 'MovesWhenFree');

/** The second report that shows it: the first may have been on its way while the host, cut off by the change, undid it. */
const endsForce = (row: ReportedRow, report: PlacementReport): boolean =>
  showsForced(row, report) && row.observedGeneration >= (row.forceGeneration ?? 0) && isReady(row.conditions);

async function removeLeft(
  change: Change,
  deps: PlacementDeps,
  host: Pick<HostRef, 'id' | 'name'>,
  networkIds: readonly string[],
): Promise<void> {
  // Network rows before placements (docs/locking.md).
  for (const network of await lockNetworksById(change.db, networkIds)) {
    if (!(await deleteLeftPlacement(change.db, network.id, host.id))) continue;
    // The host reports that nothing is left of it there: so no container is on what it held.
    await deps.leases.endHolds(change, host, network.id);
    change.record({
      type: 'placement.removed',
      subject: placementPath(network.name, host.name),
      network: network.name,
      host: host.name,
    });
    change.notifyHosts([host.id]);
    if (network.deleting) await deps.finishRemoval(change, network);
  }
}

/**
 * Takes what an agent reports of its networks, and ends removals for which it brings the evidence. `mayBeAhead`: the agent
 * heard more than the database knows, which was restored; what it reports of later generations is passed over.
 */
export async function recordPlacements(
  change: Change,
  deps: PlacementDeps,
  host: HostRef,
  { placements: reports, inventory }: Pick<Report, 'placements' | 'inventory'>,
  observedAt: Date,
  mayBeAhead = false,
): Promise<void> {
  const inUse = new Set(inventory.map(({ networkId }) => networkId));
  const rows = new Map((await placementsForReport(change.db, host.id)).map((row) => [row.networkId, row]));
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
    deps,
    host,
    left.map(({ row }) => row.networkId),
  );
  // Once carried out, force is taken back: what is found wrong there later was not spoken of. For that the agent is
  // woken to report once more, and again to be notified.
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
      frames: report.frames ?? null,
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
}
