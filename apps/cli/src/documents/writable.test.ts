import { Container, ContainerCreate, Network, NetworkCreate } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { writable } from './writable.ts';

test('of a network, what only the server writes is left out, in its subnets too', () => {
  const network = {
    id: '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11',
    name: 'mac_net1',
    space: 'default',
    vlan: null,
    subnets: [
      {
        id: 'x',
        cidr: '172.16.100.0/24',
        gateway: null,
        ranges: [],
        exclude: [],
        allocatable: '253',
        free: '1',
      },
    ],
    generation: 3,
    status: { ready: true },
  };
  expect(writable(network, NetworkCreate, Network)).toEqual({
    name: 'mac_net1',
    space: 'default',
    vlan: null,
    subnets: [{ cidr: '172.16.100.0/24', gateway: null, ranges: [], exclude: [] }],
  });
});

test('of a container, null is left out where a request cannot have it', () => {
  const container = {
    name: 'box1',
    command: null,
    networkMode: null,
    running: true,
    attachments: [
      { network: 'a', address: '10.0.0.5', address6: null, mac: null, observedMac: '02:00:00:00:00:01' },
    ],
  };
  expect(writable(container, ContainerCreate, Container)).toEqual({
    name: 'box1',
    attachments: [{ network: 'a', address: '10.0.0.5' }],
  });
});

test('what neither schema has is kept, for the server to judge', () => {
  expect(writable({ name: 'a', vlam: 3, subnets: [{ cider: 'x' }] }, NetworkCreate, Network)).toEqual({
    name: 'a',
    vlam: 3,
    subnets: [{ cider: 'x' }],
  });
});
