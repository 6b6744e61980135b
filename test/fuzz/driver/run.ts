import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import fc from 'fast-check';
import type { AgentProcess } from './agent-process.ts';
import { callOf, type DriverCall, type DriverSubjects } from './calls.ts';
import { createLedger, judgeDriver, type DriverAnswerSeen, type Ledger } from './judge.ts';

/** Bound of a call: the driver's own, and a second. */
export const callMs = 11_000;

export interface DriverFuzzOptions {
  seed: number;
  count: number;
  subjects: DriverSubjects;
  /** Of the driver; see `createLedger`. */
  graceMs: number;
  /** Calls under way at once. */
  lanes?: number;
}

export interface DriverFuzzResult {
  calls: number;
  granted: number;
  refused: number;
  faults: { what: string; example: string; times: number }[];
  slowestMs: number;
  maxRssMiB: number;
  /** Addresses that Docker was given and did not release. */
  open: string[];
}

/** Sends one call; undefined where the caller went away before the answer. */
export async function sendCall(
  socketPath: string,
  { method, path, headers, body, leaveMs }: DriverCall,
): Promise<DriverAnswerSeen | undefined> {
  const began = performance.now();
  const bytes = Buffer.from(body, 'utf8');
  const asked = request({
    socketPath,
    method,
    path,
    headers: { host: '', 'content-length': bytes.length, ...headers },
    agent: false,
  });
  const responded = once(asked, 'response');
  // What breaks while the answer is already there is no matter.
  asked.on('error', () => {});
  asked.end(bytes);
  if (leaveMs !== undefined) {
    const left = setTimeout(() => asked.destroy(), leaveMs);
    await responded.catch(() => undefined);
    clearTimeout(left);
    asked.destroy();
    return undefined;
  }
  const timer = setTimeout(() => asked.destroy(new Error('no answer')), callMs + 4_000);
  try {
    const [answer] = (await responded) as [IncomingMessage];
    let text = '';
    for await (const part of answer as AsyncIterable<Buffer>) text += part.toString();
    const type = answer.headers['content-type'] ?? '';
    return { status: answer.statusCode ?? 0, type, text, ms: performance.now() - began };
  } finally {
    clearTimeout(timer);
  }
}

const shown = ({ method, path, headers, body, leaveMs }: DriverCall): string =>
  `${method} ${path.slice(0, 200)} ${JSON.stringify(headers)} ${body.slice(0, 400)} (${body.length})${leaveMs === undefined ? '' : ` leaves after ${leaveMs} ms`}`;

/** Sends generated calls to a driver and judges every answer. The same seed sends the same calls. */
export async function fuzzDriver(agent: AgentProcess, options: DriverFuzzOptions): Promise<DriverFuzzResult> {
  const { subjects, seed, count, graceMs, lanes = 12 } = options;
  const ledger: Ledger = createLedger(graceMs);
  const arbitrary = callOf(subjects);
  const faults = new Map<string, { example: string; times: number }>();
  const result = { calls: 0, granted: 0, refused: 0, slowestMs: 0, maxRssMiB: 0 };

  const note = (what: string, call: DriverCall): void => {
    const kind = `${call.path.slice(0, 60)}: ${what}`;
    const known = faults.get(kind) ?? { example: shown(call), times: 0 };
    faults.set(kind, { ...known, times: known.times + 1 });
  };

  const one = async (call: DriverCall): Promise<void> => {
    const sentAt = performance.now();
    ledger.sent(call, sentAt);
    result.calls += 1;
    let answer: DriverAnswerSeen | undefined;
    try {
      answer = await sendCall(agent.socket, call);
    } catch (error) {
      note(`no answer: ${error instanceof Error ? error.message : String(error)}`, call);
      return;
    }
    if (answer === undefined) return;
    result.slowestMs = Math.max(result.slowestMs, Math.round(answer.ms));
    const wrong = judgeDriver(call, answer, callMs);
    for (const what of wrong) note(what, call);
    if (answer.text.startsWith('{"Error"')) result.refused += 1;
    else if (call.path === '/IpamDriver.RequestAddress' && wrong.length === 0) {
      result.granted += 1;
      const { Address } = JSON.parse(answer.text) as { Address: string };
      for (const what of ledger.granted(call, sentAt, Address)) note(what, call);
    }
  };

  const step = 200;
  for (let from = 0; from < count && agent.isAlive(); from += step) {
    const calls = fc.sample(arbitrary, { seed: seed + from, numRuns: Math.min(step, count - from) });
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let call = calls[next++]; call !== undefined; call = calls[next++]) await one(call);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    if (agent.isAlive()) result.maxRssMiB = Math.max(result.maxRssMiB, Math.round(agent.rssMiB()));
  }
  return {
    ...result,
    faults: [...faults].map(([what, fault]) => ({ what, ...fault })),
    open: ledger.open(),
  };
}
