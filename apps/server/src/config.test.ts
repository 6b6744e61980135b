/** Settings of TLS: what belongs together, and what to write instead. */
import { expect, test } from 'vitest';
import { ConfigError, readConfig } from './config.ts';

const key = { TRUNKLINE_TLS_KEY: '/key.pem', TRUNKLINE_TLS_CERT: '/cert.pem' };
const lan = { TRUNKLINE_LISTEN: '0.0.0.0:7400' };

test('a server that listens beyond loopback has TLS by default', () => {
  expect(readConfig(lan, false).transport).toEqual({ kind: 'own' });
  expect(readConfig({}, false).transport).toEqual({ kind: 'plain' });
  expect(readConfig({ ...lan, TRUNKLINE_TRUST_PROXY: '10.0.0.1' }, false).transport).toEqual({
    kind: 'proxied',
  });
  expect(readConfig({ ...lan, ...key }, false).transport).toEqual({
    kind: 'files',
    keyFile: '/key.pem',
    certFile: '/cert.pem',
  });
});

test('the public URL has no slash at its end', () => {
  const { publicUrl } = readConfig({ ...lan, TRUNKLINE_PUBLIC_URL: 'https://trunkline.example.net/' }, false);
  expect(publicUrl).toBe('https://trunkline.example.net');
});

test.each([
  [{ TRUNKLINE_TLS_KEY: '/key.pem' }, 'go together'],
  [{ ...key, TRUNKLINE_TLS: 'own' }, 'set one of them'],
  [{ ...key, TRUNKLINE_TLS: 'off' }, 'set one of them'],
  [{ TRUNKLINE_TLS: 'on' }, 'write own for a certificate'],
  [{ TRUNKLINE_PUBLIC_URL: 'trunkline.example.net' }, 'write the URL at which hosts reach the server'],
  [{ TRUNKLINE_PUBLIC_URL: 'https://me:pw@trunkline.example.net' }, 'write the URL'],
  [{ ...lan, TRUNKLINE_PUBLIC_URL: 'http://10.0.0.5:7400' }, 'write https://, or ask for plain HTTP'],
])('%j is refused', (env, why) => {
  expect(() => readConfig(env, false)).toThrow(ConfigError);
  expect(() => readConfig(env, false)).toThrow(why);
});
