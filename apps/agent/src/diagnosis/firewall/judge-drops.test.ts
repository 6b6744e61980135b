import { describe, expect, it } from 'vitest';
import { bridgeFindings } from './bridge-calls.ts';
import { ownerOf, type DropPoint } from './drop-point.ts';
import { judgeDrops } from './judge-drops.ts';

const point = (change: Partial<DropPoint> = {}): DropPoint => ({
  key: 'one',
  subject: 'nftables netdev guard, chain in, handle 4',
  what: 'a rule of nftables',
  text: 'ether type arp counter drop',
  packets: 15,
  fit: 'any',
  isOnPath: true,
  remedy: 'nft delete rule netdev guard in handle 4',
  owner: null,
  ...change,
});
const codes = (before: DropPoint[], after: DropPoint[], isLost: boolean): string[] =>
  judgeDrops(before, after, { isLost, place: '' }).map(
    ({ code, subject }) => `${code} ${subject.slice(0, 20)}`,
  );

describe('a point that drops packets', () => {
  it('is the cause where it counted some and some were lost', () => {
    expect(
      judgeDrops([point({ packets: 3 })], [point()], { isLost: true, place: ' inside container box1' }),
    ).toEqual([
      {
        code: 'packets-dropped',
        subject: 'nftables netdev guard, chain in, handle 4 inside container box1',
        message:
          'a rule of nftables inside container box1 dropped 12 packets while this diagnosis sent its own: nftables netdev guard, chain in, handle 4',
        evidence: [
          'nftables netdev guard, chain in, handle 4: ether type arp counter drop',
          '3 packets before the traffic of this diagnosis, 15 after it',
        ],
        remedy: 'nft delete rule netdev guard in handle 4',
      },
    ]);
  });

  const isStill = [point({ packets: 15 })];
  const rose = [point({ packets: 3 })];
  const sideways = { isOnPath: false } as const;
  it.each<[string, DropPoint[], DropPoint, boolean, string[]]>([
    ['counted nothing', isStill, point(), true, []],
    ['was set back', [point({ packets: 40 })], point(), true, []],
    ['counted, and nothing was lost here', rose, point(), false, ['packets-dropped']],
    ['was made in between', [], point(), true, ['packets-dropped']],
    [
      'has no counter, and something was lost',
      [],
      point({ packets: null }),
      true,
      ['packets-may-be-dropped'],
    ],
    ['has no counter, and nothing was lost', [], point({ packets: null }), false, []],
    ['counted beside the path', rose, point(sideways), true, ['packets-may-be-dropped']],
    [
      'counted beside the path what names ours',
      rose,
      point({ ...sideways, fit: 'named' }),
      true,
      ['packets-dropped'],
    ],
    ['counted beside the path, and nothing was lost', rose, point(sideways), false, []],
    ['has no counter beside the path', [], point({ ...sideways, packets: null }), true, []],
    ['is a queue that was full, and nothing was lost', rose, point({ isOrdinary: true }), false, []],
    [
      'is a queue that was full, and something was lost',
      rose,
      point({ isOrdinary: true }),
      true,
      ['packets-dropped'],
    ],
  ])('%s', (_, before, after, isLost, expected) => {
    expect(judgeDrops(before, [after], { isLost, place: '' }).map(({ code }) => code)).toEqual(expected);
  });

  it('comes first where it dropped most; those that may have dropped come last, and are few', () => {
    const few = point({ key: 'few', subject: 'few', packets: 2 });
    const many = point({ key: 'many', subject: 'many', packets: 20 });
    const uncounted = Array.from({ length: 20 }, (_, n) =>
      point({ key: `u${n}`, subject: `u${n}`, packets: null }),
    );
    const found = codes([], [...uncounted, few, many], true);
    expect(found.slice(0, 3)).toEqual([
      'packets-dropped many',
      'packets-dropped few',
      'packets-may-be-dropped u0',
    ]);
    expect(found).toHaveLength(10);
  });

  it('is named once where its discipline counts the same packets', () => {
    const filter = point({ key: 'tc filter of ens33 ingress, pref 1 u32, action 1', subject: 'filter' });
    const qdisc = point({ key: 'tc qdisc clsact ffff: of ens33', subject: 'clsact' });
    expect(codes([], [filter, qdisc], true)).toEqual(['packets-dropped filter']);
    expect(codes([], [qdisc], true)).toEqual(['packets-dropped clsact']);
  });

  it('is to be changed where it was made', () => {
    const [found] = judgeDrops([], [point({ owner: 'firewalld' })], { isLost: true, place: '' });
    expect(found?.remedy).toBe(
      'change it in firewalld, which puts it back; until then: nft delete rule netdev guard in handle 4',
    );
    expect(found?.message).toContain('a rule of nftables (of firewalld) dropped');
    expect([
      ownerOf('firewalld', 'filter_IN_public'),
      ownerOf('filter', 'ufw-user-input'),
      ownerOf('filter', 'DOCKER-USER'),
      ownerOf('mine'),
    ]).toEqual(['firewalld', 'ufw', 'Docker', null]);
  });
});

describe('a bridge that hands frames to iptables', () => {
  const bridge = { name: 'br0', setting: 'net.bridge.bridge-nf-call-iptables = 1' };
  const policy = point({
    key: 'policy',
    subject: 'iptables-nft table filter, policy of chain FORWARD',
    text: '-P FORWARD DROP',
    packets: 9,
    isForwardPolicy: true,
  });

  it('is named with the policy that counted, or that does not count', () => {
    expect(bridgeFindings(bridge, [{ ...policy, packets: 2 }], [policy])).toMatchObject([
      {
        code: 'bridge-calls-iptables',
        subject: 'bridge br0',
        evidence: [
          'net.bridge.bridge-nf-call-iptables = 1',
          'iptables-nft table filter, policy of chain FORWARD: -P FORWARD DROP; 2 packets before the traffic of this diagnosis, 9 after it',
        ],
      },
    ]);
    expect(bridgeFindings(bridge, [], [{ ...policy, packets: null }])).toHaveLength(1);
  });

  it('is not where the policy counted nothing, and for no other rule', () => {
    expect(bridgeFindings(bridge, [policy], [policy])).toEqual([]);
    expect(bridgeFindings(bridge, [], [point()])).toEqual([]);
  });
});
