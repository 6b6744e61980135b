import { createAgentClient } from '@trunkline/client';
import { afterAll, beforeAll } from 'vitest';
import { describeLeaseSourceContract } from '../../apps/agent/src/ipam/leases/lease-source.contract.ts';
import type { InventoryItem } from '@trunkline/contracts';
import { createTestServer, type TestAgent, type TestAnswer, type TestServer } from '../integration/server.ts';

let server: TestServer;
let baseUrl: string;
let one: TestAgent;
let two: TestAgent;
let networks = 0;
const onTwo: InventoryItem[] = [];

beforeAll(async () => {
  server = await createTestServer();
  baseUrl = await server.app.listen({ host: '127.0.0.1', port: 0 });
  one = await server.joinHost('docker01');
  two = await server.joinHost('docker02');
});
afterAll(() => server?.close());

describeLeaseSourceContract('server', async ({ quarantineSeconds }) => {
  networks += 1;
  const name = `net${String(networks)}`;
  const base = `10.60.${String(networks)}`;
  const subnet = `${base}.0/29`;
  const made = succeeded(
    await server.request('POST', '/v1/networks', {
      name,
      parent: 'ens33',
      hosts: { all: true },
      subnets: [{ cidr: subnet, gateway: `${base}.1` }],
      quarantineSeconds,
    }),
  );
  const networkId = made.body.id as string;
  const { hostId, privateKey, instance } = one;
  const source = createAgentClient({ baseUrl, identity: { hostId, privateKey }, instance });
  return {
    source,
    networkId,
    subnet,
    ip: (place) => `${base}.${String(place)}`,
    useElsewhere: async (ip) => {
      const claim = { networkId, family: 'ipv4', ip, mac: null, name: null };
      succeeded(await two.send('POST', '/agent/v1/leases/claim', claim));
      const mac = '02:42:ac:10:64:99';
      onTwo.push({ dockerId: name, name, state: 'running', networkId, ipv4: ip, ipv6: null, mac });
      succeeded(await two.report({ observedRevision: '1', inventory: onTwo }));
    },
    reserve: async ({ ip, owner, mac }) => {
      const reservation = { address: ip, owner, ...(mac === null ? {} : { mac }) };
      succeeded(await server.request('POST', `/v1/networks/${name}/addresses`, reservation));
    },
    dispose: () => source.close(),
  };
});

function succeeded(answer: TestAnswer): TestAnswer {
  if (answer.status >= 300) throw new Error(`${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer;
}
