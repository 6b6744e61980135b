import { withServer, type ServerFlags } from '../contexts/open-server.ts';
import { differenceLines } from '../documents/difference.ts';
import { planAll } from '../documents/plan-all.ts';
import type { Plan } from '../documents/plan.ts';
import { plain } from '../format/plain.ts';
import type { Ending } from '../lib/exit-codes.ts';
import { Failure } from '../lib/failure.ts';
import type { Io } from '../lib/io.ts';
import { readDocuments } from './read-documents.ts';
import { waitUntil, type Awaited } from './wait-until.ts';

export type ApplyFlags = ServerFlags & {
  readonly file: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly wait?: number;
};

/** Shows what documents change, and makes it so. */
export async function apply(io: Io, flags: ApplyFlags): Promise<Ending> {
  const documents = await readDocuments(io, flags.file);
  return withServer<Ending>(io, flags, async ({ client }) => {
    const { force = false, dryRun = false, wait } = flags;
    const plans = await planAll(client, documents, { force, asksAgents: dryRun });
    showDifferences(io, plans);
    const refused = plans.find(({ refusal }) => refusal !== undefined);
    if (refused?.refusal !== undefined) throw new Failure('refused', refused.refusal);
    for (const plan of plans) {
      if (!dryRun && plan.action !== 'none') await plan.write();
      io.write(`${plain(plan.ref)} ${outcomeOf(plan, dryRun)}\n`);
    }
    if (plans.every(({ action }) => action === 'none')) io.note('nothing to do: all is as the documents say');
    if (dryRun) showPreflights(io, plans);
    else if (wait !== undefined) await waitUntil(io, client, plans.flatMap(awaitedOf), wait);
    return 'ok';
  });
}

export type DiffFlags = ServerFlags & { readonly file: string; readonly force?: boolean };

/** Shows what documents would change, and changes nothing. */
export async function diff(io: Io, flags: DiffFlags): Promise<Ending> {
  const documents = await readDocuments(io, flags.file);
  const plans = await withServer(io, flags, ({ client }) =>
    planAll(client, documents, { force: flags.force ?? false, asksAgents: false }),
  );
  showDifferences(io, plans);
  for (const { refusal } of plans) if (refusal !== undefined) io.note(plain(refusal));
  return plans.every(({ action }) => action === 'none') ? 'ok' : 'differs';
}

function showDifferences(io: Io, plans: readonly Plan[]): void {
  for (const plan of plans) {
    const lines = differenceLines(plan, io.paint);
    if (lines.length > 0) io.write(`${lines.join('\n')}\n`);
  }
}

const outcomes = {
  create: ['created', 'would be created'],
  change: ['changed', 'would be changed'],
  replace: ['changed, and is replaced on its host', 'would be changed, and replaced on its host'],
  none: ['unchanged', 'unchanged'],
} as const satisfies Record<Plan['action'], readonly [string, string]>;

const outcomeOf = ({ action }: Plan, dryRun: boolean): string => outcomes[action][dryRun ? 1 : 0];

/** What each host would do, and what prevents it there. */
function showPreflights(io: Io, plans: readonly Plan[]): void {
  for (const { ref, action, preflight } of plans) {
    if (action === 'none') continue;
    for (const { host, answered, actions, conditions } of preflight) {
      const ready = conditions.find(({ type }) => type === 'Ready');
      const isBlocked = ready !== undefined && ready.status !== 'True' && ready.reason !== 'Preflight';
      const words = [
        ...(answered ? actions : ['did not answer, nothing is known of it']),
        ...(isBlocked ? [`${ready.reason}: ${ready.message}`] : []),
      ];
      if (words.length > 0) io.write(`${plain(`${ref} on ${host}: ${words.join('; ')}`)}\n`);
    }
  }
}

function awaitedOf({ ref }: Plan): Awaited[] {
  const [kind, name] = ref.split('/');
  if (name === undefined || (kind !== 'network' && kind !== 'container')) return [];
  return [{ kind, name, until: 'real' }];
}
