import {
  networkPath,
  type DesiredNetwork,
  type Network,
  type NetworkCreate,
  type NetworkPut,
} from '@trunkline/contracts';
import type { Change, ChangeContext } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import type { HostQuery } from '../../platform/database/host-queries.ts';
import type { Reply } from '../../platform/idempotency.ts';
import { decodeCursor, isNamePosition, pageOf, type PageOf } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import type { PutPreconditions } from '../../platform/preconditions.ts';
import type { WaitBudget, Preflights } from '../checks/preflights.ts';
import type { LimitThresholds } from '../limits/limit-conditions.ts';
import { foundNetwork } from '../placements/placed-network.ts';
import { placementStandings } from '../placements/placement-standings.ts';
import { waitsForPerson } from '../placements/placement-status.ts';
import type { PlacementsService } from '../placements/placements.service.ts';
import { desiredOnHosts, networksOfHosts } from './desired-networks.ts';
import { validSpec } from './network-changes.ts';
import { askHosts, maxAsked } from './network-preflight.ts';
import { putSpec } from './network-put.ts';
import { finishRemoval } from './network-removal.ts';
import { isReady, networkTag, presentNetwork, type HostsOfNetworks } from './network-view.ts';
import {
  createNetworkWrites,
  type CheckTag,
  type EditNetwork,
  type NetworkAddresses,
} from './network-writes.ts';
import {
  findForAttachment,
  findShown,
  listNetworks,
  type AttachableNetwork,
  type LimitQuery,
  type NetworkFilter,
  type NetworkRow,
  type ShownNetworkRow,
} from './networks.store.ts';
import { wholeSpec } from './spec/network-spec.ts';

export interface PageRequest {
  limit: number;
  cursor: string | undefined;
}

/** Who asks for a change, and how long a dry run may wait for the agents it asks. */
export interface RequestContext {
  context: ChangeContext;
  waitBudget: WaitBudget;
}

export interface NetworksService {
  create(input: NetworkCreate, context: RequestContext): Promise<Reply & { replayed: boolean }>;
  list(filter: NetworkFilter, page: PageRequest): Promise<PageOf<Network>>;
  get(name: string): Promise<Network>;
  /** Makes the network where there is none, and what the body says of one that is there. */
  put(
    name: string,
    body: NetworkPut,
    preconditions: PutPreconditions,
    context: RequestContext & { force?: boolean },
  ): Promise<{ created: boolean; network: Network }>;
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
  /** By id; undefined when it is no more. */
  find(id: string): Promise<Network | undefined>;
  /**
   * Whether waiting any longer is of no use: it is ready everywhere but on hosts that are silent, or where only a person can change what
   * is in the way; or it is gone.
   */
  settled(id: string): Promise<boolean>;
  /** Whether the network, by id, is no more. */
  isGone(id: string): Promise<boolean>;
  /** All networks a host should have, and those it should not have any more. */
  desired: HostQuery<DesiredNetwork>;
  /** Networks by name, kept as they are until the transaction ends. Those that do not exist are left out. */
  findForAttachment(change: Change, names: readonly string[]): Promise<AttachableNetwork[]>;
  /** Drops a network that is being removed, once nothing is left of it on any host; true when it is gone. */
  finishRemoval(change: Change, network: { id: string; name: string }): Promise<boolean>;
}

export function createNetworksService(
  platform: Pick<Platform, 'database' | 'changes' | 'now'>,
  deps: {
    addresses: NetworkAddresses;
    placements: Pick<PlacementsService, 'lockSelection' | 'placeNetwork' | 'hostsOf' | 'allowForce'>;
    hosts: HostsOfNetworks;
    checks: Preflights;
    /** From when on limits are shown as conditions. */
    thresholds: LimitThresholds;
  },
): NetworksService {
  const { changes, now } = platform;
  const { prisma } = platform.database;
  const { addresses, placements, hosts, checks, thresholds } = deps;
  const writes = createNetworkWrites({ addresses, placements, now });

  const limits = (): LimitQuery => ({ now: now(), lowPercent: thresholds.poolLowPercent });
  const present = (row: ShownNetworkRow): Network => presentNetwork(row, hosts, thresholds);

  const read = async (db: TransactionClient, name: string): Promise<Network> =>
    present(foundNetwork(await findShown(db, limits(), { name }), name));

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

    async list(filter, { limit, cursor }) {
      const rows = await listNetworks(
        prisma,
        limits(),
        filter,
        decodeCursor('networks', cursor, isNamePosition),
        limit + 1,
      );
      const page = pageOf('networks', rows, limit, ({ name }) => name);
      return { ...page, items: page.items.map((row) => present(row)) };
    },

    get: (name) => read(prisma, name),

    async put(name, body, preconditions, { context, waitBudget, force = false }) {
      let created = false;
      const change = async (open: Change): Promise<Network> => {
        created = await writes.put(open, {
          name,
          preconditions,
          create: () => ({ name, space: body.space ?? 'default', spec: validSpec(wholeSpec(body), name) }),
          edit: (_current, row) => putSpec(body, row),
          force,
        });
        return read(open.db, name);
      };
      const network = await (context.dryRun === true
        ? wouldBe(context, waitBudget, change)
        : changes.make(context, change));
      return { created, network };
    },

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
        return { gone: await finishRemoval(change, deps, row), network };
      });
    },

    desired: networksOfHosts,

    findForAttachment,

    finishRemoval: (change, network) => finishRemoval(change, deps, network),

    async find(id) {
      const row = await findShown(prisma, limits(), { id });
      return row === undefined ? undefined : present(row);
    },

    settled: async (id) =>
      (await placementStandings(prisma, id)).every(
        (placement) => isReady(placement, hosts) || !hosts.isAwaited(placement) || waitsForPerson(placement),
      ),

    isGone: async (id) => (await prisma.network.findUnique({ where: { id }, select: { id: true } })) === null,
  };
}
