import { Event, HostName, NetworkName, Page, PageQuery, Revision } from '@trunkline/contracts';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { invalidFields } from '../../platform/errors.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { callerGone } from '../../platform/request-context.ts';
import type { EventsService } from './events.service.ts';
import type { EventFilter } from './events.store.ts';

const filterFields = {
  type: Type.Optional(
    Type.String({
      maxLength: 64,
      description: 'Only this type, one of [/docs/events](/docs/events).',
      examples: ['network.created'],
    }),
  ),
  network: Type.Optional(NetworkName),
  host: Type.Optional(HostName),
};

/** A comment line this often keeps proxies from closing a quiet stream. */
const keepAliveMs = 15_000;
const batch = 500;

const listEvents = route({
  method: 'GET',
  url: '/v1/events',
  config: { access: 'viewer' },
  schema: {
    tags: ['events'],
    operationId: 'listEvents',
    summary: 'List or follow events',
    description:
      'Oldest first. With `Accept: text/event-stream` the answer is an endless stream (Server-Sent Events), from `Last-Event-ID` or `after` where given, else from now. ' +
      '410 `event_log_truncated` where the log no longer reaches back that far: read the resources again, then follow.',
    querystring: Type.Object({
      ...PageQuery,
      ...filterFields,
      after: Type.Optional({ ...Revision, description: 'Only events after this revision.' }),
    }),
    headers: Type.Object({
      'last-event-id': Type.Optional({
        ...Revision,
        description: 'Revision of the last event seen. It works as `after`; EventSource sets it by itself.',
      }),
    }),
    response: answers({ 200: Page(Event, 'A page of events, or a stream of them.') }),
  },
});

export async function eventRoutes(
  app: App,
  { platform, events }: { platform: Platform; events: EventsService },
): Promise<void> {
  app.route({
    ...listEvents,
    handler: async (request, reply) => {
      const { limit, cursor, after, ...filter } = request.query;
      const wantsStream = /\btext\/event-stream\b/.test(request.headers.accept ?? '');
      if (!wantsStream) return events.list(filter, { limit: limit ?? defaultLimit, cursor, after });
      if (cursor !== undefined)
        throw invalidFields([
          { pointer: 'query:cursor', message: 'cannot be used with a stream: use after or Last-Event-ID' },
        ]);
      const from = request.headers['last-event-id'] ?? after;
      const start = from === undefined ? await events.head() : BigInt(from);
      const first = await events.after(start, filter, batch);
      await stream(platform, events, reply, {
        start,
        first,
        filter,
        gone: AbortSignal.any([callerGone(request), platform.stopping]),
      });
      return reply;
    },
  });
}

interface StreamOptions {
  start: bigint;
  first: Event[];
  filter: EventFilter;
  gone: AbortSignal;
}

const frame = (event: Event): string =>
  `id: ${event.revision}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

/** Writes events as they come (WHATWG HTML, server-sent events) until the caller or the server goes. */
async function stream(
  platform: Platform,
  events: EventsService,
  reply: FastifyReply,
  { start, first, filter, gone }: StreamOptions,
): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  raw.write('retry: 1000\n\n');
  const write = async (text: string): Promise<void> => {
    if (!raw.write(text) && !gone.aborted) {
      await new Promise<void>((resolve) => {
        raw.once('drain', resolve);
        gone.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  };
  let position = start;
  let pending = first;
  try {
    while (!gone.aborted) {
      // The wait begins before the read, so that nothing committed in between is missed.
      const change = platform.feed.next(keepAliveMs, gone);
      for (const event of pending) {
        await write(frame(event));
        position = BigInt(event.revision);
      }
      pending = await events.after(position, filter, batch);
      if (pending.length > 0) continue;
      await change;
      pending = await events.after(position, filter, batch);
      if (pending.length === 0 && !gone.aborted) await write(': still here\n\n');
    }
  } catch (error) {
    // The client reconnects with Last-Event-ID and gets the error, if it persists.
    platform.log.warn({ err: error }, 'event stream ended');
  }
  raw.end();
}
