import { setTimeout as sleep } from 'node:timers/promises';
import type { Event } from '@trunkline/contracts';
import { ApiError, ServerUnreachable } from '../errors.ts';
import type { Answer, CallOptions, ListQuery, PageOf, Requester } from '../request.ts';
import { readSse } from '../sse.ts';
import { failUnlessOk, type WireRequest } from '../transport.ts';

/** How an event stream is followed. */
export interface FollowOptions {
  /** Begin after this revision (`Last-Event-ID`); left out: from now on. */
  readonly after?: string;
  /** Filters of the route. */
  readonly query?: ListQuery;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
  /** Called whenever the server holds the stream open: what happens from then on is seen. */
  readonly onOpen?: () => void;
}

const reconnectMs = 1000;

/** `/v1/events` */
export function createEvents(requester: Requester) {
  const { call, all } = requester;
  return {
    /** One page of the log. */
    list: (query?: ListQuery, options?: CallOptions): Promise<Answer<PageOf<Event>>> =>
      call({ method: 'GET', path: '/v1/events', ...(query && { query }) }, options),
    /** The log from a place to its end. */
    all: (query?: ListQuery, options?: CallOptions): AsyncIterable<Event> =>
      all('/v1/events', query, options),
    /**
     * Events as they happen, without a gap: a connection that breaks, or a server that answers 5xx, is asked again
     * from the last event seen. Ends with `signal`; fails with `ApiError` for any other status (410: the log no longer
     * reaches so far back) and for an answer that is no event stream.
     */
    follow: (options: FollowOptions = {}): AsyncIterable<Event> => follow(requester, options),
  };
}

async function* follow(requester: Requester, options: FollowOptions): AsyncGenerator<Event> {
  let lastId = options.after;
  let waitMs = reconnectMs;
  const ended = () => options.signal?.aborted === true;
  while (!ended()) {
    try {
      const wire = streamRequest(requester, options, lastId);
      const answer = await requester.transport.send(wire);
      await failUnlessOk(wire, answer);
      options.onOpen?.();
      for await (const item of readSse(answer.stream)) {
        if (item.kind === 'retry') {
          waitMs = item.ms;
          continue;
        }
        lastId = item.message.id ?? lastId;
        yield JSON.parse(item.message.data) as Event;
      }
    } catch (error) {
      if (ended()) return;
      const temporary =
        error instanceof ServerUnreachable || (error instanceof ApiError && error.status >= 500);
      if (!temporary) throw error;
    }
    await sleep(waitMs, undefined, options.signal === undefined ? {} : { signal: options.signal }).catch(
      () => {},
    );
  }
}

function streamRequest(
  requester: Requester,
  options: FollowOptions,
  lastId: string | undefined,
): WireRequest {
  return {
    method: 'GET',
    url: requester.transport.url('/v1/events', options.query),
    headers: {
      accept: 'text/event-stream',
      ...requester.authorization,
      ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
    },
    body: '',
    // Between two events any time may pass.
    timeoutMs: 0,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
}
