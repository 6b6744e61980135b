import { Closed } from '@trunkline/contracts';
import { Type } from 'typebox';
import type { App } from '../../platform/app-types.ts';
import { ApiError } from '../../platform/errors.ts';
import { answers } from '../../platform/openapi.ts';
import type { Platform } from '../../platform/platform.ts';

const Alive = Closed(
  { status: Type.Literal('ok', { description: 'Always `ok`.', examples: ['ok'] }) },
  { description: 'It is.' },
);

/** /livez never touches the database: restarting the server mends nothing that ails the database. */
export async function healthRoutes(app: App, { platform }: { platform: Platform }): Promise<void> {
  app.get(
    '/livez',
    {
      config: { access: 'public' },
      schema: {
        tags: ['server'],
        operationId: 'live',
        summary: 'Is the process alive',
        description: 'Never touches the database.',
        response: answers({ 200: Alive }),
      },
    },
    async () => ({ status: 'ok' as const }),
  );
  app.get(
    '/readyz',
    {
      config: { access: 'public' },
      schema: {
        tags: ['server'],
        operationId: 'ready',
        summary: 'Can it serve requests',
        description: '200 when the database answers, 503 `database_unavailable` when it does not.',
        response: answers({ 200: Alive }),
      },
    },
    async () => {
      if (platform.stopping.aborted)
        throw new ApiError('overloaded', 'the server is stopping', { retryAfterSeconds: 2 });
      await platform.database.pool.query('SELECT 1');
      return { status: 'ok' as const };
    },
  );
  app.get(
    '/metrics',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['server'],
        operationId: 'metrics',
        summary: 'Metrics for Prometheus',
        description: 'Text exposition format; scrape with a viewer token as bearer.',
        produces: ['text/plain'],
        response: {
          200: {
            description: 'Metrics.',
            content: {
              'text/plain': {
                schema: Type.String({
                  maxLength: 16_777_216,
                  description: 'Metrics.',
                  examples: ['trunkline_agent_polls 2'],
                }),
              },
            },
          },
        },
      },
    },
    async (_request, reply) => {
      reply.header('content-type', platform.metrics.registry.contentType);
      return platform.metrics.registry.metrics();
    },
  );
}
