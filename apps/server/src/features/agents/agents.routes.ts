import {
  CheckReport,
  DesiredDocument,
  DesiredQuery,
  Host,
  Id,
  JoinAnswer,
  JoinRequest,
  Report,
  ReportAnswer,
} from '@trunkline/contracts';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { route, type App } from '../../platform/app-types.ts';
import { originOf } from '../../platform/audit.ts';
import { jsonParser } from '../../platform/body-parsers.ts';
import { answers } from '../../platform/openapi.ts';
import { callerGone } from '../../platform/request-context.ts';
import type { HostRef } from '../hosts/hosts.service.ts';
import type { AgentsService } from './agents.service.ts';
import { checkDigest } from './signature.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The host whose agent signed the request; null on other routes. */
    agentHost: HostRef | null;
    /** The body is the one whose digest was signed. */
    isDigestChecked: boolean;
  }
}

/** The part of a join that is checked first. */
const WithJoinToken = Type.Object({ token: JoinRequest.properties.token });

function signedBy(request: FastifyRequest): HostRef {
  if (request.agentHost === null) throw new Error('the route is not behind the signature');
  return request.agentHost;
}

/** Routes of another feature that are behind the signature too; `signedBy` is the host that signed. */
export type SignedRoutes = (signed: App, signedBy: (request: FastifyRequest) => HostRef) => Promise<void>;

const join = route({
  method: 'POST',
  url: '/agent/v1/join',
  config: { access: 'agent' },
  schema: { body: JoinRequest, response: answers({ 201: JoinAnswer }) },
});

const desired = route({
  method: 'GET',
  url: '/agent/v1/desired',
  config: { access: 'agent' },
  schema: {
    querystring: DesiredQuery,
    response: answers({ 200: DesiredDocument, 304: Type.Null({ description: 'Not changed.' }) }),
  },
});

const ownHost = route({
  method: 'GET',
  url: '/agent/v1/host',
  config: { access: 'agent' },
  schema: { response: answers({ 200: Host }) },
});

const report = route({
  method: 'POST',
  url: '/agent/v1/report',
  config: { access: 'agent' },
  schema: { body: Report, response: answers({ 200: ReportAnswer }) },
});

const reportCheck = route({
  method: 'POST',
  url: '/agent/v1/checks/:id',
  config: { access: 'agent' },
  schema: {
    params: Type.Object({ id: Id }),
    body: CheckReport,
    response: answers({ 204: Type.Null({ description: 'Accepted.' }) }),
  },
});

/** Lets nothing into the scope but requests that the agent of a host has signed. */
function requireSignature(signed: App, agents: Pick<AgentsService, 'authenticate'>): void {
  signed.decorateRequest('agentHost', null);
  signed.decorateRequest('isDigestChecked', false);
  const parse = jsonParser(signed);
  signed.removeContentTypeParser('application/json');
  signed.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      checkDigest(request.headers['content-digest'], body as Buffer);
    } catch (error) {
      return done(error as Error);
    }
    request.isDigestChecked = true;
    void parse(request, body.toString('utf8'), done);
  });

  // The signature covers the digest of the body, so that nobody's body is read before it is known who sends it, and
  // none is looked into before it is known to be his.
  signed.addHook('onRequest', async (request) => {
    const { method, raw, headers, id } = request;
    request.agentHost = await agents.authenticate({ method, url: raw.url ?? '', headers }, id);
  });
  signed.addHook('preValidation', async (request) => {
    if (!request.isDigestChecked) checkDigest(request.headers['content-digest'], Buffer.alloc(0));
  });
}

/** The protocol of agents, docs/agent-protocol.md. */
export async function agentRoutes(
  app: App,
  { agents, signedRoutes }: { agents: AgentsService; signedRoutes: SignedRoutes },
): Promise<void> {
  app.route({
    ...join,
    // The token first: facts from a stranger are not examined.
    preValidation: async ({ body }) => {
      if (Value.Check(WithJoinToken, body)) await agents.checkJoinToken(body.token);
    },
    handler: async (request, reply) => {
      const joined = await agents.join(request.body, {
        requestId: request.id,
        origin: originOf(request),
      });
      await reply.code(201).send(joined);
    },
  });

  await app.register(async (signed: App) => {
    requireSignature(signed, agents);

    signed.route({
      ...desired,
      handler: async (request, reply) => {
        const { after, heard, generation, wait } = request.query;
        const document = await agents.desired(signedBy(request), {
          after: after === undefined ? undefined : BigInt(after),
          heard,
          generation,
          waitSeconds: wait ?? 0,
          gone: callerGone(request),
        });
        if (document === undefined) return reply.code(304).send(null);
        return document;
      },
    });

    signed.route({ ...ownHost, handler: async (request) => agents.host(signedBy(request)) });

    signed.route({
      ...report,
      handler: async (request) => agents.report(signedBy(request), request.body, request.id),
    });

    signed.route({
      ...reportCheck,
      handler: async (request, reply) => {
        await agents.checkResult(signedBy(request), request.params.id, request.body, request.id);
        await reply.code(204).send(null);
      },
    });

    await signedRoutes(signed, signedBy);
  });
}
