import type { DesiredNetwork } from '@trunkline/contracts';
import { describe, expect, test } from 'vitest';
import { document, id, network } from '../../reconcile/subjects.fixture.ts';
import { createDriver } from './driver.ts';
import { DriverRefusal } from '../allocation/refusal.ts';

const subject = (harm: string | null, has: DesiredNetwork = network({ mode: 'passthru' })) =>
  createDriver({
    book: {
      request: async () => ({
        ip: '172.16.100.7',
        subnet: '172.16.100.0/24',
        isHeld: () => true,
        rollback: () => Promise.resolve(),
      }),
      release: async () => {},
    },
    desired: () => document([has]),
    isHeld: () => true,
    whyHarmful: async () => harm,
  });

async function ask(harm: string | null, body: object) {
  const driver = subject(harm);
  const opened = driver['/IpamDriver.RequestPool']!;
  const request = driver['/IpamDriver.RequestAddress']!;
  if (!opened.body || !request.body) throw new Error('both take a body');
  const { body: made } = await opened.call({
    AddressSpace: 'trunkline-local',
    Pool: '172.16.100.0/24',
    Options: { network: id(1) },
  });
  return await request.call({ PoolID: made['PoolID'], ...body });
}

test('no container gets an address on a network that would take a NIC from its host', async () => {
  const asked = { Options: { 'com.docker.network.endpoint.macaddress': '02:42:ac:10:64:07' } };
  await expect(ask('this host needs it', asked)).rejects.toThrow(DriverRefusal);
  await expect(ask('this host needs it', asked)).rejects.toThrow('this host needs it');
  expect((await ask(null, asked)).body).toMatchObject({ Address: '172.16.100.7/24' });
  // Docker asks for the gateway when the network is made, and that harms nobody.
  const gateway = { Address: '172.16.100.1', Options: { RequestAddressType: 'com.docker.network.gateway' } };
  expect((await ask('this host needs it', gateway)).body).toMatchObject({ Address: '172.16.100.1/24' });
});

describe('a gateway that the network does not have takes no address, on any host', () => {
  const has = network({
    subnets: [
      { cidr: '172.16.100.0/24', gateway: null },
      { cidr: 'fd00:1::/64', gateway: null },
    ],
  });
  const gatewayOf = async (subnet: string, address = '') => {
    const request = subject('it would harm', has)['/IpamDriver.RequestAddress']!;
    if (!request.body) throw new Error('it takes a body');
    const Options = { RequestAddressType: 'com.docker.network.gateway' };
    return (await request.call({ PoolID: `${id(1)}/${subnet}`, Address: address, Options })).body['Address'];
  };

  test.each([
    ['172.16.100.0/24', '127.0.0.1', '127.0.0.1/8'],
    ['fd00:1::/64', 'fe80::7472:756e:6b6c:696e', 'fe80::7472:756e:6b6c:696e/64'],
  ])('%s', async (subnet, named, answer) => {
    expect(await gatewayOf(subnet)).toBe(answer);
    // Docker from 28 on names it when it restores the network.
    expect(await gatewayOf(subnet, named)).toBe(answer);
  });

  test('a person may name an address of the subnet, and no other', async () => {
    expect(await gatewayOf('172.16.100.0/24', '172.16.100.9')).toBe('172.16.100.9/24');
    await expect(gatewayOf('172.16.100.0/24', '192.0.2.1')).rejects.toThrow('is not in 172.16.100.0/24');
  });

  test('the pool names none either', async () => {
    const opened = subject(null, has)['/IpamDriver.RequestPool']!;
    if (!opened.body) throw new Error('it takes a body');
    const { body } = await opened.call({ Pool: '172.16.100.0/24', Options: { network: id(1) } });
    expect(body['Data']).toEqual({});
  });
});
