import { expect, test } from 'vitest';
import { poolCondition, stationsCondition } from './limit-conditions.ts';
import type { Pool } from './pool-outlook.ts';

const thresholds = { poolLowPercent: 10, poolLowDays: 7, manyStations: 200 };
const updatedAt = new Date('2026-11-01T00:00:00.000Z');
const roomyAt = new Date('2026-11-05T00:00:00.000Z');
const stamp = { generation: 3, updatedAt };
const pool: Pool = {
  family: 4,
  allocatable: '200',
  left: '100',
  perDay: 10,
  daysUntilFull: 10,
  roomyAt,
  sampledFrom: updatedAt,
};

test.each<[string, Partial<Pool>, Partial<typeof thresholds>, string | undefined]>([
  ['enough for longer than the days', {}, {}, undefined],
  ['as few left as the percentage', { left: '20' }, {}, 'FewLeft'],
  ['one more than that', { left: '21', daysUntilFull: null }, {}, undefined],
  ['full within the days', { daysUntilFull: 7 }, {}, 'FullSoon'],
  ['few, and soon full: few is worse', { left: '20', daysUntilFull: 2 }, {}, 'FewLeft'],
  ['no trend', { perDay: null, daysUntilFull: null }, {}, undefined],
  ['soon full, and days are switched off', { daysUntilFull: 1 }, { poolLowDays: 0 }, undefined],
  ['few, and the percentage is 0', { left: '1', daysUntilFull: null }, { poolLowPercent: 0 }, undefined],
  [
    'nothing left, and the percentage is 0',
    { left: '0', daysUntilFull: 0 },
    { poolLowPercent: 0 },
    'FewLeft',
  ],
  ['a subnet that gives out nothing', { allocatable: '0', left: '0', daysUntilFull: null }, {}, undefined],
  ['more than a number holds', { allocatable: String(2n ** 64n), left: String(2n ** 63n) }, {}, undefined],
])('PoolNearlyFull: %s', (_, more, other, reason) => {
  const found = poolCondition([{ ...pool, ...more }], { ...thresholds, ...other }, stamp);
  expect(found?.reason).toBe(reason);
});

test('PoolNearlyFull says which IP version, how many are left, and how long they last', () => {
  const six = { ...pool, family: 6, left: '18', allocatable: '256', daysUntilFull: 1.8 };
  expect(poolCondition([pool, six], thresholds, stamp)).toMatchObject({
    type: 'PoolNearlyFull',
    status: 'True',
    observedGeneration: 3,
    lastTransitionTime: roomyAt.toISOString(),
    message:
      'IPv6: 18 of 256 addresses are left; at 10 a day they last 1.8 days. Add a subnet, widen ranges, or release reservations that nobody needs',
  });
});

test('ManyStations from its threshold on, since as many run; never with 0', () => {
  const many = { containers: 210, macs: 200, manySince: roomyAt };
  expect(stationsCondition({ ...many, macs: 199 }, thresholds, stamp)).toBeUndefined();
  expect(stationsCondition(many, { ...thresholds, manyStations: 0 }, stamp)).toBeUndefined();
  expect(stationsCondition(many, thresholds, stamp)).toMatchObject({
    type: 'ManyStations',
    status: 'True',
    reason: 'ManyMacs',
    lastTransitionTime: roomyAt.toISOString(),
  });
});
