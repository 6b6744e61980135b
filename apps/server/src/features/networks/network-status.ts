import { listed } from '@trunkline/log';
import { checkPath, type Condition, type ReasonOf } from '@trunkline/contracts';
import { condition } from '../../platform/conditions.ts';
import type { Verified } from './networks.store.ts';
import { placementConditions, standingOf, type PlacementFacts } from '../placements/placement-status.ts';

/** What the state of a network follows from. */
export interface NetworkFacts {
  generation: number;
  deleting: boolean;
  updatedAt: Date;
  placements: readonly PlacementFacts[];
  /** Hosts asked for by name that have not joined. */
  unknownHosts: readonly string[];
  /** What came of trying the wire: null: nothing yet; undefined: it is not to be tried. */
  verified?: Verified | null;
}

/** A network over all of its hosts. */
export interface NetworkSummary {
  ready: boolean;
  hosts: { total: number; ready: number; notReady: number; unknown: number };
  conditions: Condition[];
}

/** Sums up the placements of a network. Pure: the same facts, the same words. */
export function summarizeNetwork(facts: NetworkFacts): NetworkSummary {
  const standings = facts.placements.map((placement) => standingOf(placement, facts.generation));
  const count = (standing: string): number => standings.filter((one) => one === standing).length;
  const hosts = {
    total: standings.length,
    ready: count('ready'),
    notReady: count('notReady'),
    unknown: count('unknown'),
  };
  const verdict = readiness(facts, hosts);
  const transitions = facts.placements.flatMap(({ conditions }) =>
    conditions.filter(({ type }) => type === 'Ready').map(({ lastTransitionTime }) => lastTransitionTime),
  );
  const lastTransitionTime = [facts.updatedAt.toISOString(), ...transitions].sort().at(-1) ?? '';
  const stamp = { generation: facts.generation, since: new Date(lastTransitionTime) };
  const known =
    facts.unknownHosts.length === 0
      ? condition('HostsKnown', 'True', 'AllJoined', 'every selected host has joined', stamp)
      : condition(
          'HostsKnown',
          'False',
          'HostsMissing',
          `selected by name and not joined: ${listed(facts.unknownHosts)}; the network is created there when they join`,
          stamp,
        );
  return {
    ready: verdict.status === 'True',
    hosts,
    conditions: [
      condition('Ready', verdict.status, verdict.reason, verdict.message, stamp),
      known,
      ...(facts.verified === undefined ? [] : [wireVerified(facts.verified, stamp)]),
    ],
  };
}

function wireVerified(verified: Verified | null, stamp: { generation: number; since: Date }): Condition {
  if (verified === null)
    return condition(
      'WireVerified',
      'Unknown',
      'NotVerified',
      'the wire is tried when the network is ready on a host',
      stamp,
    );
  const { outcome, check, message } = verified;
  const at = { generation: stamp.generation, since: new Date(verified.at) };
  const says = `${message} (${checkPath(check)})`;
  switch (outcome) {
    case 'fine':
      return condition('WireVerified', 'True', 'Verified', says, at);
    case 'partly':
      return condition('WireVerified', 'Unknown', 'HostsNotTried', says, at);
    case 'faulty':
      return condition('WireVerified', 'False', 'WireFaulty', says, at);
  }
}

function readiness(
  facts: NetworkFacts,
  hosts: NetworkSummary['hosts'],
): Pick<Condition, 'status' | 'message'> & { reason: ReasonOf<'Ready'> } {
  const on = `on ${hosts.ready} of ${hosts.total} hosts`;
  const why = (standing: string): string =>
    listed(
      facts.placements
        .filter((placement) => standingOf(placement, facts.generation) === standing)
        .map((placement) => `${placement.host}: ${reasonOf(placement, facts.generation)}`),
      { joint: '; ' },
    );
  if (facts.deleting)
    return {
      status: 'False',
      reason: 'Deleting',
      message: `being removed; still on ${hosts.total} hosts${hosts.total === 0 ? '' : `. ${leaving(facts)}`}`,
    };
  if (hosts.notReady > 0)
    return { status: 'False', reason: 'NotOnAllHosts', message: `${on}. ${why('notReady')}` };
  if (hosts.unknown > 0)
    return { status: 'Unknown', reason: 'HostsPending', message: `${on}. ${why('unknown')}` };
  if (facts.unknownHosts.length > 0)
    return {
      status: 'False',
      reason: 'HostsMissing',
      message: `${on}; not joined: ${listed(facts.unknownHosts)}`,
    };
  if (hosts.total === 0)
    return { status: 'False', reason: 'NoHosts', message: 'hosts selects no host that has joined' };
  return { status: 'True', reason: 'OnAllHosts', message: on };
}

/** Where it is still, and why. */
const leaving = ({ placements, generation }: NetworkFacts): string =>
  listed(
    placements.map((one) => `${one.host}: ${reasonOf({ ...one, removing: true }, generation)}`),
    { joint: '; ' },
  );

function reasonOf(placement: PlacementFacts, generation: number): string {
  const conditions = placementConditions(placement);
  const ready = conditions.find(({ type }) => type === 'Ready') ?? conditions[0];
  if (placement.online && placement.removing) {
    // What it reported before it was notified is about being there, not about leaving.
    const blocked = ready?.status === 'False' && placement.observedGeneration >= generation;
    return `it is being removed there${blocked ? `: ${ready.reason}, ${ready.message}` : ''}`;
  }
  if (ready?.status === 'True' && placement.observedGeneration < generation)
    return `generation ${placement.observedGeneration} is applied there, ${generation} not yet`;
  return ready === undefined ? 'nothing is known' : `${ready.reason}, ${ready.message}`;
}
