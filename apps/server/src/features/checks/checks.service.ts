import {
  checkPath,
  networkPath,
  type AddressesResult,
  type Check,
  type CheckCreate,
  type CheckReport,
  type DesiredCheck,
} from '@trunkline/contracts';
import type { Change, ChangeContext } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import type { HostQuery } from '../../platform/database/host-queries.ts';
import { ApiError, invalidFields } from '../../platform/errors.ts';
import type { Reply } from '../../platform/idempotency.ts';
import { decodeCursor, isIdPosition, pageOf, type PageOf } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { startSweep } from '../../platform/sweep.ts';
import {
  answerCheck,
  deleteChecksBefore,
  expireChecks,
  findCheck,
  insertCheck,
  insertComparison,
  listChecks,
  findOpenJob,
  openJobsOf,
  type CheckRow,
  type OpenJob,
} from './checks.store.ts';
import { createPreflights, type Preflights } from './preflights.ts';
import { deletePreflightsBefore } from './preflights.store.ts';

/** What checks need of containers. */
export interface ChecksDeps {
  containers: {
    findRunning(db: TransactionClient, name: string): Promise<{ id: string; hostId: string } | undefined>;
    addressesOf(db: TransactionClient, containerId: string): Promise<string[]>;
  };
  endpoints: { compare(db: TransactionClient, network: string | undefined): Promise<AddressesResult> };
}

export interface ChecksService extends Preflights {
  create(input: CheckCreate, context: ChangeContext): Promise<Reply & { replayed: boolean }>;
  list(page: { limit: number; cursor: string | undefined }): Promise<PageOf<Check>>;
  get(id: string): Promise<Check>;
  /** Checks that a host should run, preflights among them. */
  desired: HostQuery<DesiredCheck>;
  /**
   * Takes what a host reports of one of its checks; one that is over, or another's, is left as it is. Throws
   * invalid_request for a result that is not of the kind of the check.
   */
  recordResult(change: Change, hostId: string, checkId: string, report: CheckReport): Promise<void>;
  startSweep(): () => Promise<void>;
}

const defaults = { count: 5, timeoutSeconds: 30 };
const maxOpenOnHost = 256;
const sweepMs = 2_000;
const keepMs = 7 * 86_400_000;
const keepPreflightsMs = 3_600_000;

/** It has ended, one way or another. */
export const isFinished = (check: Check): boolean => check.state !== 'pending' && check.state !== 'running';

const expiredError =
  'the host did not answer in time: see whether it is online (GET /v1/hosts), then run the check again';

function present(row: CheckRow, now: Date): Check {
  const ofKind =
    row.kind === 'addresses'
      ? { from: null, to: null, network: row.spec.network, ...defaults }
      : {
          from: { container: row.spec.from },
          to: { container: row.spec.to },
          network: null,
          count: row.spec.count,
          timeoutSeconds: row.spec.timeoutSeconds,
        };
  const overdue = (row.state === 'pending' || row.state === 'running') && row.expiresAt <= now;
  return {
    id: row.id,
    kind: row.kind,
    ...ofKind,
    host: row.host,
    state: overdue ? 'expired' : row.state,
    result: row.result,
    error: overdue ? expiredError : row.error,
    createdAt: row.createdAt.toISOString(),
    finishedAt: (overdue ? row.expiresAt : row.finishedAt)?.toISOString() ?? null,
  };
}

/** A job as its host gets it. */
function desiredCheck(job: OpenJob & { expiresAt: string }): DesiredCheck {
  const { id } = job;
  const expiresAt = new Date(job.expiresAt).toISOString();
  if (job.kind === 'preflight') return { id, kind: 'preflight', network: job.spec.network, expiresAt };
  const { from, to, toAddresses, count } = job.spec;
  return { id, kind: 'connectivity', fromContainer: from, toContainer: to, toAddresses, count, expiresAt };
}

/** A preflight has no path of its own: its events are about its network. */
const aboutPreflight = (network: string) => ({ subject: networkPath(network), network });

function refuseWrongKind(kind: OpenJob['kind'], { state, result }: CheckReport): void {
  const found = result === null ? null : 'reachable' in result ? 'connectivity' : 'preflight';
  if (found === kind || (found === null && state !== 'done')) return;
  const message = `must be a result of kind ${kind}, not ${found === null ? 'null' : `one of kind ${found}`}`;
  throw invalidFields([{ pointer: '/result', message }]);
}

/** The two containers of a connectivity check. */
function endsOf({ from, to, network }: CheckCreate): { from: string; to: string } {
  if (from !== undefined && to !== undefined && network === undefined)
    return { from: from.container, to: to.container };
  const missing = Object.entries({ from, to }).filter(([, value]) => value === undefined);
  throw invalidFields([
    ...missing.map(([field]) => ({ pointer: `/${field}`, message: 'is required for connectivity' })),
    ...(network === undefined ? [] : [{ pointer: '/network', message: 'is for kind addresses only' }]),
  ]);
}

export function createChecksService(
  platform: Pick<Platform, 'database' | 'changes' | 'feed' | 'now' | 'log'>,
  { containers, endpoints }: ChecksDeps,
): ChecksService {
  const { changes, now } = platform;
  const { prisma } = platform.database;

  const find = async (change: Change, name: string): Promise<{ id: string; hostId: string }> => {
    const container = await containers.findRunning(change.db, name);
    if (container === undefined)
      throw new ApiError(
        'container_not_found',
        `there is no container ${name}: checks run between containers that Trunkline runs`,
      );
    return container;
  };

  /** Asked of the host of the first container. */
  const connect = async (change: Change, input: CheckCreate): Promise<Reply> => {
    const { from: source, to: target } = endsOf(input);
    const from = await find(change, source);
    const to = await find(change, target);
    const spec = {
      from: source,
      to: target,
      toAddresses: await containers.addressesOf(change.db, to.id),
      count: input.count ?? defaults.count,
      timeoutSeconds: input.timeoutSeconds ?? defaults.timeoutSeconds,
    };
    const made = now();
    const expiresAt = new Date(made.getTime() + spec.timeoutSeconds * 1000);
    const row = await insertCheck(change.db, { hostId: from.hostId, spec, expiresAt, now: made });
    change.record({
      type: 'check.created',
      subject: checkPath(row.id),
      ...(row.host === null ? {} : { host: row.host }),
      data: { kind: row.kind, from: spec.from, to: spec.to },
    });
    change.notifyHosts([from.hostId]);
    const headers = { location: checkPath(row.id) };
    return { status: change.context.dryRun === true ? 200 : 202, headers, body: present(row, made) };
  };

  /** The server has both books, so it answers at once. */
  const compare = async (change: Change, input: CheckCreate): Promise<Reply> => {
    const extra = (['from', 'to'] as const).filter((field) => input[field] !== undefined);
    if (extra.length > 0)
      throw invalidFields(
        extra.map((field) => ({ pointer: `/${field}`, message: 'is for kind connectivity only' })),
      );
    const result = await endpoints.compare(change.db, input.network);
    const made = now();
    const row = await insertComparison(change.db, {
      spec: { network: input.network ?? null },
      result,
      now: made,
    });
    change.record({
      type: 'check.done',
      subject: checkPath(row.id),
      ...(input.network === undefined ? {} : { network: input.network }),
      data: { kind: 'addresses', findings: result.findings.length, message: result.message },
    });
    return { status: 200, headers: { location: checkPath(row.id) }, body: present(row, made) };
  };

  return {
    ...createPreflights(platform),

    create: (input, context) =>
      changes.makeOnce(context, (change) =>
        input.kind === 'addresses' ? compare(change, input) : connect(change, input),
      ),

    async list({ limit, cursor }) {
      const rows = await listChecks(prisma, decodeCursor('checks', cursor, isIdPosition), limit + 1);
      const page = pageOf('checks', rows, limit, (row) => row.id);
      return { ...page, items: page.items.map((row) => present(row, now())) };
    },

    async get(id) {
      const row = await findCheck(prisma, id);
      if (row === undefined)
        throw new ApiError('check_not_found', `there is no check ${id}: checks are kept for 7 days`);
      return present(row, now());
    },

    desired: {
      rows: (hostIds) => openJobsOf(hostIds, now(), maxOpenOnHost),
      read: desiredCheck,
    },

    async recordResult(change, hostId, checkId, report) {
      const job = await findOpenJob(change.db, checkId, hostId, now());
      if (job === undefined) return;
      const { state, result, error } = report;
      refuseWrongKind(job.kind, report);
      const answered = await answerCheck(change.db, {
        id: checkId,
        hostId,
        state,
        error,
        now: now(),
        result: result ?? undefined,
      });
      if (!answered) return;
      const data = {
        error,
        ...(result !== null && 'reachable' in result ? { reachable: result.reachable } : {}),
      };
      // A preflight that begins is news to nobody.
      if (job.kind !== 'preflight')
        change.record({ type: `check.${state}`, subject: checkPath(checkId), data });
      else if (state !== 'running')
        change.record({ type: `preflight.${state}`, ...aboutPreflight(job.spec.network.name), data });
      // It leaves the host's desired document when it has ended.
      if (state !== 'running') change.notifyHosts([hostId]);
    },

    startSweep() {
      return startSweep('checks', sweepMs, platform.log, async () => {
        await changes.make({ actor: 'server' }, async (change) => {
          for (const { id, hostId, network } of await expireChecks(change.db, now(), expiredError)) {
            if (network === null) change.record({ type: 'check.expired', subject: checkPath(id) });
            else change.record({ type: 'preflight.expired', ...aboutPreflight(network) });
            if (hostId !== null) change.notifyHosts([hostId]);
          }
        });
        await deleteChecksBefore(prisma, new Date(now().getTime() - keepMs));
        await deletePreflightsBefore(prisma, new Date(now().getTime() - keepPreflightsMs));
      });
    },
  };
}
