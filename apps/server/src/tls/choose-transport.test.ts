/** Outside loopback nothing is plain but what an operator asked for by name. */
import { expect, test } from 'vitest';
import { chooseTransport, isLoopback } from './choose-transport.ts';

test.each([
  [undefined, '127.0.0.1', false, 'plain'],
  [undefined, '127.8.9.10', false, 'plain'],
  [undefined, '::1', false, 'plain'],
  [undefined, 'localhost', true, 'plain'],
  [undefined, '0.0.0.0', false, 'own'],
  [undefined, '::', false, 'own'],
  [undefined, '10.0.0.5', false, 'own'],
  [undefined, 'trunkline.example.net', false, 'own'],
  [undefined, '0.0.0.0', true, 'proxied'],
  ['own', '127.0.0.1', false, 'own'],
  ['own', '0.0.0.0', true, 'own'],
  ['off', '0.0.0.0', false, 'plain'],
  ['off', '0.0.0.0', true, 'plain'],
] as const)('TRUNKLINE_TLS=%s on %s, proxies trusted: %s', (tls, host, trustsProxies, kind) => {
  expect(chooseTransport({ tls, host, trustsProxies })).toEqual({ kind });
});

test.each(['127.evil.example', '128.0.0.1', '::', 'localhost.example'])('%s is not loopback', (host) => {
  expect(isLoopback(host)).toBe(false);
});
