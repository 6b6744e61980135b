import fc from 'fast-check';
import { Pool } from 'undici';
import type { TestServer } from '../integration/server.ts';
import { judge, type Answer } from './judge.ts';
import { agentOperations, operationsOf, problemFault, type OpenApiDocument } from './operations.ts';
import { requestOf, type FuzzRequest } from './requests.ts';
import { createWorld } from './world.ts';

export interface FuzzOptions {
  seed: number;
  count: number;
  /** Which requests. */
  of: 'api' | 'agents';
  /** Requests under way at once. */
  lanes?: number;
}

export interface FuzzResult {
  requests: number;
  /** How many answers there were of each status. */
  statuses: Record<string, number>;
  /** Kinds of what was wrong, each with the first request that showed it and how often it came. */
  faults: { what: string; example: string; times: number }[];
  slowestMs: number;
  /** 99 of 100 took no longer, in milliseconds. */
  p99Ms: number;
}

/** Longest an answer may take, in milliseconds, beside what the server holds it by design. */
const boundMs = 1_000;

/**
 * Calls that are held while other hosts give back what they do not use: up to `recallSeconds`. The others answer at once,
 * or after the second that `wait` says at most.
 */
const holding =
  /leases|reserveAddress|reserveByOwner|createContainer|putAddress|createAddress|by-owner|addresses$/;

const heldMs = ({ operation, url }: FuzzRequest): number =>
  holding.test(`${operation.name} ${operation.path}`) ? 8_500 : /wait=1(s|&|$)/.test(url) ? 1_000 : 0;

const shown = ({ operation, method, url, headers, body, by }: FuzzRequest): string =>
  `${operation.name}: ${method} ${url.slice(0, 400)} ${JSON.stringify(headers)} ${body?.slice(0, 600) ?? ''} (by ${by})`;

let sources = 0;
/** Requests that are going to be refused for who sends them say that they come from another place each time. */
function sourceOf({ by, url }: FuzzRequest): Record<string, string> {
  if (by === 'right' && !url.startsWith('/agent/v1/join')) return {};
  sources += 1;
  return { 'x-forwarded-for': `2001:db8:${(sources % 60_000).toString(16)}::1` };
}

const boundOf = (request: FuzzRequest): number => boundMs + heldMs(request);

/** Sends generated requests to a server that listens, and judges every answer. The same seed sends the same requests. */
export async function fuzz(server: TestServer, baseUrl: string, options: FuzzOptions): Promise<FuzzResult> {
  const pool = new Pool(baseUrl, { connections: 64 });
  const world = await createWorld(server);
  const operations =
    options.of === 'agents'
      ? agentOperations()
      : operationsOf((await server.request('GET', '/openapi.json')).body as OpenApiDocument);
  const arbitrary = requestOf(operations, world.making);
  const statuses: Record<string, number> = {};
  const faults = new Map<string, { example: string; times: number }>();
  const times: number[] = [];

  const note = (what: string, request: FuzzRequest): void => {
    const kind = `${request.operation.name}: ${what}`;
    const known = faults.get(kind) ?? { example: shown(request), times: 0 };
    faults.set(kind, { ...known, times: known.times + 1 });
  };

  const ask = async (request: FuzzRequest): Promise<Answer> => {
    const headers = { ...(await world.signed(request, options.of)), ...sourceOf(request) };
    const began = performance.now();
    const answer = await pool.request({
      method: request.method,
      path: request.url,
      headers,
      ...(request.body === undefined ? {} : { body: request.body }),
      headersTimeout: 60_000,
    });
    const type = String(answer.headers['content-type'] ?? '');
    const flat = Object.fromEntries(
      Object.entries(answer.headers).map(([key, value]) => [key, String(value)]),
    );
    // A stream goes on for ever; that it began is what there is to see.
    if (type.startsWith('text/event-stream')) {
      answer.body.destroy();
      return { status: answer.statusCode, headers: flat, text: '', ms: performance.now() - began };
    }
    const text = await answer.body.text();
    return { status: answer.statusCode, headers: flat, text, ms: performance.now() - began };
  };

  const late: FuzzRequest[] = [];
  const one = async (request: FuzzRequest): Promise<void> => {
    let answer: Answer;
    try {
      answer = await ask(request);
    } catch (error) {
      note(`no answer: ${error instanceof Error ? error.message : String(error)}`, request);
      return;
    }
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    times.push(answer.ms - heldMs(request));
    if (answer.ms > boundOf(request)) late.push(request);
    const isStream = answer.headers['content-type']?.startsWith('text/event-stream') === true;
    const own = request.method === request.operation.method && !isStream;
    if (own || answer.status >= 400) {
      if (request.method !== 'HEAD')
        for (const what of judge(answer, request.operation.promised, problemFault)) note(what, request);
    } else if (answer.status >= 500) note(String(answer.status), request);
    world.learn(request, answer);
    await world.mend();
  };

  try {
    const step = 500;
    for (let from = 0; from < options.count; from += step) {
      const numRuns = Math.min(step, options.count - from);
      const requests = fc.sample(arbitrary, { seed: options.seed + from, numRuns });
      let next = 0;
      const lane = async (): Promise<void> => {
        for (let request = requests[next++]; request !== undefined; request = requests[next++])
          await one(request);
      };
      await Promise.all(Array.from({ length: options.lanes ?? 8 }, lane));
      // What was late while others were under way is asked again alone: on a busy machine everything is late at times.
      for (const request of late.splice(0)) {
        const tries = [await ask(request), await ask(request)];
        if (tries.every(({ ms }) => ms > boundOf(request)))
          note(`took ${tries.map(({ ms }) => Math.round(ms)).join(' and ')} ms`, request);
      }
    }
  } finally {
    await pool.close();
  }
  const sorted = times.toSorted((a, b) => a - b);
  return {
    requests: times.length,
    statuses,
    faults: [...faults].map(([what, fault]) => ({ what, ...fault })),
    slowestMs: Math.round(sorted.at(-1) ?? 0),
    p99Ms: Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0),
  };
}
