import { generateKeyPairSync } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { createAgentKeys } from './agent-keys.ts';

const rawKey = (): Uint8Array =>
  new Uint8Array(
    generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' }).subarray(-32),
  );

test('a key is read of the database once', async () => {
  const find = vi.fn<(hostId: string) => Promise<Uint8Array>>(async () => rawKey());
  const keys = createAgentKeys(find);
  const first = await keys.get('a');
  expect(await keys.get('a')).toBe(first);
  expect(first?.asymmetricKeyType).toBe('ed25519');
  expect(find).toHaveBeenCalledTimes(1);
});

test('a host that has not joined is looked for each time: it may have by then', async () => {
  const hosts = new Map<string, Uint8Array>();
  const keys = createAgentKeys(async (hostId) => hosts.get(hostId));
  expect(await keys.get('a')).toBeUndefined();
  hosts.set('a', rawKey());
  expect(await keys.get('a')).toBeDefined();
});

test('no more keys are kept than there is room for; the others are read again', async () => {
  const find = vi.fn<(hostId: string) => Promise<Uint8Array>>(async () => rawKey());
  const keys = createAgentKeys(find, 2);
  for (const hostId of ['a', 'b', 'c', 'b', 'c']) await keys.get(hostId);
  expect(find.mock.calls).toEqual([['a'], ['b'], ['c']]);
  await keys.get('a');
  expect(find).toHaveBeenCalledTimes(4);
});
