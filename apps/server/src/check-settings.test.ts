/** A wrong setting ends the start before anything is made, in one sentence that names the variable. */
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkSettings } from './check-settings.ts';
import { ConfigError } from './config.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'trunkline-settings-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const settings = (change: Partial<Parameters<typeof checkSettings>[0]>) => ({
  listen: { host: '127.0.0.1', port: 0 },
  dataDir: path.join(folder, 'data/below'),
  transport: { kind: 'plain' } as const,
  publicUrl: undefined,
  ...change,
});

test('what can be used is used, and the data directory is made with those above it', async () => {
  await expect(checkSettings(settings({}))).resolves.toBeUndefined();
  expect((await stat(path.join(folder, 'data/below'))).isDirectory()).toBe(true);
});

test('a port that another program has', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const failure = checkSettings(settings({ listen: { host: '127.0.0.1', port } }));
  await expect(failure).rejects.toThrow(ConfigError);
  await expect(failure).rejects.toThrow(
    `TRUNKLINE_LISTEN: cannot listen on 127.0.0.1:${port}: another program listens there`,
  );
  other.close();
});

test('an address that this machine has not', async () => {
  const listen = { host: '192.0.2.1', port: 7400 };
  await expect(checkSettings(settings({ listen }))).rejects.toThrow('this machine has no such address');
});

test.each([['/proc/trunkline'], ['/dev/null/data']])(
  'the data directory %s, which cannot be made, within the test',
  async (dataDir) => {
    const failure = checkSettings(settings({ dataDir }));
    await expect(failure).rejects.toThrow(ConfigError);
    await expect(failure).rejects.toThrow(`cannot use the data directory ${dataDir}`);
  },
);

test('files of TLS that are missing, or are none', async () => {
  const text = path.join(folder, 'text.pem');
  await writeFile(text, 'no key\n');
  const missing = settings({ transport: { kind: 'files', keyFile: '/nowhere/key.pem', certFile: text } });
  await expect(checkSettings(missing)).rejects.toThrow('TRUNKLINE_TLS_KEY: cannot read /nowhere/key.pem');
  const none = settings({ transport: { kind: 'files', keyFile: text, certFile: text } });
  await expect(checkSettings(none)).rejects.toThrow(
    'TRUNKLINE_TLS_KEY and TRUNKLINE_TLS_CERT cannot be used',
  );
});

test('a folder in which no certificate can be kept', async () => {
  const dataDir = path.join(folder, 'with-a-file');
  await mkdir(dataDir);
  await writeFile(path.join(dataDir, 'tls'), 'no folder');
  const failure = checkSettings(settings({ dataDir, transport: { kind: 'own' } }));
  await expect(failure).rejects.toThrow(ConfigError);
  await expect(failure).rejects.toThrow(`cannot keep a certificate of its own in ${dataDir}/tls: EEXIST`);
});
