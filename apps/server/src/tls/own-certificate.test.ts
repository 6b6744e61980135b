/** An authority that is made once, and certificates of the server that renew themselves. */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureOwnCertificate, ownFiles, OwnTlsFault } from './own-certificate.ts';

const day = 24 * 3_600_000;
const now = Date.parse('2026-12-01T00:00:00Z');
const names = { dns: ['server01', 'localhost'], ip: ['127.0.0.1', 'fd00::5', '::1'] };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'trunkline-tls-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const ensure = (at = now, wanted = names) => ensureOwnCertificate(folder, wanted, at);
const authority = () => readFile(ownFiles(folder).authority, 'utf8');

test('private keys are readable by their owner alone, and nothing else is left', async () => {
  await ensure();
  const all = await readdir(path.join(folder, 'tls'));
  expect(all.toSorted()).toEqual(['ca-key.pem', 'ca.pem', 'server-key.pem', 'server.pem']);
  for (const name of ['ca-key.pem', 'server-key.pem'])
    expect((await stat(path.join(folder, 'tls', name))).mode & 0o777).toBe(0o600);
});

test('the certificate is signed by the authority, and is one of a server for its names', async () => {
  const { certificate, made } = await ensure();
  expect(made).toBe('authority');
  const leaf = new X509Certificate(certificate.certificate);
  const ca = new X509Certificate(certificate.authority);
  expect([leaf.checkIssued(ca), leaf.verify(ca.publicKey), leaf.ca, ca.ca]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  expect(leaf.checkHost('server01')).toBe('server01');
  expect(leaf.checkIP('fd00::5')).toBe('fd00::5');
  expect(leaf.checkHost('other')).toBeUndefined();
  expect(certificate.certificate.endsWith(certificate.authority)).toBe(true);
});

test('a restart uses what is there', async () => {
  const first = await ensure();
  const again = await ensure(now + day);
  expect(again.made).toBeNull();
  expect(again.certificate).toEqual(first.certificate);
});

test.each([
  ['it ends within 30 days', now + 61 * day, names],
  ['it has ended', now + 400 * day, names],
  ['the clock was set back before it', now - 10 * day, names],
  ['a name is missing', now, { ...names, dns: [...names.dns, 'trunkline.example.net'] }],
])('the next one, of the same authority, where %s', async (_, at, wanted) => {
  const first = await ensure();
  const next = await ensure(at, wanted);
  expect(next.made).toBe('certificate');
  expect(next.certificate.certificate).not.toBe(first.certificate.certificate);
  expect(next.certificate.authority).toBe(first.certificate.authority);
});

test('a broken certificate is made again, a broken authority never', async () => {
  const first = await ensure();
  await writeFile(ownFiles(folder).chain, 'broken');
  expect((await ensure()).certificate.authority).toBe(first.certificate.authority);
  await writeFile(ownFiles(folder).authorityKey, await readFile(ownFiles(folder).key));
  await expect(ensure()).rejects.toThrow(OwnTlsFault);
  await expect(ensure()).rejects.toThrow('is not of the key in');
  await rm(ownFiles(folder).authorityKey);
  await expect(ensure()).rejects.toThrow(/ca-key\.pem is missing: restore both files/);
  expect(await authority()).toBe(first.certificate.authority);
});
