import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createReachability } from './reachability.ts';

test.each([
  [false, 'the server did not answer in time'],
  [true, 'the server was restored from a backup and waits for its hosts (GET /v1/recovery)'],
])('a server that does not answer in time, and recovers: %s', (isRecovering, why) => {
  const reachability = createReachability(
    'nobody asked yet',
    () => 0,
    () => {},
    () => isRecovering,
  );
  reachability.failed(new DOMException('too late', 'TimeoutError'));
  expect(reachability.away()).toEqual({ since: 0, why });
});

test('a disk that cannot be written says nothing of the server', async () => {
  const reachability = createReachability(
    'nobody asked yet',
    () => 0,
    () => {},
  );
  reachability.answered();
  reachability.failed(await writeFile('/proc/nothing', '').catch((error: unknown) => error));
  expect(reachability.away()).toBeNull();
});
