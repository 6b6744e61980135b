import fc from 'fast-check';
import type { DesiredContainer, DesiredDocument, DesiredNetwork } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { linkOf } from './link-users.ts';
import { containerLabel, generationLabel, networkLabel, shimMac, shimName } from '../observation/marks.ts';
import type { Step } from './steps.ts';
import {
  container,
  createFakeHost,
  document,
  id,
  network,
  type FakeHost,
} from '../reconcile/subjects.fixture.ts';

const names = ['net_a', 'net_b', 'net_c'];
const parents = ['ens33', 'ens34', 'ens35', null];
const ids = [id(1), id(2), id(3)];

const subnetOf = (n: number) => [{ cidr: `172.16.${n}.0/24`, gateway: `172.16.${n}.1` }];

/** Networks with names and ids of their own; parents that exist and not, VLANs, absent and present. */
const someNetworks = fc.uniqueArray(
  fc.record({
    n: fc.integer({ min: 0, max: 2 }),
    state: fc.constantFrom<DesiredNetwork['state'][]>('present', 'absent'),
    parent: fc.constantFrom(...parents),
    vlan: fc.constantFrom(null, 10, 20),
    mode: fc.constantFrom<DesiredNetwork['mode'][]>('bridge', 'private'),
    hostAccess: fc.boolean(),
    subnet: fc.integer({ min: 100, max: 102 }),
  }),
  { selector: ({ n }) => n, maxLength: 3 },
);
const someContainers = fc.uniqueArray(
  fc.record({
    n: fc.integer({ min: 0, max: 3 }),
    state: fc.constantFrom<DesiredContainer['state'][]>('present', 'absent'),
    on: fc.integer({ min: 0, max: 2 }),
    joins: fc.boolean(),
  }),
  { selector: ({ n }) => n, maxLength: 4 },
);

/** What somebody else, or an earlier agent, left on the host. */
const someLeftovers = fc.record({
  networks: fc.array(
    fc.record({
      name: fc.constantFrom(...names, 'hand'),
      driver: fc.constantFrom('macvlan', 'bridge', 'ipvlan'),
      parent: fc.constantFrom('ens33', 'ens34', 'ens33.10'),
      mark: fc.constantFrom(undefined, ...ids, id(77)),
      subnet: fc.integer({ min: 100, max: 102 }),
    }),
    { maxLength: 4 },
  ),
  containers: fc.array(
    fc.record({
      name: fc.constantFrom('box0', 'box1', 'box2', 'box3', 'hand'),
      mark: fc.constantFrom(undefined, id(100), id(101), id(102), id(177)),
      network: fc.constantFrom(undefined, ...names, 'hand'),
      started: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
  vlanAlias: fc.constantFrom(undefined, '', `trunkline:${id(1)}`, `trunkline:${id(77)}`),
  shimAlias: fc.constantFrom(undefined, '', 'by hand', `trunkline:${id(1)}`, `trunkline:${id(77)}`),
  dockerDown: fc.boolean(),
});

interface World {
  readonly desired: DesiredDocument;
  readonly host: FakeHost;
}

const worlds = fc.record({ networks: someNetworks, containers: someContainers, leftovers: someLeftovers });

/** Docker may refuse what chance asks for. */
async function unlessRefused(work: Promise<unknown>): Promise<void> {
  await work.catch(() => {});
}

async function build(world: typeof worlds extends fc.Arbitrary<infer T> ? T : never): Promise<World> {
  const host = createFakeHost({ version: '27.1.0', apiVersion: '1.46' });
  const address = { family: 4, address: '172.16.1.30', prefixLength: 24, scope: 'global' } as const;
  host.links.put({ ...(await host.links.get('ens33')), addresses: [address] });
  host.links.put({ name: 'ens34', up: false });
  const { leftovers } = world;
  if (leftovers.shimAlias !== undefined) {
    const shim = { name: 'tlh-ens33', kind: 'macvlan', macvlanMode: 'bridge', parent: 'ens33' };
    const { mac } = await host.links.get('ens33');
    host.links.put({ ...shim, mac: shimMac('ens33', mac), alias: leftovers.shimAlias || null });
  }
  if (leftovers.vlanAlias !== undefined) {
    host.links.put({
      name: 'ens33.10',
      kind: 'vlan',
      vlanId: 10,
      parent: 'ens33',
      alias: leftovers.vlanAlias,
    });
  }
  const engine = host.docker.behindOurBack;
  for (const one of leftovers.networks) {
    await unlessRefused(
      engine.createNetwork({
        name: one.name,
        driver: one.driver,
        options: { parent: one.parent },
        ...(one.mark === undefined ? {} : { labels: { [networkLabel]: one.mark } }),
        subnets: subnetOf(one.subnet),
      }),
    );
  }
  for (const one of leftovers.containers) {
    await unlessRefused(
      engine.createContainer({
        name: one.name,
        image: 'busybox',
        ...(one.mark === undefined ? {} : { labels: { [containerLabel]: one.mark, [generationLabel]: '1' } }),
        ...(one.network === undefined ? {} : { attachments: [{ network: one.network }] }),
      }),
    );
    if (one.started) await unlessRefused(engine.startContainer(one.name));
  }
  if (leftovers.dockerDown) host.docker.setReachable(false);
  const networks = world.networks.map(({ n, subnet, ...rest }) =>
    network({ ...rest, id: ids[n]!, name: names[n]!, subnets: subnetOf(subnet) }),
  );
  // The server removes no container while another shares its network stack.
  const stackStays = !world.containers.some(({ n, state }) => n === 0 && state === 'absent');
  const containers = world.containers.map(({ n, state, on, joins }) =>
    container({
      id: id(100 + n),
      name: `box${n}`,
      state,
      ...(joins && n > 0 && stackStays
        ? { networkMode: 'container:box0', attachments: [] }
        : {
            attachments: [
              {
                networkId: ids[on]!,
                network: names[on]!,
                address: `172.16.100.${10 + n}`,
                address6: null,
                mac: null,
              },
            ],
          }),
    }),
  );
  return { desired: document(networks, containers), host };
}

const deleting = new Set<Step['do']>(['remove-network', 'remove-container', 'stop-container', 'remove-link']);

/** Whether a step that takes something away may do so. */
async function mayDelete(step: Step, { desired, host }: World, all: readonly Step[]): Promise<boolean> {
  if (step.do === 'remove-link') {
    const owner = desired.networks.find((one) => step.alias === `trunkline:${one.id}`);
    const link = (await host.links.list()).find(({ name }) => name === step.link);
    if (owner === undefined || link?.alias !== step.alias) return false;
    const wanted = linkOf(owner, 'ens33') ?? '';
    if (link.kind === 'macvlan') {
      return owner.state === 'absent' || !owner.hostAccess || shimName(wanted) !== step.link;
    }
    return link.kind === 'vlan' && (owner.state === 'absent' || wanted !== step.link);
  }
  if (step.do === 'remove-network') {
    const docker = await host.docker.network(step.dockerId);
    const owner = desired.networks.find(
      (one) => one.id === docker.labels[networkLabel] && one.name === docker.name,
    );
    const putBack = all.some((other) => other.do === 'create-network' && other.spec.name === docker.name);
    return owner !== undefined && docker.attached.length === 0 && (owner.state === 'absent' || putBack);
  }
  if (step.do === 'remove-container' || step.do === 'stop-container') {
    const docker = await host.docker.container(step.dockerId);
    const owner = desired.containers.find(
      (one) => one.id === docker.labels[containerLabel] && one.name === docker.name,
    );
    const putBack = all.some((other) => other.do === 'create-container' && other.spec.name === docker.name);
    return owner !== undefined && (owner.state === 'absent' || (owner.networkMode !== null && putBack));
  }
  return true;
}

test('promise 6: nothing without our mark, or still wanted, is ever taken away', async () => {
  await fc.assert(
    fc.asyncProperty(worlds, async (world) => {
      const built = await build(world);
      const steps = await built.host.steps(built.desired);
      for (const step of steps.filter((one) => deleting.has(one.do))) {
        expect({ step, may: await mayDelete(step, built, steps) }).toEqual({ step, may: true });
      }
    }),
    { numRuns: 400 },
  );
});

test('promise 6: an empty document takes nothing away, whatever marks the host carries', async () => {
  await fc.assert(
    fc.asyncProperty(worlds, async (world) => {
      const { host } = await build(world);
      expect(await host.steps(document([]))).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

test('carried out once, nothing is left to do', async () => {
  await fc.assert(
    fc.asyncProperty(worlds, async (world) => {
      const { desired, host } = await build(world);
      await host.settle(desired);
      host.changes();
      await host.settle(desired);
      expect(host.changes()).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

class Killed extends Error {}

test('killed at any step and started again, the agent comes to the same end', async () => {
  await fc.assert(
    fc.asyncProperty(worlds, async (world) => {
      const straight = await build(world);
      await straight.host.settle(straight.desired);
      const end = await picture(straight.host);
      for (let killAt = 1; ; killAt += 1) {
        const { desired, host } = await build(world);
        let moments = 0;
        let killed = false;
        try {
          await host.settle(desired, () => {
            moments += 1;
            if (moments === killAt) throw new Killed();
          });
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          killed = true;
        }
        await host.settle(desired);
        expect(await picture(host)).toEqual(end);
        if (!killed) return;
      }
    }),
    { numRuns: 60 },
  );
});

/** The host without what differs from run to run. */
async function picture(host: FakeHost): Promise<unknown> {
  host.docker.setReachable(true);
  const networks = await host.docker.networks();
  const containers = await host.docker.containers();
  return {
    links: (await host.links.list()).map(({ name, up, promiscuous, alias }) => ({
      name,
      up,
      promiscuous,
      alias,
    })),
    networks: networks
      .map(({ name, driver, options, labels, subnets }) => ({ name, driver, options, labels, subnets }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    containers: containers
      .map(({ name, status, labels, endpoints }) => ({
        name,
        status,
        labels,
        addresses: endpoints.map(({ networkName, ipv4 }) => `${networkName} ${ipv4}`),
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    adopted: Object.keys(host.adopted),
    hostAccess: await Promise.all(
      ['tlh-ens33', 'tlh-ens34', 'tlh-ens33.10', 'tlh-ens33.20'].map(async (shim) =>
        (await host.hostRoutes.list(shim)).toSorted((a, b) => (a.ip < b.ip ? -1 : 1)),
      ),
    ),
    inside: await Promise.all(
      containers.map(async ({ id: dockerId, name }) => {
        const { pid } = await host.docker.container(dockerId);
        return [
          name,
          pid === null ? null : host.hostRoutes.inside(pid).routes.toSorted((a, b) => (a.ip < b.ip ? -1 : 1)),
        ];
      }),
    ),
  };
}
