import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  ApiError,
  type Answer,
  type ApiClient,
  type ApiCall,
  type ListQuery,
  type WriteOptions,
} from '@trunkline/client';

/** Shows on the screen the requests to the API and their answers. */
export interface Narrator {
  /** Begins the next numbered step. */
  step(title: string): void;
  /** One line about what came back. */
  show(line: string): void;
  /**
   * Makes the call after showing it. A server that says to try again is asked again, as a script would; with the same Idempotency-Key nothing is
   * made twice. Fails as the client does, after showing that too.
   */
  ask<T>(call: ApiCall, options?: WriteOptions): Promise<Answer<T>>;
}

/** How often one request is made in all. */
const maxTries = 10;

/** The request line as a person would write it. */
function requestLine(call: ApiCall, options: WriteOptions): string {
  const query = new URLSearchParams();
  const all: ListQuery = { ...call.query, wait: options.wait };
  for (const [name, value] of Object.entries(all)) {
    if (value !== undefined) query.set(name, String(value));
  }
  return `${call.method} ${call.path}${query.size > 0 ? `?${query.toString()}` : ''}`;
}

/** JSON as people write it by hand: one field a line only where it would not fit in one. */
export function shortJson(value: unknown, width = 92, indent = ''): string {
  const flat = JSON.stringify(value, null, 1)
    .replaceAll(/\n\s*/g, ' ')
    .replaceAll(/\[ (.*?) \]/g, '[$1]');
  if (flat.length <= width || value === null || typeof value !== 'object') return flat;
  const inner = `${indent}  `;
  const isArray = Array.isArray(value);
  const parts = Object.entries(value as Record<string, unknown>).map(
    ([key, item]) =>
      `${inner}${isArray ? '' : `${JSON.stringify(key)}: `}${shortJson(item, width - key.length - 6, inner)}`,
  );
  const [open, close] = isArray ? ['[', ']'] : ['{', '}'];
  return `${open}\n${parts.join(',\n')}\n${indent}${close}`;
}

/** Narrates to `write`, which takes whole lines. */
export function createNarrator(client: Pick<ApiClient, 'request'>, write: (line: string) => void): Narrator {
  let number = 0;
  return {
    step(title) {
      number += 1;
      write('');
      write(`${String(number)}. ${title}`);
    },
    show(line) {
      write(`      ${line}`);
    },
    async ask<T>(call: ApiCall, options: WriteOptions = {}) {
      write(`   ${requestLine(call, options)}`);
      if (call.body !== undefined) {
        for (const line of shortJson(call.body).split('\n')) write(`   ${line}`);
      }
      const key = call.method === 'POST' ? { idempotencyKey: randomUUID() } : {};
      for (let left = maxTries - 1; ; left -= 1) {
        try {
          const answer = await client.request<T>(call, { ...key, ...options });
          write(`   -> ${String(answer.status)}`);
          return answer;
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          write(`   -> ${String(error.status)} ${error.code}`);
          write(`      ${error.problem?.detail ?? 'no explanation'}`);
          for (const { pointer, message } of error.problem?.errors ?? [])
            write(`      ${pointer} ${message}`);
          if (error.status !== 503 || left === 0) throw error;
          write('      asking again');
          await delay((error.retryAfter ?? 1) * 1000);
        }
      }
    },
  };
}
