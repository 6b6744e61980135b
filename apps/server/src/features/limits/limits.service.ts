import type { NetworkLimits } from '@trunkline/contracts';
import { formatRange, intersectRanges, parseRange, rangeSize, formatIp } from '@trunkline/netaddr';
import { ApiError } from '../../platform/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import { startSweep } from '../../platform/sweep.ts';
import { poolCondition, type LimitThresholds } from './limit-conditions.ts';
import { sampledForMs } from './limit-facts.ts';
import { registerLimitGauges } from './limit-gauges.ts';
import {
  countTaken,
  findLimits,
  samplePools,
  type CountedRange,
  type LimitedNetwork,
} from './limits.store.ts';
import { sampleTime } from './sample-times.ts';
import { leftOf, outlookOf, poolsOf, type PoolRow } from './pool-outlook.ts';

/** What networks cost on the LAN, and how much is left of them. */
export interface LimitsService {
  /** Throws network_not_found. */
  get(network: string): Promise<NetworkLimits>;
  /** Takes samples as time passes; answers how to stop. */
  startSweep(): () => Promise<void>;
}

const lookEveryMs = 60_000;

type Ranges = Pick<CountedRange, 'first' | 'last'> & { range: string; size: bigint };

/** The ranges of a subnet as asked for, with how many addresses of each may be given out. Pure. */
function rangesOf({ ranges, allocatable }: LimitedNetwork['subnets'][number]): Ranges[] {
  const pieces = allocatable.map(({ first, last }) => parseRange(`${first}-${last}`));
  return ranges.map((text) => {
    const range = parseRange(text);
    const size = intersectRanges(pieces, [range]).reduce((sum, piece) => sum + rangeSize(piece), 0n);
    const at = (value: bigint): string => formatIp({ family: range.family, value });
    return { range: formatRange(range), first: at(range.first), last: at(range.last), size };
  });
}

const presentSubnet = (
  row: PoolRow,
  ranges: NetworkLimits['subnets'][number]['ranges'],
): NetworkLimits['subnets'][number] => ({
  cidr: row.cidr,
  allocatable: row.allocatable,
  free: row.free,
  leased: row.leased,
  quarantined: row.quarantined,
  left: leftOf(row).toString(),
  trend: {
    from: row.sampledFrom?.toISOString() ?? null,
    to: row.sampledTo?.toISOString() ?? null,
    samples: row.samples,
    ...outlookOf(row),
  },
  ranges,
});

export function createLimitsService(
  platform: Pick<Platform, 'database' | 'metrics' | 'log' | 'now'>,
  thresholds: LimitThresholds,
): LimitsService {
  const { prisma } = platform.database;
  registerLimitGauges(platform, thresholds);

  return {
    async get(name) {
      const found = await findLimits(prisma, name, platform.now(), thresholds.poolLowPercent);
      if (found === undefined) throw new ApiError('network_not_found', `there is no network ${name}`);
      const ranges = found.subnets.map((subnet) => rangesOf(subnet));
      const taken = await countTaken(
        prisma,
        ranges.flatMap((ofSubnet, i) =>
          ofSubnet.map(({ first, last }) => ({ subnetId: found.subnets[i]?.id ?? '', first, last })),
        ),
      );
      const left = ranges.map((ofSubnet) =>
        ofSubnet.map(({ range, size }) => ({
          range,
          allocatable: size.toString(),
          left: (size - BigInt(taken.shift() ?? 0)).toString(),
        })),
      );
      const pools = poolsOf(found.pools);
      const condition = poolCondition(pools, thresholds, found);
      return {
        network: found.name,
        stations: found.stations,
        pools: pools.map(({ family, allocatable, left: ofPool, perDay, daysUntilFull }) => ({
          family,
          allocatable,
          left: ofPool,
          perDay,
          daysUntilFull,
        })),
        subnets: found.pools.map((row, i) => presentSubnet(row, left[i] ?? [])),
        thresholds,
        conditions: condition === undefined ? [] : [condition],
      };
    },

    startSweep: () =>
      startSweep('samples of pools', lookEveryMs, platform.log, async () => {
        const now = platform.now();
        const at = sampleTime(now);
        if (at !== undefined) await samplePools(prisma, at, new Date(now.getTime() - sampledForMs));
      }),
  };
}
