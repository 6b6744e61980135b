/** What an agent confirms of what the server took away, and how often. */
import type { DesiredDocument, LeaseSync as Asked, Revocation } from '@trunkline/contracts';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createManualTime } from '../../lib/manual-time.fake.ts';
import { temporaryFolder } from '../../lib/temporary-folder.fixture.ts';
import { document, id, network } from '../../reconcile/subjects.fixture.ts';
import { createFakeLeaseSource } from './lease-source.fake.ts';
import { openLeaseStore } from './lease-store.ts';
import { createLeaseSync } from './lease-sync.ts';
import { createReachability } from './reachability.ts';

const log = pino({ level: 'silent' });
const revoked: Revocation = { networkId: id(1), ip: '172.16.100.7', generation: 3 };

async function rig() {
  const folder = await temporaryFolder();
  const timing = createManualTime();
  const store = await openLeaseStore(folder.path, log, timing.now);
  const source = createFakeLeaseSource([{ networkId: id(1), subnet: '172.16.100.0/28' }]);
  const asked: Asked[] = [];
  let desired: DesiredDocument = document([network({ warm: 0 })]);
  const leaseSync = createLeaseSync({
    store,
    desired: () => desired,
    isPlaced: () => true,
    source: () => ({
      ...source,
      syncLeases: async (one, options) => {
        asked.push(one);
        return await source.syncLeases(one, options);
      },
    }),
    reachability: createReachability('nobody asked yet', timing.now, () => {}),
    onChange: () => {},
    timing,
    log,
  });
  return {
    leaseSync,
    /** Exchanges with a document that lists these, and answers what was confirmed. */
    confirms: async (...revocations: Revocation[]): Promise<readonly Revocation[]> => {
      desired = { ...desired, revocations };
      asked.length = 0;
      await leaseSync.flush(1000);
      return asked.flatMap((one) => one.confirms ?? []);
    },
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test('what the server took away is confirmed once while it is listed', async () => {
  await using at = await rig();
  expect(await at.confirms(revoked)).toEqual([revoked]);
  expect(await at.confirms(revoked)).toEqual([]);
});

test('what is listed again is confirmed again: the database of the server went back', async () => {
  await using at = await rig();
  await at.confirms(revoked);
  await at.confirms();
  expect(await at.confirms(revoked)).toEqual([revoked]);
});

test('a comparison confirms all that is listed, also where no document without it was seen in between', async () => {
  await using at = await rig();
  await at.confirms(revoked);
  at.leaseSync.compare();
  expect(await at.confirms(revoked)).toEqual([revoked]);
});
