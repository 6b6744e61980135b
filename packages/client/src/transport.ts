import tls from 'node:tls';
import { Agent, request, type Dispatcher } from 'undici';
import type { Problem } from '@trunkline/contracts';
import { ApiError, ServerUnreachable, UnexpectedAnswer } from './errors.ts';
import { readText } from './bounded-text.ts';

/** Where the server is. */
export interface ServerLocation {
  /** `http://127.0.0.1:7400`, `https://trunkline.example`. A path is kept and goes in front of every route. */
  readonly baseUrl: string;
  /** PEM certificates to trust besides the machine's own. */
  readonly ca?: string;
  /** Trust `ca` alone, and none of the machine's own. */
  readonly onlyCa?: boolean;
  /** How long an answer may take, in milliseconds, on top of any `wait`. Default 30 000. */
  readonly fetchTimeoutMs?: number;
  /** How long a connection may take to come to be, in milliseconds. Default 10 000. */
  readonly connectTimeoutMs?: number;
}

/** One request on the wire. */
export interface WireRequest {
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
}

/** One answer, body not read yet. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body; fails with `UnexpectedAnswer` once it is longer than `maxBytes` or the bound of the request. */
  readonly text: (maxBytes?: number) => Promise<string>;
  readonly stream: AsyncIterable<Uint8Array>;
  /** Gives the connection back without reading the body. */
  readonly discard: () => Promise<void>;
}

/** The one place that talks HTTP. */
export interface Transport {
  readonly location: ServerLocation;
  /** Builds the address of a route; values of `undefined` are left out of the query. */
  readonly url: (path: string, query?: QueryValues) => URL;
  /**
   * Sends; answers any status. Fails with {@link ServerUnreachable}, or with the signal's reason as soon as it aborts, also while
   * the connection is still being made.
   */
  readonly send: (wire: WireRequest) => Promise<WireAnswer>;
  /** Closes its connections, running requests included. */
  readonly close: () => Promise<void>;
}

/** Query parameters as callers write them. */
export type QueryValues = Readonly<Record<string, string | number | boolean | undefined>>;

/** Default bound of an answer, in milliseconds. */
export const defaultTimeoutMs = 30_000;

/** Default bound of a connection that is being made, in milliseconds. */
const defaultConnectMs = 10_000;

/** Default bound of an answer, in bytes: many times a full page of the largest items. */
const defaultMaxBytes = 16 * 1024 * 1024;
/** Maximum size of an error's answer, in bytes. */
const maxErrorBytes = 1024 * 1024;

/** Opens a pool of connections to one server. Fails with `TypeError` when `baseUrl` is no http(s) URL. */
export function createTransport(location: ServerLocation): Transport {
  const base = new URL(location.baseUrl);
  if (base.protocol !== 'http:' && base.protocol !== 'https:') {
    throw new TypeError(`${location.baseUrl} is no http or https URL`);
  }
  const prefix = base.pathname.replace(/\/+$/, '');
  const known = location.onlyCa === true ? [] : tls.getCACertificates('default');
  const ca = location.ca === undefined ? {} : { ca: [...known, location.ca] };
  const dispatcher = new Agent({
    connect: { timeout: location.connectTimeoutMs ?? defaultConnectMs, ...ca },
  });
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
    send: (wire) => send(dispatcher, location.baseUrl, wire),
    close: () => dispatcher.destroy(),
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

async function send(dispatcher: Dispatcher, baseUrl: string, wire: WireRequest): Promise<WireAnswer> {
  const unreachable = (error: unknown): Error => {
    if (wire.signal?.aborted === true) return abortReason(wire.signal);
    return new ServerUnreachable(baseUrl, errorWord(error), error);
  };
  try {
    wire.signal?.throwIfAborted();
    const { statusCode, headers, body } = await untilAborted(
      request(wire.url, {
        dispatcher,
        method: wire.method,
        headers: wire.headers,
        body: wire.body === '' ? null : wire.body,
        headersTimeout: wire.timeoutMs,
        bodyTimeout: wire.timeoutMs,
        ...(wire.signal === undefined ? {} : { signal: wire.signal }),
      }),
      wire.signal,
    );
    return {
      status: statusCode,
      headers: flatHeaders(headers),
      text: (maxBytes = wire.maxBytes ?? defaultMaxBytes) =>
        readText(body, maxBytes, `${wire.method} ${wire.url.origin}${wire.url.pathname}`).catch(
          (error: unknown) => Promise.reject(error instanceof UnexpectedAnswer ? error : unreachable(error)),
        ),
      stream: translated(body, unreachable),
      discard: () => body.dump().catch(() => {}),
    };
  } catch (error) {
    throw unreachable(error);
  }
}

/**
 * The answer, or a failure as soon as the signal aborts. undici notes an abort and acts on it once there is a connection: where packets
 * are lost, that is when the connection is given up. A call that it gives up so late is never sent. An answer that comes so late is closed.
 */
async function untilAborted(
  answering: Promise<Dispatcher.ResponseData>,
  signal: AbortSignal | undefined,
): Promise<Dispatcher.ResponseData> {
  if (signal === undefined) return await answering;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    answering.then(
      ({ body }) => body.on('error', () => {}).destroy(),
      () => {},
    );
    aborted.reject(abortReason(signal));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([answering, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
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
