import { listed } from '@trunkline/log';
import type { Condition, ConditionType } from '@trunkline/contracts';
import { condition } from '../../platform/conditions.ts';

/** Conditions that the server decides on; what an agent reports under these names is ignored. */
const ownTypes = new Set<ConditionType>(['AgentConnected', 'IdentityUnique']);

/** After this long without another agent under the same identity the identity counts as unique again, in milliseconds. */
export const conflictRestsMs = 10 * 60_000;

/** What a host's conditions are made from. */
export interface HostStanding {
  name: string;
  version: number;
  lastSeenAt: Date | null;
  createdAt: Date;
  conditions: readonly Condition[];
}

/** A condition that has a new status or reason: worth an event. */
export type ConditionChange = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

const find = (conditions: readonly Condition[], type: ConditionType): Condition | undefined =>
  conditions.find((one) => one.type === type);

/** The conditions with one put in its place; its time of transition stays while its status does. */
export function withCondition(conditions: readonly Condition[], next: Condition): Condition[] {
  const before = find(conditions, next.type);
  const lastTransitionTime =
    before?.status === next.status ? before.lastTransitionTime : next.lastTransitionTime;
  return [...conditions.filter(({ type }) => type !== next.type), { ...next, lastTransitionTime }];
}

export function agentConnected(version: number, at: Date): Condition {
  return condition('AgentConnected', 'True', 'AgentHeard', 'the agent reports', {
    generation: version,
    since: at,
  });
}

export function agentSilent(host: Omit<HostStanding, 'conditions'>, at: Date): Condition {
  return condition(
    'AgentConnected',
    'Unknown',
    'AgentSilent',
    `nothing was heard from the agent of ${host.name} since ${(host.lastSeenAt ?? host.createdAt).toISOString()}: what runs there keeps running; make sure that the agent runs and reaches this server`,
    { generation: host.version, since: at },
  );
}

/** `seconds`: by how much the clock of the host is ahead. */
export function clockOff(host: Pick<HostStanding, 'name' | 'version'>, at: Date, seconds: number): Condition {
  const off = `${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'}`;
  return condition(
    'AgentConnected',
    'Unknown',
    'ClockOff',
    `the agent of ${host.name} is heard and refused, because the clock of that host is ${off} that of the server: set it, and run a time service (NTP) there; what runs there keeps running`,
    { generation: host.version, since: at },
  );
}

export function identityShared(version: number, at: Date, message: string): Condition {
  return condition('IdentityUnique', 'False', 'TwoAgents', message, { generation: version, since: at });
}

/** A time by the agent's clock, never later than now by ours (promise 9). */
function notAfter(time: string, now: Date): string {
  const at = new Date(time);
  return (at > now ? now : at).toISOString();
}

/**
 * The conditions after a report: what the agent reports, with the time of transition kept where the status is the same,
 * and those of the server beside it. Answers also which of them changed.
 */
export function afterReport(
  host: HostStanding,
  reported: readonly Condition[],
  now: Date,
): { conditions: Condition[]; changes: ConditionChange[]; reconnected: boolean } {
  let conditions: Condition[] = reported
    .filter(({ type }) => !ownTypes.has(type))
    .map((one) => {
      const before = find(host.conditions, one.type);
      const lastTransitionTime =
        before?.status === one.status ? before.lastTransitionTime : notAfter(one.lastTransitionTime, now);
      return { ...one, lastTransitionTime };
    });
  const changes: ConditionChange[] = conditions.filter((one) => {
    const before = find(host.conditions, one.type);
    return before?.status !== one.status || before.reason !== one.reason;
  });

  const connected = find(host.conditions, 'AgentConnected');
  const reconnected = connected?.status !== 'True';
  const back = agentConnected(host.version, now);
  conditions = [
    ...conditions,
    reconnected ? back : { ...back, lastTransitionTime: connected.lastTransitionTime },
  ];

  const identity = find(host.conditions, 'IdentityUnique');
  const rested =
    identity !== undefined && now.getTime() - Date.parse(identity.lastTransitionTime) >= conflictRestsMs;
  if (identity !== undefined && !rested) conditions = [...conditions, identity];
  return { conditions, changes, reconnected };
}

/** The conditions as the API shows them now: silence turns `Ready` into `Unknown`, and states how old the last report is. */
export function presentConditions(host: HostStanding, online: boolean, now: Date): Condition[] {
  const own = find(host.conditions, 'AgentConnected');
  const seen = host.lastSeenAt ?? host.createdAt;
  const age = Math.max(0, Math.round((now.getTime() - seen.getTime()) / 1000));
  const refused = own?.reason === 'ClockOff' ? own : undefined;
  const base = online ? agentConnected(host.version, seen) : (refused ?? agentSilent(host, seen));
  const connected: Condition = {
    ...base,
    message: online
      ? `last heard ${age} s ago, at ${seen.toISOString()}`
      : `${refused === undefined ? 'silent' : 'no report'} for ${age} s: ${base.message}`,
    lastTransitionTime: own?.status === base.status ? own.lastTransitionTime : base.lastTransitionTime,
  };
  const rest = host.conditions.filter(({ type }) => type !== 'AgentConnected');
  const ready =
    find(rest, 'Ready') ??
    condition('Ready', 'Unknown', 'Pending', `the agent of ${host.name} has not reported yet`, {
      generation: 0,
      since: host.createdAt,
    });
  const shown: Condition =
    online || ready.reason === 'Pending'
      ? ready
      : condition(
          'Ready',
          'Unknown',
          'AgentSilent',
          `silent for ${age} s; it last reported ${ready.status} (${ready.reason}): ${ready.message}`,
          {
            generation: ready.observedGeneration,
            since: ready.status === 'Unknown' ? new Date(ready.lastTransitionTime) : seen,
          },
        );
  return [shown, connected, ...rest.filter(({ type }) => type !== 'Ready')];
}

/** What a recovery of the database wants of a host; nothing where it has compared. `began`: when the recovery did. */
export function recoveryConditions(
  host: {
    name: string;
    version: number;
    lastSeenAt: Date | null;
    recovery: { recovery: string | null; comparedAt: Date | null; releasedAt: Date | null } | null;
  },
  began: Date,
): Condition[] {
  const { name, version: generation, recovery } = host;
  if (recovery === null || recovery.recovery === null || recovery.comparedAt !== null) return [];
  const { releasedAt } = recovery;
  const isHeard = host.lastSeenAt !== null && host.lastSeenAt >= began;
  return [
    releasedAt === null
      ? condition('LeasesCompared', 'False', 'WaitedFor', waitedFor(name, isHeard), {
          generation,
          since: began,
        })
      : condition(
          'LeasesCompared',
          'False',
          'LetGo',
          `${name} was let go and has not compared since the database was restored: the addresses that it was given after the backup may be given to others`,
          { generation, since: releasedAt },
        ),
  ];
}

/** A host that joined again after the backup signs as one that the database does not know: nothing is heard of it by its name. */
function waitedFor(name: string, isHeard: boolean): string {
  const waits = `the database was restored, and no address is given out before ${name} has compared its addresses`;
  const goOn = `or go on without it (POST /v1/recovery/hosts/${name}/release)`;
  return isHeard
    ? `${waits}: its agent was heard since, and has not compared yet: see its other conditions and the log of its agent, ${goOn}`
    : `${waits}, and its agent was not heard since: make sure that it runs and reaches this server; where its log says host_not_joined, it joined again after the backup and is refused: retire ${name} (DELETE /v1/hosts/${name}?force=true) and let it join once more; ${goOn}`;
}

/** The condition of a host that holds many addresses which no container was seen on; none where it does not. */
export function unusedConditions(
  host: { name: string; version: number },
  networks: readonly { network: string; unused: number; warm: number; since: Date }[],
): Condition[] {
  const [first] = networks;
  if (first === undefined) return [];
  const counts = networks.map(({ network, unused, warm }) => `${unused} of ${network} (warm: ${warm})`);
  return [
    condition(
      'LeasesUsed',
      'False',
      'ManyUnused',
      `${host.name} holds addresses that no container was seen on: ${listed(counts)}; it gets no more of them than its limit allows; see the log of its agent, or restart the agent`,
      {
        generation: host.version,
        since: networks.map(({ since }) => since).reduce((a, b) => (a < b ? a : b), first.since),
      },
    ),
  ];
}
