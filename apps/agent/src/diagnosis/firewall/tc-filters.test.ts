import { describe, expect, it } from 'vitest';
import { rangeFrom, type Packets } from './packets.ts';
import {
  directionsOf,
  filterDropPoints,
  filterNames,
  parseQdiscs,
  qdiscDropPoint,
  type TcView,
} from './tc-filters.ts';

const packets: Packets = {
  cidrs: [rangeFrom('172.16.100.0/24')!],
  interfaces: new Set(['ens33']),
  vlans: new Set(),
};
const view: TcView = { device: 'ens33', direction: 'egress', packets, prefix: '' };

/** `tc -s -j filter show dev eth0 egress` of iproute2 6.1, as it printed it. */
const redirected = `[{"protocol":"arp","pref":49152,"kind":"u32","chain":0},{"protocol":"arp","pref":49152,"kind":"u32","chain":0,"options":{"fh":"800:","ht_divisor":1}},{"protocol":"arp","pref":49152,"kind":"u32","chain":0,"options":{"fh":"800::800","order":2048,"key_ht":"800","bkt":"0","not_in_hw":true,"match":{"value":"0","mask":"0","offmask":"","off":0},"actions":[{"order":1,"kind":"mirred","mirred_action":"redirect","direction":"egress","to_dev":"p","control_action":{"type":"stolen"},"index":1,"ref":1,"bind":1,"installed":1,"last_used":1,"first_used":1,"stats":{"bytes":42,"packets":1,"drops":0,"overlimits":0,"requeues":0,"backlog":0,"qlen":0}}]}}]`;
const program = `[{"protocol":"all","pref":49152,"kind":"bpf","chain":0},{"protocol":"all","pref":49152,"kind":"bpf","chain":0,"options":{"handle":"0x1","direct-action":true,"not_in_hw":true,"bytecode":{"length":1,"insns":[{"code":6,"jt":0,"jf":0,"k":2}]}}}]`;
/** The action as iproute2's m_gact.c prints it; a kernel without act_gact makes none. */
const dropped = redirected
  .replace(
    '"kind":"mirred","mirred_action":"redirect","direction":"egress","to_dev":"p","control_action":{"type":"stolen"}',
    '"kind":"gact","control_action":{"type":"drop"},"prob":{"random_type":"none","control_action":{"type":"pass"},"val":0}',
  )
  .replace('"drops":0', '"drops":5');
/** `tc -s -j qdisc show` of iproute2 6.1, as it printed it. */
const qdiscs = `[{"kind":"noqueue","handle":"0:","dev":"lo","root":true,"refcnt":2,"options":{},"bytes":0,"packets":0,"drops":0,"overlimits":0,"requeues":0,"backlog":0,"qlen":0},{"kind":"tbf","handle":"8001:","dev":"eth0","root":true,"refcnt":3,"options":{"rate":1,"burst":165,"limit":1},"bytes":0,"packets":0,"drops":2,"overlimits":0,"requeues":0,"backlog":0,"qlen":0},{"kind":"clsact","handle":"ffff:","dev":"eth0","parent":"ffff:fff1","options":{},"bytes":394,"packets":6,"drops":3,"overlimits":0,"requeues":0,"backlog":0,"qlen":0}]`;

describe('filters of tc', () => {
  it('that drop are found with what they dropped, and how they are taken away', () => {
    expect(filterDropPoints(dropped, view)).toMatchObject([
      {
        subject: 'tc filter of ens33 egress, pref 49152 u32',
        text: 'protocol arp pref 49152 u32, action gact drop',
        packets: 5,
        remedy: 'tc filter del dev ens33 egress pref 49152',
      },
    ]);
  });

  it('that send packets elsewhere are found with what they sent', () => {
    expect(filterDropPoints(redirected, view)).toMatchObject(
      [{ packets: 1, text: /action mirred redirect$/ }].map(({ text, ...rest }) => ({
        ...rest,
        text: expect.stringMatching(text) as unknown,
      })),
    );
  });

  it.each([
    ['of a protocol that nobody sends', redirected.replaceAll('"arp"', '"ipv6"')],
    ['that pass on', dropped.replace('"type":"drop"', '"type":"pass"').replace('"drops":5', '"drops":0')],
    ['that decide in a program', program],
    ['that are none', ''],
  ])('%s are no cause by themselves', (_, stdout) => {
    expect(filterDropPoints(stdout, view)).toEqual([]);
  });

  it('have names, each once', () => {
    expect(filterNames(redirected, 'egress')).toEqual(['egress pref 49152 u32']);
    expect(filterNames(program, 'ingress')).toEqual(['ingress pref 49152 bpf']);
  });
});

describe('queueing disciplines', () => {
  it('show what they dropped', () => {
    expect(
      parseQdiscs(qdiscs).map(({ device, kind, drops, isRoot }) => [device, kind, drops, isRoot]),
    ).toEqual([
      ['lo', 'noqueue', 0, true],
      ['eth0', 'tbf', 2, true],
      ['eth0', 'clsact', 3, false],
    ]);
    expect(['clsact', 'ingress', 'tbf'].map(directionsOf)).toEqual([['ingress', 'egress'], ['ingress'], []]);
  });

  it('are taken away by filter where they have one, else whole', () => {
    const [, tbf, clsact] = parseQdiscs(qdiscs);
    expect(qdiscDropPoint(clsact!, ['ingress pref 49152 bpf'], '').remedy).toBe(
      'tc filter del dev eth0 ingress pref 49152',
    );
    expect(qdiscDropPoint(clsact!, ['ingress pref 1 bpf', 'egress pref 2 bpf'], '').remedy).toBe(
      'tc qdisc del dev eth0 clsact',
    );
    expect(qdiscDropPoint(tbf!, [], 'nsenter -t 42 -n ').remedy).toBe(
      'nsenter -t 42 -n tc qdisc del dev eth0 root',
    );
  });
});
