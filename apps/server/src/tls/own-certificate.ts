import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '@trunkline/log';
import {
  isDue,
  isIssuedBy,
  issueCertificate,
  makeAuthority,
  namesIn,
  type KeyAndCertificate,
} from './authority.ts';
import { coversNames, type CertificateNames } from './certificate-names.ts';

/** Key and certificate chain of the server, PEM, and when the chain ends. */
export interface OwnCertificate extends KeyAndCertificate {
  /** Of the authority that signed it, PEM. */
  readonly authority: string;
  readonly notAfter: Date;
}

/** Files of a certificate authority below a data directory. Replicas share them by a copy of the first two. */
export const ownFiles = (dataDir: string) => ({
  authorityKey: path.join(dataDir, 'tls/ca-key.pem'),
  authority: path.join(dataDir, 'tls/ca.pem'),
  key: path.join(dataDir, 'tls/server-key.pem'),
  chain: path.join(dataDir, 'tls/server.pem'),
});

/** Files of the server's own authority that do not fit together, or cannot be read or written. */
export class OwnTlsFault extends Error {
  override readonly name = 'OwnTlsFault';
}

/**
 * The certificate of a server that has none of an operator: from its data directory, made where it is missing, ends within 30 days,
 * or lacks a name. The authority is made once and never replaced, since hosts know it: where its files do not fit together this
 * fails with {@link OwnTlsFault}. Answers whether something was made.
 */
export async function ensureOwnCertificate(
  dataDir: string,
  names: CertificateNames,
  nowMs: number,
): Promise<{ certificate: OwnCertificate; made: 'authority' | 'certificate' | null }> {
  const files = ownFiles(dataDir);
  try {
    await mkdir(path.dirname(files.authority), { recursive: true, mode: 0o700 });
    const kept = await readAuthority(files);
    const authority = kept ?? (await makeAuthority(nowMs));
    if (kept === null) {
      // The key first: a certificate without a key could never be used, a key without one is written over.
      await writeWhole(files.authorityKey, authority.key, 0o600);
      await writeWhole(files.authority, authority.certificate, 0o644);
    }
    const found = await readLeaf(files);
    if (found !== null && isUsable(found, authority, names, nowMs))
      return { certificate: withEnd(found, authority), made: kept === null ? 'authority' : null };
    const issued = await issueCertificate(authority, names, nowMs);
    await writeWhole(files.key, issued.key, 0o600);
    await writeWhole(files.chain, issued.certificate, 0o644);
    return { certificate: withEnd(issued, authority), made: kept === null ? 'authority' : 'certificate' };
  } catch (error) {
    if (error instanceof OwnTlsFault) throw error;
    throw new OwnTlsFault(
      `cannot keep a certificate of its own in ${path.dirname(files.authority)}: ${messageOf(error)}; make the folder writable, or name files of yours in TRUNKLINE_TLS_KEY and TRUNKLINE_TLS_CERT`,
      { cause: error },
    );
  }
}

const withEnd = (leaf: KeyAndCertificate, authority: KeyAndCertificate): OwnCertificate => ({
  ...leaf,
  authority: authority.certificate,
  notAfter: new X509Certificate(leaf.certificate).validToDate,
});

async function readAuthority(files: ReturnType<typeof ownFiles>): Promise<KeyAndCertificate | null> {
  const [key, certificate] = await Promise.all([readIfAny(files.authorityKey), readIfAny(files.authority)]);
  // Without the certificate no host can know it.
  if (certificate === null) return null;
  const advice = `restore both files from a backup; or, to begin with a new authority, move ${path.dirname(files.authority)} away and join every host again (trunkline-agent join)`;
  if (key === null) throw new OwnTlsFault(`${files.authorityKey} is missing: ${advice}`);
  let fits = false;
  try {
    fits = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw new OwnTlsFault(
      `${files.authority} and ${files.authorityKey} cannot be read (${messageOf(error)}): ${advice}`,
      { cause: error },
    );
  }
  if (!fits)
    throw new OwnTlsFault(`${files.authority} is not of the key in ${files.authorityKey}: ${advice}`);
  return { key, certificate };
}

async function readLeaf(files: ReturnType<typeof ownFiles>): Promise<KeyAndCertificate | null> {
  const [key, certificate] = await Promise.all([readIfAny(files.key), readIfAny(files.chain)]);
  return key === null || certificate === null ? null : { key, certificate };
}

/** What cannot be read is not usable: the next one takes its place. */
function isUsable(
  leaf: KeyAndCertificate,
  authority: KeyAndCertificate,
  names: CertificateNames,
  nowMs: number,
): boolean {
  try {
    return (
      new X509Certificate(leaf.certificate).checkPrivateKey(createPrivateKey(leaf.key)) &&
      isIssuedBy(leaf.certificate, authority) &&
      !isDue(leaf.certificate, nowMs) &&
      coversNames(namesIn(leaf.certificate), names)
    );
  } catch {
    return false;
  }
}

async function readIfAny(file: string): Promise<string | null> {
  return await readFile(file, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  });
}

/** Whole or not at all, and on the disk when this returns. */
async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const handle = await open(`${file}.new`, 'w', mode);
  try {
    await handle.chmod(mode);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
  const folder = await open(path.dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
