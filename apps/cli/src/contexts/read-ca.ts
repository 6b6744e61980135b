import { X509Certificate } from 'node:crypto';
import { misuse } from '../lib/failure.ts';
import type { Io } from '../lib/io.ts';

const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Reads the certificates of a PEM file, and nothing else of it: a private key in it is not kept. */
export async function readCa(io: Pick<Io, 'readFile'>, path: string): Promise<string> {
  const found = (await io.readFile(path)).match(certificate) ?? [];
  if (found.length === 0) throw misuse(`${path} has no certificate: it is PEM, -----BEGIN CERTIFICATE-----`);
  if (!found.every(isCertificate)) throw misuse(`${path} has a certificate that cannot be read`);
  return `${found.join('\n')}\n`;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
