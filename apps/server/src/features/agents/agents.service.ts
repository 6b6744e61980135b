import {
  agentProtocolVersion,
  hostPath,
  instanceHeader,
  signatureLifetimeSeconds,
  type CheckReport,
  type ContainerReport,
  type DesiredDocument,
  type JoinAnswer,
  type JoinRequest,
  type Report,
  type ReportAnswer,
} from '@trunkline/contracts';
import type { Change, ChangeContext } from '../../platform/changes.ts';
import { poolQuery, transactionQuery, type Query } from '../../platform/database/query.ts';
import { ApiError, invalidFields } from '../../platform/errors.ts';
import { createRate } from '../../platform/places.ts';
import type { Platform } from '../../platform/platform.ts';
import { startSweep } from '../../platform/sweep.ts';
import type { HostRef, HostsService } from '../hosts/hosts.service.ts';
import type { JoinTokensService } from '../join-tokens/join-tokens.service.ts';
import {
  deleteOldInstances,
  deleteOldNonces,
  desiredChanges,
  desiredRevision,
  readStanding,
  findAgent,
  findByKey,
  findPublicKey,
  lockAgentHost,
  putInstance,
  takeNonce,
  type AgentRow,
} from './agents.store.ts';
import type { RecoveryService } from '../recovery/recovery.service.ts';
import { createAgentKeys } from './agent-keys.ts';
import { createDesiredDocuments } from './desired-documents.ts';
import { createDesiredWaits } from './desired-waits.ts';
import { readDocuments, type DesiredParts } from './read-documents.ts';
import { machineAfter } from './machine-of-host.ts';
import { checkSignature, openSignature, type ReceivedRequest } from './signature.ts';

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
export interface AgentsService {
  /** Throws join_token_invalid for a token that was never made here. Costs one look-up, and locks nothing. */
  checkJoinToken(secret: string): Promise<void>;
  /** Trades a join token for an identity. Throws join_token_invalid, host_exists, agent_too_old. */
  join(request: JoinRequest, requestId: string): Promise<JoinAnswer>;
  /**
   * Who signed a request. Throws host_not_joined, signature_invalid, signature_expired, signature_replayed, identity_copied for a
   * process on another machine, and agent_superseded for one after which another one has spoken for the host.
   */
  authenticate(request: ReceivedRequest, requestId: string): Promise<HostRef>;
  /**
   * All that a host should be, as soon as it is not of the revision `after`; undefined when it still is after
   * `waitSeconds`, or when `gone` fires.
   */
  desired(
    host: HostRef,
    poll: {
      after: bigint | undefined;
      /** The incarnation that the agent heard last, and the highest generation that it holds. */
      heard?: string | undefined;
      generation?: number | undefined;
      waitSeconds: number;
      gone: AbortSignal;
    },
  ): Promise<DesiredDocument | undefined>;
  report(host: HostRef, report: Report, requestId: string): Promise<ReportAnswer>;
  checkResult(host: HostRef, checkId: string, report: CheckReport, requestId: string): Promise<void>;
  startSweep(): () => Promise<void>;
}

/** Starts of the agent of a host: so many at once, and a second. More is no agent. */
const starts = { burst: 120, perSecond: 1 };
const sweepMs = 5_000;
const keepInstancesMs = 30 * 24 * 3_600_000;
/** Nonces outlive their requests by more than the clocks of replicas may differ, in milliseconds. */
const keepNoncesMs = 5 * 60_000;
const maxWaitSeconds = 60;

/** The agent of a host as the one who changes something. */
function actor(host: { name: string }, requestId: string): ChangeContext {
  return { actor: `agent:${host.name}`, requestId };
}

/** Revision of what a host should be. Throws for one that was retired while its request was under way. */
async function revisionFor(query: Query, host: HostRef): Promise<bigint> {
  const revision = await desiredRevision(query, host.id);
  if (revision === undefined) throw unknownHost(host.id);
  return revision;
}

export function createAgentsService(platform: Platform, deps: AgentsDeps): AgentsService {
  const { database, changes, feed, log, metrics, now, stopping } = platform;
  const { hosts, joinTokens, networks, placements, containers, checks, leases, endpoints, recovery } = deps;
  // What agents ask all the time needs no transaction.
  const query = poolQuery(database.pool);
  const keys = createAgentKeys((hostId) => findPublicKey(query, hostId));
  const waits = createDesiredWaits({
    changesAfter: (revision) => desiredChanges(query, revision),
    subscribe: (listener) => feed.subscribe(listener),
    warn: (error) => log.warn({ err: error }, 'reading changes of desired state failed, will try again'),
  });

  const parts: DesiredParts = {
    networks: networks.desired,
    containers: containers.desired,
    recalls: leases.recalls,
    revocations: leases.revocations,
    checks: checks.desired,
    past: recovery.past,
  };
  const documents = createDesiredDocuments(async (hostIds) =>
    readDocuments(query, hostIds, parts, await hosts.heartbeatSeconds()),
  );

  const started = createRate(starts, () => performance.now());

  /** A process that was not heard before speaks for the host from now on. */
  const takeOver = (host: AgentRow, instance: string, requestId: string): Promise<AgentRow> =>
    changes.make(actor(host, requestId), async (change) => {
      await lockAgentHost(change.db, host.id);
      const current = await findAgent(transactionQuery(change.db), host.id, instance);
      if (current === undefined) throw unknownHost(host.id);
      if (current.instance === instance || current.supersededAt !== null) return current;
      const machine = machineAfter(current.machine, instance);
      if (machine === 'copied') return current;
      await putInstance(change.db, host.id, { instance, machine }, now());
      const data = { instance, before: current.instance };
      change.record({ type: 'host.agent-started', subject: hostPath(host.name), host: host.name, data });
      return { ...current, instance };
    });

  /** The folder of the agent was copied: the one whose machine is known stays, whichever spoke last. */
  const refuseCopy = async (host: AgentRow, requestId: string): Promise<never> => {
    const message = `an agent on another machine uses the identity of ${host.name} and is refused, because its state directory is a copy: let it join as a host of its own, or, if ${host.name} has new hardware, run its agent once with --accept-machine`;
    await changes.make(actor(host, requestId), (change) => hosts.recordConflict(change, host.id, message));
    throw new ApiError('identity_copied', message);
  };

  /** Whoever was superseded and still speaks shows that two live agents have one identity. */
  const refuseSuperseded = async (host: AgentRow, requestId: string): Promise<never> => {
    const message = `two live agents use the identity of ${host.name}: stop one of them; a copied state directory must not be used on two machines`;
    await changes.make(actor(host, requestId), (change) => hosts.recordConflict(change, host.id, message));
    throw new ApiError('agent_superseded', `another agent became active for ${host.name}; ${message}`);
  };

  return {
    checkJoinToken: (secret) => joinTokens.checkKnown(secret),

    async join(request, requestId) {
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
      const hostId = await changes.make(actor(request, requestId), async (change) => {
        // A join whose answer was lost is asked again with the same key, and is still the same join.
        const known = await findByKey(change.db, publicKey);
        if (known?.name === name && (await joinTokens.wasSpentBy(change, token, name))) return known.id;
        await joinTokens.spend(change, token, name);
        return (await hosts.createHost(change, { name, publicKey })).id;
      });
      return { hostId, name, heartbeatSeconds: await hosts.heartbeatSeconds() };
    },

    async authenticate(request, requestId) {
      const parameters = openSignature(request, now());
      const instance = request.headers[instanceHeader];
      if (typeof instance !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(instance)) {
        throw new ApiError(
          'signature_invalid',
          `${instanceHeader} must be 1 to 128 printable ASCII characters`,
        );
      }
      const { keyid: hostId, nonce, created } = parameters;
      const key = await keys.get(hostId);
      if (key === undefined) throw unknownHost(hostId);
      await checkSignature(request, parameters, key);
      const expiresAt = new Date((created + signatureLifetimeSeconds) * 1000 + keepNoncesMs);
      const found = await takeNonce(query, { hostId, instance, nonce, expiresAt });
      if (found === undefined) throw unknownHost(hostId);
      if (found.replayed) {
        throw new ApiError(
          'signature_replayed',
          'this signed request was accepted before: every request needs a nonce of its own',
        );
      }
      const isNew = found.instance !== instance && found.supersededAt === null;
      if (isNew) {
        const seconds = started.waitSeconds(hostId);
        if (seconds > 0)
          throw new ApiError(
            'limit_reached',
            `the agent of ${found.name} was started too often: its log shows why it ends; it is accepted again in a moment`,
            { retryAfterSeconds: seconds },
          );
        started.count(hostId);
      }
      const agent = isNew ? await takeOver(found, instance, requestId) : found;
      if (agent.instance !== instance) {
        const isCopy = machineAfter(agent.machine, instance) === 'copied';
        return isCopy ? refuseCopy(agent, requestId) : refuseSuperseded(agent, requestId);
      }
      return { id: agent.id, name: agent.name, labels: agent.labels };
    },

    async desired(host, { after, heard, generation = 0, waitSeconds, gone }) {
      const read = async (): Promise<DesiredDocument> => {
        const document = await documents.read(host.id);
        if (document === undefined) throw unknownHost(host.id);
        return document;
      };
      const reported = { incarnation: heard ?? null, revision: after ?? 0n, generation };
      const standing = await readStanding(query, host.id, reported);
      if (standing === undefined) throw unknownHost(host.id);
      if (standing.matters) await recovery.hear(host.id, reported);
      if (after === undefined || standing.matters) return read();
      // An agent that heard another incarnation has to know this one.
      if (heard !== undefined && heard !== standing.incarnation) return read();
      const waitMs = Math.min(waitSeconds, maxWaitSeconds) * 1000;
      const wait = waits.start(host.id, after, waitMs, AbortSignal.any([gone, stopping]));
      metrics.agentsConnected.set(waits.size());
      try {
        // Not equal, rather than newer: after a restored backup the agent may have more than the database.
        if ((await revisionFor(query, host)) !== after) return await read();
        if (await wait.changed) return await read();
        if (gone.aborted || stopping.aborted) return undefined;
        return (await revisionFor(query, host)) === after ? undefined : await read();
      } finally {
        wait.cancel();
        metrics.agentsConnected.set(waits.size());
      }
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

    startSweep: () =>
      startSweep('agents', sweepMs, log, async () => {
        await deleteOldNonces(database.prisma, now());
        await deleteOldInstances(database.prisma, new Date(now().getTime() - keepInstancesMs));
        await joinTokens.sweep();
        await hosts.sweepSilent();
      }),
  };
}

function unknownHost(keyid: string): ApiError {
  return new ApiError(
    'host_not_joined',
    `no host ${keyid} has joined this server: it was retired, or the agent is connected to the wrong server; to join again, give the agent a new join token and an empty state directory`,
  );
}
