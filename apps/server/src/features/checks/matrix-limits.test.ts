import { parseIp } from '@trunkline/netaddr';
import type { HostFacts } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { addressesOfHost, knownLimit, whyNotTried } from './matrix-limits.ts';

const lan = { network: 'lan', mode: 'bridge', hostAccess: false, address: '10.0.0.1' };
const open = { ...lan, network: 'open', hostAccess: true };
const apart = { ...lan, network: 'apart', mode: 'private' };
const host = { host: 'docker01', container: null, attached: [] };
const box = { host: 'docker01', container: 'box1', attached: [lan] };

test.each([
  [
    'from a host to its own container',
    host,
    { host: 'docker01', attached: lan },
    '"hostAccess": true on lan',
  ],
  ['from a host to that of another host', host, { host: 'docker02', attached: lan }, null],
  ['from a host to its own with host access', host, { host: 'docker01', attached: open }, null],
  ['from a container to its own host', box, { host: 'docker01', attached: null }, 'the host that it runs on'],
  ['from a container to another host', box, { host: 'docker02', attached: null }, null],
  [
    'from a container with host access to its own host',
    { ...box, attached: [lan, open] },
    { host: 'docker01', attached: null },
    null,
  ],
  ['between containers of one host', box, { host: 'docker01', attached: lan }, null],
  [
    'between containers of one host in mode private',
    { ...box, attached: [apart] },
    { host: 'docker01', attached: apart },
    'its mode is private',
  ],
  [
    'between containers of two hosts in mode private',
    { ...box, attached: [apart] },
    { host: 'docker02', attached: apart },
    null,
  ],
])('what cannot answer is known, and nothing else: %s', (_, source, holder, expected) => {
  const found = knownLimit(source, [holder]);
  if (expected === null) expect(found).toBeNull();
  else expect(found).toContain(expected);
});

test('an address that nobody known has has no limit', () => {
  expect(knownLimit(host, [])).toBeNull();
});

const nic = (name: string, addresses: string[], up = true) =>
  ({ name, addresses, up, kind: null }) as unknown as HostFacts['interfaces'][number];

test("a host is tried at its own addresses, not at those of loopback, link-local or Docker's bridges", () => {
  expect(
    addressesOfHost([
      nic('lo', ['127.0.0.1/8', '::1/128']),
      nic('ens33', ['172.16.1.30/24', 'fd00:1::30/64', 'fe80::1/64', '169.254.7.7/16']),
      nic('docker0', ['172.17.0.1/16']),
      nic('br-0123456789ab', ['172.18.0.1/16']),
      nic('ens34', ['10.9.9.9/24'], false),
      nic('bond0.10', ['172.16.1.30/24', '10.10.0.30/24']),
    ]),
  ).toEqual(['172.16.1.30', 'fd00:1::30', '10.10.0.30']);
});

test.each([
  ['224.0.0.1', 'multicast'],
  ['ff02::1', 'multicast'],
  ['255.255.255.255', 'broadcast'],
  ['0.0.0.0', 'no address of a station'],
  ['::', 'no address of a station'],
  ['8.8.8.8', null],
  ['fd00::1', null],
])('an address that many or none may answer for is not tried: %s', (text, expected) => {
  const why = whyNotTried(parseIp(text));
  if (expected === null) expect(why).toBeNull();
  else expect(why).toContain(expected);
});
