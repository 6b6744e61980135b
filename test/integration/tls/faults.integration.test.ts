/** What goes wrong between an agent and its server is one sentence in both logs, and says what to do. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ApiError, createAgentClient, ServerUnreachable } from '@trunkline/client';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectionFaultKind, faultFields } from '../../../apps/agent/src/lib/connection-fault.ts';
import type { HandshakeFaultKind } from '../../../apps/server/src/platform/handshakes.ts';
import type { CertificateNames } from '../../../apps/server/src/tls/certificate-names.ts';
import { ensureOwnCertificate, ownFiles } from '../../../apps/server/src/tls/own-certificate.ts';
import { joiningHost } from './joining-host.ts';
import { startTlsServer, type TlsServer } from './tls-server.ts';

const day = 24 * 3_600_000;
let own: TlsServer;
let plain: TlsServer;
let ca: string;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'trunkline-faults-'));
  own = await startTlsServer();
  plain = await startTlsServer((port) => ({
    TRUNKLINE_TLS: 'off',
    TRUNKLINE_PUBLIC_URL: `http://localhost:${port}`,
  }));
  ca = await readFile(ownFiles(own.dataDir).authority, 'utf8');
});
afterAll(async () => {
  await own?.[Symbol.asyncDispose]();
  await plain?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Asks as an agent does, and answers why that failed. */
async function failureAt(baseUrl: string, trusted: string | null): Promise<unknown> {
  await using host = await joiningHost('faulty', pino({ level: 'silent' }));
  const token = 'tlj_never_made_by_anybody';
  return await host
    .join({ baseUrl, ...(trusted === null ? {} : { ca: trusted }) }, token, undefined, true)
    .then(
      () => null,
      (error: unknown) => (error instanceof Error && error.cause instanceof ApiError ? error.cause : error),
    );
}

/** A server with a certificate that was made so many days from now, and for these names. */
async function withCertificate(days: number, names: CertificateNames): Promise<TlsServer & { ca: string }> {
  const made = path.join(folder, `made-${days}-${names.dns.join('-')}`);
  const { certificate } = await ensureOwnCertificate(made, names, Date.now() + days * day);
  const { key, chain } = ownFiles(made);
  const server = await startTlsServer(() => ({ TRUNKLINE_TLS_KEY: key, TRUNKLINE_TLS_CERT: chain }));
  return { ...server, ca: certificate.authority };
}

const faultsOf = (server: TlsServer) =>
  server.lines().flatMap(({ fault, why }) => (typeof fault === 'string' ? [{ fault, why }] : []));

async function expectServer(
  server: TlsServer,
  error: unknown,
  atServer: HandshakeFaultKind | null,
): Promise<void> {
  expect(faultFields(error).why).toMatch(/; .*(?:write|set|join|use|see) /);
  if (atServer !== null)
    await expect.poll(() => faultsOf(server)).toContainEqual({ fault: atServer, why: expect.any(String) });
}

test('http to a port that speaks TLS', async () => {
  const error = await failureAt(`http://localhost:${own.port}`, ca);
  expect(error).toBeInstanceOf(ApiError);
  expect(connectionFaultKind(error)).toBe('secure-port');
  await expectServer(own, error, 'plain-http');
});

test('https to a port that speaks plain HTTP', async () => {
  const error = await failureAt(`https://localhost:${plain.port}`, null);
  expect(error).toBeInstanceOf(ServerUnreachable);
  expect(connectionFaultKind(error)).toBe('plain-port');
  await expectServer(plain, error, 'tls-to-plain');
});

test('an authority that the host does not know', async () => {
  const error = await failureAt(`https://localhost:${own.port}`, null);
  expect(connectionFaultKind(error)).toBe('unknown-authority');
  await expectServer(own, error, 'abandoned');
});

test.each([
  ['has ended', -400, 'localhost', 'expired'],
  ['is not valid yet', 400, 'localhost', 'not-yet-valid'],
  ['is for another name', 0, 'elsewhere.example', 'wrong-name'],
] as const)('a certificate that %s', async (_, days, name, kind) => {
  await using server = await withCertificate(days, { dns: [name], ip: [] });
  const error = await failureAt(`https://localhost:${server.port}`, server.ca);
  expect(connectionFaultKind(error)).toBe(kind);
  await expectServer(server, error, 'abandoned');
});

test('a clock of the host that is off', async () => {
  await using host = await joiningHost('late', pino({ level: 'silent' }));
  const created = await own.client(`https://localhost:${own.port}`, ca).joinTokens.create({});
  const { hostId, privateKey } = await host.join(
    { baseUrl: `https://localhost:${own.port}` },
    created.body.secret,
  );
  const client = createAgentClient({
    baseUrl: `https://localhost:${own.port}`,
    ca,
    identity: { hostId, privateKey },
    instance: 'instance-1',
    clock: () => new Date(Date.now() - 600_000),
  });
  const error = await client.desired().catch((caught: unknown) => caught);
  await client.close();
  expect(connectionFaultKind(error)).toBe('clock-off');
  await expectServer(own, error, null);
  await expect
    .poll(() => own.lines().map(({ msg }) => msg))
    .toContain('the clock of a host is off: its requests are refused until both clocks are set by NTP');
});

test('what came over plain HTTP to the port of TLS is answered, and a probe of the port is no fault', async () => {
  await using server = await startTlsServer();
  const answer = await fetch(`http://localhost:${server.port}/v1/hosts`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ code: 'https_required' });
  const probe = connect(server.port, '127.0.0.1');
  await once(probe, 'connect');
  probe.end();
  await once(probe.resume(), 'close');
  expect(faultsOf(server).map(({ fault }) => fault)).toEqual(['plain-http']);
});
