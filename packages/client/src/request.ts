import { UnexpectedAnswer } from './errors.ts';
import {
  defaultTimeoutMs,
  failUnlessOk,
  type QueryValues,
  type Transport,
  type WireRequest,
} from './transport.ts';

/** What the server answered to a call that worked. */
export interface Answer<T> {
  readonly status: number;
  readonly body: T;
  /** For `ifMatch` of a later change. */
  readonly etag: string | null;
  readonly location: string | null;
  /** All headers, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What any call takes. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Bound of this call in milliseconds, on top of `wait`. */
  readonly timeoutMs?: number;
}

/** What a call that changes something takes; the server ignores none and refuses what does not fit the route. */
export type WriteOptions = CallOptions & {
  /** The same key with the same request is carried out once. */
  readonly idempotencyKey?: string;
  /** `ETag` of what is to be changed, or `*`. */
  readonly ifMatch?: string;
  /** `*`: only make what is not there. */
  readonly ifNoneMatch?: string;
  /** Hold the answer until the change is real on its hosts, at most this long: `30s`. */
  readonly wait?: `${number}s`;
  /** Only answer what would happen. */
  readonly dryRun?: boolean;
  /** Do it although something is in use. The route's description states what that means. */
  readonly force?: boolean;
};

/** One page of a list. */
export interface PageOf<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** `limit`, `cursor` and the filters of the route. */
export type ListQuery = QueryValues;

/** A request in words of the API. */
export interface ApiCall {
  readonly method: WireRequest['method'];
  readonly path: string;
  readonly query?: QueryValues;
  /** Sent as JSON, unless `contentType` is another; left out: none. */
  readonly body?: unknown;
  readonly contentType?: string;
}

/** What the resource files are made of. */
export interface Requester {
  /** One call; fails with `ApiError`, `ServerUnreachable` or `UnexpectedAnswer`. */
  readonly call: <T>(api: ApiCall, options?: WriteOptions) => Promise<Answer<T>>;
  /** Every item of a list, page after page, asked for as they are consumed. */
  readonly all: <T>(path: string, query?: ListQuery, options?: CallOptions) => AsyncIterable<T>;
  readonly transport: Transport;
  /** Headers that identify the caller. */
  readonly authorization: Readonly<Record<string, string>>;
}

/** Binds calls to a server and a token. */
export function createRequester(transport: Transport, token: string | undefined): Requester {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const call = async <T>(api: ApiCall, options: WriteOptions = {}): Promise<Answer<T>> => {
    const wire = wireRequest(transport, authorization, api, options);
    const answer = await transport.send(wire);
    await failUnlessOk(wire, answer);
    const text = await answer.text();
    return {
      status: answer.status,
      body: readBody(wire, api.path, answer.headers['content-type'] ?? '', text) as T,
      etag: answer.headers['etag'] ?? null,
      location: answer.headers['location'] ?? null,
      headers: answer.headers,
    };
  };
  return { call, all: (path, query, options) => pages(call, path, query, options), transport, authorization };
}

async function* pages<T>(
  call: Requester['call'],
  path: string,
  query: ListQuery = {},
  options: CallOptions = {},
): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const page = await call<PageOf<T>>(
      { method: 'GET', path, query: cursor === undefined ? query : { ...query, cursor } },
      options,
    );
    // A program that is not ours may answer anything with 200.
    if (!isPage(page.body)) throw new UnexpectedAnswer(`GET ${path}: the answer is no list, ${notOurs}`);
    yield* page.body.items;
    cursor = page.body.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

function wireRequest(
  transport: Transport,
  authorization: Readonly<Record<string, string>>,
  api: ApiCall,
  options: WriteOptions,
): WireRequest {
  const body = api.body === undefined ? '' : JSON.stringify(api.body);
  const wait = options.wait === undefined ? 0 : Number.parseInt(options.wait, 10) * 1000;
  return {
    method: api.method,
    url: transport.url(api.path, {
      ...api.query,
      wait: options.wait,
      dryRun: options.dryRun,
      force: options.force,
    }),
    headers: {
      accept: 'application/json, application/problem+json',
      ...authorization,
      ...(body === '' ? {} : { 'content-type': api.contentType ?? 'application/json' }),
      ...(options.idempotencyKey === undefined ? {} : { 'idempotency-key': options.idempotencyKey }),
      ...(options.ifMatch === undefined ? {} : { 'if-match': options.ifMatch }),
      ...(options.ifNoneMatch === undefined ? {} : { 'if-none-match': options.ifNoneMatch }),
    },
    body,
    timeoutMs: (options.timeoutMs ?? transport.location.fetchTimeoutMs ?? defaultTimeoutMs) + wait,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
}

const isPage = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && 'items' in body && Array.isArray(body.items);

const notOurs = 'see that the address is that of a Trunkline server';

function readBody(wire: WireRequest, path: string, contentType: string, text: string): unknown {
  if (text === '') return null;
  if (!/^application\/([a-z0-9.+-]+\+)?json\b/.test(contentType)) {
    if (!path.startsWith('/v1/')) return text;
    throw new UnexpectedAnswer(
      `${wire.method} ${wire.url.pathname}: the answer is ${contentType === '' ? 'of no type' : contentType} and not JSON, ${notOurs}`,
    );
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UnexpectedAnswer(`${wire.method} ${wire.url.pathname}: the answer is not valid JSON`, {
      cause: error,
    });
  }
}
