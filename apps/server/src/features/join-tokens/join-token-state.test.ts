import { expect, test } from 'vitest';
import { joinRefusal, joinTokenState, type JoinTokenFacts } from './join-token-state.ts';

const now = new Date('2026-11-24T10:00:00.000Z');
const token: JoinTokenFacts = {
  hostName: null,
  expiresAt: new Date('2026-11-24T10:00:01.000Z'),
  usedAt: null,
  usedBy: null,
  revokedAt: null,
};
const used = { usedAt: new Date('2026-11-24T09:59:00.000Z'), usedBy: 'docker01' };
const revokedAt = new Date('2026-11-24T09:58:00.000Z');

const table: [string, Partial<JoinTokenFacts>, string, string | RegExp | undefined][] = [
  ['fresh', {}, 'unused', undefined],
  ['for this host', { hostName: 'docker02' }, 'unused', undefined],
  ['for another host', { hostName: 'docker03' }, 'unused', /for host docker03, not for docker02/],
  ['at its last moment', { expiresAt: now }, 'expired', /expired at 2026-11-24T10:00:00.000Z/],
  ['used', used, 'used', /used by docker01 at 2026-11-24T09:59:00.000Z/],
  ['used and then expired', { ...used, expiresAt: now }, 'used', /used by docker01/],
  ['revoked', { revokedAt }, 'revoked', /revoked at/],
  ['revoked and then expired', { revokedAt, expiresAt: now }, 'revoked', /revoked at/],
];

test.each(table)('a join token that is %s', (_what, facts, state, refusal) => {
  expect(joinTokenState({ ...token, ...facts }, now)).toBe(state);
  const answer = joinRefusal({ ...token, ...facts }, 'docker02', now);
  if (refusal === undefined) expect(answer).toBeUndefined();
  else expect(answer).toMatch(refusal);
});
