import {
  containerPath,
  needsPerson,
  type Container,
  type ContainerChangeKind,
  type ContainerCreate,
  type ContainerPut,
  type ContainerReport,
  type DesiredContainer,
} from '@trunkline/contracts';
import type { Change, ChangeContext } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { canonicalIp } from '../../platform/database/inet.ts';
import { ApiError } from '../../platform/errors.ts';
import type { Reply } from '../../platform/idempotency.ts';
import { decodeCursor, isNamePosition, pageOf, type PageOf } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import type { PutPreconditions } from '../../platform/preconditions.ts';
import type { HostQuery } from '../../platform/database/host-queries.ts';
import { moveFromConflicts, type ConflictedAddress } from './conflict-moves.ts';
import { changeContainer } from './container-change.ts';
import { createContainer, type ContainerDeps } from './container-creation.ts';
import { creationOf } from './container-put.ts';
import { recordContainerReports, type AddressesOfReports } from './container-reports.ts';
import { containerTag, isRunning, presentContainer, readyOf } from './container-view.ts';
import { refuseWhileShared } from './shared-removal.ts';
import { readContainer } from './container-request.ts';
import { containersOfHosts } from './desired-containers.ts';
import {
  containersOn,
  findContainer,
  findContainerById,
  forgetContainers,
  listContainers,
  lockWithSharers,
  markContainerDeleting,
  sharersOf,
  type ContainerFilter,
  type ContainerRow,
} from './containers.store.ts';

/** What containers need of other features. */
export interface ContainersDeps extends ContainerDeps {
  addresses: ContainerDeps['addresses'] & AddressesOfReports;
  hosts: ContainerDeps['hosts'] & {
    isOnline(host: { lastSeenAt: Date | null }): boolean;
    isAwaited(host: { lastSeenAt: Date | null }): boolean;
  };
}

/** A container as other features see it. */
export interface ContainerRef {
  id: string;
  name: string;
  hostId: string;
  host: string;
  /** It was seen running as it should be, on a host that is heard of. */
  running: boolean;
}

export interface ContainersService {
  create(input: ContainerCreate, context: ChangeContext): Promise<Reply & { replayed: boolean }>;
  /**
   * Runs the container where there is none, else makes it what the body says. With `force` also where containers that others made
   * would lose the network stack that they share.
   */
  put(
    name: string,
    body: ContainerPut,
    options: { preconditions: PutPreconditions; force: boolean },
    context: ChangeContext,
  ): Promise<{ created: boolean; container: Container }>;
  list(
    filter: ContainerFilter,
    page: { limit: number; cursor: string | undefined },
  ): Promise<PageOf<Container>>;
  get(name: string): Promise<Container>;
  /**
   * Begins to remove it; it is gone when its host reports that. `check` throws when the caller has not seen this form. Throws
   * `container_in_use` while others share its stack; with `force` those of the API are removed too, before it.
   */
  remove(
    name: string,
    force: boolean,
    check: (tag: string) => void,
    context: ChangeContext,
  ): Promise<Container>;
  /** Whether waiting any longer is of no use: it runs, or is gone, or its host is silent, or only a person can change what is in the way. */
  settled(id: string): Promise<boolean>;
  isGone(id: string): Promise<boolean>;
  /** Containers a host should run, and those it should remove. */
  desired: HostQuery<DesiredContainer>;
  /** Takes what an agent reports of its containers, and ends removals for which it brings the evidence. */
  recordReports(
    change: Change,
    host: { id: string; name: string },
    reports: readonly ContainerReport[],
    observedAt: Date,
    /** See `notAhead`. */
    mayBeAhead?: boolean,
  ): Promise<void>;
  /** Something foreign has these addresses: containers of the host that only the server put on them get others. */
  moveFromConflicts(
    host: { id: string; name: string },
    conflicted: readonly ConflictedAddress[],
  ): Promise<void>;
  /** Their host leaves the fleet: its containers are forgotten, their addresses go into quarantine. */
  forgetHost(change: Change, host: { id: string; name: string }): Promise<void>;
  findRunning(db: TransactionClient, name: string): Promise<ContainerRef | undefined>;
  /** Addresses reserved for a container; for one that shares a stack, those of the stack. */
  addressesOf(db: TransactionClient, containerId: string): Promise<string[]>;
  hostIdOf(db: TransactionClient, name: string): Promise<string | undefined>;
}

const found = (row: ContainerRow | null, name: string): ContainerRow => {
  if (row === null) throw new ApiError('container_not_found', `there is no container ${name}`);
  return row;
};

export function createContainersService(
  platform: Pick<Platform, 'database' | 'changes' | 'now'>,
  deps: ContainersDeps,
): ContainersService {
  const { changes, now } = platform;
  const { prisma } = platform.database;
  const present = (row: ContainerRow): Container => presentContainer(row, deps.hosts.isOnline(row.host));
  const refOf = (row: ContainerRow): ContainerRef => ({
    id: row.id,
    name: row.name,
    hostId: row.hostId,
    host: row.host.name,
    running: isRunning(row, deps.hosts.isOnline(row.host)),
  });

  /** As its host reported of the generation that should be real. What it waits for may itself wait for a person: its networks. */
  const waitsForPerson = async (row: ContainerRow): Promise<boolean> => {
    const ready = readyOf(row);
    if (row.observedGeneration < row.generation || ready === undefined) return false;
    if (ready.reason !== 'NetworkNotReady') return needsPerson('container', ready);
    const networks = row.attachments.map(({ networkId }) => networkId);
    return deps.placements.waitForPerson(prisma, networks, row.hostId);
  };

  return {
    create(input, context) {
      const request = readContainer(input);
      return changes.makeOnce(context, async (change) => {
        await createContainer(change, deps, request, now());
        const body = present(found(await findContainer(change.db, request.name), request.name));
        if (context.dryRun === true) return { status: 200, body };
        const headers = { location: containerPath(request.name), etag: containerTag(body) };
        return { status: 201, headers, body };
      });
    },

    async put(name, body, options, context) {
      const once = (): Promise<{ created: boolean; container: Container }> =>
        changes.make(context, async (change) => {
          const row = await lockWithSharers(change.db, name);
          const created = row === null;
          let difference: { how: ContainerChangeKind; fields: string[] } = { how: 'create', fields: [] };
          if (row === null) {
            options.preconditions.whenAbsent(`container ${name}`);
            await createContainer(change, deps, readContainer(creationOf(body)), now());
          } else difference = await changeContainer(change, row, body, options);
          const container = present(found(await findContainer(change.db, name), name));
          return {
            created,
            container: context.dryRun === true ? { ...container, change: difference } : container,
          };
        });
      try {
        return await once();
      } catch (error) {
        // Somebody else made it after it was looked for.
        if (error instanceof ApiError && error.code === 'container_exists') return once();
        throw error;
      }
    },

    async list(filter, { limit, cursor }) {
      const rows = await listContainers(
        prisma,
        filter,
        decodeCursor('containers', cursor, isNamePosition),
        limit + 1,
      );
      const page = pageOf('containers', rows, limit, ({ name }) => name);
      return { ...page, items: page.items.map(present) };
    },

    get: async (name) => present(found(await findContainer(prisma, name), name)),

    remove(name, force, check, context) {
      return changes.make(context, async (change) => {
        const { db } = change;
        const row = found(await lockWithSharers(db, name), name);
        check(containerTag(row));
        if (row.deletingSince !== null) return present(row);
        const sharers = await sharersOf(db, row.id);
        if (!force) refuseWhileShared(row, sharers);
        for (const one of [...sharers.filter(({ deletingSince }) => deletingSince === null), row]) {
          await markContainerDeleting(db, one.id, now());
          change.record({
            type: 'container.deleting',
            subject: containerPath(one.name),
            host: row.host.name,
            data: { generation: one.generation + 1 },
          });
        }
        const { conditions: _seen, observed: _state, ...was } = present(row);
        change.audit({
          subject: containerPath(name),
          before: { ...was, ...(sharers.length === 0 ? {} : { sharers: sharers.map((one) => one.name) }) },
        });
        change.notifyHosts([row.hostId]);
        return present(found(await findContainer(db, name), name));
      });
    },

    async settled(id) {
      const row = await findContainerById(prisma, id);
      if (row === null || !deps.hosts.isAwaited(row.host)) return true;
      if (row.deletingSince === null && isRunning(row, deps.hosts.isOnline(row.host))) return true;
      return await waitsForPerson(row);
    },

    isGone: async (id) =>
      (await prisma.container.findUnique({ where: { id }, select: { id: true } })) === null,

    desired: containersOfHosts,

    recordReports: (change, host, reports, observedAt, mayBeAhead) =>
      recordContainerReports(change, deps.addresses, host, reports, observedAt, mayBeAhead),

    moveFromConflicts: (host, conflicted) =>
      changes.make({ actor: 'server' }, (change) =>
        moveFromConflicts(change, deps.addresses, host.id, conflicted),
      ),

    async forgetHost(change, host) {
      const rows = await containersOn(change.db, [host.id]);
      for (const { id } of rows) await deps.addresses.releaseOfContainer(change, id);
      await forgetContainers(change.db, host.id);
      for (const { name } of rows) {
        change.record({ type: 'container.forgotten', subject: containerPath(name), host: host.name });
      }
    },

    async findRunning(db, name) {
      const row = await findContainer(db, name);
      return row === null ? undefined : refOf(row);
    },

    async addressesOf(db, containerId) {
      const row = await findContainerById(db, containerId);
      const owner = row?.sharesStackOf == null ? row : await findContainerById(db, row.sharesStackOf);
      return (owner?.attachments ?? [])
        .flatMap(({ ipv4, ipv6 }) => [canonicalIp(ipv4), canonicalIp(ipv6)])
        .filter((ip) => ip !== null);
    },

    hostIdOf: async (db, name) => (await findContainer(db, name))?.hostId,
  };
}
