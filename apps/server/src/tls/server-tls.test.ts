/** A server takes the next certificate while it listens. */
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureOwnCertificate, ownFiles } from './own-certificate.ts';
import { openServerTls, type ServerTls, type ServerTlsOf } from './server-tls.ts';

const day = 24 * 3_600_000;
const silent = pino({ level: 'silent' });
let folder: string;
let server: Server | undefined;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'trunkline-tls-'));
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

const own = (): ServerTlsOf => ({
  transport: { kind: 'own' },
  dataDir: folder,
  listen: { host: '127.0.0.1' },
  publicUrl: undefined,
});

async function opened(of: ServerTlsOf, now?: () => number): Promise<ServerTls> {
  const tls = await openServerTls(of, now);
  if (tls === undefined) throw new Error('no TLS');
  return tls;
}

async function listen(tls: ServerTls): Promise<number> {
  server = createServer(tls.material, (_, response) => response.end('here'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function connected(port: number, ca: string): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ca });
  await once(socket, 'secureConnect');
  return socket;
}

test('a renewal reaches new connections without a restart, and cuts none', async () => {
  // The first is made in the past: it has 29 days left, and is valid.
  let now = Date.now() - 61 * day;
  const tls = await opened(own(), () => now);
  const port = await listen(tls);
  const ca = await readFile(ownFiles(folder).authority, 'utf8');
  const before = await connected(port, ca);
  now += 61 * day;
  await tls.renew(server!, silent);
  const after = await connected(port, ca);
  expect(after.getPeerCertificate().serialNumber).not.toBe(before.getPeerCertificate().serialNumber);
  before.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  expect(String((await once(before, 'data'))[0])).toContain('200 OK');
  after.destroy();
});

test("an operator's files are read again, and half of a change is not used", async () => {
  await ensureOwnCertificate(folder, { dns: ['localhost'], ip: ['127.0.0.1'] }, Date.now());
  const files = ownFiles(folder);
  const [keyFile, certFile] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
  await copyFile(files.key, keyFile);
  await copyFile(files.chain, certFile);
  const tls = await opened({ ...own(), transport: { kind: 'files', keyFile, certFile } });
  const port = await listen(tls);
  const ca = await readFile(ownFiles(folder).authority, 'utf8');
  const serial = async (): Promise<string> => {
    const socket = await connected(port, ca);
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const first = await serial();
  await ensureOwnCertificate(folder, { dns: ['localhost', 'other'], ip: ['127.0.0.1'] }, Date.now());
  await copyFile(files.chain, certFile);
  await tls.renew(server!, silent);
  expect(await serial()).toBe(first);
  await copyFile(files.key, keyFile);
  await tls.renew(server!, silent);
  expect(await serial()).not.toBe(first);
});

test('only a chain that ends with who signed itself has an authority to hand on', async () => {
  await ensureOwnCertificate(folder, { dns: ['localhost'], ip: [] }, Date.now());
  const files = ownFiles(folder);
  const chain = await readFile(files.chain, 'utf8');
  const leafAlone = path.join(folder, 'leaf.pem');
  await writeFile(leafAlone, chain.slice(0, chain.indexOf('-----END') + 25));
  const transport = { kind: 'files', keyFile: files.key, certFile: leafAlone } as const;
  expect((await opened({ ...own(), transport })).authority()).toBeNull();
  // As openssl pkey -pubin -outform der | openssl dgst -sha256 does it.
  const key = new X509Certificate(await readFile(files.authority)).publicKey;
  const der = key.export({ type: 'spki', format: 'der' });
  expect((await opened({ ...own(), transport: { ...transport, certFile: files.chain } })).authority()).toBe(
    createHash('sha256').update(der).digest('base64url'),
  );
  expect((await opened(own())).authority()).toHaveLength(43);
});

test('plain HTTP has no TLS', async () => {
  expect(await openServerTls({ ...own(), transport: { kind: 'plain' } })).toBeUndefined();
});
