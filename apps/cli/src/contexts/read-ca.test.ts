import { rootCertificates } from 'node:tls';
import { expect, test } from 'vitest';
import { readCa } from './read-ca.ts';

const of = (text: string) => readCa({ readFile: async () => text }, 'ca.pem');
const [one = '', two = ''] = rootCertificates;

test('certificates are taken out of a file, and a private key is not', async () => {
  const key = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----';
  expect(await of(`a comment\n${one}\n${key}\n${two}`)).toBe(`${one}\n${two}\n`);
});

test.each(['', 'ca', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
  'what is no certificate is said to be that: %j',
  async (text) => {
    await expect(of(text)).rejects.toThrow('ca.pem has');
  },
);
