/** A join token names the authority of its server, so that a host needs no file of it. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createAgentClient, joinHost } from '@trunkline/client';
import { agentProtocolVersion, parseJoinSecret } from '@trunkline/contracts';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readTrustedAuthority } from '../../../apps/agent/src/machine/trusted-authority.ts';
import { ensureOwnCertificate, ownFiles } from '../../../apps/server/src/tls/own-certificate.ts';
import { newAgentKey, testFacts } from '../agent-stub.ts';
import { joiningHost } from './joining-host.ts';
import { startTlsServer, type TlsServer } from './tls-server.ts';

const silent = pino({ level: 'silent' });
let server: TlsServer;
let url: string;
let ca: string;
beforeAll(async () => {
  server = await startTlsServer();
  url = `https://localhost:${server.port}`;
  ca = await readFile(ownFiles(server.dataDir).authority, 'utf8');
});
afterAll(() => server?.[Symbol.asyncDispose]());

const newToken = async (host?: string) =>
  (await server.client(url, ca).joinTokens.create(host === undefined ? {} : { host })).body;
const stateOf = async (id: string) =>
  (await server.client(url, ca).joinTokens.list()).body.items.find((one) => one.id === id)?.state;

test('the answer has the line to paste, with the URL of the server and the fingerprint of its authority', async () => {
  const { secret, command } = await newToken('docker01');
  expect(parseJoinSecret(secret).authority).toHaveLength(43);
  expect(command).toBe(`trunkline-agent join ${url} ${secret} --name docker01`);
});

test('a host joins with that alone, and knows the server from then on', async () => {
  await using host = await joiningHost('by-token', silent);
  const { secret } = await newToken();
  const { hostId, privateKey } = await host.join({ baseUrl: url }, secret);
  const kept = await readTrustedAuthority(host.stateDir);
  expect(kept?.trim()).toBe(ca.trim());
  expect((await stat(path.join(host.stateDir, 'server-ca.pem'))).mode & 0o777).toBe(0o600);
  const client = createAgentClient({
    baseUrl: url,
    ca: kept ?? '',
    identity: { hostId, privateKey },
    instance: 'instance-1',
  });
  try {
    expect(await client.desired()).toMatchObject({ hostId });
  } finally {
    await client.close();
  }
});

test('a token is for the authority that it names: another server gets nothing of it', async () => {
  await using other = await startTlsServer();
  await using host = await joiningHost('elsewhere', silent);
  const { secret, id } = await newToken();
  await expect(host.join({ baseUrl: `https://localhost:${other.port}` }, secret)).rejects.toThrow(
    /is not the server that made the join token: its certificate is of "CN=Trunkline CA [0-9a-f]{8}"/,
  );
  expect(await readTrustedAuthority(host.stateDir)).toBeNull();
  expect(await stateOf(id)).toBe('unused');
});

test('also where that server has a certificate that the host trusts', async () => {
  await using other = await startTlsServer();
  await using host = await joiningHost('elsewhere', silent);
  const trusted = await readFile(ownFiles(other.dataDir).authority, 'utf8');
  const { secret } = await newToken();
  await expect(
    host.join({ baseUrl: `https://localhost:${other.port}`, ca: trusted }, secret),
  ).rejects.toThrow('is not the server that made the join token');
});

test('a token with an authority is not sent over plain HTTP', async () => {
  await using host = await joiningHost('plain', silent);
  const { secret, id } = await newToken();
  const plain = url.replace('https:', 'http:');
  await expect(host.join({ baseUrl: plain }, secret)).rejects.toThrow('write the https:// URL');
  expect(await stateOf(id)).toBe('unused');
});

test('a token of before, without an authority, joins where the host trusts the server by its settings', async () => {
  await using host = await joiningHost('by-file', silent);
  const { secret } = parseJoinSecret((await newToken()).secret);
  await host.join({ baseUrl: url, ca }, secret);
  expect(await readTrustedAuthority(host.stateDir)).toBeNull();
});

test('where the chain leads to an authority that machines know, the token names none', async () => {
  await using known = await startTlsServer((_, dataDir) => ({
    TRUNKLINE_TLS_KEY: path.join(server.dataDir, 'key.pem'),
    TRUNKLINE_TLS_CERT: path.join(server.dataDir, 'leaf.pem'),
    TRUNKLINE_DATA_DIR: dataDir,
  }));
  const created = await known.client(`https://localhost:${known.port}`, ca).joinTokens.create({});
  expect(parseJoinSecret(created.body.secret).authority).toBeNull();
  await using host = await joiningHost('public', silent);
  await host.join({ baseUrl: `https://localhost:${known.port}`, ca }, created.body.secret);
});

beforeAll(async () => {
  // The certificate of an operator, whose file has the chain without the root.
  const names = { dns: ['localhost'], ip: ['127.0.0.1'] };
  const { certificate } = await ensureOwnCertificate(server.dataDir, names, Date.now());
  await writeFile(path.join(server.dataDir, 'key.pem'), certificate.key);
  const [leaf = ''] = certificate.certificate.split(/(?<=-----END CERTIFICATE-----)/);
  await writeFile(path.join(server.dataDir, 'leaf.pem'), `${leaf}\n`);
});

test('an agent that sends the whole token, as one of before does, is heard as well', async () => {
  const { secret } = await newToken();
  const facts = testFacts('whole');
  const { publicKey } = newAgentKey();
  const request = { protocol: agentProtocolVersion, token: secret, name: 'whole', publicKey, facts };
  await expect(joinHost({ baseUrl: url, ca }, request)).resolves.toMatchObject({ name: 'whole' });
});
