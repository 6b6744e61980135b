import type { Network, NetworkCreate, Placement } from '@trunkline/contracts';
import type { Change, ChangeContext } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { disputesOf } from './address-disputes.ts';
import { ApiError } from '../../platform/errors.ts';
import type { Reply } from '../../platform/idempotency.ts';
import { decodeCursor, isNamePosition, pageOf, type PageOf } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import type { WaitBudget, Preflights } from '../checks/preflights.ts';
import { desiredOnHosts } from './desired-networks.ts';
import { validSpec } from './network-changes.ts';
import { askHosts, maxAsked } from './network-preflight.ts';
import { wholeSpec } from './network-spec.ts';
import {
  foundNetwork,
  isReady,
  networkTag,
  presentNetwork,
  presentPlacement,
  type HostsOfNetworks,
} from './network-view.ts';
import {
  createNetworkWrites,
  type CheckTag,
  type EditNetwork,
  type NetworkAddresses,
} from './network-writes.ts';
import { findNetwork, findShown, listNetworks, type NetworkRow } from './networks.store.ts';
import {
  createPlacements,
  finishRemoval,
  networkPath,
  type LeasesOfNetworks,
  type PlacementsService,
} from './placements.service.ts';
import { findPlacement, listPlacements, placementStandings } from './placements.store.ts';

export interface PageRequest {
  limit: number;
  cursor: string | undefined;
}

/** Who asks for a change, and how long a dry run may wait for the agents it asks. */
export interface RequestContext {
  context: ChangeContext;
  waitBudget: WaitBudget;
}

export interface NetworksService extends PlacementsService {
  create(input: NetworkCreate, context: RequestContext): Promise<Reply & { replayed: boolean }>;
  list(page: PageRequest): Promise<PageOf<Network>>;
  get(name: string): Promise<Network>;
  /** Makes the network what `edit` makes of it; nothing at all changes when that is what it is. */
  update(
    name: string,
    check: CheckTag,
    edit: EditNetwork,
    context: RequestContext & { force?: boolean },
  ): Promise<Network>;
  /** Begins to remove it; `gone` when there was nothing to take down on any host. */
  remove(
    name: string,
    check: CheckTag,
    context: RequestContext,
  ): Promise<{ gone: boolean; network: Network }>;
  placements(name: string, page: PageRequest): Promise<PageOf<Placement>>;
  placement(name: string, host: string): Promise<Placement>;
  /** By id; undefined when it is no more. */
  find(id: string): Promise<Network | undefined>;
  /** Whether waiting any longer is of no use: it is ready everywhere but on hosts that are silent, or it is gone. */
  settled(id: string): Promise<boolean>;
  /** Whether the network, by id, is no more. */
  isGone(id: string): Promise<boolean>;
}

export function createNetworksService(
  platform: Pick<Platform, 'database' | 'changes' | 'now'>,
  deps: {
    addresses: NetworkAddresses;
    leases: LeasesOfNetworks;
    hosts: HostsOfNetworks;
    checks: Preflights;
  },
): NetworksService {
  const { changes, now } = platform;
  const { prisma } = platform.database;
  const { addresses, leases, hosts, checks } = deps;
  const writes = createNetworkWrites({ addresses, hosts, now });

  const read = async (db: TransactionClient, name: string): Promise<Network> =>
    presentNetwork(foundNetwork(await findShown(db, { name }), name), hosts);

  /** The network as a change would make it, and what its hosts would do. Nothing of it stays. */
  const wouldBe = async (
    context: ChangeContext,
    waitBudget: WaitBudget,
    work: (change: Change) => Promise<Network>,
  ): Promise<Network> => {
    const { network, wanted } = await changes.make(context, async (change) => {
      const changed = await work(change);
      return { network: changed, wanted: await desiredOnHosts(change.db, changed.id, maxAsked) };
    });
    const preflight = await askHosts({ checks, hosts, now }, network.name, wanted, context, waitBudget);
    return { ...network, preflight };
  };

  return {
    ...createPlacements(addresses, leases),

    async create(input, { context, waitBudget }) {
      const { name, space = 'default' } = input;
      const network = { name, space, spec: validSpec(wholeSpec(input), name) };
      const make = async (change: Change): Promise<Network> => {
        await writes.make(change, network);
        return read(change.db, name);
      };
      if (context.dryRun === true)
        return { status: 200, body: await wouldBe(context, waitBudget, make), replayed: false };
      return changes.makeOnce(context, async (change) => {
        const body = await make(change);
        return { status: 201, headers: { location: networkPath(name), etag: networkTag(body) }, body };
      });
    },

    async list({ limit, cursor }) {
      const rows = await listNetworks(prisma, decodeCursor('networks', cursor, isNamePosition), limit + 1);
      const page = pageOf('networks', rows, limit, ({ name }) => name);
      return { ...page, items: page.items.map((row) => presentNetwork(row, hosts)) };
    },

    get: (name) => read(prisma, name),

    async update(name, check, edit, { context, waitBudget, force = false }) {
      const change = async (open: Change): Promise<Network> => {
        await writes.edit(open, { name, check, edit, force });
        return read(open.db, name);
      };
      return context.dryRun === true ? wouldBe(context, waitBudget, change) : changes.make(context, change);
    },

    async remove(name, check, { context, waitBudget }) {
      const begin = async (change: Change): Promise<{ row: NetworkRow; network: Network }> => {
        const row = await writes.beginRemoval(change, name, check);
        return { row, network: await read(change.db, name) };
      };
      if (context.dryRun === true) {
        const network = await wouldBe(context, waitBudget, async (change) => (await begin(change)).network);
        return { gone: false, network };
      }
      return changes.make(context, async (change) => {
        const { row, network } = await begin(change);
        return { gone: await finishRemoval(change, addresses, row), network };
      });
    },

    async placements(name, { limit, cursor }) {
      const network = foundNetwork(await findNetwork(prisma, name), name);
      const list = `placements of ${network.id}`;
      const rows = await listPlacements(
        prisma,
        network.id,
        decodeCursor(list, cursor, isNamePosition),
        limit + 1,
      );
      const page = pageOf(list, rows, limit, ({ host }) => host.name);
      const disputes = await disputesOf(prisma, network.id, null);
      return { ...page, items: page.items.map((row) => presentPlacement(network, row, hosts, disputes)) };
    },

    async placement(name, host) {
      const network = foundNetwork(await findNetwork(prisma, name), name);
      const row = await findPlacement(prisma, network.id, host);
      if (row === null)
        throw new ApiError(
          'host_not_found',
          `network ${name} is on no host ${host}: see ${networkPath(name)}/placements`,
        );
      return presentPlacement(network, row, hosts, await disputesOf(prisma, network.id, host));
    },

    async find(id) {
      const row = await findShown(prisma, { id });
      return row === undefined ? undefined : presentNetwork(row, hosts);
    },

    settled: async (id) =>
      (await placementStandings(prisma, id)).every(
        (placement) => isReady(placement, hosts) || !hosts.isAwaited(placement),
      ),

    isGone: async (id) => (await prisma.network.findUnique({ where: { id }, select: { id: true } })) === null,
  };
}
