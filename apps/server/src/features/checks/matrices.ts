import type { CheckCreate, MatrixResult, MatrixTaskResult } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import { transactionQuery } from '../../platform/database/query.ts';
import type { Platform } from '../../platform/platform.ts';
import type { WireChecksDeps } from './wire-checks.ts';
import { hostTasks, type MatrixPlan } from './matrix-plan.ts';
import { planMatrix } from './matrix-scope.ts';
import { matrixResult, type MatrixPart } from './matrix-verdict.ts';
import { insertWhole, type EndedPart } from './parts.store.ts';
import { keepHosts } from './preflights.store.ts';

/** Connectivity matrices: every host tries for its own containers and itself, and the server puts together what they found. */
export interface Matrices {
  /** Writes the check down; answers its id. */
  create(change: Change, input: CheckCreate, timeoutSeconds: number): Promise<string>;
  /** What the parts say together. */
  result(plan: MatrixPlan, parts: readonly EndedPart[]): MatrixResult;
}

export function createMatrices(
  { now }: Pick<Platform, 'now'>,
  { hosts }: Pick<WireChecksDeps, 'hosts'>,
): Matrices {
  return {
    async create(change, input, timeoutSeconds) {
      const query = transactionQuery(change.db);
      const planned = await planMatrix(query, input, timeoutSeconds, (host) => hosts.isOnline(host));
      const kept = await keepHosts(
        change.db,
        planned.hosts.map(({ id }) => id),
      );
      const plan: MatrixPlan = {
        ...planned,
        hosts: planned.hosts.map((host) =>
          kept.has(host.id) ? host : { ...host, left: 'it has been retired' },
        ),
      };
      const tasks = hostTasks(plan).flatMap(({ task }, place) => {
        const host = plan.hosts[place];
        return host === undefined || host.left !== null || task.tries.length === 0
          ? []
          : [{ hostId: host.id, task }];
      });
      const check = await insertWhole(change.db, {
        kind: 'matrix',
        spec: plan,
        tasks,
        timeoutSeconds,
        holdsAddresses: false,
        now: now(),
      });
      change.notifyHosts(tasks.map(({ hostId }) => hostId));
      return check;
    },

    result: (plan, parts) =>
      matrixResult(
        plan,
        new Map(
          parts.map((part): [string, MatrixPart] => [
            part.hostId,
            part.result === null ? { failed: part.failed } : (part.result as MatrixTaskResult),
          ]),
        ),
      ),
  };
}
