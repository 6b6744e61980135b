import {
  checkPath,
  networkPath,
  type Check,
  type CheckCreate,
  type CheckReport,
  type DesiredCheck,
} from '@trunkline/contracts';
import type { Change, ChangeContext } from '../../platform/changes.ts';
import type { HostQuery } from '../../platform/database/host-queries.ts';
import { ApiError, invalidFields } from '../../platform/errors.ts';
import type { Reply } from '../../platform/idempotency.ts';
import { decodeCursor, encodeCursor, isIdPosition, type PageOf } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { startSweep } from '../../platform/sweep.ts';
import {
  answerCheck,
  deleteChecksBefore,
  expireChecks,
  findCheck,
  listChecks,
  findOpenJob,
  openJobsOf,
  type OpenJob,
} from './checks.store.ts';
import { createCheckCreation, type ChecksDeps } from './check-creation.ts';
import { expiredError, present } from './check-view.ts';
import { createPreflights, type Preflights } from './preflights.ts';
import { createDiagnoses } from './diagnoses.ts';
import { createMatrices } from './matrices.ts';
import { createPartEnded } from './parts.ts';
import { startVerifications } from './verifications.ts';
import { createWireChecks } from './wire-checks.ts';
import { deletePreflightsBefore } from './preflights.store.ts';

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

const maxOpenOnHost = 256;
const sweepMs = 1_000;
const keepMs = 7 * 86_400_000;
const keepPreflightsMs = 3_600_000;

/** It has ended, one way or another. */
export const isFinished = (check: Check): boolean => check.state !== 'pending' && check.state !== 'running';

/** A job as its host gets it. */
function desiredCheck(job: OpenJob & { expiresAt: string }): DesiredCheck {
  const { id } = job;
  const expiresAt = new Date(job.expiresAt).toISOString();
  if (job.kind === 'preflight') return { id, kind: 'preflight', network: job.spec.network, expiresAt };
  if (job.kind === 'wire-part') return { ...job.spec, id, kind: 'wire', expiresAt };
  if (job.kind === 'diagnose-part') return { ...job.spec, id, kind: 'diagnose', expiresAt };
  if (job.kind === 'matrix-part') return { ...job.spec, id, kind: 'matrix', expiresAt };
  const { from, to, toAddresses, count } = job.spec;
  return { id, kind: 'connectivity', fromContainer: from, toContainer: to, toAddresses, count, expiresAt };
}

/** A preflight has no path of its own: its events are about its network. */
const aboutPreflight = (network: string) => ({ subject: networkPath(network), network });

/** The kind of job that a result is of. */
function kindOf(result: CheckReport['result']): OpenJob['kind'] | null {
  if (result === null) return null;
  if ('reachable' in result) return 'connectivity';
  if ('looked' in result) return 'diagnose-part';
  if ('tries' in result) return 'matrix-part';
  return 'pings' in result ? 'wire-part' : 'preflight';
}

function refuseWrongKind(kind: OpenJob['kind'], { state, result }: CheckReport): void {
  const found = kindOf(result);
  if (found === kind || (found === null && state !== 'done')) return;
  const message = `must be a result of kind ${kind}, not ${found === null ? 'null' : `one of kind ${found}`}`;
  throw invalidFields([{ pointer: '/result', message }]);
}

export function createChecksService(
  platform: Pick<Platform, 'database' | 'changes' | 'feed' | 'now' | 'log'>,
  deps: ChecksDeps,
): ChecksService {
  const { changes, now } = platform;
  const { prisma } = platform.database;
  const wire = createWireChecks(platform, deps);
  const diagnoses = createDiagnoses(platform, deps, wire);
  const matrices = createMatrices(platform, deps);
  const partEnded = createPartEnded(platform, wire, diagnoses, matrices);
  const creation = createCheckCreation(platform, deps, { wire, diagnoses, matrices, partEnded });

  return {
    ...createPreflights(platform),

    create: (input, context) => changes.makeOnce(context, (change) => creation.create(change, input)),

    async list({ limit, cursor }) {
      const before = decodeCursor('checks', cursor, isIdPosition);
      const { rows, hasMore } = await listChecks(prisma, before, limit);
      const last = rows.at(-1);
      return {
        items: rows.map((row) => present(row, now())),
        nextCursor: hasMore && last !== undefined ? encodeCursor('checks', last.id) : null,
      };
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
      // A preflight that begins is news to nobody, nor is a part of a check.
      if (job.kind === 'wire-part' || job.kind === 'diagnose-part' || job.kind === 'matrix-part') {
        if (state !== 'running' && job.partOf !== null) {
          change.record({
            type: 'check.host-answered',
            subject: checkPath(job.partOf),
            ...(job.host === null ? {} : { host: job.host.name }),
            data: { error },
          });
          await partEnded(change, job.partOf);
        }
      } else if (job.kind !== 'preflight')
        change.record({ type: `check.${state}`, subject: checkPath(checkId), data });
      else if (state !== 'running')
        change.record({ type: `preflight.${state}`, ...aboutPreflight(job.spec.network.name), data });
      // It leaves the host's desired document when it has ended.
      if (state !== 'running') change.notifyHosts([hostId]);
    },

    startSweep() {
      return startSweep('checks', sweepMs, platform.log, async () => {
        await changes.make({ actor: 'server' }, async (change) => {
          await wire.letGo(change);
          await startVerifications(change, platform, creation);
          for (const { id, hostId, partOf, network } of await expireChecks(change.db, now(), expiredError)) {
            if (partOf !== null) {
              change.record({
                type: 'check.host-answered',
                subject: checkPath(partOf),
                data: { error: expiredError },
              });
              await partEnded(change, partOf);
            } else if (network === null) change.record({ type: 'check.expired', subject: checkPath(id) });
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
