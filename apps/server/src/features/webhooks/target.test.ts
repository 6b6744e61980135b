import { parseCidr } from '@trunkline/netaddr';
import { expect, test } from 'vitest';
import { isAllowed, readTarget, targetRefusal } from './target.ts';

const rules = (allowed: string[] = [], own: string[] = []) => ({
  allowed: allowed.map((cidr) => parseCidr(cidr)),
  own: () => own,
});

test.each([
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['0.0.0.0', 'unspecified'],
  ['10.1.2.3', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.1.1', 'private'],
  ['100.64.0.1', 'private'],
  ['169.254.169.254', 'link-local'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.250', 'multicast'],
  ['255.255.255.255', 'special'],
  ['192.0.2.1', 'special'],
  ['::', 'special'],
  ['::1', 'loopback'],
  ['fd00::1', 'private'],
  ['fe80::1', 'link-local'],
  ['ff02::1', 'multicast'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:10.0.0.1', 'private'],
  ['64:ff9b::7f00:1', 'special'],
  ['2002:7f00:1::1', 'special'],
  ['2001::1', 'special'],
  ['2001:db8::1', 'special'],
])('nothing is sent to %s: it is %s', (address, what) => {
  expect(targetRefusal(address, rules())).toContain(what);
});

test.each(['not-an-address', 'fe80::1%eth0', '::ffff:7f00:1', '127.1', ''])(
  'nothing is sent to %j, which cannot be judged',
  (address) => {
    expect(targetRefusal(address, rules())).toBeDefined();
  },
);

test.each(['93.184.216.34', '172.32.0.1', '11.0.0.1', '2606:2800:220:1::1'])('%s is public', (address) => {
  expect(targetRefusal(address, rules())).toBeUndefined();
});

test('an address of this server is refused, also a public one', () => {
  expect(targetRefusal('93.184.216.34', rules([], ['93.184.216.34']))).toContain('this server');
});

test('what an operator allows may be sent to, and nothing beside it', () => {
  const allowing = rules(['10.1.0.0/16', '::1/128'], ['10.1.2.3']);
  expect(targetRefusal('10.1.2.3', allowing)).toBeUndefined();
  expect(targetRefusal('::1', allowing)).toBeUndefined();
  expect(targetRefusal('::ffff:10.1.2.3', allowing)).toBeUndefined();
  expect(targetRefusal('10.2.0.1', allowing)).toBeDefined();
  expect([isAllowed('10.1.2.3', allowing), isAllowed('93.184.216.34', allowing)]).toEqual([true, false]);
});

test.each([
  ['ftp://example.org/', 'https://'],
  ['javascript:alert(1)', 'https://'],
  ['https://user:pass@example.org/', 'password'],
  ['https://example.org/#x', 'fragment'],
  ['nonsense', 'URL'],
])('%s is no target', (text, why) => {
  expect(readTarget(text)).toContain(why);
});
