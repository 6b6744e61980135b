import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import type { ContainerRoute } from '../../host/container-routes.ts';
import type { DockerNetworkSpec } from '../../host/docker-engine.ts';
import { createFakeDockerEngine } from '../../host/docker-engine.fake.ts';
import { turns } from '../../lib/manual-time.fake.ts';
import { createNoGatewayRoutes } from './no-gateway-routes.ts';

const none4: ContainerRoute = { family: 4, gateway: '127.0.0.1', link: 'lo' };
const none6: ContainerRoute = {
  family: 6,
  gateway: 'fe80:0000:0000:0000:7472:756e:6b6c:696e',
  link: 'eth0',
};
const driven = (name: string, cidr: string): DockerNetworkSpec => ({
  name,
  driver: 'macvlan',
  ipamDriver: 'trunkline',
  ipamOptions: { network: name },
  options: { parent: name },
  subnets: [{ cidr }],
});
const other = (name: string, gateway: string, more: Partial<DockerNetworkSpec> = {}): DockerNetworkSpec => ({
  name,
  driver: 'macvlan',
  options: { parent: name },
  subnets: [{ cidr: `${gateway.replace(/\d+$/, '0')}/24`, gateway }],
  ...more,
});

async function setUp(
  routes: ContainerRoute[],
  others: DockerNetworkSpec[] = [],
  first = driven('lan', '10.9.0.0/24'),
) {
  const docker = createFakeDockerEngine({ version: '20.10.24' });
  docker.addImage('busybox');
  for (const spec of [first, ...others]) await docker.createNetwork(spec);
  const did: string[] = [];
  let looks = 0;
  const routesNow = [...routes];
  const cleaner = createNoGatewayRoutes({
    docker,
    routesOf: async () => {
      looks += 1;
      return routesNow;
    },
    removeRoute: async (_, { family, gateway, link }) =>
      void did.push(`${family} not over ${gateway} on ${link}`),
    addRoute: async (_, family, gateway) => void did.push(`${family} to ${gateway}`),
    log: pino({ level: 'silent' }),
  });
  const look = async () => {
    const [version, networks, containers] = [
      await docker.version(),
      await docker.networks(),
      await docker.containers(),
    ];
    const rest = {
      details: new Map(),
      failedStarts: [],
      interfaces: new Map(),
      routes: new Map(),
      images: new Set<string>(),
    };
    cleaner.onObservation({
      docker: { reachable: true, version, networks, containers, ...rest, outage: null },
    });
    await turns();
    return did;
  };
  const attachments = [first, ...others].map(({ name }) => ({ network: name }));
  await docker.createContainer({ name: 'box1', image: 'busybox', attachments });
  await docker.startContainer('box1');
  return { docker, look, cleaner, looks: () => looks };
}

describe('a default route over a gateway that the network does not have', () => {
  test('is taken away, of both IP versions, once a start', async () => {
    const { look, looks, docker } = await setUp([none4, none6]);
    const gone = ['4 not over 127.0.0.1 on lo', '6 not over fe80::7472:756e:6b6c:696e on eth0'];
    expect(await look()).toEqual(gone);
    expect(await look()).toEqual(gone);
    expect(looks()).toBe(1);
    await docker.restartContainer('box1', 1);
    expect(await look()).toEqual([...gone, ...gone]);
  });

  test('goes to the next network that has one: the first by its name that is not internal', async () => {
    const others = [
      other('adm', '10.1.0.1', { internal: true }),
      other('pub', '10.3.0.1'),
      other('mgt', '10.2.0.1'),
    ];
    expect(await (await setUp([none4], others)).look()).toEqual([
      '4 not over 127.0.0.1 on lo',
      '4 to 10.2.0.1',
    ]);
  });

  test('any other route is left alone', async () => {
    const tunnel: ContainerRoute = { family: 4, gateway: '10.8.0.1', link: 'tun0' };
    expect(await (await setUp([tunnel], [other('mgt', '10.2.0.1')])).look()).toEqual([]);
    expect(await (await setUp([])).look()).toEqual([]);
  });

  test('nobody looks into containers of networks that have their gateway, or that are not ours', async () => {
    const whole = await setUp([none4], [], {
      ...driven('lan', '10.9.0.0/24'),
      subnets: [{ cidr: '10.9.0.0/24', gateway: '10.9.0.1' }],
    });
    const foreign = await setUp([none4], [], { ...driven('lan', '10.9.0.0/24'), ipamDriver: 'default' });
    for (const it of [whole, foreign]) {
      expect(await it.look()).toEqual([]);
      expect(it.looks()).toBe(0);
    }
  });

  test('a container that ended meanwhile is no failure, and after the end nothing is begun', async () => {
    const { look, cleaner, docker } = await setUp([none4]);
    cleaner.close();
    expect(await look()).toEqual([]);
    expect(await docker.container('box1')).toMatchObject({ status: 'running' });
  });
});
