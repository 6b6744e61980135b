import { describe, expect, it } from 'vitest';
import {
  InvalidAddress,
  isInterfaceName,
  isLocalMac,
  isUnicastMac,
  isVlanId,
  macFor,
  parseIp,
  parseMac,
} from './index.ts';

describe('a MAC address', () => {
  it.each(['02:42:AC:10:64:0a', '02-42-ac-10-64-0A'])('%s is 02:42:ac:10:64:0a', (text) => {
    expect(parseMac(text)).toBe('02:42:ac:10:64:0a');
  });

  it.each([
    '',
    '02:42:ac:10:64',
    '02:42:ac:10:64:0a:00',
    '02:42-ac:10:64:0a',
    '0242.ac10.640a',
    '2:42:ac:10:64:a',
    '02:42:ac:10:64:0g',
    '02:42:ac:10:64:0a\n',
  ])('%j is refused', (text) => {
    expect(() => parseMac(text)).toThrow(InvalidAddress);
  });

  it.each([
    ['0242.AC10.6499', 'write it as 02:42:ac:10:64:99'],
    ['0242ac106499', 'write it as 02:42:ac:10:64:99'],
    ['02:42-ac:10:64:99', 'write it as 02:42:ac:10:64:99'],
    ['2:42:ac:10:64:a', 'six hexadecimal pairs'],
    ['02:42:ac:10:64:0g', 'six hexadecimal pairs'],
  ])('%j is refused with what was meant where that is clear: %s', (text, hint) => {
    expect(() => parseMac(text)).toThrow(hint);
  });

  it.each([
    ['02:42:ac:10:64:0a', true, true],
    ['00:0c:29:00:00:01', true, false],
    ['01:00:5e:00:00:01', false, false],
    ['ff:ff:ff:ff:ff:ff', false, true],
    ['00:00:00:00:00:00', false, false],
  ])('%s: fit for an interface %s, locally administered %s', (text, unicast, local) => {
    expect(isUnicastMac(text)).toBe(unicast);
    expect(isLocalMac(text)).toBe(local);
  });
});

it.each([
  ['172.16.100.10', '02:42:ac:10:64:0a'],
  ['0.0.0.1', '02:42:00:00:00:01'],
  ['fd00:16:100::ac10:640a', '02:43:ac:10:64:0a'],
])('the MAC that belongs to %s is %s', (ip, mac) => {
  expect(macFor(parseIp(ip))).toBe(mac);
});

describe('names and numbers of links', () => {
  it.each(['e', 'ens33', 'ens33.10', 'bond0_a-b', '123456789012345', '...'])(
    '%s may name an interface',
    (text) => {
      expect(isInterfaceName(text)).toBe(true);
    },
  );

  it.each([
    '',
    '.',
    '..',
    '1234567890123456',
    '-ens33',
    'en s33',
    'ens33/1',
    'ens33;reboot',
    '$(id)',
    'eth%d',
    'eth0@if2',
    'eth0:1',
    'ens33\n',
    'ëns33',
  ])('%j may not', (text) => {
    expect(isInterfaceName(text)).toBe(false);
  });

  it.each([
    [0, false],
    [1, true],
    [4094, true],
    [4095, false],
    [-1, false],
    [1.5, false],
    [Number.NaN, false],
  ])('VLAN %s: %s', (id, valid) => {
    expect(isVlanId(id)).toBe(valid);
  });
});
