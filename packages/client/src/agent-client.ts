import { randomBytes } from 'node:crypto';
import {
  agentCheckPath,
  CheckReport,
  CompareAnswer,
  DesiredDocument,
  fitted,
  FleetNames,
  Host,
  JoinAnswer,
  JoinRequest,
  LeaseClaimAnswer,
  LeaseSyncAnswer,
  recallSeconds,
  Report,
  ReportAnswer,
  type CompareItem,
  type LeaseClaim,
  type LeaseSync,
} from '@trunkline/contracts';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { UnexpectedAnswer } from './errors.ts';
import { signRequest, type AgentIdentity } from './signature.ts';
import {
  createTransport,
  defaultTimeoutMs,
  failUnlessOk,
  type QueryValues,
  type ServerLocation,
  type Transport,
  type WireAnswer,
  type WireRequest,
} from './transport.ts';

/** Where the server is and who speaks. */
export type AgentClientOptions = ServerLocation & {
  readonly identity: AgentIdentity;
  /** Random at every start of the agent; two live agents with one identity are found by it. */
  readonly instance: string;
  /** Now; for tests. */
  readonly clock?: () => Date;
};

/** What is asked for with {@link AgentClient.desired}. */
export interface DesiredOptions {
  /** The revision the agent has; left out: it has none. */
  readonly after?: string;
  /** The incarnation of the database that it heard last. */
  readonly heard?: string;
  /** The highest generation of a lease that it holds. */
  readonly generation?: number;
  /** How long the server may hold the answer for a change, in seconds (0 to 60). */
  readonly wait?: number;
  readonly signal?: AbortSignal;
}

/** What is asked for with {@link AgentClient.names}. */
export interface NamesOptions {
  /** The version the agent has; left out: it has none. */
  readonly version?: string;
  /** How long the server may hold the answer for a change, in seconds (0 to 60). */
  readonly wait?: number;
  readonly signal?: AbortSignal;
}

/** How a call about leases is bounded. */
export interface LeaseCallOptions {
  /** All of the call, in milliseconds; left out: as any call, plus what the server may hold it. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * The agent's side of the agent protocol. Every method fails with `ApiError`, `ServerUnreachable`, or
 * `UnexpectedAnswer` for an answer that does not follow the protocol.
 */
export interface AgentClient {
  /** The host's whole desired document, or `unchanged` when it is still the revision `after`. */
  readonly desired: (options?: DesiredOptions) => Promise<DesiredDocument | 'unchanged'>;
  /** The names of this host's networks, or `unchanged` when they are still of `version`. `wait` as for `desired`. */
  readonly names: (options?: NamesOptions) => Promise<FleetNames | 'unchanged'>;
  /** Reports what the agent observed. */
  readonly report: (report: Report, signal?: AbortSignal) => Promise<ReportAnswer>;
  /** Reports the result of a check. */
  readonly checkResult: (id: string, report: CheckReport, signal?: AbortSignal) => Promise<void>;
  /** Takes and returns leases. An on-demand want may be held for `recallSeconds`. */
  readonly syncLeases: (sync: LeaseSync, options?: LeaseCallOptions) => Promise<LeaseSyncAnswer>;
  /** Claims one address for a container that is being started. `ApiError` `address_taken` names the holder. */
  readonly claimLease: (claim: LeaseClaim, options?: LeaseCallOptions) => Promise<LeaseClaimAnswer>;
  /** Reports all that the host holds and uses, after the database was restored. */
  readonly compareLeases: (
    items: readonly CompareItem[],
    options?: LeaseCallOptions,
  ) => Promise<CompareAnswer>;
  /** Closes the connections; running calls fail. */
  readonly close: () => Promise<void>;
}

/** Bound of a desired document, in bytes: thousands of containers with an environment of kilobytes each. */
const maxDocumentBytes = 64 * 1024 * 1024;

/** Bound of the names of a host's networks, in bytes: 65,536 containers. */
const maxNamesBytes = 16 * 1024 * 1024;

/**
 * Default bound of a connection that is being made, in milliseconds. A lost SYN is sent again after one second; an agent and its server
 * are near each other, and containers wait for them.
 */
const agentConnectMs = 3000;

/** Speaks for a host that has joined; signs every request (RFC 9421). */
export function createAgentClient(options: AgentClientOptions): AgentClient {
  const transport = createTransport({ connectTimeoutMs: agentConnectMs, ...options });
  const bound = options.fetchTimeoutMs ?? defaultTimeoutMs;
  const send = (call: SignedCall) => sendSigned(transport, options, call);

  return {
    desired: async ({ after, heard, generation, wait = 0, signal } = {}) => {
      const answer = await send({
        method: 'GET',
        path: '/agent/v1/desired',
        query: { after, heard, generation, wait },
        extraMs: wait * 1000,
        maxBytes: maxDocumentBytes,
        signal,
      });
      if (answer.status === 304) {
        await answer.discard();
        return 'unchanged';
      }
      return parseAs(DesiredDocument, await answer.text(), 'desired document');
    },
    names: async ({ version, wait = 0, signal } = {}) => {
      const answer = await send({
        method: 'GET',
        path: '/agent/v1/names',
        query: { version, wait },
        extraMs: wait * 1000,
        maxBytes: maxNamesBytes,
        signal,
      });
      if (answer.status === 304) {
        await answer.discard();
        return 'unchanged';
      }
      return parseAs(FleetNames, await answer.text(), 'names of the fleet');
    },
    report: async (report, signal) => {
      const answer = await send({
        method: 'POST',
        path: '/agent/v1/report',
        body: fitted(Report, report),
        signal,
      });
      return parseAs(ReportAnswer, await answer.text(), 'answer to the report');
    },
    checkResult: async (id, report, signal) => {
      const path = agentCheckPath(id);
      const answer = await send({ method: 'POST', path, body: fitted(CheckReport, report), signal });
      await answer.discard();
    },
    syncLeases: async (sync, { timeoutMs, signal } = {}) => {
      const onDemand = sync.wants.some((want) => want.onDemand);
      const extraMs = timeoutMs === undefined ? (onDemand ? recallSeconds * 1000 : 0) : timeoutMs - bound;
      const answer = await send({ method: 'POST', path: '/agent/v1/leases', body: sync, extraMs, signal });
      return parseAs(LeaseSyncAnswer, await answer.text(), 'answer to the leases');
    },
    claimLease: async (claim, { timeoutMs = bound, signal } = {}) => {
      const path = '/agent/v1/leases/claim';
      const answer = await send({ method: 'POST', path, body: claim, extraMs: timeoutMs - bound, signal });
      return parseAs(LeaseClaimAnswer, await answer.text(), 'answer to the claim');
    },
    compareLeases: async (items, { timeoutMs = bound, signal } = {}) => {
      const path = '/agent/v1/compare';
      const body = { items };
      const answer = await send({ method: 'POST', path, body, extraMs: timeoutMs - bound, signal });
      return parseAs(CompareAnswer, await answer.text(), 'answer to the comparison');
    },
    close: transport.close,
  };
}

async function sendSigned(
  transport: Transport,
  options: AgentClientOptions,
  call: SignedCall,
): Promise<WireAnswer> {
  const clock = options.clock ?? (() => new Date());
  const bound = options.fetchTimeoutMs ?? defaultTimeoutMs;
  const unsigned = wireRequest(transport, { ...call, timeoutMs: bound + (call.extraMs ?? 0) });
  const signature = await signRequest(unsigned, options.identity, {
    created: clock(),
    nonce: randomBytes(16).toString('base64url'),
    instance: options.instance,
  });
  const wire = { ...unsigned, headers: { ...unsigned.headers, ...signature } };
  const answer = await transport.send(wire);
  if (answer.status !== 304) await failUnlessOk(wire, answer);
  return answer;
}

/**
 * What the server says about the host that asks. With the `instance` of the agent that runs, it is not superseded. Fails as the methods of
 * {@link AgentClient} do.
 */
export async function fetchOwnHost(options: AgentClientOptions): Promise<Host> {
  const transport = createTransport({ connectTimeoutMs: agentConnectMs, ...options });
  try {
    const answer = await sendSigned(transport, options, { method: 'GET', path: '/agent/v1/host' });
    return parseAs(Host, await answer.text(), 'host');
  } finally {
    await transport.close();
  }
}

/**
 * Trades a join token for an identity. Not signed: the token is the proof. Fails with `ApiError` (`join_token_invalid`,
 * `host_exists`, `agent_too_old`), `ServerUnreachable` or `UnexpectedAnswer`.
 */
export async function joinHost(
  location: ServerLocation,
  request: JoinRequest,
  signal?: AbortSignal,
): Promise<JoinAnswer> {
  const transport = createTransport(location);
  try {
    const wire = wireRequest(transport, {
      method: 'POST',
      path: '/agent/v1/join',
      body: fitted(JoinRequest, request),
      timeoutMs: location.fetchTimeoutMs ?? defaultTimeoutMs,
      signal,
    });
    const answer = await transport.send(wire);
    await failUnlessOk(wire, answer);
    return parseAs(JoinAnswer, await answer.text(), 'answer to the join');
  } finally {
    await transport.close();
  }
}

interface SignedCall {
  readonly method: WireRequest['method'];
  readonly path: string;
  readonly query?: QueryValues;
  readonly body?: unknown;
  /** Time the server may hold the answer, in milliseconds. */
  readonly extraMs?: number;
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

function wireRequest(transport: Transport, call: SignedCall & { readonly timeoutMs: number }): WireRequest {
  const body = call.body === undefined ? '' : JSON.stringify(call.body);
  return {
    method: call.method,
    url: transport.url(call.path, call.query),
    headers: {
      accept: 'application/json, application/problem+json',
      ...(body === '' ? {} : { 'content-type': 'application/json' }),
    },
    body,
    timeoutMs: call.timeoutMs,
    ...(call.maxBytes === undefined ? {} : { maxBytes: call.maxBytes }),
    ...(call.signal === undefined ? {} : { signal: call.signal }),
  };
}

/** Reads JSON that must fit a schema to the last field; nothing half understood reaches the host. */
function parseAs<T>(schema: TSchema & { static?: T }, text: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UnexpectedAnswer(`the ${what} is not valid JSON`, { cause: error });
  }
  if (!Value.Check(schema, value)) {
    const [first] = Value.Errors(schema, value);
    throw new UnexpectedAnswer(
      `the ${what} is not what this agent understands (${first?.instancePath ?? ''}: ${first?.message ?? 'invalid'}); ` +
        'are server and agent of the same version?',
    );
  }
  return value as T;
}
