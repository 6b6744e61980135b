import { Resolver } from 'node:dns/promises';

/** What a name resolves to. */
export interface Resolved {
  readonly addresses: readonly string[];
  /** Code of Node (https://nodejs.org/api/dns.html) why there is none; null: there is one. */
  readonly error: string | null;
}

/** Asks name servers (address, or address:port) for the addresses of names. */
export function createResolver(servers: readonly string[]): (name: string) => Promise<Resolved> {
  const resolver = new Resolver({ timeout: 3000, tries: 1 });
  resolver.setServers(servers);
  return async (name) => {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const failure = answers.find((answer) => answer.status === 'rejected');
    const reason: unknown = failure?.reason;
    const code = reason instanceof Error && 'code' in reason ? String(reason.code) : null;
    return { addresses, error: addresses.length > 0 ? null : (code ?? 'ENODATA') };
  };
}

/** The DNS terms for Node's error codes. */
const dnsWords: Readonly<Record<string, string>> = {
  ENOTFOUND: 'NXDOMAIN',
  ESERVFAIL: 'SERVFAIL',
  EREFUSED: 'REFUSED',
  ETIMEOUT: 'no answer',
};

/** Why a name does not resolve, in the words of DNS. */
export const dnsFailure = (code: string): string => dnsWords[code] ?? code;
