import type { DesiredDocument, DesiredNetwork } from '@trunkline/contracts';
import type { LinksToRestore } from '../observation/links-to-restore.ts';
import { linkOf } from '../plan/link-users.ts';

/** A change of a network's link after which the server has not been reached yet. */
export interface Trial {
  /** Generation of the network that is tried. */
  readonly generation: number;
  /**
   * When the change is rolled back unless the server is reached before, milliseconds since 1970. Null while there is no need: the
   * server was reached after all steps so far, and the other steps have yet to be carried out.
   */
  readonly deadline: number | null;
  /** How long the server had to be silent, in milliseconds. */
  readonly windowMs: number;
  /** When the old form came back, milliseconds since 1970; null while it is tried. Then the generation is never tried again. */
  readonly rolledBackAt: number | null;
  /**
   * Links that were down before and that the change sets up. Once it is undone they are set down again, or left, and
   * are not named here any more.
   */
  readonly setUp: readonly string[];
}

/** What is remembered of a network. */
export interface NetworkRecord {
  /** The last form that was in place when the server was reached. */
  readonly confirmed: DesiredNetwork;
  readonly trial: Trial | null;
}

/** By id of our network. A network that was never in place and reached has no record, and is not on trial. */
export type Trials = Readonly<Record<string, NetworkRecord>>;

/** What this run of the agent knows of a network as the document has it now. */
export interface Evidence {
  /** When it was first seen to be in place as this generation wants it, after its last steps; null for not yet. */
  readonly inPlaceAt: number | null;
  /** When its last steps ended; 0 without any, null while some are being carried out. */
  readonly quietSince: number | null;
}

/** The trial of the generation that the document has; null where the recorded trial was of another one. */
function trialOf(trials: Trials, network: DesiredNetwork): Trial | null {
  const trial = trials[network.id]?.trial;
  return trial?.generation === network.generation ? trial : null;
}

function isUndone(trial: Trial | null, now: number): boolean {
  if (trial === null) return false;
  return trial.rolledBackAt !== null || (trial.deadline !== null && now >= trial.deadline);
}

/** The trial of a present network that has failed; null where it goes on or there is none. */
export function failedTrial(trials: Trials, network: DesiredNetwork, now: number): NetworkRecord | null {
  const record = trials[network.id];
  const undone = network.state === 'present' && isUndone(trialOf(trials, network), now);
  return undone && record !== undefined ? record : null;
}

/**
 * What is carried out: the document, but for networks whose trial has failed. Those have their confirmed form, under the
 * generation that was tried, and take attached containers along. The document itself where nothing differs.
 */
export function effectiveDocument(document: DesiredDocument, trials: Trials, now: number): DesiredDocument {
  const networks = document.networks.map((network) => {
    const failed = failedTrial(trials, network, now);
    return failed === null
      ? network
      : { ...failed.confirmed, generation: network.generation, force: true, state: 'present' as const };
  });
  return networks.every((network, at) => network === document.networks[at])
    ? document
    : { ...document, networks };
}

/**
 * To be kept before a step of a network is carried out: a form that hangs on another link than the confirmed one is on
 * trial from here on. A trial that has a deadline keeps it, whatever is repaired meanwhile.
 *
 * `setsUp`: links that are down now and that the steps set up.
 */
export function beginSteps(
  trials: Trials,
  network: DesiredNetwork,
  {
    defaultRoute,
    now,
    windowMs,
    setsUp,
  }: { defaultRoute: string | null; now: number; windowMs: number; setsUp: readonly string[] },
): Trials {
  const record = trials[network.id];
  if (record === undefined || network.state === 'absent') return trials;
  const trial = trialOf(trials, network);
  if (trial !== null && (trial.deadline !== null || isUndone(trial, now))) return trials;
  if (trial === null && linkOf(record.confirmed, defaultRoute) === linkOf(network, defaultRoute)) {
    return trials;
  }
  const { generation } = network;
  // What is set up later in a trial may have been up before it.
  const setUp = trial?.setUp ?? [
    ...new Set([...setsUp, ...alreadySetUp(trials, network, record, defaultRoute)]),
  ];
  return {
    ...trials,
    [network.id]: {
      ...record,
      trial: { generation, deadline: now + windowMs, windowMs, rolledBackAt: null, setUp },
    },
  };
}

/** Links that are up only because of unconfirmed trials: an older one of this network, or one of a network that shares a link. */
function alreadySetUp(
  trials: Trials,
  network: DesiredNetwork,
  record: NetworkRecord,
  defaultRoute: string | null,
): string[] {
  const own = record.trial?.setUp ?? [];
  const needed = [network.parent ?? defaultRoute, linkOf(network, defaultRoute)];
  const shared = Object.values(trials).flatMap(({ trial }) => trial?.setUp ?? []);
  return [...own, ...shared.filter((link) => needed.includes(link))];
}

/** Links of failed trials that have yet to be looked after. */
export function linksToRestore(trials: Trials, { networks }: DesiredDocument, now: number): LinksToRestore {
  return Object.fromEntries(
    networks.flatMap((network) => {
      const { generation, setUp = [] } = failedTrial(trials, network, now)?.trial ?? {};
      return generation === undefined || setUp.length === 0
        ? []
        : [[network.id, { generation, links: setUp }]];
    }),
  );
}

/** A link of a failed trial was looked after. */
export function forgetLinkToRestore(trials: Trials, networkId: string, link: string): Trials {
  const record = trials[networkId];
  if (record?.trial == null || !record.trial.setUp.includes(link)) return trials;
  const setUp = record.trial.setUp.filter((one) => one !== link);
  return { ...trials, [networkId]: { ...record, trial: { ...record.trial, setUp } } };
}

/**
 * The server answered an exchange that began at `beganAt`. What was in place by then is confirmed; of a trial that is
 * not that far, what has been done so far keeps nobody from the server, and its deadline is off until the next step.
 * A trial that has failed stays so. Networks that the host no longer has are forgotten.
 */
export function noteExchange(
  trials: Trials,
  document: DesiredDocument,
  exchange: {
    readonly beganAt: number;
    readonly now: number;
    readonly evidence: (network: DesiredNetwork) => Evidence;
  },
): Trials {
  const after: Record<string, NetworkRecord> = {};
  for (const network of document.networks) {
    if (network.state === 'absent') continue;
    const record = recordAfter(trials, network, exchange);
    if (record !== undefined) after[network.id] = record;
  }
  const ids = Object.keys(after);
  const same = ids.length === Object.keys(trials).length && ids.every((id) => after[id] === trials[id]);
  return same ? trials : after;
}

function recordAfter(
  trials: Trials,
  network: DesiredNetwork,
  { beganAt, now, evidence }: Parameters<typeof noteExchange>[2],
): NetworkRecord | undefined {
  const record = trials[network.id];
  const trial = trialOf(trials, network);
  if (isUndone(trial, now)) return record;
  const { inPlaceAt, quietSince } = evidence(network);
  if (inPlaceAt !== null && beganAt >= inPlaceAt) {
    // Force is about one change, not about the form.
    const confirmed = { ...network, force: false };
    const known = record?.trial === null && JSON.stringify(record.confirmed) === JSON.stringify(confirmed);
    return known ? record : { confirmed, trial: null };
  }
  const reachedSoFar = quietSince !== null && beganAt >= quietSince;
  if (record === undefined || trial === null || trial.deadline === null || !reachedSoFar) return record;
  return { ...record, trial: { ...trial, deadline: null } };
}

/** Marks trials whose deadline is over as failed, for good. */
export function expire(trials: Trials, document: DesiredDocument, now: number): Trials {
  const failed = document.networks.flatMap((network) => {
    const record = failedTrial(trials, network, now);
    return record?.trial == null || record.trial.rolledBackAt !== null
      ? []
      : [[network.id, { ...record, trial: { ...record.trial, rolledBackAt: now } }] as const];
  });
  return failed.length === 0 ? trials : { ...trials, ...Object.fromEntries(failed) };
}

/** The next deadline of a trial that has not failed by `now`, milliseconds since 1970; null for none. */
export function nextDeadline(trials: Trials, document: DesiredDocument, now: number): number | null {
  const deadlines = document.networks.flatMap((network) => {
    const trial = network.state === 'present' ? trialOf(trials, network) : null;
    if (trial === null || trial.rolledBackAt !== null) return [];
    return trial.deadline === null || trial.deadline <= now ? [] : [trial.deadline];
  });
  return deadlines.length === 0 ? null : Math.min(...deadlines);
}

/** Deadlines no farther away than a trial is long: the clock may have been set back while the agent was down. */
export function clampDeadlines(trials: Trials, now: number): Trials {
  const clamped = Object.entries(trials).map(([id, record]) => {
    const { trial } = record;
    const late =
      trial !== null &&
      trial.rolledBackAt === null &&
      trial.deadline !== null &&
      trial.deadline > now + trial.windowMs;
    return [id, late ? { ...record, trial: { ...trial, deadline: now + trial.windowMs } } : record] as const;
  });
  return clamped.every(([id, record]) => trials[id] === record) ? trials : Object.fromEntries(clamped);
}
