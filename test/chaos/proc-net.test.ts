import { expect, test } from 'vitest';
import { addressesIn, interfacesIn } from './proc-net.ts';

/** As Linux 6.18 shows a container with 10.213.0.9/24; the kernel shows both tables merged, so everything twice. */
const table = (name: string): string => `${name}:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.213.0.0/24 2 0 2
        +-- 10.213.0.0/28 2 0 2
           |-- 10.213.0.0
              /24 link UNICAST
           |-- 10.213.0.9
              /32 host LOCAL
        |-- 10.213.0.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
`;

test('the addresses of a network stack are its host routes, without the loopback', () => {
  expect(addressesIn(`${table('Main')}${table('Local')}`)).toEqual(['10.213.0.9']);
  expect(addressesIn('')).toEqual([]);
});

test('interfaces are distinguished by their number', () => {
  const igmp = `Idx	Device    : Count Querier	Group    Users Timer	Reporter
1	lo        :     1      V3
				010000E0     1 0:00000000		0
14	eth0      :     1      V3
				010000E0     1 0:00000000		0
`;
  expect(interfacesIn(igmp)).toEqual([14]);
});
