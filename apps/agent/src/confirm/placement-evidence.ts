import type {
  Condition,
  ConditionType,
  DesiredDocument,
  PlacementReport,
  Report,
} from '@trunkline/contracts';
import { failedTrial, type Trials } from './trials.ts';

/**
 * Whether a network is in place on its link as its generation wants it: no step is left that could still cut the host off. A link
 * without carrier is in place, since a cable is no change of the agent.
 */
export function isInPlace({ removed, conditions }: PlacementReport): boolean {
  const holds = (type: ConditionType, needed: boolean): boolean => {
    const found = conditions.find((condition) => condition.type === type);
    return found === undefined ? !needed : found.status === 'True';
  };
  const noCarrier = conditions.some(
    ({ type, reason }) => type === 'ParentReady' && reason === 'ParentNoCarrier',
  );
  return (
    !removed &&
    holds('NetworkReady', true) &&
    (noCarrier || holds('ParentReady', true)) &&
    holds('LinkReady', false) &&
    holds('Promiscuous', false) &&
    holds('ContainersAttached', false)
  );
}

const maxMessage = 4000;

/** The report, with a condition for each network whose trial failed. Pure; `document` is what the server wants. */
export function withRollbacks(
  report: Report,
  document: DesiredDocument | null,
  trials: Trials,
  now: number,
): Report {
  const placements = report.placements.map((placement) => {
    const network = document?.networks.find(({ id }) => id === placement.networkId);
    const failed = network === undefined ? null : failedTrial(trials, network, now);
    const { trial, confirmed } = failed ?? {};
    if (network === undefined || trial == null || confirmed === undefined) return placement;
    const at = trial.rolledBackAt ?? trial.deadline ?? now;
    const ready = placement.conditions.find(({ type }) => type === 'Ready');
    const [before, tried] = [describeLink(confirmed), describeLink(network)];
    const standing =
      ready === undefined || ready.status === 'True'
        ? ''
        : ` (not ready there: ${ready.reason}, ${ready.message})`;
    const message =
      `generation ${trial.generation} moved it to ${tried}, and the server could not be reached for ${trial.windowMs / 1000} s after that: ` +
      `it is on ${before} again, as in generation ${confirmed.generation}${standing}; ` +
      `to try again, make sure that the host reaches the server with it on ${tried}, and change the network again (a label is enough)`;
    const condition: Condition = {
      type: 'Ready',
      status: 'False',
      reason: 'RolledBack',
      message: message.slice(0, maxMessage),
      observedGeneration: placement.generation,
      lastTransitionTime: new Date(at).toISOString(),
    };
    return {
      ...placement,
      conditions: [...placement.conditions.filter(({ type }) => type !== 'Ready'), condition],
    };
  });
  return { ...report, placements };
}

function describeLink({
  parent,
  vlan,
}: {
  readonly parent: string | null;
  readonly vlan: number | null;
}): string {
  const nic = parent ?? 'the interface of the default route';
  return vlan === null ? nic : `VLAN ${vlan} of ${nic}`;
}
