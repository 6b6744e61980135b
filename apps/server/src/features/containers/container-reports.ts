import { containerPath, type ContainerReport } from '@trunkline/contracts';
import type { Change, EventInput } from '../../platform/changes.ts';
import { mergeConditions } from '../../platform/conditions.ts';
import { canonicalIp } from '../../platform/database/inet.ts';
import { notAhead } from '../../platform/reported-generations.ts';
import type { ContainerAddresses } from '../addresses/container-addresses.ts';
import { judgeReport, type KnownContainer, type ReportVerdict } from './container-verdict.ts';
import { conditionsOf, observedOf } from './container-view.ts';
import {
  containersOn,
  deleteContainer,
  sharersOf,
  touchObserved,
  writeObserved,
  writeObservedMac,
  type ContainerRow,
} from './containers.store.ts';

/** What reports of containers do to addresses. */
export type AddressesOfReports = Pick<
  ContainerAddresses,
  'bindContainer' | 'unbindContainer' | 'releaseOfContainer'
>;

const knownOf = (row: ContainerRow): KnownContainer => ({
  generation: row.generation,
  deleting: row.deletingSince !== null,
  observedGeneration: row.observedGeneration,
  observed: observedOf(row),
  conditions: conditionsOf(row),
  places: row.attachments.map(({ networkId, network, ipv4, ipv6, observedMac }) => ({
    networkId,
    network: network.name,
    ipv4: canonicalIp(ipv4),
    ipv6: canonicalIp(ipv6),
    observedMac,
  })),
});

/**
 * Takes what the agent of a host reports of its containers. What it reports of containers of other hosts is ignored, and, where
 * it `mayBeAhead`, what it reports of generations that were lost with a database that was restored.
 */
export async function recordContainerReports(
  change: Change,
  addresses: AddressesOfReports,
  host: { id: string; name: string },
  reports: readonly ContainerReport[],
  observedAt: Date,
  mayBeAhead = false,
): Promise<void> {
  if (reports.length === 0) return;
  const byId = new Map(reports.map((report) => [report.containerId, report]));
  const unchanged: string[] = [];
  const rows = await containersOn(change.db, [host.id], [...byId.keys()]);
  const reported = rows.flatMap((row) => {
    const report = byId.get(row.id);
    if (report === undefined) return [];
    return [{ row, report, name: `container ${row.name}`, generation: row.generation }];
  });
  const taken = notAhead('/containers', reported, mayBeAhead);
  for (const { row, report } of sharersFirst(taken)) {
    const known = knownOf(row);
    const verdict = judgeReport(known, report);
    // One whose stack others share stays until they are gone, whatever the order in which its host removed them.
    if (verdict.gone && (await sharersOf(change.db, row.id)).length === 0) {
      // Addresses before containers (docs/locking.md). What is read of a container being removed does not change any more.
      await addresses.releaseOfContainer(change, row.id);
      if (await deleteContainer(change.db, row.id)) {
        change.record(eventOf('removed', row, host.name, report));
        change.notifyHosts([host.id]);
      }
      continue;
    }
    if (verdict.moved) {
      if (verdict.unbound) await addresses.unbindContainer(change, row.id);
      for (const { ip, mac } of verdict.bound)
        await addresses.bindContainer(change, { containerId: row.id, hostId: host.id, ip, mac });
      for (const { networkId, mac } of verdict.macs) {
        const place = known.places.find((one) => one.networkId === networkId);
        if (place?.observedMac !== mac) await writeObservedMac(change.db, row.id, networkId, mac);
      }
    }
    if (verdict.event === null && !verdict.moved && !verdict.sharersChanged && sameMessages(row, report)) {
      unchanged.push(row.id);
      continue;
    }
    const { state, dockerId, startedAt, exitCode, endpoints, sharedBy = [] } = report;
    await writeObserved(change.db, row.id, {
      observed: {
        state,
        dockerId,
        startedAt,
        exitCode,
        endpoints,
        sharedBy,
        observedAt: observedAt.toISOString(),
      },
      observedGeneration: report.generation,
      conditions: mergeConditions(known.conditions, report.conditions),
    });
    if (verdict.event !== null) change.record(eventOf(verdict.event, row, host.name, report));
  }
  await touchObserved(change.db, unchanged, observedAt);
}

/** What shares a stack before what has one of its own: removed together, the first keeps the second until it is dropped. */
const sharersFirst = <T extends { row: ContainerRow }>(reported: readonly T[]): readonly T[] => [
  ...reported.filter(({ row }) => row.sharesStackOf !== null),
  ...reported.filter(({ row }) => row.sharesStackOf === null),
];

const sameMessages = (row: ContainerRow, report: ContainerReport): boolean => {
  const before = conditionsOf(row);
  return report.conditions.every(({ type, message }) =>
    before.some((condition) => condition.type === type && condition.message === message),
  );
};

function eventOf(
  happened: NonNullable<ReportVerdict['event']> | 'removed',
  row: ContainerRow,
  host: string,
  report: ContainerReport,
): EventInput {
  const ready = report.conditions.find(({ type }) => type === 'Ready');
  return {
    type: `container.${happened}`,
    subject: containerPath(row.name),
    host,
    data: {
      state: report.state,
      exitCode: report.exitCode,
      generation: report.generation,
      ready: ready?.status ?? 'Unknown',
      reason: ready?.reason ?? null,
      message: ready?.message ?? null,
    },
  };
}
