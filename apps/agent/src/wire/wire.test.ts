import { formatIp, parseIp, parseMac } from '@trunkline/netaddr';
import { expect, test } from 'vitest';
import { CommandFailed, type RunCommand } from '../host/command.ts';
import { listenFor, readHeard } from './listener.ts';
import { askLine, stationOf } from './neighbour.ts';
import { isProbeMac, linkLocalOf, probeMac } from './probe-mac.ts';
import { createToolCheck, failureText, installation } from './tools.ts';

const entries = [
  { link: 'probe3', ip: parseIp('172.16.100.10') },
  { link: 'probe4', ip: parseIp('fd00::a') },
  { link: 'probe4', ip: parseIp('172.16.100.10') },
];

test('a listener notes who speaks for an address and who else asks for it, for both IP versions, link by link', () => {
  const { begin, ask, end } = listenFor(entries, 7);
  expect(begin).toContain('elements = { "probe3" . 172.16.100.10, "probe4" . 172.16.100.10 }');
  expect(begin).toContain('iif . arp saddr ip @asked add @speaks { iif . arp saddr ip . arp saddr ether }');
  expect(begin).toContain(
    'arp saddr ip 0.0.0.0 iif . arp daddr ip @asked add @asks { iif . arp daddr ip . arp saddr ether }',
  );
  const target = '@th,64,128 0xfd00000000000000000000000000000a';
  expect(begin).toContain(
    `iif "probe4" icmpv6 type nd-neighbor-advert ${target} add @speaks1 { ether saddr }`,
  );
  expect(begin).toContain(
    `iif "probe4" ip6 saddr :: icmpv6 type nd-neighbor-solicit ${target} add @asks1 { ether saddr }`,
  );
  expect(ask).toEqual([
    ['-j', 'list', 'table', 'arp', 'probe7'],
    ['-j', 'list', 'table', 'ip6', 'probe7'],
  ]);
  expect(end).toBe('delete table arp probe7\ndelete table ip6 probe7\n');
});

const answer = (...sets: object[]) => JSON.stringify({ nftables: [{ metainfo: {} }, ...sets] });
const heardOf = (link: string, mac: string) => ({ concat: [link, '172.16.100.10', mac] });

test('what nft says is read with and without timeouts, and an empty set is nobody', () => {
  const heard = readHeard(entries, [
    answer(
      {
        set: {
          name: 'speaks',
          elem: [
            heardOf('probe3', '02:00:00:00:00:02'),
            heardOf('probe3', '02:00:00:00:00:01'),
            heardOf('probe9', '02:00:00:00:00:09'),
          ],
        },
      },
      {
        set: { name: 'asks', elem: [{ elem: { val: heardOf('probe4', '02:00:00:00:00:04'), timeout: 9 } }] },
      },
    ),
    answer(
      { set: { name: 'speaks1' } },
      { set: { name: 'asks1', elem: [{ elem: { val: '02:00:00:00:00:03', timeout: 9 } }] } },
    ),
  ]);
  expect([0, 1, 2].map(heard)).toEqual([
    { speaks: ['02:00:00:00:00:01', '02:00:00:00:00:02'], asks: [] },
    { speaks: [], asks: ['02:00:00:00:00:03'] },
    { speaks: [], asks: ['02:00:00:00:00:04'] },
  ]);
});

test('one line asks for an address, at the MAC of everybody, and only a station has another one', () => {
  const link = { name: 'probe3' };
  expect(askLine({ link, ip: parseIp('172.16.100.10') })).toBe(
    'neigh replace 172.16.100.10 lladdr ff:ff:ff:ff:ff:ff nud probe dev probe3',
  );
  expect(askLine({ link, ip: parseIp('fd00::1:abcd:ef01') })).toBe(
    'neigh replace fd00::1:abcd:ef01 lladdr 33:33:ff:cd:ef:01 nud probe dev probe3',
  );
  expect(['ff:ff:ff:ff:ff:ff', '33:33:ff:cd:ef:01', undefined].map(stationOf)).toEqual([null, null, null]);
  expect(stationOf('02:00:00:AA:00:01')).toBe('02:00:00:aa:00:01');
});

test('the link-local address of a MAC', () => {
  expect(formatIp(parseIp(linkLocalOf('d6:4c:01:02:03:04')))).toBe('fe80::d44c:1ff:fe02:304');
});

test('the MAC of a probe link is its own, unicast, local, known as one, and the same every time', () => {
  const parent = { name: 'ens33', mac: '02:42:ac:10:64:0a' };
  expect(probeMac(parent)).toBe(probeMac(parent));
  expect(Number.parseInt(probeMac(parent).slice(0, 2), 16) & 3).toBe(2);
  expect([probeMac(parent), parent.mac].map(isProbeMac)).toEqual([true, false]);
  expect(parseMac(probeMac(parent))).toBe(probeMac(parent));
  const others = [
    { ...parent, name: 'ens33.10' },
    { ...parent, mac: '02:42:ac:10:64:0b' },
  ];
  expect(new Set([parent, ...others].map((one) => probeMac(one))).size).toBe(3);
});

const notThere = (argv: readonly string[]) =>
  new CommandFailed({ kind: 'spawn', argv, code: null, reason: 'not installed', stdout: '', stderr: '' });

test('a tool that is missing is named with its package, and found a minute after it was installed', async () => {
  const gone = new Set(['nft', 'arping']);
  let now = 0;
  const run: RunCommand = async (file) => {
    if (gone.has(file)) throw notThere([file]);
    return { stdout: 'arping from iputils 20221126', stderr: '', code: 0 };
  };
  const missing = createToolCheck(run, () => now);
  expect(installation(await missing())).toBe('install iputils-arping, nftables');
  gone.clear();
  expect(await missing()).toHaveLength(2);
  now = 60_000;
  expect(await missing()).toEqual([]);
});

const habets: RunCommand = async () => ({ stdout: '', stderr: 'ARPing 2.23, by Thomas Habets', code: 0 });

test('the arping of another package, whose options mean other things, counts as missing', async () => {
  expect((await createToolCheck(habets, () => 0)()).map(({ tool }) => tool)).toContain('arping');
});

const slow: RunCommand = async (file) => {
  throw new CommandFailed({
    kind: 'timeout',
    argv: [file],
    code: null,
    reason: 'no answer within 2000 ms',
    stdout: '',
    stderr: '',
  });
};

test('a tool that does not answer in time on a slow machine is not missing', async () => {
  expect(await createToolCheck(slow, () => 0)()).toEqual([]);
});

test.each([
  ['of the host', notThere(['nft', '-f', '-']), 'install nftables'],
  [
    'as nsenter says it',
    new CommandFailed({
      kind: 'exit',
      argv: ['nsenter', '--net=/proc/1/ns/net', '--', 'arping', '-D'],
      code: 127,
      reason: 'exit code 127',
      stdout: '',
      stderr: 'nsenter: failed to execute arping: No such file or directory',
    }),
    'install iputils-arping',
  ],
])('a program that is not there is reported with what to install: %s', (_, error, advice) => {
  expect(failureText(error)).toMatch(new RegExp(`; ${advice}$`));
});
