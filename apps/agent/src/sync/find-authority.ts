import { hash, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { ServerUnreachable } from '@trunkline/client';

/** The server is proved by another authority than the join token names. */
export class WrongAuthority extends Error {
  override readonly name = 'WrongAuthority';
}

const timeoutMs = 10_000;
/** Longer chains are nobody's. */
const maxChain = 10;

/**
 * The certificate of the authority that a join token names, PEM, out of the chain that the server shows. Nothing is sent to the server
 * but the handshake; whether the chain leads to that authority, and is for this server and this day, is for the connection that trusts it.
 *
 * Fails with {@link WrongAuthority}, `ServerUnreachable`, or the signal's reason.
 */
export async function findAuthority(
  baseUrl: string,
  fingerprint: string,
  signal: AbortSignal,
): Promise<string> {
  const url = new URL(baseUrl);
  if (url.protocol !== 'https:')
    throw new WrongAuthority(
      `the join token is of a server with TLS, and ${baseUrl} is not https: write the https:// URL that the server answered with the token`,
    );
  const chain = await chainOf(url, signal);
  const found = chain.find((certificate) => fingerprintOf(certificate) === fingerprint);
  if (found !== undefined) return found.toString();
  const shown = chain.at(-1);
  throw new WrongAuthority(
    `${url.host} is not the server that made the join token: its certificate is of ${shown === undefined ? 'nobody' : `"${shown.issuer.replaceAll('\n', ', ')}" (${fingerprintOf(shown)})`}, the token names ${fingerprint}; check the URL, and whether somebody answers in its place; if the server has another authority now, create a new join token`,
  );
}

const fingerprintOf = ({ publicKey }: X509Certificate): string =>
  hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'base64url');

/** What the server shows, its own certificate first. */
async function chainOf(url: URL, signal: AbortSignal): Promise<X509Certificate[]> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const handshake = Promise.withResolvers<TLSSocket>();
  const socket = connect(
    {
      host,
      port: Number(url.port === '' ? '443' : url.port),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      // Nobody is trusted yet. Nothing is sent or read but certificates.
      rejectUnauthorized: false,
      timeout: timeoutMs,
    },
    () => handshake.resolve(socket),
  );
  socket.on('error', handshake.reject);
  socket.on('timeout', () => handshake.reject(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
  const onAbort = (): void => handshake.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    const chain: X509Certificate[] = [];
    let shown: DetailedPeerCertificate | undefined = (await handshake.promise).getPeerCertificate(true);
    while (shown?.raw !== undefined && chain.length < maxChain) {
      chain.push(new X509Certificate(shown.raw));
      shown = shown.issuerCertificate === shown ? undefined : shown.issuerCertificate;
    }
    return chain;
  } catch (error) {
    signal.throwIfAborted();
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new ServerUnreachable(url.origin, code, error);
  } finally {
    signal.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}
