import { generateKeyPairSync, verify } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { instanceHeader, signedComponents, type DesiredDocument, type Report } from '@trunkline/contracts';
import { httpbis } from 'http-message-signatures';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAgentClient } from './agent-client.ts';
import { contentDigest, signatureParameters } from './signature.ts';

const hostId = '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11';
const { privateKey, publicKey } = generateKeyPairSync('ed25519');

interface Captured {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** A server in the small: keeps each request as it came over the wire. */
const captured: Captured[] = [];
const server = createServer((request: IncomingMessage, response) => {
  void text(request).then((body) => {
    captured.push({
      method: request.method!,
      url: `http://${request.headers.host}${request.url}`,
      headers: Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      ),
      body,
    });
    if (request.method === 'GET') return response.writeHead(304).end();
    return response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ revision: '7', heartbeatSeconds: 10 }));
  });
});
let baseUrl = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

/** What a server does with a request: the body's digest, then the signature over the components. */
async function accepted(request: Captured): Promise<boolean> {
  if (request.headers['content-digest'] !== contentDigest(request.body)) return false;
  const input = request.headers['signature-input']!;
  const components = [...input.slice(0, input.indexOf(')')).matchAll(/"([^"]+)"/g)].map(([, name]) => name);
  if (components.join(' ') !== signedComponents.join(' ')) return false;
  try {
    const answer = await httpbis.verifyMessage(
      {
        requiredParams: [...signatureParameters],
        requiredFields: [...signedComponents],
        maxAge: 60,
        keyLookup: ({ keyid }) =>
          Promise.resolve(
            keyid === hostId
              ? {
                  id: hostId,
                  algs: ['ed25519'],
                  verify: (data, signature) => Promise.resolve(verify(null, data, publicKey, signature)),
                }
              : null,
          ),
      },
      request,
    );
    return answer === true;
  } catch {
    return false;
  }
}

async function signed(call: (client: ReturnType<typeof createAgentClient>) => Promise<unknown>) {
  const client = createAgentClient({ baseUrl, identity: { hostId, privateKey }, instance: 'instance-1' });
  const before = captured.length;
  try {
    await call(client);
  } finally {
    await client.close();
  }
  return captured[before]!;
}

const report = { observedAt: '2026-11-24T09:30:00.000Z' } as Report;

test('a request of the agent carries a signature that the server can check, over a body and over none', async () => {
  const get = await signed((client) => client.desired({ after: '6', wait: 5 }));
  const post = await signed((client) => client.report(report));

  expect(get.url).toBe(`${baseUrl}/agent/v1/desired?after=6&wait=5`);
  expect(await accepted(get)).toBe(true);
  expect(await accepted(post)).toBe(true);
  expect(get.headers['content-digest']).toBe('sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:');
  expect(post.headers['signature-input']).toMatch(
    /^trunkline=\("@method" "@path" "@query" "content-digest" "trunkline-instance"\);created=\d+;nonce="[\w-]{22}";keyid="[\w-]{36}";alg="ed25519"$/,
  );
});

test('no two signatures share a nonce, so that each is worth one request', async () => {
  const nonces = new Set<string>();
  for (let round = 0; round < 5; round += 1) {
    const request = await signed((client) => client.report(report));
    nonces.add(/nonce="([^"]+)"/.exec(request.headers['signature-input']!)![1]!);
  }
  expect(nonces.size).toBe(5);
});

const changes: [string, (request: Captured) => Captured][] = [
  ['method', (request) => ({ ...request, method: 'PUT' })],
  ['path', (request) => ({ ...request, url: request.url.replace('/report', '/leases') })],
  ['query', (request) => ({ ...request, url: `${request.url}?after=1` })],
  ['body', (request) => ({ ...request, body: `${request.body} ` })],
  [
    'body with a digest to match',
    (request) => ({
      ...request,
      body: '{}',
      headers: { ...request.headers, 'content-digest': contentDigest('{}') },
    }),
  ],
  ['instance', (request) => ({ ...request, headers: { ...request.headers, [instanceHeader]: 'another' } })],
  [
    'time',
    (request) => ({
      ...request,
      headers: {
        ...request.headers,
        'signature-input': request.headers['signature-input']!.replace(/created=\d+/, 'created=99'),
      },
    }),
  ],
  [
    'nonce',
    (request) => ({
      ...request,
      headers: {
        ...request.headers,
        'signature-input': request.headers['signature-input']!.replace(/nonce="./, 'nonce="_'),
      },
    }),
  ],
];

test.each(changes)('a signed request with another %s is refused', async (_what, change) => {
  const request = await signed((client) => client.report(report));
  expect(await accepted(request)).toBe(true);
  expect(await accepted(change(request))).toBe(false);
});

test('a signature copied to another request is refused', async () => {
  const get = await signed((client) => client.desired());
  const post = await signed((client) => client.report(report));
  const { signature, 'signature-input': input } = get.headers;
  const copied = {
    ...post,
    headers: { ...post.headers, signature: signature!, 'signature-input': input! },
  };
  expect(await accepted(copied)).toBe(false);
});

test('a desired document that this agent does not understand is an error and not an empty document', async () => {
  const document = { hostId, revision: '7', networks: [] } as Partial<DesiredDocument>;
  const odd = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document)),
  );
  await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve));
  const client = createAgentClient({
    baseUrl: `http://127.0.0.1:${(odd.address() as AddressInfo).port}`,
    identity: { hostId, privateKey },
    instance: 'i',
  });
  try {
    await expect(client.desired()).rejects.toThrow(/desired document is not what this agent understands/);
  } finally {
    await client.close();
    await new Promise((resolve) => odd.close(resolve));
  }
});
