import { createFakeLeaseSource } from './lease-source.fake.ts';
import { describeLeaseSourceContract } from './lease-source.contract.ts';

describeLeaseSourceContract('fake', async ({ quarantineSeconds }) => {
  const networkId = '0198c0de-0000-7000-8000-000000000001';
  const subnet = '172.16.100.0/29';
  const source = createFakeLeaseSource([{ networkId, subnet }], { quarantines: quarantineSeconds > 0 });
  return {
    source,
    networkId,
    subnet,
    ip: (place) => `172.16.100.${String(place)}`,
    useElsewhere: async (ip) => {
      source.taken.set(ip, 'docker02');
    },
    reserve: async ({ ip, owner, mac }) => {
      source.reserved.set(mac ?? owner, ip);
    },
    dispose: async () => {},
  };
});
