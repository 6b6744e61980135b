import { checkPath, type AddressesResult, type CheckCreate } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { ApiError, invalidFields } from '../../platform/errors.ts';
import type { Reply } from '../../platform/idempotency.ts';
import type { Platform } from '../../platform/platform.ts';
import { insertCheck, insertComparison } from './checks.store.ts';
import { defaults, present } from './check-view.ts';

/** What checks need of containers. */
export interface ChecksDeps {
  containers: {
    findRunning(db: TransactionClient, name: string): Promise<{ id: string; hostId: string } | undefined>;
    addressesOf(db: TransactionClient, containerId: string): Promise<string[]>;
  };
  endpoints: { compare(db: TransactionClient, network: string | undefined): Promise<AddressesResult> };
}

/** Makes a check of each kind, within a change. */
export interface CheckCreation {
  connect(change: Change, input: CheckCreate): Promise<Reply>;
  compare(change: Change, input: CheckCreate): Promise<Reply>;
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

export function createCheckCreation(
  { now }: Pick<Platform, 'now'>,
  { containers, endpoints }: ChecksDeps,
): CheckCreation {
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

  return { connect, compare };
}
