import {
  allocationResults,
  claimOutcomeTable,
  leaseShortageTable,
  returnReasons,
} from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

test('every outcome of the tables has its series from the start', async () => {
  const text = await createMetrics().registry.metrics();
  const series = [
    ...allocationResults.map((outcome) => `trunkline_allocations_total{outcome="${outcome}"} 0`),
    ...returnReasons.map((reason) => `trunkline_leases_returned_total{reason="${reason}"} 0`),
    ...Object.keys(leaseShortageTable).map(
      (reason) => `trunkline_lease_refusals_total{reason="${reason}"} 0`,
    ),
    ...Object.keys(claimOutcomeTable).map(
      (outcome) => `trunkline_lease_claims_total{outcome="${outcome}"} 0`,
    ),
  ];
  expect(series.filter((line) => !text.includes(line))).toEqual([]);
});

test('to count an outcome that is not in its table does not compile', () => {
  const { allocations, leaseClaims } = createMetrics();
  leaseClaims.inc({ outcome: 'held' });
  // @ts-expect-error There is no such outcome.
  expect(() => leaseClaims.inc({ outcome: 'hold' })).not.toThrow();
  allocations.inc({ outcome: 'subnet_full' });
  // @ts-expect-error The database says `full`; callers get `subnet_full`.
  expect(() => allocations.inc({ outcome: 'full' })).not.toThrow();
});
