import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await createTestServer();
  const network = { name: 'mac_net1', hosts: { all: true }, subnets: [{ cidr: '10.70.0.0/24' }] };
  await server.request('POST', '/v1/networks', network);
  await server.joinHost('docker01');
});
afterAll(() => server?.close());

test.each([
  ['/v1/networks', { name: 'mac_net2', subnets: [{ cidr: '10.71.0.0/24' }] }, '&wait=0s'],
  ['/v1/networks/mac_net1/addresses', { owner: 'web-1' }, ''],
  [
    '/v1/containers',
    { name: 'box1', host: 'docker01', image: 'busybox', attachments: [{ network: 'mac_net1' }] },
    '',
  ],
  ['/v1/checks', { kind: 'addresses' }, ''],
  ['/v1/tokens', { name: 'terraform', role: 'viewer' }, ''],
  ['/v1/join-tokens', {}, ''],
])(
  'a dry run of POST %s names no Location, since nothing is there; the real one does',
  async (path, body, more) => {
    const dry = await server.request('POST', `${path}?dryRun=true${more}`, body);
    expect(dry.status).toBe(200);
    expect(dry.headers['location']).toBeUndefined();
    const real = await server.request('POST', path, body);
    expect(real.headers['location']).toMatch(path);
    expect((await server.request('GET', real.headers['location'] ?? '')).status).toBe(200);
  },
);
