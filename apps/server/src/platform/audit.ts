import { isDeepStrictEqual } from 'node:util';
import { storableText, type AuditOutcome } from '@trunkline/contracts';
import type { FastifyRequest } from 'fastify';

/** Where a change comes from, for the audit log: what the actor alone does not say. */
export interface AuditOrigin {
  /** The token that was used; null: none. */
  tokenId: string | null;
  /** IP address of the caller; null: the server itself. */
  source: string | null;
  /** What was asked for: the operationId of the route. */
  operation: string;
}

/** What a change did to a resource: what it was, and what it is. */
export interface AuditedChange {
  /** Path of the resource. */
  subject: string;
  before?: object;
  after?: object;
}

/** An entry as `append_audit` takes it. */
export interface AuditInput {
  actor: string | null;
  tokenId: string | null;
  source: string | null;
  requestId: string | null;
  operation: string | null;
  subject: string | null;
  outcome: AuditOutcome;
  code: string | null;
  times: number;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
}

const maxText = 256;
const maxItems = 32;
const maxDepth = 6;
/** Of `before` and of `after`, as JSON. */
const maxCharacters = 8_192;
export const hidden = '(hidden)';

const secretKey = /secret|passw|private_?key|credential|authorization|api_?key|token$/i;
/** Secrets that stand in a text: `--password=…`, `https://user:…@`. */
const secretWords = /((?:pass(?:word|wd)?|secret|token|api[-_]?key)\s*[=:]\s*)\S+/gi;
const userInfo = /(\/\/[^\s/:@]*:)[^\s/@]+@/g;

function textOf(text: string): string {
  const masked = storableText(text).replace(secretWords, `$1${hidden}`).replace(userInfo, `$1${hidden}@`);
  return masked.length <= maxText ? masked : `${masked.slice(0, maxText - 1).toWellFormed()}…`;
}

/** Of the environment of a container only the names are kept. */
function namesOnly(env: unknown): unknown {
  if (Array.isArray(env))
    return env.slice(0, maxItems).map((entry) => `${textOf(String(entry).split('=', 1)[0] ?? '')}=${hidden}`);
  if (typeof env !== 'object' || env === null) return env === null ? null : hidden;
  return Object.fromEntries(
    Object.keys(env)
      .slice(0, maxItems)
      .map((name) => [textOf(name), hidden]),
  );
}

function bounded(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return textOf(value);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maxDepth) return '…';
  if (Array.isArray(value)) {
    const items = value.slice(0, maxItems).map((item) => bounded(item, depth + 1));
    return value.length > maxItems ? [...items, `… ${value.length - maxItems} more`] : items;
  }
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, 2 * maxItems)
      .map(([key, inner]) => [
        textOf(key),
        secretKey.test(key) && inner !== null
          ? hidden
          : key === 'env'
            ? namesOnly(inner)
            : bounded(inner, depth + 1),
      ]),
  );
}

/** A resource as the audit log keeps it: bounded, and without secrets. Pure. */
export function auditValue(value: object): Record<string, unknown> {
  const whole = bounded(value, 0) as Record<string, unknown>;
  let left = maxCharacters;
  return Object.fromEntries(
    Object.entries(whole).map(([key, inner]) => {
      const size = key.length + (JSON.stringify(inner) ?? '').length;
      left -= size;
      return [key, left < 0 ? '…' : inner];
    }),
  );
}

/** Both sides of a change as they are kept: where there are two, only the fields that differ. Pure. */
export function auditSides({
  before,
  after,
}: Pick<AuditedChange, 'before' | 'after'>): Pick<AuditInput, 'before' | 'after'> {
  if (before === undefined || after === undefined)
    return {
      before: before === undefined ? null : auditValue(before),
      after: after === undefined ? null : auditValue(after),
    };
  const [was, is] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  const changed = [...new Set([...was.keys(), ...is.keys()])].filter(
    (key) => !isDeepStrictEqual(was.get(key), is.get(key)),
  );
  const only = (side: ReadonlyMap<string, unknown>): Record<string, unknown> =>
    auditValue(Object.fromEntries(changed.map((key) => [key, side.get(key) ?? null])));
  return { before: only(was), after: only(is) };
}

/** What a request asks for: the operationId of its route, or its method and path where it has none. */
function operationOf({ method, routeOptions }: FastifyRequest): string {
  const { operationId } = (routeOptions.schema ?? {}) as { operationId?: string };
  return operationId ?? `${method} ${routeOptions.url ?? ''}`.slice(0, 64);
}

/** The origin of a request. */
export function originOf(request: FastifyRequest): AuditOrigin {
  return {
    tokenId: request.caller?.tokenId ?? null,
    source: request.ip,
    operation: operationOf(request),
  };
}
