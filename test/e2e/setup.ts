import { afterAll, afterEach, beforeAll } from 'vitest';
import { ApiError, type WriteOptions } from '@trunkline/client';
import type {
  Condition,
  ConditionType,
  Container,
  ContainerCreate,
  NetworkCreate,
  Placement,
} from '@trunkline/contracts';
import { patient } from '@trunkline/lab/hosts/patience.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { docker } from './outside.ts';
import { createFleet, type Fleet, type FleetOptions } from '@trunkline/lab/fleet/fleet.ts';

/** The network of scenario S1 (scenarios.md). Freed addresses can be used again at once, or one test would hinder the next. */
export const macNet1: NetworkCreate = {
  name: 'mac_net1',
  parent: 'ens33',
  hosts: { all: true },
  subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
  quarantineSeconds: 0,
};

/** A container as scenario S1 runs them; without `address` the next free one. */
export function box(name: string, host: string, address?: string): ContainerCreate {
  return {
    name,
    host,
    image: 'busybox',
    tty: true,
    stdinOpen: true,
    attachments: [{ network: macNet1.name, ...(address === undefined ? {} : { address }) }],
  };
}

/** box1 and box2 of scenario S1. */
export const box1 = box('box1', 'docker01', '172.16.100.10');
export const box2 = box('box2', 'docker02', '172.16.100.20');

/**
 * One fleet for a test file, which empties it after each group of tests that needs it. A test that fails shows what
 * server and agents said.
 */
export function useFleet(name: string, options: Pick<FleetOptions, 'agentEnv'> = {}): () => Fleet {
  let fleet: Fleet | undefined;
  beforeAll(async () => {
    fleet = await createFleet({ ...options, hosts: 2, name: `${name}-${String(process.pid)}` });
  });
  afterEach(({ task }) => {
    if (task.result?.state === 'fail' && fleet !== undefined) console.error(fleet.logs());
  });
  afterAll(async () => {
    await fleet?.down();
  });
  return () => {
    if (fleet === undefined) throw new Error('the fleet is up only while tests run');
    return fleet;
  };
}

const onlineMs = 60_000;
const removal: WriteOptions = { wait: `${Math.min(300, patient(60))}s` };

const tolerateGone = (error: unknown): void => {
  if (!(error instanceof ApiError && error.status === 404)) throw error;
};

/**
 * Removes every container and every network through the API. Everything must be up. The containers are killed before:
 * a shell as process 1 ends on no SIGTERM, and Docker would wait 10 s for each.
 */
export async function removeAll(fleet: Fleet): Promise<void> {
  const { client, lab } = fleet;
  // A server that was down for long takes every host for silent until it hears it, and waits for none that is.
  await waitFor(
    'every host online',
    async () => (await client.hosts.list()).body.items.every(({ online }) => online),
    onlineMs,
    50,
  );
  const containers: Container[] = [];
  for await (const container of client.containers.all()) containers.push(container);
  await Promise.all(
    containers.map(async ({ host, name }) => await lab.host(host).exec(['docker', 'kill', name])),
  );
  const isGone = async (name: string): Promise<boolean> =>
    await client.containers.get(name).then(
      () => false,
      (error: unknown) => error instanceof ApiError && error.status === 404,
    );
  const remove = async ({ name }: Container): Promise<void> => {
    await client.containers.remove(name, removal).catch(tolerateGone);
    await waitFor(`${name} gone`, async () => await isGone(name), onlineMs, 100);
  };
  // Those that share another's network stack go first.
  await Promise.all(containers.filter(({ networkMode }) => networkMode !== null).map(remove));
  await Promise.all(containers.filter(({ networkMode }) => networkMode === null).map(remove));
  for await (const { name } of client.networks.all()) await removeNetwork(fleet, name).catch(tolerateGone);
}

/**
 * Removes the containers of every host, also those that the API knows nothing of, and then everything through the API. Hosts
 * say within seconds that nobody has the addresses any more; a failure says who has.
 */
export async function emptyFleet(fleet: Fleet, timeoutMs = 180_000): Promise<void> {
  const { client, lab } = fleet;
  await Promise.all(
    lab.hosts.map(async (host) => {
      const ids = await docker(host, 'ps', '-aq');
      if (ids !== '') await docker(host, 'rm', '-f', ...ids.split('\n'));
    }),
  );
  const isEmptied = async (): Promise<boolean> => {
    try {
      await removeAll(fleet);
      // A removal that takes longer than its request waited is still under way.
      return (await client.networks.list()).body.items.length === 0;
    } catch (error) {
      if (error instanceof ApiError && error.code === 'network_in_use') return false;
      throw error;
    }
  };
  await waitFor('everything removed', isEmptied, timeoutMs, 500).catch(async (error: unknown) => {
    const held = await client.addresses.list(macNet1.name);
    throw new Error(`held: ${JSON.stringify(held.body.items)}`, { cause: error });
  });
}

/** With the reservations that nobody's container holds; what hosts hold in advance goes with the network. */
async function removeNetwork(fleet: Fleet, name: string): Promise<void> {
  const { client } = fleet;
  for await (const { ip, state, container } of client.addresses.all(name)) {
    if (container === null && state === 'reserved')
      await client.addresses.release(name, ip).catch(tolerateGone);
  }
  const { status } = await client.networks.remove(name, { ifMatch: '*', wait: '20s' });
  if (status === 204) return;
  await recount(fleet, name);
  await client.networks.remove(name, { ifMatch: '*', ...removal });
}

/** Does as the condition says where Docker miscounted endpoints (moby issue 42119), so that no other test meets it. */
async function recount({ client, lab }: Fleet, name: string): Promise<void> {
  for await (const { host, conditions } of client.networks.allPlacements(name)) {
    if (conditionOf(conditions, 'NetworkReady')?.reason !== 'EndpointsMiscounted') continue;
    await lab.stopDockerd(host);
    await lab.startDockerd(host);
  }
}

/** One condition of a list; undefined when it is not there. */
export function conditionOf(conditions: readonly Condition[], type: ConditionType): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

/** The conditions of a network on one host. */
export async function placementOn({ client }: Fleet, network: string, host: string): Promise<Placement> {
  for await (const placement of client.networks.allPlacements(network)) {
    if (placement.host === host) return placement;
  }
  throw new Error(`network ${network} has no placement on ${host}`);
}
