import { Check, CheckCreate, DryRunQuery, Id, Page, PageQuery, WaitQuery } from '@trunkline/contracts';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { holdUntil } from '../../platform/database/change-feed.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { callerGone, changeContext, sendReply, waitMs } from '../../platform/request-context.ts';
import { IdempotencyKeyHeader } from '../../platform/request-headers.ts';
import { isFinished, type ChecksService } from './checks.service.ts';

const tags = ['checks'];

const createCheck = route({
  method: 'POST',
  url: '/v1/checks',
  config: { access: 'operator' },
  schema: {
    tags,
    operationId: 'createCheck',
    summary: 'Run a check',
    description:
      '`connectivity`: the host of the first container pings every address of the second from inside the first, and asks the resolver of the first for the name of the second. ' +
      '`addresses`: the server compares the recorded addresses with what the hosts last saw, and answers 200 at once. It finds addresses that are bound but not seen, seen but not bound, held twice, outside the subnet, or in conflict. ' +
      '`wire`: every host of the network puts a probe on it for some seconds, with an address of its own from the network, and tries the probes of the others and the gateways: which frames arrive in which direction, ping, and the largest packet. Of more than 17 hosts each tries 16. The verdicts name what is wrong, such as a VLAN that a switch port lacks. The addresses are released once the probes are gone. ' +
      '`diagnose`: the hosts concerned look at what may keep containers from reaching each other, send probes and pings, and look again at what counted them. The findings come with evidence and a remedy, the most likely cause first; [/docs/diagnosis](/docs/diagnosis) lists all that may be found. It takes less than 10 seconds on two hosts and changes nothing. ' +
      '`matrix`: who reaches whom. Every host pings, connects to a TCP port and resolves names from inside its containers, or from itself, for all running containers of a network or for chosen pairs. Of a network with more than 4096 directions, or 512 from one host, a sample is tried, which the result says. A host that is through with what it can begin in time answers what it found. ' +
      'Checks of all kinds but `addresses` are answered with 202 at once. Poll the Location, or wait with `?wait=30s`; 200 means that the check has ended.',
    headers: IdempotencyKeyHeader,
    querystring: Type.Object({ ...WaitQuery, ...DryRunQuery }),
    body: CheckCreate,
    response: answers({
      200: { ...Check, description: 'The check has ended (or a dry run).' },
      202: { ...Check, description: 'The check is under way.' },
    }),
  },
});

const listChecks = route({
  method: 'GET',
  url: '/v1/checks',
  config: { access: 'viewer' },
  schema: {
    tags,
    operationId: 'listChecks',
    summary: 'List the checks of the last 7 days',
    description:
      'Newest first. Where results are large, a page has fewer than `limit`: read on while there is a `nextCursor`.',
    querystring: Type.Object(PageQuery),
    response: answers({ 200: Page(Check, 'A page of checks.') }),
  },
});

const getCheck = route({
  method: 'GET',
  url: '/v1/checks/:id',
  config: { access: 'viewer' },
  schema: {
    tags,
    operationId: 'getCheck',
    summary: 'Get one check',
    description: 'With `?wait=30s` the answer waits until the check has ended.',
    params: Type.Object({ id: Id }),
    querystring: Type.Object(WaitQuery),
    response: answers({ 200: Check }),
  },
});

export async function checkRoutes(
  app: App,
  { platform, checks }: { platform: Platform; checks: ChecksService },
): Promise<void> {
  app.route({
    ...createCheck,
    handler: async (request, reply) => {
      const made = await checks.create(request.body, changeContext(request));
      const wait = waitMs(request);
      if (wait === 0) return sendReply(reply, made);
      const { id } = made.body as Check;
      const gone = AbortSignal.any([callerGone(request), platform.stopping]);
      const finished = await holdUntil(
        platform.feed,
        async () => isFinished(await checks.get(id)),
        wait,
        gone,
      );
      return sendReply(reply, { ...made, status: finished ? 200 : 202, body: await checks.get(id) });
    },
  });

  app.route({
    ...listChecks,
    handler: async ({ query }) => checks.list({ limit: query.limit ?? defaultLimit, cursor: query.cursor }),
  });

  app.route({
    ...getCheck,
    handler: async (request) => {
      const { id } = request.params;
      const gone = AbortSignal.any([callerGone(request), platform.stopping]);
      const wait = waitMs(request);
      if (wait > 0) await holdUntil(platform.feed, async () => isFinished(await checks.get(id)), wait, gone);
      return checks.get(id);
    },
  });
}
