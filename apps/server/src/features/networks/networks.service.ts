import type { Network, NetworkCreate, Placement } from '@trunkline/contracts';
import type { Change, ChangeContext } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { ApiError } from '../../platform/errors.ts';
import type { Reply } from '../../platform/idempotency.ts';
import { decodeCursor, pageOf, type PageOf } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { entityTag } from '../../platform/preconditions.ts';
import { planPlacements } from './host-selection.ts';
import {
  addSubnets,
  changeSubnets,
  refuseOverlaps,
  refuseReplacement,
  validSpec,
  type PrepareSubnet,
} from './network-changes.ts';
import { networkDifference } from './network-difference.ts';
import { force, forcedBy } from './network-force.ts';
import { wholeSpec, type NetworkSpec } from './network-spec.ts';
import {
  presentNetworks,
  presentPlacement,
  specOf,
  summarize,
  type HostsOfNetworks,
} from './network-view.ts';
import {
  findNetwork,
  insertNetwork,
  listNetworks,
  lockNetwork,
  lockSelection,
  lockSubnets,
  markDeleting,
  updateNetwork,
  type NetworkRow,
} from './networks.store.ts';
import {
  createPlacements,
  finishRemoval,
  networkPath,
  refuseWhileAttached,
  type AddressesOfNetworks,
  type PlacementsService,
} from './placements.service.ts';
import {
  findPlacement,
  insertPlacements,
  listPlacements,
  markPlacements,
  placementStandings,
  placementsOf,
} from './placements.store.ts';

/** What networks need of addresses. */
export interface NetworkAddresses extends AddressesOfNetworks {
  prepareSubnet: PrepareSubnet;
  holders(
    db: TransactionClient,
    networkId: string,
    limit: number,
  ): Promise<{ ip: string; owner: string | null }[]>;
}

export interface PageWish {
  limit: number;
  cursor: string | undefined;
}

/** Throws when the caller has not seen the present form (428, 412). */
export type CheckTag = (current: string) => void;

export interface NetworksService extends PlacementsService {
  create(input: NetworkCreate, context: ChangeContext): Promise<Reply & { replayed: boolean }>;
  list(page: PageWish): Promise<PageOf<Network>>;
  get(name: string): Promise<Network>;
  /**
   * Makes the network what `edit` makes of it; nothing at all changes when that is what it is. With `force` hosts may
   * disconnect containers where Docker must make it anew, also for an earlier change that still waits for that.
   */
  update(
    name: string,
    check: CheckTag,
    edit: (current: NetworkSpec, network: { space: string }) => NetworkSpec,
    context: ChangeContext,
    options?: { force?: boolean },
  ): Promise<Network>;
  /** Begins to remove it; `gone` when there was nothing to take down on any host. */
  remove(name: string, check: CheckTag, context: ChangeContext): Promise<{ gone: boolean; network: Network }>;
  placements(name: string, page: PageWish): Promise<PageOf<Placement>>;
  placement(name: string, host: string): Promise<Placement>;
  /** Whether waiting any longer is of no use: it is ready everywhere but on hosts that are silent, or it is gone. */
  settled(id: string): Promise<boolean>;
  /** Whether the network, by id, is no more. */
  isGone(id: string): Promise<boolean>;
}

/** The entity tag of a network. */
export const networkTag = (network: { id: string; generation: number }): string =>
  entityTag(network.id, network.generation);

const found = (row: NetworkRow | null, name: string): NetworkRow => {
  if (row === null) throw new ApiError('network_not_found', `there is no network ${name}`);
  return row;
};

export function createNetworksService(
  platform: Pick<Platform, 'database' | 'changes' | 'now'>,
  deps: { addresses: NetworkAddresses; hosts: HostsOfNetworks },
): NetworksService {
  const { changes, now } = platform;
  const { prisma } = platform.database;
  const { addresses, hosts } = deps;
  const prepare: PrepareSubnet = (db, subnet) => addresses.prepareSubnet(db, subnet);

  const present = async (db: TransactionClient, row: NetworkRow): Promise<Network> => {
    const [network] = await presentNetworks(db, hosts, [row]);
    if (network === undefined) throw new Error(`network ${row.name} was not presented`);
    return network;
  };
  const read = async (db: TransactionClient, name: string): Promise<Network> =>
    present(db, found(await findNetwork(db, name), name));

  /** Makes the placements follow the selection of hosts. */
  const place = async (
    change: Change,
    network: { id: string; name: string },
    spec: NetworkSpec,
  ): Promise<void> => {
    const { db } = change;
    const plan = planPlacements(
      spec.hosts,
      await hosts.listForSelection(db),
      await placementsOf(db, network.id),
    );
    await insertPlacements(
      db,
      plan.add.map((hostId) => ({ networkId: network.id, hostId })),
    );
    await markPlacements(db, network.id, plan.keep, false);
    await markPlacements(db, network.id, plan.remove, true);
    const leaving = new Set(plan.remove);
    await refuseWhileAttached(db, network, 'the network cannot leave its hosts', ({ hostId }) =>
      leaving.has(hostId),
    );
    change.concerns((await placementsOf(db, network.id)).map(({ hostId }) => hostId));
  };

  const refuseHolders = async (db: TransactionClient, network: NetworkRow): Promise<void> => {
    await refuseWhileAttached(db, network, 'it cannot be removed', () => true);
    const held = await addresses.countHeld(db, network.id);
    if (held === 0) return;
    const holders = await addresses.holders(db, network.id, 100);
    const some = holders.slice(0, 5).map(({ ip, owner }) => (owner === null ? ip : `${ip} (${owner})`));
    throw new ApiError(
      'network_in_use',
      `${network.name} cannot be removed while addresses of it are held: ${some.join(', ')}${held > some.length ? ` and ${held - some.length} more` : ''}; release them first`,
      { data: { addresses: holders } },
    );
  };

  return {
    ...createPlacements(addresses),

    create(input, context) {
      const { name, space = 'default' } = input;
      const spec = validSpec(wholeSpec(input));
      return changes.makeOnce(context, async (change) => {
        const { db } = change;
        await lockSelection(db);
        if ((await findNetwork(db, name)) !== null) {
          throw new ApiError(
            'network_exists',
            `there is a network ${name}: change it with PATCH, or take another name`,
            {
              data: { network: networkPath(name) },
            },
          );
        }
        await refuseOverlaps(db, { id: null, space }, spec.subnets);
        const id = await insertNetwork(db, { name, space, spec, now: now() });
        await addSubnets(db, { id, space }, spec.subnets, spec.subnets, prepare);
        change.record({
          type: 'network.created',
          subject: networkPath(name),
          network: name,
          data: { generation: 1 },
        });
        await place(change, { id, name }, spec);
        const body = await read(db, name);
        if (context.dryRun === true) return { status: 200, body };
        return { status: 201, headers: { location: networkPath(name), etag: networkTag(body) }, body };
      });
    },

    async list({ limit, cursor }) {
      const rows = await listNetworks(prisma, decodeCursor('networks', cursor), limit + 1);
      const page = pageOf('networks', rows, limit, ({ name }) => name);
      return { ...page, items: await presentNetworks(prisma, hosts, page.items) };
    },

    get: (name) => read(prisma, name),

    update(name, check, edit, context, options = {}) {
      return changes.make(context, async (change) => {
        const { db } = change;
        await lockSelection(db);
        const row = found(await lockNetwork(db, name), name);
        check(networkTag(row));
        if (row.deletingSince !== null)
          throw new ApiError(
            'network_deleting',
            `network ${name} is being removed: it cannot be changed any more`,
          );
        const current = specOf(row);
        const wanted = validSpec(edit(current, row));
        const difference = networkDifference(current, wanted);
        const forced = options.force === true ? await forcedBy(change, row, difference) : undefined;
        const { fields } = difference;
        if (fields.length === 0 && (forced === undefined || forced.hostIds.length === 0))
          return present(db, row);
        const generation = fields.length === 0 ? row.generation : row.generation + 1;
        change.record({
          type: 'network.updated',
          subject: networkPath(name),
          network: name,
          data: { generation, fields, ...(forced === undefined ? {} : { forced: forced.named }) },
        });
        if (forced !== undefined) await force(change, row, forced, generation);
        if (fields.length === 0) return read(db, name);
        if (forced === undefined) await refuseReplacement(db, row, difference);
        await refuseOverlaps(db, row, wanted.subnets);
        if (fields.includes('subnets')) await changeSubnets(db, row, wanted.subnets, difference, prepare);
        await updateNetwork(db, row.id, wanted, now());
        await place(change, row, wanted);
        return read(db, name);
      });
    },

    remove(name, check, context) {
      return changes.make(context, async (change) => {
        const { db } = change;
        await lockSelection(db);
        const row = found(await lockNetwork(db, name), name);
        check(networkTag(row));
        if (row.deletingSince === null) {
          // The allocator looks at the network under the lock of its subnets: from here on it gives out nothing.
          await lockSubnets(db, row.id);
          await refuseHolders(db, row);
          await markDeleting(db, row.id, now());
          change.record({
            type: 'network.deleting',
            subject: networkPath(name),
            network: name,
            data: { generation: row.generation + 1 },
          });
          change.concerns((await placementsOf(db, row.id)).map(({ hostId }) => hostId));
        }
        const network = await read(db, name);
        return { gone: await finishRemoval(change, addresses, row), network };
      });
    },

    async placements(name, { limit, cursor }) {
      const network = found(await findNetwork(prisma, name), name);
      const list = `placements of ${network.id}`;
      const rows = await listPlacements(prisma, network.id, decodeCursor(list, cursor), limit + 1);
      const page = pageOf(list, rows, limit, ({ host }) => host.name);
      return { ...page, items: page.items.map((row) => presentPlacement(network, row, hosts)) };
    },

    async placement(name, host) {
      const network = found(await findNetwork(prisma, name), name);
      const row = await findPlacement(prisma, network.id, host);
      if (row === null)
        throw new ApiError(
          'host_not_found',
          `network ${name} is on no host ${host}: see ${networkPath(name)}/placements`,
        );
      return presentPlacement(network, row, hosts);
    },

    async settled(id) {
      const row = await prisma.network.findUnique({ where: { id }, include: { subnets: true } });
      if (row === null) return true;
      const summary = (await summarize(prisma, hosts, [row])).get(id);
      if (summary === undefined || summary.hosts.total === summary.hosts.ready) return true;
      const silent = (await placementStandings(prisma, [id])).filter(
        (placement) => !hosts.isOnline(placement),
      );
      return summary.hosts.ready + silent.length === summary.hosts.total;
    },

    isGone: async (id) => (await prisma.network.findUnique({ where: { id }, select: { id: true } })) === null,
  };
}
