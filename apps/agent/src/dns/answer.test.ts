import type { Answer } from 'dns-packet';
import { describe, expect, test } from 'vitest';
import { answer, ttl } from './answer.ts';
import { maxRecords, zoneOf, type ZoneNetwork } from './zone.ts';
import { named } from '../names/named.fixture.ts';
import { namedNetwork } from './zone.fixture.ts';

const zoneName = 'trunkline.internal';
const lan = namedNetwork(
  [
    named('Box1', { ipv4: '172.16.100.10', aliases: ['web'], isOwn: true, host: 'docker01' }),
    named('box2', { ipv4: '172.16.100.20', ipv6: 'fd00:0:0:100::20', aliases: ['web'], since: 2000 }),
  ],
  { subnets: ['172.16.100.0/24', 'fd00:0:0:100::/64'] },
);
const zone = zoneOf([lan], zoneName, 7);
const ask = (name: string, type = 'A', kind = 'IN') => answer(zone, { name, type, class: kind });
const dataOf = (answers: readonly Answer[]): unknown[] =>
  answers.map((one) => ('data' in one ? one.data : null));
const asked = (type: string, name: string) => dataOf(ask(name, type).answers);
const soa = (apex: string) => [expect.objectContaining({ name: apex, type: 'SOA', ttl })];

const box2Reverse6 = `0.2.${'0.'.repeat(14)}0.0.1.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa`;
const apex6 = '0.0.1.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa';

describe('records', () => {
  test.each([
    ['A', 'box2.mac_net1.trunkline.internal', ['172.16.100.20']],
    ['A', 'web.mac_net1.trunkline.internal', ['172.16.100.10']],
    ['AAAA', 'box2.mac_net1.trunkline.internal', ['fd00:0:0:100::20']],
    ['PTR', '20.100.16.172.in-addr.arpa', ['box2.mac_net1.trunkline.internal']],
    ['PTR', '10.100.16.172.in-addr.arpa', ['Box1.mac_net1.trunkline.internal']],
    ['PTR', box2Reverse6, ['box2.mac_net1.trunkline.internal']],
    [
      'SRV',
      '_8080._tcp.web.mac_net1.trunkline.internal',
      [
        { priority: 0, weight: 1, port: 8080, target: 'Box1.mac_net1.trunkline.internal' },
        { priority: 0, weight: 1, port: 8080, target: 'box2.mac_net1.trunkline.internal' },
      ],
    ],
    ['ANY', 'box2.mac_net1.trunkline.internal', [{ cpu: 'RFC8482', os: '' }]],
  ])('%s of %s', (type, name, data) => {
    const reply = ask(name, type);
    expect(reply).toMatchObject({ rcode: 'NOERROR', isAuthoritative: true, authorities: [] });
    expect(dataOf(reply.answers)).toEqual(data);
    expect(reply.answers.map((one) => [one.name, 'ttl' in one && one.ttl])).toEqual(
      data.map(() => [name, 5]),
    );
  });

  test.each([zoneName, '100.16.172.in-addr.arpa', apex6])(
    'SOA of %s, which nobody may keep for long',
    (apex) => {
      expect(ask(apex, 'SOA')).toMatchObject({
        rcode: 'NOERROR',
        answers: [{ name: apex, type: 'SOA', ttl: 5, data: { mname: zoneName, serial: 7, minimum: 5 } }],
        authorities: [],
      });
    },
  );

  test('a name is found whatever its case, and comes back in the case in which it was asked for', () => {
    const reply = ask('bOX2.Mac_NET1.trunkLINE.internal');
    expect(reply.answers).toEqual([expect.objectContaining({ name: 'bOX2.Mac_NET1.trunkLINE.internal' })]);
    expect(asked('PTR', '20.100.16.172.IN-ADDR.arpa')).toHaveLength(1);
    expect(asked('PTR', box2Reverse6.toUpperCase())).toHaveLength(1);
  });
});

test.each([
  ['of another type', 'AAAA', 'box1.mac_net1.trunkline.internal', zoneName],
  ['of a type that nobody has here', 'TXT', 'box1.mac_net1.trunkline.internal', zoneName],
  ['of the zone', 'A', zoneName, zoneName],
  ['of a network', 'A', 'mac_net1.trunkline.internal', zoneName],
  ['of a service, other than SRV', 'A', '_80._tcp.web.mac_net1.trunkline.internal', zoneName],
  ['above the services', 'SRV', '_tcp.web.mac_net1.trunkline.internal', zoneName],
  ['of an address, other than PTR', 'A', '20.100.16.172.in-addr.arpa', '100.16.172.in-addr.arpa'],
  ['above an address', 'PTR', box2Reverse6.slice(2), apex6],
])('NODATA with SOA: %s', (_, type, name, apex) => {
  expect(ask(name, type)).toEqual({
    rcode: 'NOERROR',
    isAuthoritative: true,
    answers: [],
    authorities: soa(apex),
  });
});

test.each([
  ['box3.mac_net1.trunkline.internal', zoneName],
  ['box2.trunkline.internal', zoneName],
  ['a.box2.mac_net1.trunkline.internal', zoneName],
  ['_http._tcp.web.mac_net1.trunkline.internal', zoneName],
  ['_0._tcp.web.mac_net1.trunkline.internal', zoneName],
  ['_65536._tcp.web.mac_net1.trunkline.internal', zoneName],
  ['_80._sctp.web.mac_net1.trunkline.internal', zoneName],
  ['_80._tcp.mac_net1.trunkline.internal', zoneName],
  ['30.100.16.172.in-addr.arpa', '100.16.172.in-addr.arpa'],
  ['020.100.16.172.in-addr.arpa', '100.16.172.in-addr.arpa'],
  ['x.20.100.16.172.in-addr.arpa', '100.16.172.in-addr.arpa'],
  [`1.${box2Reverse6.slice(2)}`, apex6],
])('NXDOMAIN with SOA: %s', (name, apex) => {
  for (const type of ['A', 'SRV', 'ANY'])
    expect(ask(name, type)).toEqual({
      rcode: 'NXDOMAIN',
      isAuthoritative: true,
      answers: [],
      authorities: soa(apex),
    });
});

test.each([
  ['A', 'example.com', 'IN'],
  ['A', '.', 'IN'],
  ['A', 'internal', 'IN'],
  ['A', 'nottrunkline.internal', 'IN'],
  ['PTR', '20.101.16.172.in-addr.arpa', 'IN'],
  ['PTR', '16.172.in-addr.arpa', 'IN'],
  ['PTR', 'in-addr.arpa', 'IN'],
  ['PTR', 'x.in-addr.arpa', 'IN'],
  ['PTR', '1.0.0.127.in-addr.arpa', 'IN'],
  ['PTR', '256.100.16.172.in-addr.arpa.example', 'IN'],
  ['PTR', 'g.ip6.arpa', 'IN'],
  ['TXT', 'version.bind', 'CH'],
  ['A', 'box2.mac_net1.trunkline.internal', 'CH'],
  ['A', 'box2.mac_net1.trunkline.internal', 'ANY'],
  ['AXFR', zoneName, 'IN'],
  ['IXFR', zoneName, 'IN'],
])('REFUSED: %s of %s in class %s', (type, name, kind) => {
  expect(ask(name, type, kind)).toEqual({
    rcode: 'REFUSED',
    isAuthoritative: false,
    answers: [],
    authorities: [],
  });
});

describe('what is not known is no proof that there is nothing', () => {
  const rcodeOf = (networks: ZoneNetwork[] | null, name: string) =>
    answer(zoneOf(networks, zoneName, 1), { name, type: 'A', class: 'IN' }).rcode;
  const cut = namedNetwork([named('box2')], { isComplete: false });
  const whole = namedNetwork([named('box9', { ipv4: '10.0.0.9' })], {
    name: 'net2',
    subnets: ['10.0.0.0/24'],
  });

  test.each([
    ['box2.mac_net1.trunkline.internal', 'NOERROR'],
    ['box3.mac_net1.trunkline.internal', 'SERVFAIL'],
    ['30.100.16.172.in-addr.arpa', 'SERVFAIL'],
    ['box3.net2.trunkline.internal', 'NXDOMAIN'],
    ['30.0.0.10.in-addr.arpa', 'NXDOMAIN'],
    ['box3.trunkline.internal', 'NXDOMAIN'],
  ])('where the names of one network are not complete: %s is %s', (name, rcode) => {
    expect(rcodeOf([cut, whole], name)).toBe(rcode);
  });

  test.each([
    [zoneName, 'NOERROR'],
    ['box2.mac_net1.trunkline.internal', 'SERVFAIL'],
    ['20.100.16.172.in-addr.arpa', 'SERVFAIL'],
    ['example.com', 'REFUSED'],
  ])('before any network is known: %s is %s', (name, rcode) => {
    expect(rcodeOf(null, name)).toBe(rcode);
  });
});

const inZone = (networks: ZoneNetwork[], name: string, type = 'A') =>
  dataOf(answer(zoneOf(networks, zoneName, 1), { name, type, class: 'IN' }).answers);

describe('whose a name is', () => {
  test('of two that are called so, the one that runs longest, on every host', () => {
    const first = named('twin', { ipv4: '172.16.100.11', host: 'docker01', since: 1 });
    const second = named('twin', { ipv4: '172.16.100.12', since: 2 });
    for (const own of [first, second]) {
      const seen = [first, second].map((one) => ({ ...one, isOwn: one === own }));
      expect(inZone([namedNetwork(seen)], 'twin.mac_net1.trunkline.internal')).toEqual(['172.16.100.11']);
    }
  });

  test('an address leads to a name that leads back, or to none', () => {
    const first = named('twin', { ipv4: '172.16.100.11', since: 1 });
    const second = named('twin', { ipv4: '172.16.100.12', since: 2 });
    const third = named('twin', { ipv4: '172.16.100.13', since: 3, aliases: ['other'] });
    const networks = [namedNetwork([first, second, third])];
    const pointers = (last: number) => inZone(networks, `${last}.100.16.172.in-addr.arpa`, 'PTR');
    expect([11, 12, 13].map(pointers)).toEqual([
      ['twin.mac_net1.trunkline.internal'],
      [],
      ['other.mac_net1.trunkline.internal'],
    ]);
    expect(inZone(networks, '_80._tcp.twin.mac_net1.trunkline.internal', 'SRV')).toHaveLength(2);
  });

  test('a name before an alias', () => {
    const networks = [
      namedNetwork([
        named('old', { ipv4: '172.16.100.11', since: 1, aliases: ['web'] }),
        named('web', { ipv4: '172.16.100.12', since: 2 }),
      ]),
    ];
    expect(inZone(networks, 'web.mac_net1.trunkline.internal')).toEqual(['172.16.100.12']);
  });

  test('names with dots that meet are those of the first network', () => {
    const networks = [
      namedNetwork([named('a.b', { ipv4: '10.0.1.1' })], { name: 'net', subnets: ['10.0.1.0/24'] }),
      namedNetwork([named('a', { ipv4: '10.0.2.1' })], { name: 'b.net', subnets: ['10.0.2.0/24'] }),
    ];
    expect(inZone(networks, 'a.b.net.trunkline.internal')).toEqual(['10.0.2.1']);
    expect(inZone(networks, '1.1.0.10.in-addr.arpa', 'PTR')).toEqual([]);
  });

  test('one address in two networks has both names', () => {
    const networks = ['net1', 'net2'].map((name) => namedNetwork([named('box2')], { name }));
    expect(inZone(networks, '20.100.16.172.in-addr.arpa', 'PTR')).toEqual([
      'box2.net1.trunkline.internal',
      'box2.net2.trunkline.internal',
    ]);
  });

  test('a name that does not fit into DNS is left out, and what an alias has of it stays', () => {
    const long = 'x'.repeat(64);
    const networks = [namedNetwork([named(long, { aliases: ['short'] })])];
    expect(inZone(networks, `${long}.mac_net1.trunkline.internal`)).toEqual([]);
    expect(inZone(networks, '20.100.16.172.in-addr.arpa', 'PTR')).toEqual([
      'short.mac_net1.trunkline.internal',
    ]);
  });

  test(`an alias of many is ${maxRecords} of them`, () => {
    const many = Array.from({ length: 200 }, (_, at) =>
      named(`c${at}`, { ipv4: `172.16.100.${at + 1}`, aliases: ['all'], since: at }),
    );
    const found = inZone([namedNetwork(many)], '_1._udp.all.mac_net1.trunkline.internal', 'SRV');
    expect(found).toHaveLength(maxRecords);
    expect(found[0]).toMatchObject({ target: 'c0.mac_net1.trunkline.internal' });
  });
});

const replyIn = (subnet: string, name: string, ipv4: string) => {
  const networks = [namedNetwork([named('box2', { ipv4 })], { subnets: [subnet] })];
  const { rcode, authorities } = answer(zoneOf(networks, zoneName, 1), { name, type: 'TXT', class: 'IN' });
  return [rcode, authorities[0]?.name];
};

describe('reverse zones of subnets that end within a label', () => {
  test.each([
    ['10.1.2.16/28', '17.2.1.10.in-addr.arpa', 'NOERROR', '2.1.10.in-addr.arpa'],
    ['10.1.2.16/28', '18.2.1.10.in-addr.arpa', 'NXDOMAIN', '2.1.10.in-addr.arpa'],
    ['10.1.2.16/28', '2.1.10.in-addr.arpa', 'NOERROR', '2.1.10.in-addr.arpa'],
    ['10.1.2.16/28', '32.2.1.10.in-addr.arpa', 'REFUSED', undefined],
    ['10.1.2.0/23', '18.3.1.10.in-addr.arpa', 'NXDOMAIN', '3.1.10.in-addr.arpa'],
    ['10.1.2.0/23', '3.1.10.in-addr.arpa', 'NOERROR', '3.1.10.in-addr.arpa'],
    ['10.1.2.0/23', '1.10.in-addr.arpa', 'REFUSED', undefined],
    ['10.1.0.0/16', '18.3.1.10.in-addr.arpa', 'NXDOMAIN', '1.10.in-addr.arpa'],
    ['10.1.0.0/16', '2.1.10.in-addr.arpa', 'NOERROR', '1.10.in-addr.arpa'],
    ['10.1.2.17/32', '17.2.1.10.in-addr.arpa', 'NOERROR', '2.1.10.in-addr.arpa'],
  ])('%s: %s is %s', (subnet, name, rcode, apex) => {
    expect(replyIn(subnet, name, '10.1.2.17')).toEqual([rcode, apex]);
  });
});
