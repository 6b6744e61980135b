/** Every list is filtered by what its items have; what is asked for twice must hold twice. */
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import { beforeAll, expect, test } from 'vitest';
import { carryOut, containerDone } from '../features/networks/reports.fixture.ts';

const at = useTwoHosts();
interface Item {
  name?: string;
  ip?: string;
  container?: string;
}
const names = async (path: string): Promise<(string | undefined)[]> => {
  const { status, body } = await at.server.request('GET', path);
  expect(status).toBe(200);
  return (body.items as Item[]).map(({ name, ip, container }) => name ?? ip ?? container);
};

beforeAll(async () => {
  await at.call.make('lan_1', {
    subnets: [{ cidr: '10.41.0.0/24' }, { cidr: 'fd00:41::/64' }],
    labels: { team: 'core', stage: 'one' },
  });
  await at.call.make('lanX1', {
    subnets: [{ cidr: '10.42.0.0/24' }],
    hosts: { names: ['docker02'] },
    labels: { team: 'core' },
  });
  await at.call.label('docker01', { rack: 'a3', room: '1' });
  await at.call.label('docker02', { rack: 'a3' });
  await carryOut(at.one);
  await carryOut(at.two);
  await at.call.runOn('docker01', 'web1', 'lan_1', {
    labels: { tier: 'front' },
    attachments: [{ network: 'lan_1', address: '10.41.0.10', mac: '02:42:AC:00:00:41' }],
  });
  await at.call.runOn('docker01', 'web2', 'lan_1');
  const { containers, revision } = await at.one.document();
  const [web1, web2] = ['web1', 'web2'].map((name) => containers.find((one) => one.name === name)!);
  await at.one.report({
    observedRevision: revision,
    containers: [containerDone(web1!), containerDone(web2!, { state: 'exited', endpoints: [] })],
    inventory: [
      {
        networkId: web1!.attachments[0]!.networkId,
        dockerId: 'docker-web1',
        name: 'web1',
        state: 'running',
        ipv4: '10.41.0.10',
        ipv6: null,
        mac: '02:42:ac:00:00:41',
      },
    ],
  });
  await at.server.request('PUT', '/v1/networks/lan_1/addresses/by-owner/printer', {
    address: '10.41.0.77',
    mac: '02:42:AC:00:00:77',
    labels: { room: '12' },
  });
});

test.each([
  ['hosts?q=ER01', ['docker01']],
  ['hosts?label=rack=a3', ['docker01', 'docker02']],
  ['hosts?label=rack=a3,room=1', ['docker01']],
  ['hosts?label=rack=b', []],
  ['networks?q=n_', ['lan_1']],
  ['networks?q=%25', []],
  ['networks?label=team=core', ['lanX1', 'lan_1']],
  ['networks?label=team=core,stage=one', ['lan_1']],
  ['networks?host=docker01', ['lan_1']],
  ['networks?address=10.42.0.9', ['lanX1']],
  ['networks?address=FD00:41:0::9', ['lan_1']],
  ['networks?address=10.42.0.9&host=docker01', []],
  ['containers?q=WEB', ['web1', 'web2']],
  ['containers?q=b_', []],
  ['containers?label=tier=front', ['web1']],
  ['containers?state=exited', ['web2']],
  ['containers?state=running&q=web', ['web1']],
  ['containers?address=10.41.0.10', ['web1']],
  ['containers?mac=02-42-ac-00-00-41', ['web1']],
  ['containers?mac=02-42-ac-00-00-41&address=10.41.0.11', []],
  ['networks/lan_1/addresses?mac=02:42:ac:00:00:77', ['10.41.0.77']],
  ['networks/lan_1/addresses?label=room=12', ['10.41.0.77']],
  ['networks/lan_1/addresses?label=room=12&owner=other', []],
  ['endpoints?q=EB1', ['web1']],
  ['endpoints?address=10.41.0.10', ['web1']],
  ['endpoints?mac=02-42-AC-00-00-41', ['web1']],
  ['endpoints?address=10.41.0.11', []],
])('GET /v1/%s', async (path, found) => {
  const seen = await names(`/v1/${path}`);
  expect(seen).toHaveLength(found.length);
  expect(new Set(seen)).toEqual(new Set(found));
});

test.each([
  'networks?address=10.42',
  'containers?address=x.y',
  'endpoints?mac=1',
  'containers?state=well',
  'hosts?label=rack',
  'networks?q=',
])('GET /v1/%s is refused', async (path) => {
  const { body } = await at.server.request('GET', `/v1/${path}`);
  expect(body).toMatchObject({ status: 400, errors: [{ pointer: expect.stringMatching(/^query:/) }] });
});
