import type { CheckReport, DesiredDocument, DesiredPreflightCheck } from '@trunkline/contracts';
import { stamp, type ConditionDraft } from '../plan/conditions.ts';
import type { Observed } from '../observation/observed.ts';
import { planHost } from '../plan/plan.ts';
import { describeIntent } from '../plan/steps.ts';

/** What a preflight looks at. */
export interface PreflightDeps {
  readonly desired: () => DesiredDocument | null;
  /** A look at the whole host that begins after the call. */
  readonly look: () => Promise<Observed>;
}

/** Bound of the contract (`PreflightFindings.actions`). */
const maxActions = 256;

/**
 * What the agent would do for a network and the containers on it, and what stands in the way: the plan of the reconciler
 * itself, carried out by nobody. The rest of the host is as the present document has it.
 */
export async function checkPreflight(
  check: DesiredPreflightCheck,
  deps: PreflightDeps,
): Promise<CheckReport> {
  const { network } = check;
  const observed = await deps.look();
  const now = new Date(observed.at).toISOString();
  const document = deps.desired();
  const others = document?.networks.filter(({ id }) => id !== network.id) ?? [];
  const wanted = document === null ? null : { ...document, networks: [...others, network] };
  const host = wanted === null ? null : planHost(wanted, observed);
  const plan = host?.networks.get(network.id)?.();
  if (host === null || plan === undefined) {
    return {
      state: 'failed',
      result: null,
      error: 'this host has no desired state yet: try again in a moment',
    };
  }
  return {
    state: 'done',
    error: null,
    result: {
      observedAt: now,
      actions: host.stepsAround(network.id).slice(0, maxActions).map(describeIntent),
      conditions: stamp(withVerdict(plan), [], network.generation, now),
    },
  };
}

/** `Ready` is False with its own reason where the steps would not make it ready, and with reason `Preflight` where they would. */
function withVerdict({ conditions }: { readonly conditions: readonly ConditionDraft[] }): ConditionDraft[] {
  const stands = conditions.find(
    ({ type, status, weight }) => type !== 'Ready' && status !== 'True' && weight === undefined,
  );
  return conditions.map((draft) => {
    if (draft.type !== 'Ready' || draft.status === 'True') return draft;
    if (stands !== undefined) return { ...stands, type: 'Ready' };
    return { ...draft, reason: 'Preflight', message: 'the actions would make it ready' };
  });
}
