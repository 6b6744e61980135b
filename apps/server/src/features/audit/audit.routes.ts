import { AuditEntry, AuditQuery, Page, PageQuery, Revision } from '@trunkline/contracts';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { invalidFields } from '../../platform/errors.ts';
import { streamBatch, streamLog, wantsStream } from '../../platform/log-stream.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { callerGone } from '../../platform/request-context.ts';
import type { AuditService } from './audit.service.ts';

const listAuditEntries = route({
  method: 'GET',
  url: '/v1/audit',
  config: { access: 'admin', streams: true },
  schema: {
    tags: ['audit'],
    operationId: 'listAudit',
    summary: 'List or follow the audit log',
    description:
      'Who asked for which change, from where, and what became of it, oldest first. An entry is written in the transaction of the change, so no change lacks one. ' +
      'Requests that were refused are in it as well, bounded in number; reads that succeed are not. No request changes or deletes an entry. ' +
      'With `Accept: text/event-stream` the answer is an endless stream (Server-Sent Events), from `Last-Event-ID` or `after` where given, else from now. ' +
      '410 `event_log_truncated` where the log no longer reaches back that far.',
    querystring: Type.Object({
      ...PageQuery,
      ...AuditQuery,
      after: Type.Optional({ ...Revision, description: 'Only entries after this sequence.' }),
    }),
    headers: Type.Object({
      'last-event-id': Type.Optional({
        ...Revision,
        description: 'Sequence of the last entry seen. It works as `after`; EventSource sets it by itself.',
      }),
    }),
    response: answers({ 200: Page(AuditEntry, 'A page of entries, or a stream of them.') }),
  },
});

const frame = (entry: AuditEntry): string =>
  `id: ${entry.sequence}\nevent: audit\ndata: ${JSON.stringify(entry)}\n\n`;

export async function auditRoutes(
  app: App,
  { platform, audit }: { platform: Platform; audit: AuditService },
): Promise<void> {
  app.route({
    ...listAuditEntries,
    handler: async (request, reply) => {
      const { limit, cursor, after, ...filter } = request.query;
      if (!wantsStream(request)) return audit.list(filter, { limit: limit ?? defaultLimit, cursor, after });
      if (cursor !== undefined)
        throw invalidFields([
          { pointer: 'query:cursor', message: 'cannot be used with a stream: use after or Last-Event-ID' },
        ]);
      const from = request.headers['last-event-id'] ?? after;
      const start = from === undefined ? await audit.head() : BigInt(from);
      const read = (sequence: bigint): Promise<AuditEntry[]> => audit.after(sequence, filter, streamBatch);
      await streamLog(platform, reply, {
        start,
        first: await read(start),
        read,
        position: ({ sequence }) => BigInt(sequence),
        frame,
        gone: AbortSignal.any([callerGone(request), platform.stopping]),
      });
      return reply;
    },
  });
}
