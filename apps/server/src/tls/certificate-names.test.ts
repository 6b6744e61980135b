/** What a certificate of the server's own is valid for. */
import { expect, test } from 'vitest';
import { certificateNames, coversNames, type NamesOf } from './certificate-names.ts';

const one = (address: string, internal = false) =>
  ({ address, internal }) as NonNullable<NamesOf['interfaces'][string]>[number];
const machine: NamesOf = {
  listen: '0.0.0.0',
  publicUrl: 'https://Trunkline.example.net:7400/base',
  hostname: 'server01',
  interfaces: {
    lo: [one('127.0.0.1', true)],
    ens33: [one('172.16.1.1'), one('fe80::1'), one('fd00::1'), one('169.254.3.4')],
  },
};

test('the public name first, then its own name and the addresses that others reach', () => {
  expect(certificateNames(machine)).toEqual({
    dns: ['trunkline.example.net', 'server01', 'localhost'],
    ip: ['127.0.0.1', '::1', '172.16.1.1', 'fd00::1'],
  });
});

test('a server that listens on one address has that one', () => {
  const { ip } = certificateNames({ ...machine, listen: '10.0.0.5', publicUrl: 'https://[fd00::9]:7400' });
  expect(ip).toEqual(['fd00::9', '127.0.0.1', '::1', '10.0.0.5']);
});

test('a name that no certificate can have is left out, and thousands of addresses as well', () => {
  const interfaces = { br0: Array.from({ length: 5000 }, (_, i) => one(`10.1.${i >> 8}.${i & 255}`)) };
  const names = certificateNames({ ...machine, publicUrl: undefined, hostname: 'my host', interfaces });
  expect(names.dns).toEqual(['localhost']);
  expect(names.ip).toHaveLength(64);
});

test('a certificate covers what is wanted, also where it has more', () => {
  const has = { dns: ['a', 'b'], ip: ['10.0.0.1'] };
  expect(coversNames(has, { dns: ['b'], ip: [] })).toBe(true);
  expect(coversNames(has, { dns: ['b'], ip: ['10.0.0.2'] })).toBe(false);
  expect(coversNames(has, { dns: ['c'], ip: [] })).toBe(false);
});
