import type { NetworkLimits } from '@trunkline/contracts';

/** A subnet as the database counts it; counts in decimal, the line through its samples as PostgreSQL fits it. */
export interface PoolRow {
  cidr: string;
  family: 4 | 6;
  allocatable: string;
  free: string;
  leased: string;
  quarantined: string;
  samples: number;
  sampledFrom: Date | null;
  sampledTo: Date | null;
  /** Slope, in addresses a day; null: of fewer than two samples. */
  perDay: number | null;
  /** Part of the variation that the line explains, 0 to 1; null: of fewer than two samples. */
  fit: number | null;
  /** The last sample with more left than the threshold. */
  roomyAt: Date | null;
}

/** What a trend says of how long addresses last. */
export interface Outlook {
  perDay: number | null;
  daysUntilFull: number | null;
}

/** All subnets of one IP version of a network. */
export type Pool = NetworkLimits['pools'][number] & { roomyAt: Date | null; sampledFrom: Date | null };

/** A line through fewer is made of chance. */
const minSamples = 4;
/** A line that explains less of the variation is none: what comes and goes has no trend. */
const minFit = 0.5;
/** How much further than its samples a line is followed: those of a week speak for a year, those of a morning for weeks. */
const maxReach = 52;

const dayMs = 86_400_000;
const rounded = (value: number, digits: number): number =>
  Math.round(value * 10 ** digits) / 10 ** digits || 0;

/** What a container can still get: free addresses, those that hosts return on a recall, and those in quarantine. */
export const leftOf = (row: Pick<PoolRow, 'free' | 'leased' | 'quarantined'>): bigint =>
  BigInt(row.free) + BigInt(row.leased) + BigInt(row.quarantined);

const windowDays = ({ sampledFrom, sampledTo }: PoolRow): number =>
  sampledFrom === null || sampledTo === null ? 0 : (sampledTo.getTime() - sampledFrom.getTime()) / dayMs;

const hasTrend = (row: PoolRow): row is PoolRow & { perDay: number } =>
  row.samples >= minSamples && row.perDay !== null && (row.fit ?? 0) >= minFit;

/** Days until `left` addresses are used up at a rate; null where `days` of samples do not carry so far, or it does not rise. */
function daysLeft(left: bigint, perDay: number | null, days: number): number | null {
  if (left === 0n) return 0;
  if (perDay === null || perDay <= 0) return null;
  const until = Number(left) / perDay;
  return until <= days * maxReach ? rounded(until, 1) : null;
}

/** How long the addresses of one subnet last. Pure. */
export function outlookOf(row: PoolRow): Outlook {
  const perDay = row.samples >= minSamples && row.perDay !== null ? rounded(row.perDay, 2) : null;
  return {
    perDay,
    daysUntilFull: daysLeft(leftOf(row), hasTrend(row) ? row.perDay : null, windowDays(row)),
  };
}

const earliest = (dates: readonly (Date | null)[]): Date | null =>
  dates.reduce((first, date) => (first === null || (date !== null && date < first) ? date : first), null);
const latest = (dates: readonly (Date | null)[]): Date | null =>
  dates.reduce((last, date) => (last === null || (date !== null && date > last) ? date : last), null);

/** The subnets of each IP version together, as a container gets an address of any of them. Pure. */
export function poolsOf(rows: readonly PoolRow[]): Pool[] {
  return ([4, 6] as const).flatMap((family) => {
    const own = rows.filter((row) => row.family === family);
    if (own.length === 0) return [];
    const left = own.reduce((sum, row) => sum + leftOf(row), 0n);
    const trends = own.filter(hasTrend);
    const perDay = trends.length === 0 ? null : trends.reduce((sum, row) => sum + row.perDay, 0);
    const days = Math.min(...trends.map(windowDays));
    return [
      {
        family,
        allocatable: own.reduce((sum, row) => sum + BigInt(row.allocatable), 0n).toString(),
        left: left.toString(),
        perDay: perDay === null ? null : rounded(perDay, 2),
        daysUntilFull: daysLeft(left, perDay, days),
        roomyAt: latest(own.map(({ roomyAt }) => roomyAt)),
        sampledFrom: earliest(own.map(({ sampledFrom }) => sampledFrom)),
      },
    ];
  });
}
