import { formatIp, tryParseIp } from '@trunkline/netaddr';

/*
 * What the kernel shows of the addresses of a network namespace in /proc/<pid>/net; pure. Addresses of the loopback and of
 * one link only (fe80::/10) are left out: nobody else can mean them.
 */

/**
 * IPv4 addresses, in canonical form, out of `fib_trie` (proc_pid_net(5)): the local table has each as a host route. An
 * interface that is down has none.
 */
export function ipv4In(fibTrie: string): readonly string[] {
  const found = new Set<string>();
  let leaf = '';
  for (const line of fibTrie.split('\n')) {
    const address = /^\s*\|-- (\d+\.\d+\.\d+\.\d+)$/.exec(line)?.[1];
    if (address !== undefined) leaf = address;
    else if (leaf !== '' && !leaf.startsWith('127.') && /^\s*\/32 host LOCAL$/.test(line)) found.add(leaf);
  }
  return [...found];
}

/** Loopback and link-local, as `if_inet6` writes scopes (include/net/ipv6.h). */
const narrowScopes = new Set(['10', '20']);

/** IPv6 addresses, in canonical form, out of `if_inet6`: 32 digits, interface, prefix length, scope, flags, name. */
export function ipv6In(ifInet6: string): readonly string[] {
  return ifInet6.split('\n').flatMap((line) => {
    const [digits = '', , , scope = ''] = line.trim().split(/\s+/);
    if (!/^[0-9a-f]{32}$/.test(digits) || narrowScopes.has(scope)) return [];
    const ip = tryParseIp(digits.replaceAll(/(.{4})(?!$)/g, '$1:'));
    return ip === undefined ? [] : [formatIp(ip)];
  });
}
