import { describe, expect, it } from 'vitest';
import { rulesetJson, rulesetText } from './nft.fixture.ts';
import { dropPoints, parseRuleset, tablesOfIptables, type NftView } from './nft-rules.ts';
import { parseNftTexts } from './nft-texts.ts';
import { rangeFrom, type Packets } from './packets.ts';

const texts = parseNftTexts(rulesetText);
const packetsOf = (subnets: string[], vlans: number[] = []): Packets => ({
  cidrs: subnets.flatMap((one) => rangeFrom(one) ?? []),
  interfaces: new Set(['ens33']),
  vlans: new Set(vlans),
});
const someOfInet: NftView['passage'] = (family) => (family === 'inet' ? 'some' : 'none');
const allOfBridge: NftView['passage'] = (family) => (family === 'bridge' ? 'all' : 'none');
const view = (change: Partial<NftView> = {}): NftView => ({
  packets: packetsOf(['172.16.100.0/24']),
  passage: () => 'none',
  ignored: new Set(),
  prefix: '',
  texts,
  ...change,
});
const shown = (change: Partial<NftView> = {}): string[] =>
  dropPoints(parseRuleset(rulesetJson), view(change)).map(({ subject, text, packets, fit }) =>
    [subject, text, packets ?? 'not counted', fit].join(' | '),
  );

describe('the ruleset of a host', () => {
  it('has, on the links, what can match the packets: with counters only where these count drops', () => {
    expect(shown()).toEqual([
      'nftables netdev guard, chain in, handle 4 | arp operation request counter packets 0 bytes 0 drop comment "x" | 0 | any',
      'nftables netdev guard, chain in, handle 5 | ip saddr 172.16.100.0/24 ip protocol icmp counter packets 0 bytes 0 drop | 0 | named',
      'nftables netdev guard, chain in, handle 6 | ether type arp drop | not counted | any',
      'nftables netdev guard, chain in, handle 8 | ip daddr { 172.16.100.10, 172.16.100.20-172.16.100.30 } drop | not counted | named',
      'nftables netdev guard, chain in, handle 14 | meta pkttype broadcast drop | not counted | any',
      'nftables netdev guard, chain in, handle 15 | limit rate over 10/second counter packets 0 bytes 0 drop | 0 | any',
      'nftables netdev guard, chain in, handle 16 | ether saddr 02:42:ac:10:64:0a counter packets 0 bytes 0 drop | 0 | any',
      'nftables netdev guard, chain in, handle 17 | icmp type echo-request counter packets 0 bytes 0 drop | 0 | any',
      'nftables netdev guard, chain in, handle 18 | arp daddr ip 172.16.100.20 counter packets 0 bytes 0 drop | 0 | named',
      'nftables netdev guard, chain in, handle 20 | ether type { arp, ip6 } counter packets 0 bytes 0 drop | 0 | any',
      'nftables netdev guard, policy of chain out | hook egress, policy drop | not counted | any',
      'nftables inet f, chain ing, handle 17 | meta protocol arp counter packets 0 bytes 0 drop | 0 | any',
      'nftables inet f, chain ing, handle 21 | iif "ens33" counter packets 0 bytes 0 drop | 0 | named',
    ]);
  });

  it('has nothing on the links of another network', () => {
    expect(shown({ packets: { ...packetsOf(['172.16.100.0/24']), interfaces: new Set(['eth9']) } })).toEqual(
      [],
    );
  });

  it.each([
    [
      ['10.0.0.0/24'],
      [],
      'handle 21 | counter packets 0 bytes 0 ip saddr 10.0.0.1 drop | not counted | named',
    ],
    [['1.2.3.0/24'], [], 'handle 10 | ip daddr 1.2.3.4 counter name "named" drop | 0 | named'],
    [['172.16.10.0/24'], [10], 'handle 9 | vlan id 10 counter packets 3 bytes 4 drop | 3 | named'],
    [['172.16.10.0/24'], [], 'handle 13 | ip saddr != 172.16.100.0/24 drop | not counted | any'],
    [['fd00::/64'], [], 'inet f, chain ing, handle 20 | meta nfproto ipv6 drop | not counted | any'],
    [
      ['fd00::/64'],
      [],
      'inet f, chain ing, handle 19 | ip6 nexthdr ipv6-icmp icmpv6 type { echo-request, nd-neighbor-solicit } drop | not counted | any',
    ],
  ])('for subnets %j and VLANs %j has %s', (subnets, vlans, line) => {
    expect(shown({ packets: packetsOf(subnets, vlans) }).filter((one) => one.endsWith(line))).toHaveLength(1);
  });

  it('is followed through jumps and verdict maps, as far as the packets get', () => {
    const inside = shown({
      packets: { ...packetsOf(['172.16.100.0/24']), interfaces: null },
      passage: (family, hook) => (family !== 'bridge' && hook === 'input' ? 'all' : 'none'),
    });
    expect(inside.filter((line) => !line.includes(' netdev ') && !line.includes('chain ing'))).toEqual([
      'nftables inet f, chain input, handle 7 | ct state vmap { invalid : drop, established : accept, new : jump sub } | not counted | any',
      'nftables inet f, chain input, handle 10 | iifname { "a", "b" } reject | not counted | any',
      'nftables inet f, chain input, handle 11 | ip saddr @bad counter packets 0 bytes 0 drop | 0 | any',
      'nftables inet f, chain sub2, handle 16 | counter packets 0 bytes 0 drop | 0 | any',
      'nftables inet f, policy of chain input | hook input, policy drop | not counted | any',
      'nftables arp a, chain i, handle 2 | arp operation reply counter packets 0 bytes 0 drop | 0 | any',
    ]);
  });

  it('says whether all packets pass a chain, or some may', () => {
    const points = dropPoints(parseRuleset(rulesetJson), view({ passage: someOfInet }));
    expect(points.find(({ subject }) => subject.endsWith('chain sub2, handle 16'))).toMatchObject({
      isOnPath: false,
      remedy: 'nft delete rule inet f sub2 handle 16',
    });
    expect(points.find(({ subject }) => subject.endsWith('chain in, handle 4'))).toMatchObject({
      isOnPath: true,
    });
  });

  it('leaves out the frames of switches, other protocols, and tables that are read from iptables', () => {
    expect(shown({ passage: allOfBridge }).filter((line) => line.includes(' bridge '))).toEqual([]);
    const tap = { ...packetsOf(['172.16.100.0/24']), interfaces: new Set(['tap3']) };
    expect(shown({ passage: allOfBridge, packets: tap })).toEqual([
      'nftables bridge b, chain f, handle 3 | oifname "tap*" drop | not counted | named',
    ]);
    expect(shown({ passage: allOfBridge, packets: tap, ignored: new Set(['bridge b']) })).toEqual([]);
  });

  it('takes the interfaces of a chain from its JSON where a newer nft says them', () => {
    const newer = rulesetJson.replace('"hook": "ingress",', '"hook": "ingress", "dev": ["eth9"],');
    const points = dropPoints(parseRuleset(newer), view());
    expect(points.filter(({ subject }) => subject.includes('netdev guard, chain in'))).toEqual([]);
  });

  it('shows which tables iptables made', () => {
    expect(tablesOfIptables(parseRuleset(rulesetJson))).toEqual([]);
    const made = `{"nftables": [{"chain": {"family": "ip", "table": "filter", "name": "INPUT", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}}]}`;
    expect(tablesOfIptables(parseRuleset(made))).toEqual([{ family: 'ip', table: 'filter' }]);
  });

  it('joins a rule that is broken into lines', () => {
    const broken = `table inet f { # handle 1
	chain i { # handle 2
		type filter hook input priority filter; policy accept;
		ip saddr { 10.0.0.1, 10.0.0.2,
			   10.0.0.3 } counter packets 0 bytes 0 drop # handle 7
	}
}`;
    expect(parseNftTexts(broken).rules.get('inet f 7')).toBe(
      'ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.3 } counter packets 0 bytes 0 drop',
    );
  });
});
