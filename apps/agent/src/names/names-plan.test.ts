import { describe, expect, test } from 'vitest';
import {
  maxBytes,
  maxLines,
  namesFile,
  sharedNames,
  type NamedOne,
  type NetworkNames,
} from './names-plan.ts';
import { named } from './named.fixture.ts';

const net = (containers: NamedOne[], name = 'mac_net1'): NetworkNames => ({ id: name, name, containers });
/** A container of a name that has the alias `web`. */
const alsoWeb = (name: string): NamedOne => named(name, { aliases: ['web'] });
const own = { host: 'docker01', isOwn: true } as const;
const linesOf = (...networks: NetworkNames[]): string[] =>
  namesFile(networks).lines.map(({ ip, names }) => [ip, ...names].join(' '));
/** Address that a name leads to. */
const leads = (name: string, ...networks: NetworkNames[]): string[] =>
  namesFile(networks).lines.flatMap(({ ip, names }) => (names.includes(name) ? [ip] : []));

describe('the names of a container', () => {
  test('are its name, its aliases, and both with the network behind', () => {
    expect(linesOf(net([named('box2', { aliases: ['web'] })]))).toEqual([
      '172.16.100.20 box2 box2.mac_net1 web web.mac_net1',
    ]);
  });

  test('lead to each of its addresses', () => {
    expect(linesOf(net([named('box2', { ipv6: 'fd00::20' })]))).toEqual([
      '172.16.100.20 box2 box2.mac_net1',
      'fd00::20 box2 box2.mac_net1',
    ]);
  });

  test.each([
    'a b',
    'a\nb',
    'a\tb',
    '#a',
    'a#b',
    '-a',
    '',
    'a'.repeat(254),
    'é',
    '10.0.0.1',
    'localhost',
    'LocalHost',
  ])('one that is no host name does not get into a file: %j', (bad) => {
    expect(linesOf(net([named(bad, { aliases: [bad] })])).join('\n')).not.toContain(`${bad} `);
    expect(leads(bad, net([named('box2', { aliases: [bad] })]))).toEqual([]);
  });

  test('an address that is none does not get into a file', () => {
    expect(linesOf(net([named('box2', { ipv4: '1.2.3.4 evil\n' })]))).toEqual([]);
  });
});

describe('a name that two go by', () => {
  const here = named('web', { ...own, ipv4: '172.16.100.10', since: 9000 });
  const there = named('web', { ipv4: '172.16.100.20', since: 5000 });
  const elsewhere = named('web', { host: 'docker03', ipv4: '172.16.100.30', since: 1000 });

  test("is the host's own container, whichever runs longer", () => {
    expect(leads('web', net([there, here]))).toEqual(['172.16.100.10']);
  });

  test('is the one that runs longest, where none is of this host', () => {
    expect(leads('web', net([there, elsewhere]))).toEqual(['172.16.100.30']);
  });

  test('is the one whose name it is, before one whose alias it is', () => {
    const alias = named('a', { aliases: ['web'], since: 1, ipv4: '172.16.100.40' });
    expect(leads('web', net([alias, there]))).toEqual(['172.16.100.20']);
    expect(linesOf(net([alias, there]))).toContain('172.16.100.40 a a.mac_net1');
  });

  test('on two networks is one address, and each network has its own', () => {
    const beside = named('web', { ipv4: '172.16.20.20' });
    const networks = [net([there]), net([beside], 'mac_net2')];
    expect(leads('web', ...networks)).toEqual(['172.16.100.20']);
    expect(leads('web.mac_net2', ...networks)).toEqual(['172.16.20.20']);
  });

  test('is reported with both, the one that is taken first', () => {
    expect(sharedNames(net([there, here]))).toEqual([
      {
        name: 'web',
        containers: [
          { host: 'docker01', name: 'web' },
          { host: 'docker02', name: 'web' },
        ],
      },
    ]);
  });

  test('is reported for a name that is an alias elsewhere, and not for an alias that several have', () => {
    expect(sharedNames(net([alsoWeb('a'), there]))).toHaveLength(1);
    expect(sharedNames(net([alsoWeb('a'), alsoWeb('b')]))).toEqual([]);
    expect(sharedNames(net([named('web', { aliases: ['web'] })]))).toEqual([]);
  });
});

test('a block is bounded in lines and bytes, what is cut is counted, and own containers come first', () => {
  const many = Array.from({ length: maxLines + 10 }, (_, at) => named(`c${at}`, { since: at }));
  const mine = named('mine', { ...own, since: 99_999 });
  const file = namesFile([net([...many, mine])]);
  expect(file.lines).toHaveLength(maxLines);
  expect(file.cut).toBe(11);
  expect(file.lines[0]?.names).toContain('mine');
  const long = Array.from({ length: 2000 }, (_, at) => named(`${'x'.repeat(200)}${at}`, { since: at }));
  const cut = namesFile([net(long)]);
  expect(cut.lines.map(({ ip, names }) => `${ip} ${names.join(' ')}\n`).join('').length).toBeLessThanOrEqual(
    maxBytes,
  );
  expect(cut.cut).toBeGreaterThan(0);
});
