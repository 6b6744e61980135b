import type { networkInterfaces } from 'node:os';
import { isIP } from 'node:net';

/** Names and addresses that a certificate of the server's own is valid for. */
export interface CertificateNames {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
}

/** What the names of the server follow from. */
export interface NamesOf {
  readonly listen: string;
  readonly publicUrl: string | undefined;
  readonly hostname: string;
  readonly interfaces: ReturnType<typeof networkInterfaces>;
}

/** Addresses beyond these are left out, since a host may have thousands and every handshake carries all of them. */
const maxAddresses = 64;
/** What RFC 1034 section 3.5 lets a name be, and what a host name may be besides. */
const dnsName =
  /^(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
const anyAddress = new Set(['0.0.0.0', '::']);

/**
 * Names of a server: the host of its public URL first, then its own name and addresses. Link-local addresses are left out, since a
 * certificate cannot say on which link they are. Pure.
 */
export function certificateNames({ listen, publicUrl, hostname, interfaces }: NamesOf): CertificateNames {
  const ofUrl = publicUrl === undefined ? [] : [new URL(publicUrl).hostname.replace(/^\[|\]$/g, '')];
  const addresses = anyAddress.has(listen)
    ? Object.values(interfaces).flatMap((all) =>
        (all ?? [])
          .filter(({ internal, address }) => !internal && !/^(?:fe[89ab]|169\.254\.)/i.test(address))
          .map(({ address }) => address),
      )
    : [listen];
  const all = [...ofUrl, hostname, 'localhost', '127.0.0.1', '::1', ...addresses];
  return {
    dns: [
      ...new Set(
        all.filter((name) => isIP(name) === 0 && dnsName.test(name)).map((name) => name.toLowerCase()),
      ),
    ],
    ip: [...new Set(all.filter((name) => isIP(name) !== 0))].slice(0, maxAddresses),
  };
}

/** Whether nothing that is wanted is missing from a certificate. Pure. */
export function coversNames(has: CertificateNames, wanted: CertificateNames): boolean {
  const [dns, ip] = [new Set(has.dns), new Set(has.ip)];
  return wanted.dns.every((name) => dns.has(name)) && wanted.ip.every((address) => ip.has(address));
}
