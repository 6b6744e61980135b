import { containerOperations } from './container-operations.ts';
import { edgeOperations } from './edge-operations.ts';
import { breakingOperations, isBroken, mended, mendingOperations } from './fleet-operations.ts';
import type { Operation, Step } from './operation.ts';
import { draw, newPlanState, type PlanSettings } from './plan-state.ts';

/** Operations of a step begin within this of each other: `docker run` takes about 600 ms. */
const spreadMs = 700;
/** Operations on containers in one step are fewer than this. */
const atOnce = 4;

/**
 * Endless steps of random operations, made before anything is known of how they go: the same settings make the same
 * ones. What is broken is mended again within a few steps.
 */
export function* planOf(settings: PlanSettings): Generator<Step, never> {
  const state = newPlanState(settings);
  let sinceCalm = 0;
  for (;;) {
    const calm = sinceCalm >= settings.between;
    if (calm) mended(state);
    const operations: Step['operations'][number][] = [];
    const taken = new Set<string>();
    const add = (operation: Operation | undefined): void => {
      if (operation === undefined) return;
      operations.push({ operation, afterMs: state.below(spreadMs) });
      if ('container' in operation) taken.add(operation.container);
    };
    const many = state.below(atOnce);
    for (let number = 0; number < many; number += 1) add(draw(state, containerOperations(state, taken)));
    if (state.chance(0.3)) add(draw(state, edgeOperations(state)));
    // Drawn last, begun at any moment: what is asked of a host may find it going down.
    if (isBroken(state) && state.chance(0.5)) add(draw(state, mendingOperations(state)));
    else if (state.chance(0.25)) add(draw(state, breakingOperations(state)));
    if (operations.length === 0) continue;
    sinceCalm = (calm ? 0 : sinceCalm) + operations.length;
    yield { operations, calm };
  }
}
