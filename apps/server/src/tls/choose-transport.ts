import { isIP } from 'node:net';

/** How a server is reached. */
export type ServerTransport =
  /** With key and certificate chain of the operator, PEM files. */
  | { readonly kind: 'files'; readonly keyFile: string; readonly certFile: string }
  /** With a certificate of its own authority, which it makes and renews. */
  | { readonly kind: 'own' }
  /** Plain HTTP for proxies that are trusted and for its own machine; everybody else is refused. */
  | { readonly kind: 'proxied' }
  /** Plain HTTP for all who reach it. */
  | { readonly kind: 'plain' };

/** Whether an address to listen on is reached from its own machine alone. Pure. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/**
 * How a server is reached, where no files are named:
 *
 * | asked for | listens on | proxies are trusted | then |
 * | --- | --- | --- | --- |
 * | `own` | anything | | its own certificate |
 * | `off` | anything | | plain HTTP |
 * | | loopback | | plain HTTP |
 * | | anything else | yes | plain HTTP for these proxies |
 * | | anything else | no | its own certificate |
 *
 * Pure.
 */
export function chooseTransport(asked: {
  readonly tls: 'own' | 'off' | undefined;
  readonly host: string;
  readonly trustsProxies: boolean;
}): ServerTransport {
  if (asked.tls === 'own') return { kind: 'own' };
  if (asked.tls === 'off' || isLoopback(asked.host)) return { kind: 'plain' };
  return { kind: asked.trustsProxies ? 'proxied' : 'own' };
}
