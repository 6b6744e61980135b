import {
  allocatableRanges,
  formatIp,
  parseIp,
  parseRange,
  rangeSize,
  type IpRange,
} from '@trunkline/netaddr';
import type { Change } from '../../platform/changes.ts';
import { cidrOf } from '../../platform/database/inet.ts';
import { transactionQuery } from '../../platform/database/query.ts';
import { recordKept } from './hosts-own.ts';
import { writeRanges } from './addresses.store.ts';

/** What a subnet's addresses are taken from, as the operator wrote it. */
export interface SubnetSpec {
  id: string;
  cidr: string;
  gateway: string | null;
  ranges: readonly string[];
  exclude: readonly string[];
}

const rangeRows = (kind: 'allocatable' | 'excluded', ranges: readonly IpRange[]) =>
  ranges.map(({ family, first, last }) => ({
    kind,
    first: formatIp({ family, value: first }),
    last: formatIp({ family, value: last }),
  }));

/** Writes down what may be given out of a subnet; after it was made, or its ranges changed. */
export async function prepareSubnet(
  change: Pick<Change, 'db' | 'record'>,
  { id, cidr, gateway, ranges, exclude }: SubnetSpec,
): Promise<void> {
  const excluded = exclude.map((text) => parseRange(text));
  const allocatable = allocatableRanges({
    cidr: cidrOf(cidr),
    ...(gateway === null ? {} : { gateway: parseIp(gateway) }),
    ...(ranges.length === 0 ? {} : { ranges: ranges.map((text) => parseRange(text)) }),
    exclude: excluded,
  });
  const size = allocatable.reduce((sum, range) => sum + rangeSize(range), 0n);
  const kept = await writeRanges(
    transactionQuery(change.db),
    id,
    [...rangeRows('allocatable', allocatable), ...rangeRows('excluded', excluded)],
    size,
  );
  recordKept(change, kept);
}
