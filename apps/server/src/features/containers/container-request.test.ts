import { containerSettings, setting } from '@trunkline/contracts';
import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { ApiError } from '../../platform/errors.ts';
import { wholeValues } from '../../platform/settings.ts';
import { readContainer, reservationsFor } from './container-request.ts';

const base = { name: 'box1', host: 'docker01', image: 'busybox' };

function faultsOf(more: Partial<Parameters<typeof readContainer>[0]>): string[] {
  try {
    readContainer({ ...base, ...more });
  } catch (error) {
    if (error instanceof ApiError) return (error.errors ?? []).map(({ pointer }) => pointer);
    throw error;
  }
  return [];
}

test.each([
  [
    'attachments and networkMode together',
    { attachments: [{ network: 'mac_net1' }], networkMode: 'container:t1' },
    ['/networkMode'],
  ],
  ['neither of them', {}, ['/attachments']],
  ['its own stack', { networkMode: 'container:box1' }, ['/networkMode']],
  ['a host name in a shared stack', { networkMode: 'container:t1', hostname: 'x' }, ['/hostname']],
  [
    'one network twice',
    { attachments: [{ network: 'mac_net1' }, { network: 'mac_net1' }] },
    ['/attachments/1/network'],
  ],
  [
    'a text that is no address',
    { attachments: [{ network: 'mac_net1', address: '172.16.100.010' }] },
    ['/attachments/0/address'],
  ],
  [
    'IPv4 as address6',
    { attachments: [{ network: 'mac_net1', address6: '172.16.100.10' }] },
    ['/attachments/0/address6'],
  ],
  [
    'a multicast MAC',
    { attachments: [{ network: 'mac_net1', mac: '01:00:5e:00:00:01' }] },
    ['/attachments/0/mac'],
  ],
  [
    'a MAC of zeros',
    { attachments: [{ network: 'mac_net1', mac: '00:00:00:00:00:00' }] },
    ['/attachments/0/mac'],
  ],
  [
    'a MAC of mixed marks',
    { attachments: [{ network: 'mac_net1', mac: '02:42-ac:10:64:0a' }] },
    ['/attachments/0/mac'],
  ],
])('%s is refused', (_name, more, pointers) => {
  expect(faultsOf(more)).toEqual(pointers);
});

test('addresses and MACs are kept in canonical form', () => {
  const request = readContainer({
    ...base,
    attachments: [{ network: 'mac_net1', address6: 'FD00:0:0::00A', mac: '02-42-AC-10-64-0A' }],
  });
  expect(request.attachments).toEqual([
    { network: 'mac_net1', address6: 'fd00::a', mac: '02:42:ac:10:64:0a' },
  ]);
});

const take = (request: { address?: string; address6?: string }, families: (4 | 6)[]) =>
  reservationsFor({ network: 'mac_net1', ...request }, families, '/attachments/0');

test('a container gets one address of each IP version that its network has', () => {
  expect(take({}, [4, 6]).reservations).toEqual([{ family: 'ipv4' }, { family: 'ipv6' }]);
  expect(take({ address: '10.0.0.5' }, [4]).reservations).toEqual([{ family: 'ipv4', address: '10.0.0.5' }]);
  expect(take({ address: 'fd00::5' }, [6]).reservations).toEqual([{ family: 'ipv6', address: 'fd00::5' }]);
  expect(take({ address: '10.0.0.5', address6: 'fd00::5' }, [4, 6])).toEqual({
    reservations: [
      { family: 'ipv4', address: '10.0.0.5' },
      { family: 'ipv6', address: 'fd00::5' },
    ],
    faults: [],
  });
  expect(take({ address: 'fd00::5' }, [4, 6]).faults).toMatchObject([{ pointer: '/attachments/0/address' }]);
  expect(take({ address: '10.0.0.5' }, [6]).faults).toMatchObject([{ pointer: '/attachments/0/address' }]);
  expect(take({ address6: 'fd00::5' }, [4]).faults).toMatchObject([{ pointer: '/attachments/0/address6' }]);
  // As GET answers it.
  expect(take({ address6: 'fd00::5' }, [6])).toEqual({
    reservations: [{ family: 'ipv6', address: 'fd00::5' }],
    faults: [],
  });
  expect(take({ address: 'fd00::6', address6: 'fd00::5' }, [6]).faults).toMatchObject([
    { pointer: '/attachments/0/address6' },
  ]);
});

test('a container that was made before a field existed has the default of the field', () => {
  const privileged = setting(Type.Boolean({ description: 'All of the host.', examples: [false] }), false);
  const { spec } = readContainer({
    name: 'box1',
    host: 'docker01',
    image: 'busybox',
    attachments: [{ network: 'lan' }],
  });
  expect(wholeValues({ ...containerSettings, privileged }, spec)).toEqual({ ...spec, privileged: false });
});
