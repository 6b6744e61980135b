import { errorTable, Problem, type ErrorCode } from '@trunkline/contracts';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { inWords } from './body-limits.ts';
import { apiErrorFromDatabase } from './database/database-errors.ts';
import { ApiError } from './errors.ts';
import { createFailureLog } from './failure-log.ts';
import { fieldErrors } from './field-errors.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The code that the request was refused with; null: none. */
    problem: ErrorCode | null;
  }
}

/** A text within its bound. What was sent may be quoted in it, and is as long as a body may be. */
function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).toWellFormed()}…`;
}

/** The bound that the contract gives a text, in characters. */
const boundOf = (schema: object): number => ('maxLength' in schema ? Number(schema.maxLength) : Infinity);

const fields = Problem.properties.errors.items.properties;
const bounds = {
  detail: boundOf(Problem.properties.detail),
  pointer: boundOf(fields.pointer),
  message: boundOf(fields.message),
};
/** As much of a pointer as a sentence has room for. */
const maxInSentence = 256;

/** Builds the answer to an error (RFC 9457). */
export function problemOf(error: ApiError, request: { id: string; url: string }): Problem {
  const kind = errorTable[error.code];
  const errors = error.errors?.map(({ pointer, message }) => ({
    pointer: cut(pointer, bounds.pointer),
    message: cut(message, bounds.message),
  }));
  return {
    type: `/docs/errors#${error.code}`,
    title: kind.title,
    status: kind.status,
    code: error.code,
    detail: cut(error.message, bounds.detail),
    instance: request.url.split('?', 1)[0] ?? '/',
    requestId: request.id,
    retryable: kind.retryable,
    ...(errors === undefined ? {} : { errors }),
    ...(error.data === undefined ? {} : { data: error.data }),
  };
}

/** Fastify's own refusals, by its documented codes (https://fastify.dev/docs/latest/Reference/Errors/). */
const fastifyCodes: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_BAD_URL: 'invalid_request',
  FST_ERR_MAX_PARAM_LENGTH: 'invalid_request',
};

/** What there is to say where Fastify's own words leave open what to send. */
const details: Record<string, (request: FastifyRequest) => string> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ({ headers }) =>
    `a body of ${headers['content-type'] || 'no content type'} is not supported: send application/json (a PATCH may also be application/merge-patch+json)`,
  FST_ERR_CTP_BODY_TOO_LARGE: ({ routeOptions }) =>
    `the body may have at most ${inWords(routeOptions.bodyLimit ?? 0)}`,
  FST_ERR_BAD_URL: () =>
    'the path is not percent-encoded UTF-8 (RFC 3986 section 2.5): a literal % is written %25',
  FST_ERR_MAX_PARAM_LENGTH: () => 'a name in the path may have at most 256 characters',
};

/** Turns whatever was thrown into an answer with a code. */
function apiErrorOf(error: unknown, request: FastifyRequest): ApiError {
  if (error instanceof ApiError) return error;
  const fastify = error as FastifyError;
  if (Array.isArray(fastify.validation)) {
    const errors = fieldErrors(fastify);
    const [first] = errors;
    return new ApiError(
      'invalid_request',
      `${first?.pointer === '' ? 'the body' : cut(first?.pointer ?? 'the request', maxInSentence)} ${first?.message ?? 'is not valid'}`,
      { errors },
    );
  }
  const code = fastifyCodes[fastify.code];
  if (code !== undefined) return new ApiError(code, details[fastify.code]?.(request) ?? fastify.message);
  if (fastify.statusCode !== undefined && fastify.statusCode >= 400 && fastify.statusCode < 500) {
    return new ApiError('invalid_request', fastify.message);
  }
  return (
    apiErrorFromDatabase(error) ??
    new ApiError('internal', 'unexpected error: the log of the server has it under this requestId', {
      cause: error,
    })
  );
}

async function sendProblem(error: ApiError, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  request.problem = error.code;
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds));
  if (error.status === 401) reply.header('www-authenticate', 'Bearer realm="trunkline"');
  // What fails before there is a route has met no hook.
  reply.header('x-request-id', request.id);
  await reply
    .code(error.status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .send(JSON.stringify(problemOf(error, request)));
}

/** Matches the paths that a route pattern (`/v1/hosts/:name`) stands for. */
function pathPattern(url: string): RegExp {
  const parts = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${parts.join('/')}$`);
}

/** `frameworkErrors` of Fastify: what fails before there is a route, such as a path that cannot be decoded. */
export function sendFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  void sendProblem(apiErrorOf(error, request), request, reply);
}

/** Every answer that is not 2xx goes through here. */
export const problems = fp(
  async (app) => {
    app.decorateRequest('problem', null);
    // What is routed where, to tell a wrong method from a wrong path.
    const known: { methods: string[]; pattern: RegExp }[] = [];
    app.addHook('onRoute', ({ method, url }) => {
      const methods = [method].flat().filter((name) => name !== 'HEAD' && name !== 'OPTIONS');
      if (methods.length > 0 && !url.includes('*')) known.push({ methods, pattern: pathPattern(url) });
    });
    const failures = createFailureLog(app.log);
    app.addHook('onClose', async () => failures.close());
    app.setErrorHandler(async (thrown, request, reply) => {
      const error = apiErrorOf(thrown, request);
      if (error.code === 'internal') request.log.error({ err: thrown }, 'request failed');
      else if (error.status >= 500) {
        // While a database is away thousands of these come: each request has its line, the cause one for all.
        failures.note(error.code, thrown);
      }
      await sendProblem(error, request, reply);
    });
    app.setNotFoundHandler(async (request, reply) => {
      const path = request.url.split('?', 1)[0] ?? '';
      const others = [
        ...new Set(known.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods)),
      ];
      if (others.length === 0) {
        const error = new ApiError('not_found', `there is no route ${request.method} ${path}: see /docs`);
        return sendProblem(error, request, reply);
      }
      // RFC 9110 section 15.5.6; a route that takes GET takes HEAD.
      const allowed = others.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
      reply.header('allow', allowed);
      const error = new ApiError('method_not_allowed', `${path} takes ${allowed}, not ${request.method}`);
      await sendProblem(error, request, reply);
    });
  },
  { name: 'problems' },
);
