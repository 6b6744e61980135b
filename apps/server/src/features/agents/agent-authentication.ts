import type { KeyObject } from 'node:crypto';
import { hostPath, instanceHeader, signatureLifetimeSeconds } from '@trunkline/contracts';
import { transactionQuery, type Query } from '../../platform/database/query.ts';
import { ApiError } from '../../platform/errors.ts';
import { createRate } from '../../platform/places.ts';
import type { Platform } from '../../platform/platform.ts';
import type { HostRef, HostsService } from '../hosts/hosts.service.ts';
import { actor, unknownHost } from './agent-actor.ts';
import { createAgentKeys } from './agent-keys.ts';
import {
  findAgent,
  findPublicKey,
  lockAgentHost,
  putInstance,
  takeNonce,
  type AgentRow,
} from './agents.store.ts';
import type { SignatureParameters } from './signature-input.ts';
import { machineAfter } from './machine-of-host.ts';
import { ageOf, checkAge, checkSignature, openSignature, type ReceivedRequest } from './signature.ts';

/** Who sends a request, by its signature and its instance. */
export interface AgentAuthentication {
  /**
   * Who signed a request. Throws host_not_joined, signature_invalid, signature_expired, signature_replayed, identity_copied for a
   * process on another machine, and agent_superseded for one after which another one has spoken for the host.
   */
  authenticate(request: ReceivedRequest, requestId: string): Promise<HostRef>;
}

/** Starts of the agent of a host: so many at once, and a second. More is no agent. */
const starts = { burst: 120, perSecond: 1 };
/** How often it is noted that the clock of a host is off. An old request that somebody sends again is noted no more often. */
const clockNotes = { burst: 1, perSecond: 1 / 30 };
/** Nonces outlive their requests by more than the clocks of replicas may differ, in milliseconds. */
const keepNoncesMs = 5 * 60_000;

export function createAgentAuthentication(
  { changes, now, log, query }: Pick<Platform, 'changes' | 'now' | 'log'> & { query: Query },
  hosts: Pick<HostsService, 'recordConflict' | 'recordClock'>,
): AgentAuthentication {
  const keys = createAgentKeys((hostId) => findPublicKey(query, hostId));
  const clocks = createRate(clockNotes, () => performance.now());
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

  /** Of a host whose clock is off it is said that it is. Only its own agent can bring it about. */
  const noteClock = async (
    request: ReceivedRequest,
    parameters: SignatureParameters,
    key: KeyObject,
    seconds: number,
  ): Promise<void> => {
    const hostId = parameters.keyid;
    if (clocks.waitSeconds(hostId) > 0) return;
    clocks.count(hostId);
    await checkSignature(request, parameters, key);
    log.warn(
      { hostId, seconds },
      'the clock of a host is off: its requests are refused until both clocks are set by NTP',
    );
    await changes.make({ actor: 'server' }, (change) => hosts.recordClock(change, hostId, seconds));
  };

  return {
    async authenticate(request, requestId) {
      const parameters = openSignature(request);
      const age = ageOf(parameters, now());
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
      if (age.isOver) await noteClock(request, parameters, key, -age.seconds);
      checkAge(parameters, now());
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
  };
}
