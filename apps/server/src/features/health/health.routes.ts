import { agentProtocolVersion, Closed, Words } from '@trunkline/contracts';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { ApiError } from '../../platform/errors.ts';
import { answers } from '../../platform/openapi.ts';
import type { RecoveryService } from '../recovery/recovery.service.ts';
import type { Platform } from '../../platform/platform.ts';
import { registerBuildInfo } from './build-info.ts';
import { registerConditionGauge } from './condition-gauge.ts';
import { registerFleetGauges } from './fleet-gauges.ts';

const Alive = Closed(
  { status: Type.Literal('ok', { description: 'Always `ok`.', examples: ['ok'] }) },
  { description: 'The process is alive.' },
);

const Ready = Closed(
  {
    status: Words(['ok', 'recovering'], {
      description:
        '`recovering`: the server answers requests, but gives out no address until every host has compared its addresses. `GET /v1/recovery` lists the hosts that it waits for.',
      examples: ['ok'],
    }),
  },
  { description: 'The server can serve requests.' },
);

const Version = Closed(
  {
    version: Type.String({ maxLength: 64, description: 'Version of the server.', examples: ['0.1.0'] }),
    agentProtocol: Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      description: 'Version of the protocol that it speaks with agents.',
      examples: [agentProtocolVersion],
    }),
  },
  { description: 'What answers.' },
);

const versionRoute = route({
  method: 'GET',
  url: '/v1/version',
  config: { access: 'viewer' },
  schema: {
    tags: ['server'],
    operationId: 'getVersion',
    summary: 'Version of the server',
    description: 'Never uses the database but for the token of the caller.',
    response: answers({ 200: Version }),
  },
});

const live = route({
  method: 'GET',
  url: '/livez',
  config: { access: 'public' },
  schema: {
    tags: ['server'],
    operationId: 'live',
    summary: 'Liveness of the process',
    description: 'Answers 200 while the process runs. It never uses the database.',
    response: answers({ 200: Alive }),
  },
});

const ready = route({
  method: 'GET',
  url: '/readyz',
  config: { access: 'public' },
  schema: {
    tags: ['server'],
    operationId: 'ready',
    summary: 'Readiness to serve requests',
    description:
      '200 when the database answers, also while it is recovering from a backup, because agents must reach the server then. 503 `database_unavailable` when it does not answer.',
    response: answers({ 200: Ready }),
  },
});

const metrics = route({
  method: 'GET',
  url: '/metrics',
  config: { access: 'viewer' },
  schema: {
    tags: ['server'],
    operationId: 'metrics',
    summary: 'Metrics for Prometheus',
    description: 'Text exposition format. Scrape it with a viewer token as bearer token.',
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
});

/** /livez never touches the database: a restart of the server would not repair the database. */
export async function healthRoutes(
  app: App,
  {
    platform,
    recovery,
    version,
  }: { platform: Platform; recovery: Pick<RecoveryService, 'state'>; version: string },
): Promise<void> {
  registerBuildInfo(platform.metrics.registry, version);
  registerConditionGauge(platform);
  registerFleetGauges(platform);
  app.route({
    ...versionRoute,
    handler: async () => ({ version, agentProtocol: agentProtocolVersion }),
  });
  app.route({ ...live, handler: async () => ({ status: 'ok' as const }) });
  app.route({
    ...ready,
    handler: async () => {
      if (platform.stopping.aborted)
        throw new ApiError('overloaded', 'the server is stopping', { retryAfterSeconds: 2 });
      const { phase } = await recovery.state();
      return { status: phase === 'recovering' ? ('recovering' as const) : ('ok' as const) };
    },
  });
  app.route({
    ...metrics,
    handler: async (_request, reply) => {
      reply.header('content-type', platform.metrics.registry.contentType);
      return platform.metrics.registry.metrics();
    },
  });
}
