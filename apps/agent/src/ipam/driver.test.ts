import { expect, test } from 'vitest';
import { document, id, network } from '../reconcile/test-subjects.ts';
import { createDriver } from './driver.ts';
import { DriverRefusal } from './refusal.ts';

const subject = (harm: string | null) =>
  createDriver({
    book: {
      request: async () => ({
        ip: '172.16.100.7',
        subnet: '172.16.100.0/24',
        takeBack: () => Promise.resolve(),
      }),
      release: async () => {},
    },
    desired: () => document([network({ mode: 'passthru' })]),
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
