import {
  Event,
  HostName,
  NetworkName,
  Page,
  PageQuery,
  Revision,
  Timestamp,
  Words,
} from '@trunkline/contracts';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { invalidFields } from '../../platform/errors.ts';
import { streamBatch, streamLog, wantsStream } from '../../platform/log-stream.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { callerGone } from '../../platform/request-context.ts';
import { readFilter } from './event-filter.ts';
import type { EventsService } from './events.service.ts';

const filterFields = {
  type: Type.Optional(
    Type.String({
      maxLength: 64,
      description:
        'Only this type, one of [/docs/events](/docs/events), or all of a kind, such as `network.*`. One that does not exist is refused.',
      examples: ['network.created'],
    }),
  ),
  subject: Type.Optional(
    Type.String({
      maxLength: 1024,
      description:
        'Only events of this resource and of those below it: its path, such as `/v1/networks/mac_net1`.',
      examples: ['/v1/networks/mac_net1'],
    }),
  ),
  since: Type.Optional({ ...Timestamp, description: 'Only events from this instant on.' }),
  until: Type.Optional({ ...Timestamp, description: 'Only events up to this instant.' }),
  network: Type.Optional(NetworkName),
  host: Type.Optional(HostName),
};

const listEvents = route({
  method: 'GET',
  url: '/v1/events',
  config: { access: 'viewer', streams: true },
  schema: {
    tags: ['events'],
    operationId: 'listEvents',
    summary: 'List or follow events',
    description:
      'Oldest first, unless `order` is `newest`. With `Accept: text/event-stream` the answer is an endless stream (Server-Sent Events), from `Last-Event-ID` or `after` where given, else from now. ' +
      '410 `event_log_truncated` where the log no longer reaches back that far: read the resources again, then follow.',
    querystring: Type.Object({
      ...PageQuery,
      ...filterFields,
      after: Type.Optional({ ...Revision, description: 'Only events after this revision.' }),
      order: Type.Optional(
        Words(['oldest', 'newest'], {
          description:
            'Which come first; left out: the oldest. With `newest` the pages lead back, as far as the log reaches. A stream is always in order.',
          examples: ['newest'],
        }),
      ),
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
      const { limit, cursor, after, order, ...query } = request.query;
      const filter = readFilter(query);
      if (!wantsStream(request)) {
        const page = { limit: limit ?? defaultLimit, cursor, after };
        return order === 'newest' ? events.listNewest(filter, page) : events.list(filter, page);
      }
      if (order === 'newest')
        throw invalidFields([{ pointer: 'query:order', message: 'cannot be newest: a stream is in order' }]);
      if (cursor !== undefined)
        throw invalidFields([
          { pointer: 'query:cursor', message: 'cannot be used with a stream: use after or Last-Event-ID' },
        ]);
      const from = request.headers['last-event-id'] ?? after;
      const start = from === undefined ? await events.head() : BigInt(from);
      const read = (revision: bigint): Promise<Event[]> => events.after(revision, filter, streamBatch);
      await streamLog(platform, reply, {
        start,
        first: await read(start),
        read,
        position: (event) => BigInt(event.revision),
        frame,
        gone: AbortSignal.any([callerGone(request), platform.stopping]),
      });
      return reply;
    },
  });
}

const frame = (event: Event): string =>
  `id: ${event.revision}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
