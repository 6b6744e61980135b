import { errorTable, type ErrorCode, type Problem } from '@trunkline/contracts';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { apiErrorFromDatabase } from './database/database-errors.ts';
import { ApiError, type FieldError } from './errors.ts';

/** Builds the answer to an error (RFC 9457). */
export function problemOf(error: ApiError, request: { id: string; url: string }): Problem {
  const kind = errorTable[error.code];
  return {
    type: `/docs/errors#${error.code}`,
    title: kind.title,
    status: kind.status,
    code: error.code,
    detail: error.message,
    instance: request.url.split('?', 1)[0] ?? '/',
    requestId: request.id,
    retryable: kind.retryable,
    ...(error.errors === undefined ? {} : { errors: error.errors }),
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
  FST_ERR_BAD_URL: 'not_found',
  FST_ERR_MAX_PARAM_LENGTH: 'invalid_request',
};

const contexts: Record<string, string> = { querystring: 'query', params: 'path', headers: 'header' };

/** What a field is for, in place of a regular expression nobody reads. */
function described(issue: { parentSchema?: unknown; message?: string }): string {
  const { description } = (issue.parentSchema ?? {}) as { description?: string };
  return description ?? issue.message ?? 'valid';
}

function fieldErrors(error: FastifyError): FieldError[] {
  const context = contexts[error.validationContext ?? ''];
  const seen = new Set<string>();
  const fields: FieldError[] = [];
  for (const issue of error.validation ?? []) {
    const params = issue.params as {
      additionalProperty?: string;
      missingProperty?: string;
      allowedValues?: unknown[];
    };
    const extra = params.additionalProperty ?? params.missingProperty;
    const path =
      extra === undefined
        ? issue.instancePath
        : `${issue.instancePath}/${extra.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const pointer = context === undefined ? path : `${context}:${path.slice(1)}`;
    const message =
      params.additionalProperty !== undefined
        ? 'is not a field of this request'
        : params.missingProperty !== undefined
          ? 'is required'
          : params.allowedValues !== undefined
            ? `must be one of ${params.allowedValues.map(String).join(', ')}`
            : issue.keyword === 'pattern'
              ? `must be: ${described(issue)}`
              : (issue.message ?? 'is not valid');
    if (seen.has(`${pointer} ${message}`)) continue;
    seen.add(`${pointer} ${message}`);
    fields.push({ pointer, message });
  }
  return fields.slice(0, 50);
}

/** Turns whatever was thrown into an answer with a code. */
export function apiErrorOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const fastify = error as FastifyError;
  if (Array.isArray(fastify.validation)) {
    const errors = fieldErrors(fastify);
    const [first] = errors;
    return new ApiError(
      'invalid_request',
      `${first?.pointer === '' ? 'the body' : (first?.pointer ?? 'the request')} ${first?.message ?? 'is not valid'}`,
      { errors },
    );
  }
  const code = fastifyCodes[fastify.code];
  if (code !== undefined) return new ApiError(code, fastify.message);
  if (fastify.statusCode !== undefined && fastify.statusCode >= 400 && fastify.statusCode < 500) {
    return new ApiError('invalid_request', fastify.message);
  }
  return (
    apiErrorFromDatabase(error) ??
    new ApiError(
      'internal',
      'the server failed in a way nobody thought of: its log has the cause under this requestId',
      { cause: error },
    )
  );
}

export async function sendProblem(
  error: ApiError,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds));
  if (error.status === 401) reply.header('www-authenticate', 'Bearer realm="trunkline"');
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
  return new RegExp(`^${parts.join('/')}/?$`);
}

/** Every answer that is not 2xx goes through here. */
export const problems = fp(
  async (app) => {
    // What is routed where, to tell a wrong method from a wrong path.
    const known: { methods: string[]; pattern: RegExp }[] = [];
    app.addHook('onRoute', ({ method, url }) => {
      const methods = [method].flat().filter((name) => name !== 'HEAD' && name !== 'OPTIONS');
      if (methods.length > 0 && !url.includes('*')) known.push({ methods, pattern: pathPattern(url) });
    });
    app.setErrorHandler(async (thrown, request, reply) => {
      const error = apiErrorOf(thrown);
      if (error.code === 'internal') request.log.error({ err: thrown }, 'request failed');
      else if (error.status >= 500) request.log.warn({ err: thrown }, 'request could not be served');
      await sendProblem(error, request, reply);
    });
    app.setNotFoundHandler(async (request, reply) => {
      const path = request.url.split('?', 1)[0] ?? '';
      const others = [
        ...new Set(known.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods)),
      ];
      const error =
        others.length > 0
          ? new ApiError('method_not_allowed', `${path} takes ${others.join(', ')}, not ${request.method}`)
          : new ApiError('not_found', `there is no route ${request.method} ${path}: see /docs`);
      await sendProblem(error, request, reply);
    });
  },
  { name: 'problems' },
);
