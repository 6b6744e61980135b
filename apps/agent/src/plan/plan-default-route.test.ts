/** The first attachment carries the default route, on every Engine: as a table, and through restarts. */
import type { DesiredNetwork } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import type { ContainerRoute } from '../host/container-routes.ts';
import { planHost } from './plan.ts';
import { container, createFakeHost, document, id, network } from '../reconcile/subjects.fixture.ts';

const lan = (change: Partial<DesiredNetwork> = {}) => network({ name: 'lan', ...change });
const adm = (change: Partial<DesiredNetwork> = {}) =>
  network({
    id: id(2),
    name: 'adm',
    parent: 'ens34',
    subnets: [{ cidr: '172.16.10.0/24', gateway: '172.16.10.1' }],
    ...change,
  });
const on = (networkId: string, name: string, address: string) => ({
  networkId,
  network: name,
  address,
  address6: null,
  mac: null,
});
const onLan = on(id(1), 'lan', '172.16.100.10');
const onAdm = on(id(2), 'adm', '172.16.10.10');
const over = (gateway: string, link = 'eth1', family: 4 | 6 = 4): ContainerRoute => ({
  family,
  gateway,
  link,
});

interface Row {
  name: string;
  networks?: DesiredNetwork[];
  attachments?: (typeof onLan)[];
  routes: ContainerRoute[];
  /** Gateway that it is set to; null: nothing is done. */
  set: string | null;
}

const rows: Row[] = [
  {
    name: 'Docker took the network whose name comes first',
    routes: [over('172.16.10.1')],
    set: '172.16.100.1',
  },
  { name: 'it is as it should be', routes: [over('172.16.100.1')], set: null },
  {
    name: 'the order of the attachments decides, not the name',
    attachments: [onAdm, onLan],
    routes: [over('172.16.100.1')],
    set: '172.16.10.1',
  },
  {
    name: 'the first network is internal and has no route to give',
    networks: [lan({ internal: true }), adm()],
    routes: [over('172.16.10.1')],
    set: null,
  },
  {
    name: 'the first network has no gateway',
    networks: [lan({ subnets: [{ cidr: '172.16.100.0/24', gateway: null }] }), adm()],
    routes: [over('172.16.10.1')],
    set: null,
  },
  {
    name: 'a route that the container made itself is its own',
    routes: [over('10.8.0.1', 'tun0')],
    set: null,
  },
  { name: 'a container without a default route keeps none', routes: [], set: null },
  {
    name: 'one network alone is left to Docker',
    attachments: [onLan],
    routes: [over('172.16.10.1')],
    set: null,
  },
];

test.each(rows)('$name', async ({ networks = [lan(), adm()], attachments = [onLan, onAdm], routes, set }) => {
  const host = createFakeHost({ version: '27.1.1', apiVersion: '1.46' });
  host.links.put({ name: 'ens34', up: true, carrier: true, promiscuous: true });
  const desired = document(networks, [container({ attachments })]);
  await host.settle(desired);
  const { pid, id: dockerId } = await host.docker.container('box1');
  host.setRoutes(pid!, routes);
  const plan = planHost(desired, await host.look(desired)).containers.get(id(101))!();
  const wanted =
    set === null ? [] : [{ do: 'set-default-route', dockerId, name: 'box1', family: 4, gateway: set }];
  expect(plan.steps).toMatchObject(wanted);
  expect(plan.steps).toHaveLength(wanted.length);
  expect(plan.conditions.at(-1)).toMatchObject({ type: 'Ready', status: set === null ? 'True' : 'False' });
  await host.settle(desired);
  if (set !== null) expect(host.routesOf(pid!)).toMatchObject([{ gateway: set }]);
  expect(
    planHost(desired, await host.look(desired)).containers.get(id(101))!().conditions.at(-1),
  ).toMatchObject({
    type: 'Ready',
    status: 'True',
  });
});
