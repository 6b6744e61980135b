import { formatIp, parseMac, type Ip } from '@trunkline/netaddr';
import { list, record } from '../host/json-read.ts';

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

/** Tables of a namespace's own nftables that listen for addresses, for `nft`. */
export type Listener = {
  /** Makes them. */
  readonly begin: string;
  /** Arguments that ask what was heard, one program each. */
  readonly ask: readonly (readonly string[])[];
  /** Takes them away. */
  readonly end: string;
};

/**
 * A listener for some addresses: notes the MAC of whoever speaks for one, and, apart from it, of whoever else asks
 * whether it is free.
 * `number` tells it from others in the same namespace.
 *
 * IPv4, RFC 5227 section 2.1.1: any ARP packet whose sender address is the one probed, and any ARP probe (sender
 * 0.0.0.0) for it. IPv6, RFC 4862 section 5.4: a neighbour advertisement with it as target, and a solicitation for it
 * from the unspecified address. The target lies 8 octets into the ICMPv6 message (RFC 4861 section 4.3, 4.4).
 */
export function listenFor(ips: readonly Ip[], number: number): Listener {
  const tables = ([4, 6] as const).flatMap((family) => {
    const entries = ips.flatMap((ip, index) => (ip.family === family ? [{ ip, sets: setsOf(index) }] : []));
    return entries.length === 0
      ? []
      : [{ name: `${family === 4 ? 'arp' : 'ip6'} probe${number}`, text: tableBody(entries) }];
  });
  return {
    begin: tables.map(({ name, text }) => `table ${name} {${text}}\n`).join(''),
    ask: tables.map(({ name }) => ['-j', 'list', 'table', ...name.split(' ')]),
    end: tables.map(({ name }) => `delete table ${name}\n`).join(''),
  };
}

/** Names of the sets in which is noted who speaks for the address of this index, and who asks for it. */
function setsOf(index: number): { readonly speaks: string; readonly asks: string } {
  return { speaks: `speaks${index}`, asks: `asks${index}` };
}

type Sets = ReturnType<typeof setsOf>;

function tableBody(entries: readonly { readonly ip: Ip; readonly sets: Sets }[]): string {
  const names = entries.flatMap(({ sets: { speaks, asks } }) => [speaks, asks]);
  return `
  ${names.map((set) => `set ${set} { type ether_addr; flags dynamic; size 64; }`).join('\n  ')}
  chain input {
    type filter hook input priority -10; policy accept;
    ${entries.flatMap(({ ip, sets }) => rulesFor(ip, sets)).join('\n    ')}
  }
`;
}

function rulesFor(ip: Ip, { speaks, asks }: Sets): readonly string[] {
  if (ip.family === 4) {
    return [
      `arp saddr ip ${formatIp(ip)} add @${speaks} { arp saddr ether }`,
      `arp saddr ip 0.0.0.0 arp daddr ip ${formatIp(ip)} add @${asks} { arp saddr ether }`,
    ];
  }
  // Newer nft has a word for it (`icmpv6 taddr`); this is understood by all.
  const target = `@th,64,128 0x${ip.value.toString(16).padStart(32, '0')}`;
  return [
    `icmpv6 type nd-neighbor-advert ${target} add @${speaks} { ether saddr }`,
    `ip6 saddr :: icmpv6 type nd-neighbor-solicit ${target} add @${asks} { ether saddr }`,
  ];
}

/** Who was heard for an address, as MACs in lower case and order. */
export type Heard = {
  /** Whoever spoke for it: has it. */
  readonly speaks: readonly string[];
  /** Whoever asked whether it is free. */
  readonly asks: readonly string[];
};

/**
 * Reads what `nft -j list table` says (libnftables-json(5)), for the address of an index.
 *
 * Fails with `SyntaxError` for what is no JSON.
 */
export function readHeard(stdouts: readonly string[]): (index: number) => Heard {
  const sets = stdouts
    .flatMap((stdout) => list(record(JSON.parse(stdout))['nftables']))
    .map((entry) => record(record(entry)['set']));
  const macsIn = (set: string) =>
    sets.filter(({ name }) => name === set).flatMap((one) => list(one['elem']).flatMap(macOf));
  return (index) => {
    const { speaks, asks } = setsOf(index);
    return { speaks: macsIn(speaks).toSorted(), asks: macsIn(asks).toSorted() };
  };
}

/** With a counter or a timeout an element is an object around its value. */
function macOf(element: unknown): string[] {
  const value = typeof element === 'string' ? element : record(record(element)['elem'])['val'];
  return typeof value === 'string' ? [parseMac(value)] : [];
}
