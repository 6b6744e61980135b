import { storableText, type ErrorCode } from '@trunkline/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { originOf } from '../../platform/audit.ts';
import type { Denials, NotDone } from './denials.ts';

const deniedStatuses = new Set([401, 403, 429]);
/** Refusals of agents that speak for a host that is not theirs. */
const deniedCodes = new Set<ErrorCode | null>(['identity_copied', 'agent_superseded']);
const reading = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What the audit log has of a request that was answered; undefined: nothing, or its transaction wrote it. */
function notDoneOf(request: FastifyRequest, { statusCode }: FastifyReply): NotDone | undefined {
  const { access } = request.routeOptions.config;
  if (statusCode < 400 || request.is404 || access === undefined || access === 'public') return undefined;
  const { problem: code, caller } = request;
  // Undefined on routes that are not behind the signature.
  const agent = (request.agentHost as { name: string } | null | undefined)?.name;
  const isDenied = deniedStatuses.has(statusCode) || deniedCodes.has(code);
  const { dryRun } = (request.query ?? {}) as { dryRun?: unknown };
  // What agents report is no change of somebody, and neither is a dry run.
  const isChange = !reading.has(request.method) && access !== 'agent' && dryRun !== true;
  if (!isDenied && !isChange) return undefined;
  return {
    ...originOf(request),
    actor: caller !== null ? `token:${caller.name}` : agent !== undefined ? `agent:${agent}` : null,
    requestId: request.id,
    subject: storableText(request.url.split('?', 1)[0] ?? '')
      .slice(0, 1024)
      .toWellFormed(),
    outcome: isDenied ? 'denied' : statusCode < 500 ? 'refused' : 'failed',
    code,
  };
}

/** Notes what is not carried out for the audit log, when it has been answered. */
export const noteDenials = fp<{ denials: Denials }>(
  async (app, { denials }) => {
    app.addHook('onResponse', async (request, reply) => {
      const one = notDoneOf(request, reply);
      if (one !== undefined) denials.note(one);
    });
    app.addHook('onClose', () => denials.close());
  },
  { name: 'note-denials', dependencies: ['problems', 'auth'] },
);
