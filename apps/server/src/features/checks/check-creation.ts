import { checkKindTable, checkPath, type CheckCreate } from '@trunkline/contracts';
import { listed } from '@trunkline/log';
import type { Change } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { ApiError, invalidFields } from '../../platform/errors.ts';
import type { Reply } from '../../platform/idempotency.ts';
import type { Platform } from '../../platform/platform.ts';
import { findCheck, insertCheck, insertComparison } from './checks.store.ts';
import { defaults, present } from './check-view.ts';
import type { Diagnoses, DiagnosesDeps } from './diagnoses.ts';
import type { Matrices } from './matrices.ts';
import type { PartEnded } from './parts.ts';
import type { WireChecks, WireChecksDeps } from './wire-checks.ts';

/** What checks need of containers. */
export interface ChecksDeps extends WireChecksDeps, DiagnosesDeps {
  containers: {
    findRunning(db: TransactionClient, name: string): Promise<{ id: string; hostId: string } | undefined>;
    addressesOf(db: TransactionClient, containerId: string): Promise<string[]>;
  };
}

/** Checks on several hosts. */
interface SeveralHosts {
  wire: Pick<WireChecks, 'create'>;
  diagnoses: Pick<Diagnoses, 'create'>;
  matrices: Pick<Matrices, 'create'>;
  partEnded: PartEnded;
}

/** Makes checks, within a change. */
export interface CheckCreation {
  create(change: Change, input: CheckCreate): Promise<Reply>;
}

/** The fields of a request that are for a kind of check at all. */
const kindFields = ['from', 'to', 'network', 'host', 'container', 'pairs', 'port', 'names', 'count'] as const;

/** Refuses what the kind does not take, and what it needs and has not. */
function checkFields(input: CheckCreate): void {
  const { needs, takes }: { needs: readonly string[]; takes: readonly string[] } = checkKindTable[input.kind];
  const errors = kindFields.flatMap((field) => {
    const isGiven = input[field] !== undefined;
    if (!isGiven && needs.includes(field))
      return [{ pointer: `/${field}`, message: `is required for ${input.kind}` }];
    if (isGiven && !needs.includes(field) && !takes.includes(field))
      return [{ pointer: `/${field}`, message: `is not for ${input.kind}: ${takenBy(field)}` }];
    return [];
  });
  if (errors.length > 0) throw invalidFields(errors);
  if (input.kind === 'diagnose') checkTarget(input);
  if (input.kind === 'matrix' && (input.network === undefined) === (input.pairs === undefined))
    throw invalidFields([{ pointer: '', message: 'matrix takes one of network and pairs' }]);
}

/** A diagnosis is about one thing. */
function checkTarget({ network, host, container, from, to }: CheckCreate): void {
  // With a container, the host is where it is.
  const targets = [network, container ?? host, from ?? to].filter((one) => one !== undefined);
  const isHostOf = host === undefined || network === undefined;
  if (targets.length === 1 && isHostOf && (from === undefined) === (to === undefined)) return;
  const message =
    'diagnose takes one of network, host and container (with the host that it is on, where there are several of its name or Trunkline does not know it), or from and to together';
  throw invalidFields([{ pointer: '', message }]);
}

function takenBy(field: string): string {
  const kinds = Object.entries(checkKindTable).filter(([, { needs, takes }]) =>
    [...needs, ...takes].some((one) => one === field),
  );
  const names = listed(kinds.map(([kind]) => kind));
  return kinds.length === 1 ? `kind ${names} takes it` : `kinds ${names} take it`;
}

export function createCheckCreation(
  { now }: Pick<Platform, 'now'>,
  { containers, endpoints }: Pick<ChecksDeps, 'containers' | 'endpoints'>,
  { wire, diagnoses, matrices, partEnded }: SeveralHosts,
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
    const [source, target] = [input.from?.container ?? '', input.to?.container ?? ''];
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

  /** Asked of several hosts. */
  const askSeveral = async (change: Change, input: CheckCreate): Promise<Reply> => {
    const { kind, network } = input;
    const timeoutSeconds = input.timeoutSeconds ?? defaults.timeoutSeconds;
    const id =
      kind === 'wire'
        ? await wire.create(change, network ?? '', timeoutSeconds)
        : await (kind === 'matrix' ? matrices : diagnoses).create(change, input, timeoutSeconds);
    change.record({
      type: 'check.created',
      subject: checkPath(id),
      ...(network === undefined ? {} : { network }),
      data: { kind },
    });
    // Where nobody could be asked, it is over.
    await partEnded(change, id);
    const row = await findCheck(change.db, id);
    if (row === undefined) throw new Error('the check is not there');
    const headers = { location: checkPath(id) };
    return { status: change.context.dryRun === true ? 200 : 202, headers, body: present(row, now()) };
  };

  return {
    create: (change, input) => {
      checkFields(input);
      const make = {
        connectivity: connect,
        addresses: compare,
        wire: askSeveral,
        diagnose: askSeveral,
        matrix: askSeveral,
      };
      return make[input.kind](change, input);
    },
  };
}
