import { X509Certificate } from 'node:crypto';
import { misuse } from '../lib/failure.ts';
import type { Io } from '../lib/io.ts';

const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Reads the certificates of a PEM file, and nothing else of it: a private key in it is not kept. */
export async function readCa(io: Pick<Io, 'readFile'>, path: string): Promise<string> {
  const found = (await io.readFile(path)).match(certificate) ?? [];
  if (found.length === 0) throw misuse(`${path} has no certificate: it is PEM, -----BEGIN CERTIFICATE-----`);
  for (const one of found) checkCertificate(one, path);
  return `${found.join('\n')}\n`;
}

function checkCertificate(pem: string, path: string): void {
  try {
    new X509Certificate(pem);
  } catch {
    throw misuse(`${path} has a certificate that cannot be read`);
  }
}
