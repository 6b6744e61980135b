import {
  agentProtocolVersion,
  hostPath,
  type CheckReport,
  type ContainerReport,
  type Host,
  type JoinAnswer,
  type JoinRequest,
  type Report,
  type ReportAnswer,
} from '@trunkline/contracts';
import type { AuditOrigin } from '../../platform/audit.ts';
import type { Change } from '../../platform/changes.ts';
import { poolQuery } from '../../platform/database/query.ts';
import { ApiError, invalidFields } from '../../platform/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import { startSweep } from '../../platform/sweep.ts';
import type { HostRef, HostsService } from '../hosts/hosts.service.ts';
import type { JoinTokensService } from '../join-tokens/join-tokens.service.ts';
import { deleteOldInstances, deleteOldNonces, findByKey } from './agents.store.ts';
import type { RecoveryService } from '../recovery/recovery.service.ts';
import { actor, unknownHost } from './agent-actor.ts';
import { createAgentAuthentication, type AgentAuthentication } from './agent-authentication.ts';
import { createDesiredPolls, type DesiredPolls } from './desired-polls.ts';
import type { DesiredParts } from './read-documents.ts';

/** What agents need of other features. */
export interface AgentsDeps {
  hosts: HostsService;
  joinTokens: JoinTokensService;
  networks: { desired: DesiredParts['networks'] };
  placements: {
    recordPlacements(
      change: Change,
      host: HostRef,
      report: Pick<Report, 'placements' | 'inventory'>,
      observedAt: Date,
      mayBeAhead: boolean,
    ): Promise<void>;
  };
  containers: {
    desired: DesiredParts['containers'];
    recordReports(
      change: Change,
      host: HostRef,
      reports: readonly ContainerReport[],
      observedAt: Date,
      mayBeAhead: boolean,
    ): Promise<void>;
  };
  checks: {
    desired: DesiredParts['checks'];
    recordResult(change: Change, hostId: string, checkId: string, report: CheckReport): Promise<void>;
  };
  leases: { recalls: DesiredParts['recalls']; revocations: DesiredParts['revocations'] };
  recovery: Pick<RecoveryService, 'past' | 'hear'>;
  endpoints: {
    /** Whether `takeIn` is due after it. */
    recordInventory(change: Change, host: HostRef, report: Report, observedAt: Date): Promise<boolean>;
    takeIn(host: HostRef): Promise<void>;
  };
}

/** What agents call. */
export interface AgentsService extends AgentAuthentication, DesiredPolls {
  /** What is known of a host, for its agent: as GET /v1/hosts/{name} says it. */
  host(host: HostRef): Promise<Host>;
  /** Throws join_token_invalid for a token that was never made here. Costs one look-up, and locks nothing. */
  checkJoinToken(secret: string): Promise<void>;
  /** Trades a join token for an identity. Throws join_token_invalid, host_exists, agent_too_old. */
  join(request: JoinRequest, asked: { requestId: string; origin: AuditOrigin }): Promise<JoinAnswer>;
  report(host: HostRef, report: Report, requestId: string): Promise<ReportAnswer>;
  checkResult(host: HostRef, checkId: string, report: CheckReport, requestId: string): Promise<void>;
  startSweep(): () => Promise<void>;
}

const sweepMs = 5_000;
const keepInstancesMs = 30 * 24 * 3_600_000;

export function createAgentsService(platform: Platform, deps: AgentsDeps): AgentsService {
  const { database, changes, feed, log, metrics, now, stopping } = platform;
  const { hosts, joinTokens, placements, containers, checks, endpoints } = deps;
  // What agents ask all the time needs no transaction.
  const query = poolQuery(database.pool);
  const parts: DesiredParts = {
    networks: deps.networks.desired,
    containers: containers.desired,
    recalls: deps.leases.recalls,
    revocations: deps.leases.revocations,
    checks: checks.desired,
    past: deps.recovery.past,
  };

  return {
    ...createAgentAuthentication({ changes, now, log, query }, hosts),
    ...createDesiredPolls({ query, feed, log, metrics, stopping }, { ...deps, parts }),

    checkJoinToken: (secret) => joinTokens.checkKnown(secret),

    async join(request, { requestId, origin }) {
      if (request.protocol < agentProtocolVersion) {
        throw new ApiError(
          'agent_too_old',
          `the agent uses protocol ${request.protocol}, this server requires ${agentProtocolVersion}: update the agent`,
        );
      }
      if (request.protocol > agentProtocolVersion) {
        const message = `is newer than this server's ${agentProtocolVersion}: update the server first`;
        throw invalidFields([{ pointer: '/protocol', message }]);
      }
      const publicKey = new Uint8Array(Buffer.from(request.publicKey, 'base64url'));
      const { name, token } = request;
      const hostId = await changes.make({ ...actor(request, requestId), origin }, async (change) => {
        // A join whose answer was lost is asked again with the same key, and is still the same join.
        const known = await findByKey(change.db, publicKey);
        if (known?.name === name && (await joinTokens.wasSpentBy(change, token, name))) return known.id;
        await joinTokens.spend(change, token, name);
        const { id } = await hosts.createHost(change, { name, publicKey });
        change.audit({ subject: hostPath(name), after: { id, publicKey: request.publicKey } });
        return id;
      });
      return { hostId, name, heartbeatSeconds: await hosts.heartbeatSeconds() };
    },

    async report(host, report, requestId) {
      const { facts, conditions, observedRevision } = report;
      let takesIn = false;
      const revision = await changes.make(actor(host, requestId), async (change) => {
        const lock = await hosts.openReport(change, host.id, new Date(report.observedAt));
        if (lock === undefined) throw unknownHost(host.id);
        if (lock.newest) {
          // Only a database that was restored gave a host more than it knows; the next poll shows that.
          const mayBeAhead = BigInt(observedRevision) > lock.before.desiredRevision;
          await placements.recordPlacements(change, host, report, lock.observedAt, mayBeAhead);
          await containers.recordReports(change, host, report.containers, lock.observedAt, mayBeAhead);
          takesIn = await endpoints.recordInventory(change, host, report, lock.observedAt);
        }
        await hosts.recordReport(change, host.id, lock, {
          facts,
          conditions,
          observedRevision,
          observedAt: lock.observedAt,
        });
        return lock.before.desiredRevision;
      });
      if (takesIn) await endpoints.takeIn(host);
      return { revision: revision.toString(), heartbeatSeconds: await hosts.heartbeatSeconds() };
    },

    checkResult: (host, checkId, report, requestId) =>
      changes.make(actor(host, requestId), (change) => checks.recordResult(change, host.id, checkId, report)),

    host: ({ name }) => hosts.get(name),

    startSweep: () =>
      startSweep('agents', sweepMs, log, async () => {
        await deleteOldNonces(database.prisma, now());
        await deleteOldInstances(database.prisma, new Date(now().getTime() - keepInstancesMs));
        await joinTokens.sweep();
        await hosts.sweepSilent();
      }),
  };
}
