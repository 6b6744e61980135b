/** What a failed call to the server says of the server. */
import { expect, test } from 'vitest';
import { ApiError, ServerUnreachable, type AgentClient } from '@trunkline/client';
import { heedingServer } from './failure.ts';

const refused = new ApiError({
  method: 'POST',
  path: '/',
  status: 503,
  problem: null,
  retryAfter: null,
  text: '',
});

test.each([
  ['an answer', () => Promise.resolve({}), ['answer']],
  [
    'no answer',
    () => Promise.reject(new ServerUnreachable('http://server', 'ECONNRESET', null)),
    ['silence'],
  ],
  ['an error of the server', () => Promise.reject(refused), []],
  ['a call that was given up here', () => Promise.reject(new DOMException('enough', 'AbortError')), []],
])('%s to a poll, a report or a check', async (_, answer, heard) => {
  const noted: string[] = [];
  const call = answer as () => Promise<never>;
  const server = {
    desired: call,
    names: call,
    report: call,
    checkResult: call,
    syncLeases: call,
    claimLease: call,
  };
  const client = heedingServer(server as unknown as AgentClient, {
    onAnswer: () => noted.push('answer'),
    onSilence: () => noted.push('silence'),
  });
  const subject: Partial<Record<string, () => Promise<unknown>>> = { ...client } as never;
  for (const part of ['desired', 'names', 'report', 'checkResult']) {
    await subject[part]!().catch(() => {});
    expect(noted.splice(0)).toEqual(heard);
  }
  // Calls about leases note by themselves what they learn.
  for (const part of ['syncLeases', 'claimLease']) await subject[part]!().catch(() => {});
  expect(noted).toEqual([]);
});
