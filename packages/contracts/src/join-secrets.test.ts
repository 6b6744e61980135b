import { expect, test } from 'vitest';
import { formatJoinSecret, parseJoinSecret } from './join-secrets.ts';

const authority = 'uTBoUwdwFzVO8kF2GyTD-AlWNCIoW3_H2S6BqPR0lbo';

test.each([
  ['tlj_secret', { secret: 'tlj_secret', authority: null }],
  [`tlj_secret.${authority}`, { secret: 'tlj_secret', authority }],
])('%s says what it says, there and back', (text, parts) => {
  expect(parseJoinSecret(text)).toEqual(parts);
  expect(formatJoinSecret(parts)).toBe(text);
});

test.each([`tlj_secret.${authority}x`, 'tlj_secret.', `.${authority}`, `tlj.a.${authority}`])(
  '%s names no authority',
  (text) => {
    expect(parseJoinSecret(text)).toEqual({ secret: text, authority: null });
  },
);
