import { expect, test } from 'vitest';
import { sampleTime } from './sample-times.ts';

test.each([
  ['2026-11-30T09:00:00.000Z', '2026-11-30T09:00:00.000Z'],
  ['2026-11-30T09:04:59.999Z', '2026-11-30T09:00:00.000Z'],
  ['2026-11-30T09:05:00.001Z', undefined],
  ['2026-11-30T08:59:59.999Z', undefined],
  ['2026-11-30T10:00:00.000Z', undefined],
])('at %s the sample of %s is taken, by every server the same', (now, sample) => {
  expect(sampleTime(new Date(now))?.toISOString()).toBe(sample);
});
