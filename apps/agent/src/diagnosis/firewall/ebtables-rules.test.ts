import { expect, it } from 'vitest';
import { ebtablesDropPoints } from './ebtables-rules.ts';
import { rangeFrom, type Packets } from './packets.ts';

const packets: Packets = {
  cidrs: [rangeFrom('172.16.100.0/24')!],
  interfaces: new Set(['br0', 'ens33']),
  vlans: new Set(),
};

/** As ebtables(8) describes the output of `-L --Lc`. */
const listed = `Bridge table: filter

Bridge chain: INPUT, entries: 2, policy: ACCEPT
-p ARP --arp-ip-dst 172.16.100.10 -j DROP , pcnt = 3 -- bcnt = 126
-p IPv6 -j DROP , pcnt = 9 -- bcnt = 700

Bridge chain: FORWARD, entries: 3, policy: DROP
-i tap0 -j DROP , pcnt = 1 -- bcnt = 42
-i ! tap0 -j DROP , pcnt = 0 -- bcnt = 0
-p ARP -j ACCEPT , pcnt = 7 -- bcnt = 294
`;

it('finds the rules and policies of ebtables that can drop the packets', () => {
  expect(
    ebtablesDropPoints(listed, 'filter', packets).map(({ subject, packets: count, fit, remedy }) => [
      subject,
      count,
      fit,
      remedy,
    ]),
  ).toEqual([
    [
      'ebtables table filter, chain INPUT',
      3,
      'named',
      'ebtables-legacy -t filter -D INPUT -p ARP --arp-ip-dst 172.16.100.10 -j DROP',
    ],
    [
      'ebtables table filter, policy of chain FORWARD',
      null,
      'any',
      'ebtables-legacy -t filter -P FORWARD ACCEPT',
    ],
    [
      'ebtables table filter, chain FORWARD',
      0,
      'any',
      'ebtables-legacy -t filter -D FORWARD -i ! tap0 -j DROP',
    ],
  ]);
});
