import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import type { Problem } from '@trunkline/contracts';
import { ApiError, ServerUnreachable, UnexpectedAnswer } from './errors.ts';
import { readText } from './bounded-text.ts';

/** Where the server is. */
export type ServerLocation = {
  /** `http://127.0.0.1:7400`, `https://trunkline.example`. A path is kept and goes in front of every route. */
  readonly baseUrl: string;
  /** PEM certificates to trust besides the machine's own. */
  readonly ca?: string;
  /** How long an answer may take, in milliseconds, on top of any `wait`. Default 30 000. */
  readonly fetchTimeoutMs?: number;
};

/** One request on the wire. */
export type WireRequest = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** '' sends none. */
  readonly body: string;
  /** How long the headers of the answer, and then each piece of its body, may take, in milliseconds; 0: no bound. */
  readonly timeoutMs: number;
  /** Longest answer that is read, in bytes; left out: {@link defaultMaxBytes}. A longer one is `UnexpectedAnswer`. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
};

/** One answer, body not read yet. */
export type WireAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body; fails with `UnexpectedAnswer` once it is longer than `maxBytes` or the bound of the request. */
  readonly text: (maxBytes?: number) => Promise<string>;
  readonly stream: AsyncIterable<Uint8Array>;
  /** Gives the connection back without reading the body. */
  readonly discard: () => Promise<void>;
};

/** The one place that talks HTTP. */
export type Transport = {
  readonly location: ServerLocation;
  /** Builds the address of a route; values of `undefined` are left out of the query. */
  readonly url: (path: string, query?: QueryValues) => URL;
  /** Sends; answers any status. Fails with {@link ServerUnreachable}, or with the signal's reason. */
  readonly send: (wire: WireRequest) => Promise<WireAnswer>;
  /** Closes its connections, running requests included. */
  readonly close: () => Promise<void>;
};

/** Query parameters as callers write them. */
export type QueryValues = Readonly<Record<string, string | number | boolean | undefined>>;

/** Default bound of an answer, in milliseconds. */
export const defaultTimeoutMs = 30_000;

/** Default bound of an answer, in bytes: many times a full page of the largest items. */
export const defaultMaxBytes = 16 * 1024 * 1024;
/** Bound of an answer that says what went wrong, in bytes. */
const maxErrorBytes = 1024 * 1024;
/** Bound of an answer that nobody reads, in bytes: after it the connection is closed, which is cheaper than to go on. */
const maxDiscardedBytes = 128 * 1024;
/** How long a connection may take to come to be, TLS included, in milliseconds. */
const connectMs = 10_000;
/** How long a connection is kept for the next request, in milliseconds; less where the server says so (`Keep-Alive`). */
const idleMs = 60_000;

/** Opens a pool of connections to one server. Fails with `TypeError` when `baseUrl` is no http(s) URL. */
export function createTransport(location: ServerLocation): Transport {
  const base = new URL(location.baseUrl);
  if (base.protocol !== 'http:' && base.protocol !== 'https:') {
    throw new TypeError(`${location.baseUrl} is no http or https URL`);
  }
  const prefix = base.pathname.replace(/\/+$/, '');
  const connections = openConnections(base, location.ca);
  return {
    location,
    url: (path, query = {}) => {
      const url = new URL(base);
      url.pathname = `${prefix}${path}`;
      url.search = '';
      for (const [name, value] of Object.entries(query)) {
        if (value !== undefined) url.searchParams.set(name, String(value));
      }
      return url;
    },
    send: (wire) => send(connections, location.baseUrl, wire),
    close: async () => connections.close(),
  };
}

/** Turns an answer that is not 2xx into an {@link ApiError} and throws it. */
export async function failUnlessOk(wire: WireRequest, answer: WireAnswer): Promise<void> {
  if (answer.status >= 200 && answer.status < 300) return;
  const text = await answer.text(maxErrorBytes);
  throw new ApiError({
    method: wire.method,
    path: wire.url.pathname,
    status: answer.status,
    problem: problemOf(answer.headers['content-type'] ?? '', text),
    retryAfter: retryAfterSeconds(answer.headers['retry-after'], Date.now()),
    text,
  });
}

/** `Retry-After` in seconds from `nowMs`: a number or a date (RFC 9110 section 10.2.3); null without a valid one. */
export function retryAfterSeconds(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  if (/^[0-9]+$/.test(header)) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - nowMs) / 1000));
}

/** Connections to one server. Node's own HTTP: undici would be a quarter of an agent's memory (docs/decisions/0035). */
type Connections = {
  /** Begins a request; nothing is sent before it is ended. */
  readonly request: (url: URL, options: http.RequestOptions) => http.ClientRequest;
  readonly closed: () => boolean;
  /** Breaks what is under way, and takes no more. */
  readonly close: () => void;
};

function openConnections(base: URL, ca: string | undefined): Connections {
  const kept = { keepAlive: true, timeout: idleMs };
  const trusted = ca === undefined ? {} : { ca: [...tls.getCACertificates('default'), ca] };
  const secure = base.protocol === 'https:';
  const agent = secure ? new https.Agent({ ...kept, ...trusted }) : new http.Agent(kept);
  let closed = false;
  return {
    request: (url, options) => (secure ? https : http).request(url, { ...options, agent }),
    closed: () => closed,
    close: () => {
      closed = true;
      agent.destroy();
    },
  };
}

/** A bound that ran out, or a client that was closed; `code` is for `ServerUnreachable`. */
class NoAnswer extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

async function send(connections: Connections, baseUrl: string, wire: WireRequest): Promise<WireAnswer> {
  const unreachable = (error: unknown): Error => {
    if (wire.signal?.aborted === true) return abortReason(wire.signal);
    return new ServerUnreachable(baseUrl, errorWord(error), error);
  };
  try {
    wire.signal?.throwIfAborted();
    const response = await answerTo(connections, wire);
    const request = `${wire.method} ${wire.url.origin}${wire.url.pathname}`;
    return {
      status: response.statusCode ?? 0,
      headers: flatHeaders(response.headers),
      text: (maxBytes = wire.maxBytes ?? defaultMaxBytes) =>
        readText(response, maxBytes, request).catch((error: unknown) =>
          Promise.reject(error instanceof UnexpectedAnswer ? error : unreachable(error)),
        ),
      stream: translated(response, unreachable),
      discard: async () => {
        await readText(response, maxDiscardedBytes, request).catch(() => {});
      },
    };
  } catch (error) {
    throw unreachable(error);
  }
}

/** Sends, and waits for the head of the answer. The bounds and the signal go on to hold while its body is read. */
function answerTo(connections: Connections, wire: WireRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    if (connections.closed()) throw new NoAnswer('CLOSED', 'the client was closed');
    const request = connections.request(wire.url, {
      method: wire.method,
      headers: wire.headers,
      // Of silence on the connection, 0 for none: bounds the pauses within a body.
      timeout: wire.timeoutMs,
    });
    let response: IncomingMessage | undefined;
    const fail = (error: Error): void => {
      // Whoever reads the body gets the reason; the request alone would only say that the connection broke.
      response?.destroy(error);
      request.destroy(error);
    };
    const late = (what: string, code: string, ms: number): NodeJS.Timeout | undefined =>
      ms === 0 ? undefined : setTimeout(() => fail(new NoAnswer(code, `${what} within ${ms} ms`)), ms);
    let timer: NodeJS.Timeout | undefined;
    const onConnected = (): void => {
      clearTimeout(timer);
      timer = late('no answer', 'HEADERS_TIMEOUT', wire.timeoutMs);
    };
    const onAbort = (): void => {
      if (wire.signal !== undefined) fail(abortReason(wire.signal));
    };
    wire.signal?.addEventListener('abort', onAbort);
    request.on('socket', (socket) => {
      if (!socket.connecting) return onConnected();
      timer = late('no connection', 'CONNECT_TIMEOUT', connectMs);
      socket.once(wire.url.protocol === 'https:' ? 'secureConnect' : 'connect', onConnected);
    });
    request.on('response', (answer) => {
      response = answer;
      clearTimeout(timer);
      // What breaks a body is for whoever reads it; one that nobody reads any more may break.
      answer.on('error', () => {});
      resolve(answer);
    });
    request.on('timeout', () =>
      fail(
        response === undefined
          ? new NoAnswer('HEADERS_TIMEOUT', `no answer within ${wire.timeoutMs} ms`)
          : new NoAnswer('BODY_TIMEOUT', `an answer that stopped for ${wire.timeoutMs} ms`),
      ),
    );
    request.on('error', reject);
    request.on('close', () => {
      clearTimeout(timer);
      wire.signal?.removeEventListener('abort', onAbort);
      reject(new NoAnswer('ECONNRESET', 'the connection was closed'));
    });
    request.end(wire.body === '' ? undefined : wire.body);
  });
}

async function* translated(
  body: AsyncIterable<Uint8Array>,
  unreachable: (error: unknown) => Error,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw unreachable(error);
  }
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('given up', { cause: signal.reason });
}

function errorWord(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.name : 'unknown';
}

function flatHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}

function problemOf(contentType: string, text: string): Problem | null {
  if (!contentType.startsWith('application/problem+json')) return null;
  try {
    const parsed = JSON.parse(text) as Partial<Problem> | null;
    return typeof parsed?.code === 'string' && typeof parsed.detail === 'string' ? (parsed as Problem) : null;
  } catch {
    return null;
  }
}
