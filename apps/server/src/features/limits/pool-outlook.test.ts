import { expect, test } from 'vitest';
import { outlookOf, poolsOf, type PoolRow } from './pool-outlook.ts';

const day = (n: number): Date => new Date(Date.UTC(2026, 10, 1) + n * 86_400_000);

/** A /24 with 100 addresses left that lost 10 a day for a week. */
const falling: PoolRow = {
  cidr: '172.16.100.0/24',
  family: 4,
  allocatable: '253',
  free: '90',
  leased: '6',
  quarantined: '4',
  samples: 56,
  sampledFrom: day(0),
  sampledTo: day(7),
  perDay: 10,
  fit: 0.9,
  roomyAt: day(7),
};

test.each<[string, Partial<PoolRow>, number | null, number | null]>([
  ['a steady rise: what is left by the rate, leased and quarantined ones included', {}, 10, 10],
  ['no sample', { samples: 0, sampledFrom: null, sampledTo: null, perDay: null, fit: null }, null, null],
  ['one sample', { samples: 1, sampledTo: day(0), perDay: null, fit: null }, null, null],
  ['three samples: a line through chance', { samples: 3 }, null, null],
  ['as many taken as given back', { perDay: 0, fit: 1 }, 0, null],
  ['more given back than taken', { perDay: -3, fit: 0.9 }, -3, null],
  ['what comes and goes without a trend', { perDay: 10, fit: 0.2 }, 10, null],
  ['a rise that a week of samples follows for a year', { perDay: 0.3 }, 0.3, 333.3],
  ['a rise so slow that a week of samples does not speak for it', { perDay: 0.2 }, 0.2, null],
  ['the same rise over half a day speaks for 26 days', { sampledTo: day(0.5), perDay: 4 }, 4, 25],
  ['and no further', { sampledTo: day(0.5), perDay: 3.8 }, 3.8, null],
  ['nothing left, whatever the trend is', { free: '0', leased: '0', quarantined: '0', fit: 0 }, 10, 0],
  ['a subnet of IPv6 that nobody can fill', { family: 6, free: String(2n ** 64n) }, 10, null],
])('%s', (_, more, perDay, daysUntilFull) => {
  expect(outlookOf({ ...falling, ...more })).toEqual({ perDay, daysUntilFull });
});

test('subnets of one IP version are one pool, and those without a trend lend it their addresses only', () => {
  const flat = { ...falling, cidr: '172.16.101.0/24', free: '240', fit: 0.1, roomyAt: null };
  const six = { ...falling, cidr: 'fd00::/120', family: 6 as const, fit: 0 };
  expect(poolsOf([falling, flat, six])).toEqual([
    {
      family: 4,
      allocatable: '506',
      left: '350',
      perDay: 10,
      daysUntilFull: 35,
      roomyAt: day(7),
      sampledFrom: day(0),
    },
    {
      family: 6,
      allocatable: '253',
      left: '100',
      perDay: null,
      daysUntilFull: null,
      roomyAt: day(7),
      sampledFrom: day(0),
    },
  ]);
});

test('of two trends the pool reaches as far as the shorter one', () => {
  const short = { ...falling, cidr: '172.16.101.0/24', sampledTo: day(0.1), perDay: 2 };
  expect(poolsOf([falling, short])[0]).toMatchObject({ left: '200', perDay: 12, daysUntilFull: null });
});
