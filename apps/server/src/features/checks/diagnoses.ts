import type {
  AddressesResult,
  AddressFinding,
  CheckCreate,
  DiagnosisResult,
  DiagnosisTaskResult,
} from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { transactionQuery, type Query } from '../../platform/database/query.ts';
import type { Platform } from '../../platform/platform.ts';
import { macsOn, reportedConditions, stationsOf } from './diagnoses.store.ts';
import { mergeDiagnosis, type HostAnswer } from './diagnosis-merge.ts';
import { hostTask, probeSeconds, type DiagnosisPlan, type PlannedHost } from './diagnosis-plan.ts';
import { scopeOf, type Scope } from './diagnosis-scope.ts';
import { planTrials, trialsOfHost, type Trials } from './diagnosis-trials.ts';
import { membersOf } from './matrix.store.ts';
import { insertWhole, type EndedPart } from './parts.store.ts';
import { keepHosts } from './preflights.store.ts';
import { whySilent } from './why-silent.ts';
import { findWireNetwork, type WireNetwork } from './wire-checks.store.ts';
import { holdsAddresses, taskOf, type WireChecks } from './wire-checks.ts';

/** A container that started later may end before it is tried: jobs of a second are common. In milliseconds. */
const passingMs = 2000;
/** Containers of a network that may be tried, over all of its hosts. */
const maxMembers = 1024;

/** What does not fit for a moment, while a container starts or ends. */
const isPassing: ReadonlySet<AddressFinding['kind']> = new Set([
  'seen-not-bound',
  'outside',
  'bound-not-seen',
]);
const maxOdd = 1000;
const oddKey = ({ kind, ip, holders }: AddressFinding): string =>
  `${kind} ${ip} ${holders[0]?.dockerId ?? ''}`;

/** What diagnoses need of other features. */
export interface DiagnosesDeps {
  hosts: { isOnline(host: { lastSeenAt: Date | null }): boolean };
  endpoints: { compare(db: TransactionClient, network: string | undefined): Promise<AddressesResult> };
}

/** Diagnoses: every host concerned looks at itself, and the server puts together what they found. */
export interface Diagnoses {
  /** Writes the check down; answers its id. */
  create(change: Change, input: CheckCreate, timeoutSeconds: number): Promise<string>;
  /** What the hosts found together. */
  result(db: TransactionClient, plan: DiagnosisPlan, parts: readonly EndedPart[]): Promise<DiagnosisResult>;
}

export function createDiagnoses(
  { now }: Pick<Platform, 'now'>,
  deps: DiagnosesDeps,
  wire: Pick<WireChecks, 'plan' | 'result'>,
): Diagnoses {
  async function wirePlanOf(
    change: Change,
    network: WireNetwork | undefined,
    { hosts, hasFarEnds }: Scope,
    timeoutSeconds: number,
  ): Promise<DiagnosisPlan['wire']> {
    if (network === undefined || network.mode === 'passthru') return null;
    const only = hasFarEnds ? undefined : new Set(hosts.map(({ id }) => id));
    const plan = await wire.plan(change, network, timeoutSeconds, only);
    return plan.stations.length === 0 ? null : plan;
  }

  /** Of a pair the request says what is tried. */
  async function trialsOf(query: Query, network: WireNetwork | undefined, scope: Scope): Promise<Trials> {
    const { pings, hosts } = scope;
    if (pings.length > 0 || network === undefined) return { pings, containers: new Map() };
    const since = hosts.some(({ containers }) => containers.length > 0)
      ? null
      : new Date(now().getTime() - passingMs);
    const members = await membersOf(query, network.id, maxMembers, trialsOfHost, since);
    const asked = new Map(hosts.map(({ id, containers }) => [id, containers]));
    const online = members.filter((one) => deps.hosts.isOnline(one));
    return planTrials(
      online,
      ({ hostId, name }) => {
        const containers = asked.get(hostId);
        return containers !== undefined && (containers.length === 0 || containers.includes(name));
      },
      network.mode,
    );
  }

  function plannedHosts(scope: Scope, plan: DiagnosisPlan['wire'], trials: Trials): PlannedHost[] {
    const planned = (
      { id, name }: { id: string; name: string },
      isAsked: boolean,
      asked: string[],
    ): PlannedHost => {
      const trying = (trials.containers.get(id) ?? []).filter((one) => !asked.includes(one));
      return { id, name, isAsked, containers: [...asked, ...trying], trying };
    };
    const known = new Set(scope.hosts.map(({ id }) => id));
    return [
      ...scope.hosts
        .filter((host) => deps.hosts.isOnline(host))
        .map((host) => planned(host, true, host.containers)),
      ...(plan?.stations ?? [])
        .filter(({ hostId }) => !known.has(hostId))
        .map(({ hostId, host }) => planned({ id: hostId, name: host }, false, [])),
    ];
  }

  return {
    async create(change, input, timeoutSeconds) {
      const query = transactionQuery(change.db);
      const scope = await scopeOf(query, input);
      const network = scope.wire === undefined ? undefined : await findWireNetwork(query, scope.wire.name);
      const wirePlan = await wirePlanOf(change, network, scope, timeoutSeconds);
      const trials = await trialsOf(query, network, scope);
      const planned = plannedHosts(scope, wirePlan, trials);
      const kept = await keepHosts(
        change.db,
        planned.map(({ id }) => id),
      );
      const hosts = planned.filter(({ id }) => kept.has(id));
      const plan: DiagnosisPlan = {
        target: {
          network: input.network ?? null,
          host: input.host ?? null,
          container: input.container ?? null,
          from: input.from?.container ?? null,
          to: input.to?.container ?? null,
        },
        networks: scope.networks,
        hosts,
        left: scope.hosts
          .filter((host) => !deps.hosts.isOnline(host))
          .map(({ name, lastSeenAt }) => ({
            host: name,
            why: whySilent(lastSeenAt),
          })),
        odd: (await comparedOf(change.db, scope.networks)).map(oddKey).slice(0, maxOdd),
        pings: trials.pings.filter(({ hostId }) => kept.has(hostId)),
        wire: wirePlan,
        timeoutSeconds,
      };
      const id = await insertWhole(change.db, {
        kind: 'diagnose',
        spec: plan,
        tasks: hosts.map((host) => {
          const index = wirePlan?.stations.findIndex(({ hostId }) => hostId === host.id) ?? -1;
          const probe = wirePlan === null || index < 0 ? null : taskOf(wirePlan, index, probeSeconds);
          return { hostId: host.id, task: { ...hostTask(plan, host), wire: probe } };
        }),
        timeoutSeconds,
        holdsAddresses: wirePlan !== null && holdsAddresses(wirePlan),
        now: now(),
      });
      change.notifyHosts(hosts.map((host) => host.id));
      return id;
    },

    async result(db, plan, parts) {
      const query = transactionQuery(db);
      const byId = new Map(plan.hosts.map((host) => [host.id, host]));
      const answers = parts.flatMap(({ hostId, result, finishedAt }): HostAnswer[] => {
        const host = byId.get(hostId);
        if (host === undefined || result === null) return [];
        const cameAt = finishedAt ?? now();
        return [{ host: host.name, isAsked: host.isAsked, cameAt, result: result as DiagnosisTaskResult }];
      });
      const failed = parts.flatMap(({ hostId, result, isSilent, failed: why }) => {
        const host = byId.get(hostId);
        return host === undefined || result !== null ? [] : [{ host: host.name, why, isSilent }];
      });
      const asked = plan.hosts.filter(({ isAsked }) => isAsked);
      const containers = asked.flatMap((host) =>
        host.containers.filter((name) => !host.trying.includes(name)),
      );
      return mergeDiagnosis({
        plan,
        answers,
        failed,
        conditions: await reportedConditions(query, {
          hostIds: asked.map(({ id }) => id),
          networkIds: plan.networks.map(({ id }) => id),
          containers,
        }),
        addresses: await addressesOf(db, plan, asked, containers),
        macs: await macsOn(
          query,
          plan.networks.map(({ id }) => id),
          plan.pings.map(({ address }) => address),
        ),
        stations: await stationsOf(
          query,
          answers.flatMap(({ result }) => result.findings.flatMap(({ mac }) => mac ?? [])),
        ),
        wire: wireOf(plan, parts),
      });
    },
  };

  async function addressesOf(
    db: TransactionClient,
    { target, networks, odd }: DiagnosisPlan,
    asked: readonly PlannedHost[],
    containers: readonly string[],
  ): Promise<AddressesResult['findings']> {
    const names = new Set(asked.map(({ name }) => name));
    const before = new Set(odd);
    return (await comparedOf(db, networks)).filter(
      (one) =>
        // The report of a container that just started or ended may be older than the book.
        (!isPassing.has(one.kind) || before.has(oddKey(one))) &&
        one.holders.some(
          ({ host, container }) =>
            names.has(host) &&
            (target.network !== null || target.host !== null || containers.includes(container ?? '')),
        ),
    );
  }

  async function comparedOf(
    db: TransactionClient,
    networks: DiagnosisPlan['networks'],
  ): Promise<AddressFinding[]> {
    const compared: AddressFinding[] = [];
    for (const { name } of networks.slice(0, 8))
      compared.push(...(await deps.endpoints.compare(db, name)).findings);
    return compared;
  }

  function wireOf(
    { wire: plan }: DiagnosisPlan,
    parts: readonly EndedPart[],
  ): ReturnType<typeof wire.result> | null {
    if (plan === null) return null;
    return wire.result(
      plan,
      parts.map((part): EndedPart => {
        const found = part.result === null ? null : (part.result as DiagnosisTaskResult).wire;
        if (found === null) return { ...part, result: null };
        return 'failed' in found
          ? { ...part, result: null, failed: found.failed }
          : { ...part, result: found };
      }),
    );
  }
}
