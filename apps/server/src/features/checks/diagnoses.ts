import type {
  AddressesResult,
  CheckCreate,
  DiagnosisResult,
  DiagnosisTaskResult,
} from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { transactionQuery } from '../../platform/database/query.ts';
import type { Platform } from '../../platform/platform.ts';
import { reportedConditions } from './diagnoses.store.ts';
import { mergeDiagnosis, type HostAnswer } from './diagnosis-merge.ts';
import { hostTask, probeSeconds, type DiagnosisPlan, type PlannedHost } from './diagnosis-plan.ts';
import { scopeOf, type Scope } from './diagnosis-scope.ts';
import { insertWhole, type EndedPart } from './parts.store.ts';
import { keepHosts } from './preflights.store.ts';
import { whySilent } from './why-silent.ts';
import { findWireNetwork, type WireNetwork } from './wire-checks.store.ts';
import { holdsAddresses, taskOf, type WireChecks } from './wire-checks.ts';

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
    { wire: network, hosts, hasFarEnds }: Scope,
    timeoutSeconds: number,
  ): Promise<DiagnosisPlan['wire']> {
    const found: WireNetwork | undefined =
      network === undefined ? undefined : await findWireNetwork(transactionQuery(change.db), network.name);
    if (found === undefined || found.mode === 'passthru') return null;
    const only = hasFarEnds ? undefined : new Set(hosts.map(({ id }) => id));
    const plan = await wire.plan(change, found, timeoutSeconds, only);
    return plan.stations.length === 0 ? null : plan;
  }

  function plannedHosts(scope: Scope, plan: DiagnosisPlan['wire']): PlannedHost[] {
    const asked = scope.hosts
      .filter((host) => deps.hosts.isOnline(host))
      .map(({ id, name, containers }) => ({ id, name, isAsked: true, containers }));
    const known = new Set(scope.hosts.map(({ id }) => id));
    const farEnds = (plan?.stations ?? [])
      .filter(({ hostId }) => !known.has(hostId))
      .map(({ hostId, host }) => ({ id: hostId, name: host, isAsked: false, containers: [] }));
    return [...asked, ...farEnds];
  }

  return {
    async create(change, input, timeoutSeconds) {
      const scope = await scopeOf(transactionQuery(change.db), input);
      const wirePlan = await wirePlanOf(change, scope, timeoutSeconds);
      const planned = plannedHosts(scope, wirePlan);
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
        pings: scope.pings,
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
      const failed = parts.flatMap(({ hostId, result, failed: why }) => {
        const host = byId.get(hostId);
        return host === undefined || result !== null ? [] : [{ host: host.name, why }];
      });
      const asked = plan.hosts.filter(({ isAsked }) => isAsked);
      const containers = asked.flatMap((host) => host.containers);
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
        wire: wireOf(plan, parts),
      });
    },
  };

  async function addressesOf(
    db: TransactionClient,
    { target, networks }: DiagnosisPlan,
    asked: readonly PlannedHost[],
    containers: readonly string[],
  ): Promise<AddressesResult['findings']> {
    const names = new Set(asked.map(({ name }) => name));
    const compared = [];
    for (const { name } of networks.slice(0, 8))
      compared.push(...(await deps.endpoints.compare(db, name)).findings);
    return compared.filter(({ holders }) =>
      holders.some(
        ({ host, container }) =>
          names.has(host) &&
          (target.network !== null || target.host !== null || containers.includes(container ?? '')),
      ),
    );
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
