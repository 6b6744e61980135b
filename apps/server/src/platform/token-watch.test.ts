import { once } from 'node:events';
import { expect, test } from 'vitest';
import { createTokenWatch } from './token-watch.ts';

const caller = { tokenId: 'id', name: 'ci', role: 'viewer' as const };

test('the signal fires when the token is no longer valid, and not before', async () => {
  let valid = true;
  let looks = 0;
  const looked = Promise.withResolvers<void>();
  const watch = createTokenWatch(async () => {
    looks += 1;
    if (looks === 3) looked.resolve();
    return valid ? caller : undefined;
  }, 1);
  const { signal } = watch.watch('hash');
  await looked.promise;
  expect(signal.aborted).toBe(false);
  valid = false;
  await once(signal, 'abort');
});

test('a database that is away ends nothing', async () => {
  let looks = 0;
  const recovered = Promise.withResolvers<void>();
  const watch = createTokenWatch(async () => {
    looks += 1;
    if (looks < 3) throw new Error('away');
    recovered.resolve();
    return caller;
  }, 1);
  const { signal } = watch.watch('hash');
  await recovered.promise;
  expect(signal.aborted).toBe(false);
});

test('a token that nothing is open for is not looked up any more', async () => {
  const looked: string[] = [];
  const both = Promise.withResolvers<void>();
  const watch = createTokenWatch(async (hash) => {
    looked.push(hash);
    if (looked.filter((one) => one === 'kept').length === 3) both.resolve();
    return caller;
  }, 1);
  watch.watch('released').release();
  watch.watch('kept');
  await both.promise;
  expect(looked).not.toContain('released');
});
