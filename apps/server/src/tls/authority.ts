import { createPrivateKey, generateKeyPairSync, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import type { CertificateNames } from './certificate-names.ts';

/** A private key and its certificate, PEM. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly certificate: string;
}

const dayMs = 24 * 3_600_000;
/** Hosts whose clocks are behind by less than this trust what was made this moment. */
const backdatedMs = dayMs;
/** The authority outlives the machines that trust it: they have its certificate, and nothing renews that. */
const authorityMs = 30 * 365 * dayMs;
/** A certificate of the server, in milliseconds, and what is left of it when the next one is made. */
const leafMs = 90 * dayMs;
const renewBeforeMs = 30 * dayMs;

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** The library is loaded by servers that make certificates, and by no other. */
async function library() {
  // Its dependency injection reads metadata of decorators.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(globalThis.crypto);
  return x509;
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: algorithm.namedCurve });
  return privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
}

async function cryptoKeys(
  pem: string,
): Promise<{ privateKey: webcrypto.CryptoKey; publicKey: webcrypto.CryptoKey }> {
  const key = createPrivateKey(pem);
  const der = key.export({ format: 'der', type: 'pkcs8' });
  const { kty, crv, x, y } = key.export({ format: 'jwk' });
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey('pkcs8', new Uint8Array(der), algorithm, false, ['sign']),
    webcrypto.subtle.importKey('jwk', { kty, crv, x, y } as webcrypto.JsonWebKey, algorithm, true, [
      'verify',
    ]),
  ]);
  return { privateKey, publicKey };
}

/** 16 random bytes, positive (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

/**
 * Makes a certificate authority: a P-256 key that signs certificates of this server and nothing below them (RFC 5280 sections
 * 4.2.1.3 and 4.2.1.9).
 */
export async function makeAuthority(nowMs: number): Promise<KeyAndCertificate> {
  const x509 = await library();
  const key = newKey();
  const keys = await cryptoKeys(key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // The number tells two servers apart, also where both are in one list.
    name: `CN=Trunkline CA ${randomBytes(4).toString('hex')}`,
    notBefore: new Date(nowMs - backdatedMs),
    notAfter: new Date(nowMs + authorityMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key, certificate: `${certificate.toString('pem')}\n` };
}

/** Makes a certificate of the server for these names, with a key of its own. `certificate` is the chain with the authority. */
export async function issueCertificate(
  authority: KeyAndCertificate,
  names: CertificateNames,
  nowMs: number,
): Promise<KeyAndCertificate> {
  const x509 = await library();
  const issuer = new x509.X509Certificate(authority.certificate);
  const { privateKey: signingKey } = await cryptoKeys(authority.key);
  const key = newKey();
  const { publicKey } = await cryptoKeys(key);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [(names.dns[0] ?? names.ip[0] ?? 'trunkline').slice(0, 64)] }],
    issuer: issuer.subjectName,
    notBefore: new Date(Math.max(nowMs - backdatedMs, issuer.notBefore.getTime())),
    notAfter: new Date(Math.min(nowMs + leafMs, issuer.notAfter.getTime())),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...names.dns.map((value) => ({ type: 'dns' as const, value })),
        ...names.ip.map((value) => ({ type: 'ip' as const, value })),
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return { key, certificate: `${certificate.toString('pem')}\n${authority.certificate}` };
}

/** Names that a certificate is valid for, as Node writes them; of a chain those of its first. */
export function namesIn(pem: string): CertificateNames {
  const parts = (new X509Certificate(pem).subjectAltName ?? '').split(', ');
  const of = (kind: string): string[] =>
    parts.filter((part) => part.startsWith(kind)).map((part) => part.slice(kind.length));
  return { dns: of('DNS:'), ip: of('IP Address:').map(compressed) };
}

/** `FE80:0:0:0:0:0:0:1`, as OpenSSL writes it, in the form of RFC 5952. */
const compressed = (address: string): string =>
  address.includes(':') ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;

/** Whether the next certificate is due: this one ends soon, or is not valid yet by a clock that was set back. Pure. */
export function isDue(pem: string, nowMs: number): boolean {
  const { validFromDate, validToDate } = new X509Certificate(pem);
  return validFromDate.getTime() > nowMs || validToDate.getTime() - nowMs < renewBeforeMs;
}

/** Whether an authority signed the first certificate of a chain, and has the key that it says. Pure. */
export function isIssuedBy(chain: string, authority: KeyAndCertificate): boolean {
  const leaf = new X509Certificate(chain);
  const ca = new X509Certificate(authority.certificate);
  return (
    leaf.checkIssued(ca) && leaf.verify(ca.publicKey) && ca.checkPrivateKey(createPrivateKey(authority.key))
  );
}
