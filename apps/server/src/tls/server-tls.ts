import { hash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { createSecureContext } from 'node:tls';
import { messageOf } from '@trunkline/log';
import type { Logger } from 'pino';
import { certificateNames } from './certificate-names.ts';
import type { ServerTransport } from './choose-transport.ts';
import { ensureOwnCertificate, ownFiles } from './own-certificate.ts';

/** Key and certificate chain, PEM. */
export interface TlsMaterial {
  readonly key: string;
  readonly cert: string;
}

/** The TLS of a server. */
export interface ServerTls {
  /** What to listen with. */
  readonly material: TlsMaterial;
  /**
   * Whom hosts must trust: SHA-256 of the public key (DER SubjectPublicKeyInfo) of the authority that signed the chain, base64url, where
   * the chain has it. Null where the chain leads to one that machines know.
   */
  readonly authority: () => string | null;
  /**
   * Looks every hour whether the certificate is due or its files changed, and makes a listening server use the next one. Connections
   * that are open keep theirs. Answers how to end it.
   */
  readonly keep: (server: SecureServer, log: Pick<Logger, 'info' | 'error'>) => () => void;
  /** Looks once, as {@link keep} does. */
  readonly renew: (server: SecureServer, log: Pick<Logger, 'info' | 'error'>) => Promise<void>;
}

/** A server that takes another certificate while it listens. */
export interface SecureServer {
  setSecureContext(material: TlsMaterial): void;
}

/** Files of an operator that cannot be used. */
export class TlsFilesFault extends Error {
  override readonly name = 'TlsFilesFault';
}

/** What TLS of a server follows from. */
export interface ServerTlsOf {
  readonly transport: ServerTransport;
  readonly dataDir: string;
  readonly listen: { readonly host: string };
  readonly publicUrl: string | undefined;
}

const lookEveryMs = 3_600_000;

/**
 * Reads or makes what a server listens with; undefined where it speaks plain HTTP. Fails with {@link TlsFilesFault} or
 * `OwnTlsFault`.
 */
export async function openServerTls(
  of: ServerTlsOf,
  now: () => number = Date.now,
): Promise<ServerTls | undefined> {
  const read = readerOf(of, now);
  if (read === null) return undefined;
  let { material } = await read();
  const renew: ServerTls['renew'] = async (server, log) => {
    try {
      const next = await read();
      if (next.material.cert === material.cert && next.material.key === material.key) return;
      server.setSecureContext(next.material);
      ({ material } = next);
      log.info({ notAfter: endOf(material.cert) }, 'new connections get a new certificate');
    } catch (error) {
      log.error(
        { err: error, notAfter: endOf(material.cert) },
        'the certificate could not be renewed: the server goes on with the one it has until that ends',
      );
    }
  };
  return {
    material,
    authority: () => fingerprintOf(authorityIn(material.cert)),
    renew,
    keep: (server, log) => {
      const timer = setInterval(() => void renew(server, log), lookEveryMs).unref();
      return () => clearInterval(timer);
    },
  };
}

type Reader = () => Promise<{ material: TlsMaterial }>;

function readerOf({ transport, dataDir, listen, publicUrl }: ServerTlsOf, now: () => number): Reader | null {
  switch (transport.kind) {
    case 'plain':
    case 'proxied':
      return null;
    case 'files':
      return async () => ({ material: await readFiles(transport) });
    case 'own':
      return async () => {
        const interfaces = networkInterfaces();
        const names = certificateNames({ listen: listen.host, publicUrl, hostname: hostname(), interfaces });
        const { certificate } = await ensureOwnCertificate(dataDir, names, now());
        return { material: { key: certificate.key, cert: certificate.certificate } };
      };
  }
}

async function readFiles(files: { keyFile: string; certFile: string }): Promise<TlsMaterial> {
  const [key, cert] = await Promise.all([
    readPem('TRUNKLINE_TLS_KEY', files.keyFile),
    readPem('TRUNKLINE_TLS_CERT', files.certFile),
  ]);
  try {
    createSecureContext({ key, cert });
    void new X509Certificate(cert);
  } catch (error) {
    throw new TlsFilesFault(
      `TRUNKLINE_TLS_KEY and TRUNKLINE_TLS_CERT cannot be used: ${messageOf(error)}; name the PEM files of a private key without a password and of its certificate chain`,
      { cause: error },
    );
  }
  return { key, cert };
}

async function readPem(variable: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new TlsFilesFault(`${variable}: cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}

const endOf = (chain: string): string => new X509Certificate(chain).validToDate.toISOString();

/** The last certificate of a chain where it signed itself; null where somebody else did, who is not in the chain. Pure. */
function authorityIn(chain: string): string | null {
  const last = chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)?.at(-1);
  if (last === undefined) return null;
  const certificate = new X509Certificate(last);
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey)
    ? `${last}\n`
    : null;
}

function fingerprintOf(certificate: string | null): string | null {
  if (certificate === null) return null;
  const key = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return hash('sha256', key, 'base64url');
}

/** Where a server keeps the certificate of its own authority. */
export const ownAuthorityFile = (dataDir: string): string => ownFiles(dataDir).authority;
