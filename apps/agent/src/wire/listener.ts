import { formatIp, parseMac, type Ip } from '@trunkline/netaddr';
import { list, record } from '../host/json-read.ts';

/** The set of {@link listenerTable} that MACs are noted in. */
export const heardSet = 'heard';

/**
 * What the kernel says of itself on a probe link: nothing. It answers no neighbour solicitation for an address that is
 * only being asked for, and takes no advice from routers. For `nft -f -`.
 */
export const silence = `
table ip6 silence {
  chain input {
    type filter hook input priority 0; policy drop;
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
  chain output {
    type filter hook output priority 0; policy accept;
    icmpv6 type nd-neighbor-advert drop
  }
}
`;

/** A table of a namespace's own nftables that listens for one address. */
export type Listener = { readonly family: 'arp' | 'ip6'; readonly table: string };

/** The listener for an address, by number. */
export function listenerFor(ip: Ip, number: number): Listener {
  return { family: ip.family === 4 ? 'arp' : 'ip6', table: `probe${number}` };
}

/**
 * Notes the MAC of whoever speaks for the address, and of whoever else is asking whether it is free. For `nft -f -`.
 *
 * IPv4, RFC 5227 section 2.1.1: any ARP packet whose sender address is the one probed, and any ARP probe (sender
 * 0.0.0.0) for it. IPv6, RFC 4862 section 5.4: a neighbour advertisement with it as target, and a solicitation for it
 * from the unspecified address. The target lies 8 octets into the ICMPv6 message (RFC 4861 section 4.3, 4.4).
 */
export function listenerTable(ip: Ip, { family, table }: Listener): string {
  const rules =
    ip.family === 4
      ? [
          `arp saddr ip ${formatIp(ip)} add @${heardSet} { arp saddr ether }`,
          `arp saddr ip 0.0.0.0 arp daddr ip ${formatIp(ip)} add @${heardSet} { arp saddr ether }`,
        ]
      : [
          `icmpv6 type nd-neighbor-advert ${targetIs(ip)} add @${heardSet} { ether saddr }`,
          `ip6 saddr :: icmpv6 type nd-neighbor-solicit ${targetIs(ip)} add @${heardSet} { ether saddr }`,
        ];
  return `
table ${family} ${table} {
  set ${heardSet} { type ether_addr; flags dynamic; size 64; }
  chain input {
    type filter hook input priority -10; policy accept;
    ${rules.join('\n    ')}
  }
}
`;
}

/** Newer nft has a word for it (`icmpv6 taddr`); this is understood by all. */
function targetIs(ip: Ip): string {
  return `@th,64,128 0x${ip.value.toString(16).padStart(32, '0')}`;
}

/**
 * Reads `nft -j list set … heard`: the MACs that were noted, in lower case and order (libnftables-json(5)).
 *
 * Fails with `SyntaxError` for what is no JSON.
 */
export function parseHeard(stdout: string): readonly string[] {
  const answer = record(JSON.parse(stdout));
  return list(answer['nftables'])
    .flatMap((entry) => list(record(record(entry)['set'])['elem']))
    .flatMap((element) => {
      // With a counter or a timeout an element is an object around its value.
      const value = typeof element === 'string' ? element : record(record(element)['elem'])['val'];
      return typeof value === 'string' ? [parseMac(value)] : [];
    })
    .toSorted();
}
