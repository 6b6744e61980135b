import { expect, test } from 'vitest';
import { idempotencyRequest } from './idempotency.ts';

const fingerprint = (url: string, body: unknown = {}, method = 'POST'): string =>
  Buffer.from(idempotencyRequest('t', 'key', { method, url, body })?.fingerprint ?? []).toString('hex');

test('a request that is sent again is the same however long its answer is waited for', () => {
  const first = fingerprint('/v1/networks');
  expect(fingerprint('/v1/networks?wait=30s')).toBe(first);
  expect(fingerprint('/v1/networks?dryRun=true&wait=30s')).toBe(fingerprint('/v1/networks?dryRun=true'));
});

test.each([
  ['path', fingerprint('/v1/containers')],
  ['query', fingerprint('/v1/networks?dryRun=true')],
  ['body', fingerprint('/v1/networks', { name: 'other' })],
  ['method', fingerprint('/v1/networks', {}, 'PUT')],
])('another %s makes it another', (_, other) => {
  expect(other).not.toBe(fingerprint('/v1/networks'));
});
