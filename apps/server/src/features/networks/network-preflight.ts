import type { HostPreflight, ReasonOf } from '@trunkline/contracts';
import type { ChangeContext } from '../../platform/changes.ts';
import { condition } from '../../platform/conditions.ts';
import type { WaitBudget, PreflightAnswer, Preflights } from '../checks/preflights.ts';
import type { DesiredOnHost } from './desired-networks.ts';

/** Hosts that are asked at most, and that an answer has room for (Network.preflight). The first by name. */
export const maxAsked = 1000;

/** Why nobody looked at a host. */
export type Unanswered = 'notAsked' | 'silent' | 'noAnswer';

function unanswered(
  host: string,
  why: Unanswered | { failed: string },
  lastSeenAt: Date | null,
  waited: number,
): { reason: ReasonOf<'Ready'>; message: string } {
  if (why === 'notAsked')
    return { reason: 'NotAsked', message: `wait=0s: ${host} was not asked; repeat the request with a wait` };
  if (why === 'silent') {
    const since = lastSeenAt === null ? 'it joined' : lastSeenAt.toISOString();
    const message = `${host} has been silent since ${since}: nothing is known of it; make sure that its agent runs and reaches this server, then repeat the request. A change that is made now waits until the host is back`;
    return { reason: 'HostSilent', message };
  }
  if (why === 'noAnswer')
    return {
      reason: 'NoAnswer',
      message: `the agent of ${host} did not answer within ${waited / 1000} s: repeat the request with a longer wait (wait=60s); if it still does not answer, see the log of the agent`,
    };
  return {
    reason: 'PreflightFailed',
    message: `the agent of ${host} could not look: ${why.failed}`.slice(0, 4096),
  };
}

/** What a change means on one host, in the words of the API. Pure. */
export function hostPreflight(
  { host, lastSeenAt }: Pick<DesiredOnHost, 'host' | 'lastSeenAt'>,
  answer: PreflightAnswer | Unanswered,
  { now, waited }: { now: Date; waited: number },
): HostPreflight {
  if (typeof answer === 'object' && 'result' in answer) {
    const { observedAt, actions, conditions } = answer.result;
    // By the clock of the host, but never newer than now by ours (promise 9).
    const at = new Date(Math.min(Date.parse(observedAt), now.getTime())).toISOString();
    return { host, answered: true, observedAt: at, actions, conditions };
  }
  const { reason, message } = unanswered(host, answer, lastSeenAt, waited);
  return {
    host,
    answered: false,
    observedAt: null,
    actions: [],
    conditions: [condition('Ready', 'Unknown', reason, message, { generation: 0, since: now })],
  };
}

/** What asking agents takes. */
export interface PreflightDeps {
  checks: Preflights;
  hosts: { isOnline(host: { lastSeenAt: Date | null }): boolean };
  now: () => Date;
}

/** Asks the agents of the hosts that a network would be on, or would leave; in the order of hosts' names. */
export async function askHosts(
  { checks, hosts, now }: PreflightDeps,
  network: string,
  wanted: readonly DesiredOnHost[],
  context: ChangeContext,
  waitBudget: WaitBudget,
): Promise<HostPreflight[]> {
  const online = new Set(wanted.filter((one) => hosts.isOnline(one)).map(({ hostId }) => hostId));
  const asked = waitBudget.ms === 0 ? [] : wanted.filter(({ hostId }) => online.has(hostId));
  const answers = await checks.preflight(network, asked, context, waitBudget);
  const why = (hostId: string): Unanswered => {
    if (!online.has(hostId)) return 'silent';
    return waitBudget.ms === 0 ? 'notAsked' : 'noAnswer';
  };
  const at = { now: now(), waited: waitBudget.ms };
  return wanted.map((one) => hostPreflight(one, answers.get(one.hostId) ?? why(one.hostId), at));
}
