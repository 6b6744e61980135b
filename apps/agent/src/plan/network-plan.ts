import type { ConditionDraft } from './conditions.ts';
import type { Step } from './steps.ts';

/** The steps for a network, and its conditions. */
export interface NetworkPlan {
  readonly steps: readonly Step[];
  /** `Ready` last. */
  readonly conditions: readonly ConditionDraft[];
  readonly link: string | null;
  /** Docker's id of the network that is ours or adopted. */
  readonly dockerNetworkId: string | null;
  /** It is there as wanted: containers can be attached. */
  readonly usable: boolean;
  /** Wanted absent, and nothing of it is left. */
  readonly removed: boolean;
}
