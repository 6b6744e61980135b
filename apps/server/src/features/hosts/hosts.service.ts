import { listed } from '@trunkline/log';
import { hostPath, type Condition, type Host, type HostFacts, type HostPatch } from '@trunkline/contracts';
import type { Change, ChangeContext } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { ApiError } from '../../platform/errors.ts';
import { mergeMap } from '../../platform/merge-patch.ts';
import type { NamedQuery } from '../../platform/list-filters.ts';
import { decodeCursor, isNamePosition, pageOf, type PageOf } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { entityTag } from '../../platform/preconditions.ts';
import { createFleet, isAwaited, isHeard } from './fleet.ts';
import {
  agentConnected,
  presentConditions,
  recoveryConditions,
  unusedConditions,
} from './host-conditions.ts';
import { createHostReports, type HostReports } from './host-reports.ts';
import {
  countHosts,
  deleteHost,
  findHost,
  holdingsOf,
  insertHost,
  keepHost,
  listHosts,
  lockHost,
  manyUnused,
  recoveryBegan,
  selectableHosts,
  writeLabels,
  type HostRow,
  type UnusedLeases,
} from './hosts.store.ts';

/** A host as other features see it. */
export interface HostRef {
  id: string;
  name: string;
  labels: Record<string, string>;
}

/** What hosts need of other features. */
export interface HostsDeps {
  /** Which networks a host should have follows from its labels. */
  selectionChanged(change: Change, host: HostRef): Promise<void>;
  /** The host leaves the fleet: its containers are forgotten and their addresses go into quarantine. */
  leaving(change: Change, host: HostRef): Promise<void>;
  /** See `manyUnused`. */
  maxUnused: number;
}

export interface HostsService extends HostReports {
  list(filter: NamedQuery, page: { limit: number; cursor?: string | undefined }): Promise<PageOf<Host>>;
  /** Throws host_not_found. */
  get(name: string): Promise<Host>;
  /** `check` throws when the caller has not seen this version. */
  patch(name: string, patch: HostPatch, check: (tag: string) => void, context: ChangeContext): Promise<Host>;
  /** Takes the host out of the fleet. Throws host_in_use while it holds something, unless `force`. */
  retire(name: string, force: boolean, check: (tag: string) => void, context: ChangeContext): Promise<void>;
  findByNames(db: TransactionClient, names: readonly string[]): Promise<HostRef[]>;
  /** Every host that has joined. */
  listForSelection(db: TransactionClient): Promise<HostRef[]>;
  /** The host, kept from being retired until the transaction ends. Throws host_not_found. */
  lockByName(change: Change, name: string): Promise<HostRef>;
  /** It was heard within three heartbeats. */
  isOnline(host: { lastSeenAt: Date | null }): boolean;
  /** Waiting for it is of use: it is online, or may be and the server has just started. */
  isAwaited(host: { lastSeenAt: Date | null }): boolean;
  /** How often agents report at least, in seconds. */
  heartbeatSeconds(): Promise<number>;
  /** A host that joined with this raw Ed25519 public key. Throws host_exists for a name or a key that is known. */
  createHost(change: Change, host: { name: string; publicKey: Uint8Array<ArrayBuffer> }): Promise<HostRef>;
}

/** The entity tag of a host: raised by operators, not by reports. */
export const hostTag = (host: { id: string; version: number }): string => entityTag(host.id, host.version);

const found = (row: HostRow | null, name: string): HostRow => {
  if (row === null) throw new ApiError('host_not_found', `no host ${name} has joined: see GET /v1/hosts`);
  return row;
};
const refOf = (row: HostRow): HostRef => ({
  id: row.id,
  name: row.name,
  labels: row.labels as Record<string, string>,
});

const count = (n: number, what: string): string =>
  `${n} ${what}${n === 1 ? '' : what === 'address' ? 'es' : 's'}`;

function inUse(
  name: string,
  holds: { containers: string[]; addresses: string[]; others: string[] },
  isSilent: boolean,
): ApiError {
  const { others } = holds;
  const also = others.length === 0 ? '' : `, and other tools run ${listed(others)} there`;
  return new ApiError(
    'host_in_use',
    `${name} still holds ${count(holds.containers.length, 'container')} and ${count(holds.addresses.length, 'address')}${also}: ` +
      (isSilent
        ? 'the host is silent, and may still give them to containers; start its agent and try again, '
        : 'remove them first, ') +
      'or retire it with ?force=true, which declares that nothing on it runs any more',
    { data: holds },
  );
}

const maxHoldings = 100;

export function createHostsService(platform: Platform, deps: HostsDeps): HostsService {
  const { changes, now } = platform;
  const { prisma } = platform.database;
  const fleet = createFleet({ count: () => countHosts(prisma), now });
  const isOnline = (host: { lastSeenAt: Date | null }): boolean =>
    isHeard(host.lastSeenAt, now(), fleet.heartbeatSeconds());
  const listeningSince = now();

  /** As they are shown. */
  const presentAll = async (db: TransactionClient, rows: readonly HostRow[]): Promise<Host[]> => {
    const ids = rows.map(({ id }) => id);
    const unused = ids.length === 0 ? [] : await manyUnused(db, ids, deps.maxUnused, now());
    const isRecovering = rows.some(({ recovery }) => recovery !== null);
    const began = (isRecovering ? await recoveryBegan(db) : null) ?? now();
    return rows.map((row) =>
      present(
        row,
        began,
        unused.filter(({ hostId }) => hostId === row.id),
      ),
    );
  };
  const presentOne = async (db: TransactionClient, row: HostRow): Promise<Host> => {
    const [host] = await presentAll(db, [row]);
    if (host === undefined) throw new Error('a host is not shown');
    return host;
  };

  const present = (row: HostRow, began: Date, unused: readonly UnusedLeases[]): Host => ({
    id: row.id,
    name: row.name,
    labels: row.labels as Record<string, string>,
    online: isOnline(row),
    lastSeenAt: row.lastSeenAt?.toISOString() ?? null,
    observedAt: row.observedAt?.toISOString() ?? null,
    facts: row.facts as unknown as HostFacts | null,
    conditions: [
      ...presentConditions(
        { ...row, conditions: row.conditions as unknown as Condition[] },
        isOnline(row),
        now(),
      ),
      ...recoveryConditions(row, began),
      ...unusedConditions(row, unused),
    ],
    desiredRevision: (row.desired?.revision ?? 0n).toString(),
    observedRevision: row.observedRevision.toString(),
    version: row.version,
    createdAt: row.createdAt.toISOString(),
  });

  return {
    ...createHostReports(platform, fleet),

    async list(filter, { limit, cursor }) {
      await fleet.refresh();
      const rows = await listHosts(prisma, filter, decodeCursor('hosts', cursor, isNamePosition), limit + 1);
      const page = pageOf('hosts', rows, limit, ({ name }) => name);
      return { ...page, items: await presentAll(prisma, page.items) };
    },

    async get(name) {
      await fleet.refresh();
      return presentOne(prisma, found(await findHost(prisma, name), name));
    },

    patch: (name, patch, check, context) =>
      changes.make(context, async (change) => {
        const row = found(await lockHost(change.db, name), name);
        check(hostTag(row));
        const before = refOf(row);
        const labels = mergeMap(before.labels, patch.labels);
        const entries = Object.entries(labels);
        if (entries.length > 64) {
          throw new ApiError(
            'invalid_request',
            `${name} would have ${entries.length} labels: at most 64 are allowed`,
            {
              errors: [{ pointer: '/labels', message: 'would be more than 64 labels' }],
            },
          );
        }
        const same =
          entries.length === Object.keys(before.labels).length &&
          entries.every(([key, value]) => before.labels[key] === value);
        if (!same) {
          await writeLabels(change.db, row.id, labels);
          change.record({ type: 'host.updated', subject: hostPath(name), host: name, data: { labels } });
          change.audit({ subject: hostPath(name), before: { labels: before.labels }, after: { labels } });
          await deps.selectionChanged(change, { ...before, labels });
        }
        return presentOne(change.db, found(await findHost(change.db, name), name));
      }),

    retire: (name, force, check, context) =>
      changes.make(context, async (change) => {
        const row = found(await findHost(change.db, name), name);
        check(hostTag(row));
        // A host that is heard gives nothing from the moment it is retired. One that is silent does not hear of it.
        const isSilent = !isOnline(row);
        const holds = await holdingsOf(change.db, row.id, maxHoldings, isSilent);
        if (!force && holds.containers.length + holds.addresses.length > 0)
          throw inUse(name, holds, isSilent);
        // Networks, addresses and containers are locked before the host (docs/locking.md).
        await deps.leaving(change, refOf(row));
        const left = await holdingsOf(change.db, row.id, maxHoldings, isSilent);
        if (left.containers.length + left.addresses.length > 0) throw inUse(name, left, isSilent);
        check(hostTag(found(await lockHost(change.db, name), name)));
        await deleteHost(change.db, row.id);
        change.record({
          type: 'host.retired',
          subject: hostPath(name),
          host: name,
          data: { forced: force, containers: holds.containers, addresses: holds.addresses },
        });
        const { containers, addresses } = holds;
        change.audit({
          subject: hostPath(name),
          before: { id: row.id, name, labels: row.labels, forced: force, containers, addresses },
        });
      }),

    findByNames: (db, names) => selectableHosts(db, names),
    listForSelection: (db) => selectableHosts(db),

    async lockByName(change, name) {
      const [row] = await keepHost(change.db, name);
      if (row === undefined)
        throw new ApiError('host_not_found', `no host ${name} has joined: see GET /v1/hosts`);
      return row;
    },

    isOnline,
    isAwaited: ({ lastSeenAt }) => isAwaited(lastSeenAt, listeningSince, now(), fleet.heartbeatSeconds()),
    async heartbeatSeconds() {
      await fleet.refresh();
      return fleet.heartbeatSeconds();
    },

    async createHost(change, { name, publicKey }) {
      const at = now();
      const id = await insertHost(change.db, { name, publicKey, conditions: [agentConnected(1, at)], at });
      const host = { id, name, labels: {} };
      change.record({ type: 'host.joined', subject: hostPath(name), host: name });
      // A desired document of its own, if only an empty one.
      change.notifyHosts([id]);
      await deps.selectionChanged(change, host);
      return host;
    },
  };
}
