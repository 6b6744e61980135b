import {
  CheckReport,
  DesiredDocument,
  DesiredQuery,
  Id,
  JoinAnswer,
  JoinRequest,
  Report,
  ReportAnswer,
} from '@trunkline/contracts';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { App } from '../../platform/app-types.ts';
import { answers } from '../../platform/openapi.ts';
import type { Platform } from '../../platform/platform.ts';
import { callerGone } from '../../platform/request-context.ts';
import type { HostRef } from '../hosts/hosts.service.ts';
import type { AgentsService } from './agents.service.ts';
import { checkDigest } from './signature.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The host whose agent signed the request; null on other routes. */
    agentHost: HostRef | null;
    /** The body as it came, for its digest; null when there is none. */
    rawBody: Buffer | null;
  }
}

/** A report names every network, container and address of its host; a body of this many bytes is read only after its signature was checked. */
const largestReport = 32 * 1024 * 1024;

function signedBy(request: FastifyRequest): HostRef {
  if (request.agentHost === null) throw new Error('the route is not behind the signature');
  return request.agentHost;
}

/** Routes of another feature that are behind the signature too; `signedBy` says by which host. */
export type SignedRoutes = (signed: App, signedBy: (request: FastifyRequest) => HostRef) => Promise<void>;

/** The protocol of agents, docs/agent-protocol.md. */
export async function agentRoutes(
  app: App,
  { agents, signedRoutes }: { platform: Platform; agents: AgentsService; signedRoutes: SignedRoutes },
): Promise<void> {
  app.post(
    '/agent/v1/join',
    {
      config: { access: 'agent' },
      schema: { body: JoinRequest, response: answers({ 201: JoinAnswer }) },
    },
    async (request, reply) => {
      const joined = await agents.join(request.body, request.id);
      await reply.code(201).send(joined);
    },
  );

  await app.register(async (signed: App) => {
    signed.decorateRequest('agentHost', null);
    signed.decorateRequest('rawBody', null);
    const parse = signed.getDefaultJsonParser('error', 'error');
    signed.removeContentTypeParser('application/json');
    signed.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
      request.rawBody = body as Buffer;
      void parse(request, body.toString('utf8'), done);
    });

    // The signature covers the digest of the body, so that nobody's body is read before it is known who sends it.
    signed.addHook('onRequest', async (request) => {
      const { method, raw, headers, id } = request;
      request.agentHost = await agents.authenticate({ method, url: raw.url ?? '', headers }, id);
    });
    signed.addHook('preValidation', async (request) => {
      checkDigest(request.headers['content-digest'], request.rawBody ?? Buffer.alloc(0));
    });

    signed.get(
      '/agent/v1/desired',
      {
        config: { access: 'agent' },
        schema: {
          querystring: DesiredQuery,
          response: answers({ 200: DesiredDocument, 304: Type.Null({ description: 'Not changed.' }) }),
        },
      },
      async (request, reply) => {
        const { after, wait } = request.query;
        const document = await agents.desired(signedBy(request), {
          after: after === undefined ? undefined : BigInt(after),
          waitSeconds: wait ?? 0,
          gone: callerGone(request),
        });
        if (document === undefined) return reply.code(304).send(null);
        return document;
      },
    );

    signed.post(
      '/agent/v1/report',
      {
        bodyLimit: largestReport,
        config: { access: 'agent' },
        schema: { body: Report, response: answers({ 200: ReportAnswer }) },
      },
      async (request) => agents.report(signedBy(request), request.body, request.id),
    );

    signed.post(
      '/agent/v1/checks/:id',
      {
        config: { access: 'agent' },
        schema: {
          params: Type.Object({ id: Id }),
          body: CheckReport,
          response: answers({ 204: Type.Null({ description: 'Taken.' }) }),
        },
      },
      async (request, reply) => {
        await agents.checkResult(signedBy(request), request.params.id, request.body, request.id);
        await reply.code(204).send(null);
      },
    );

    await signedRoutes(signed, signedBy);
  });
}
