/** Why a server is not reached, as a person can act on it. */
import { ApiError, ServerUnreachable } from '@trunkline/client';
import { expect, test } from 'vitest';
import { connectionFault, connectionFaultKind, connectionFaults, faultFields } from './connection-fault.ts';

const unreachable = (reason: string) =>
  new ServerUnreachable('https://s:7400', reason, new Error('the words of OpenSSL'));

test('each reason is of one kind, and says what was seen and what to do', () => {
  for (const [kind, { reasons, advice }] of Object.entries(connectionFaults)) {
    for (const reason of reasons) {
      expect(connectionFaultKind(unreachable(reason))).toBe(kind);
      expect(connectionFault(unreachable(reason))).toBe(
        `no answer from https://s:7400: the words of OpenSSL; ${advice}`,
      );
    }
  }
});

const of = (code: string) =>
  new ApiError({
    method: 'GET',
    path: '/agent/v1/desired',
    status: 400,
    problem: { code, detail: 'the words of the server' } as never,
    retryAfter: null,
    text: '',
  });

test('what the API refuses for the scheme or the clock is in it too', () => {
  expect(connectionFault(of('https_required'))).toContain('the words of the server; write https://');
  expect(connectionFault(of('signature_expired'))).toContain('set both by NTP');
  expect(connectionFault(of('host_not_joined'))).toBeNull();
});

test('of what nobody foresaw the error is logged as it is', () => {
  const error = new Error('odd');
  expect(faultFields(error)).toEqual({ err: error });
  expect(faultFields(unreachable('ECONNREFUSED'))).toHaveProperty('why');
});
