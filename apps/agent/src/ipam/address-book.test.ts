/** Requests against a server in memory: what is given, what is asked, and what is bounded. */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { DesiredDocument } from '@trunkline/contracts';
import { id, network } from '../reconcile/test-subjects.ts';
import { temporaryFolder } from '../sync/temporary-folder.ts';
import { createManualTime, turns } from '../sync/manual-time.ts';
import { createAddressBook, type AddressBook } from './address-book.ts';
import { createFakeLeaseSource, type FakeLeaseSource } from './fake-lease-source.ts';
import { createKeeper, type Keeper } from './keeper.ts';
import { admitted, cleared, namelessGateway } from './lease-record.ts';
import { openLeaseStore, type LeaseStore } from './lease-store.ts';
import type { Pool } from './pools.ts';
import { createReachability, type Reachability } from './reachability.ts';
import { createUrgent } from './urgent.ts';

const log = pino({ level: 'silent' });
const pool: Pool = { networkId: id(1), subnet: '172.16.100.0/28', family: 'ipv4' };
const nobody = { mac: null, name: null };
const small = network({ warm: 2, subnets: [{ cidr: pool.subnet, gateway: '172.16.100.1' }] });

type Rig = {
  readonly book: AddressBook;
  readonly keeper: Keeper;
  readonly source: FakeLeaseSource;
  readonly store: LeaseStore;
  readonly reachability: Reachability;
  document: DesiredDocument;
} & AsyncDisposable;

async function rig(subnets: readonly string[] = [pool.subnet]): Promise<Rig> {
  const folder = await temporaryFolder();
  const timing = createManualTime();
  const store = await openLeaseStore(folder.path, log, timing.now);
  const source = createFakeLeaseSource(subnets.map((subnet) => ({ networkId: id(1), subnet })));
  const reachability = createReachability('nobody asked yet', timing.now, () => {});
  const own: { document: DesiredDocument } = {
    document: {
      hostId: id(999),
      revision: '1',
      heartbeatSeconds: 10,
      networks: [small],
      containers: [],
      recalls: [],
      checks: [],
    },
  };
  const common = {
    store,
    desired: () => own.document,
    isPlaced: () => true,
    source: () => source,
    reachability,
    onChange: () => {},
    timing,
    log,
  };
  const keeper = createKeeper(common);
  const urgent = createUrgent({ ...common, onSpare: (leases) => void keeper.take(leases) });
  const book = createAddressBook({ ...common, urgent, flushReturns: keeper.flush, now: timing.now });
  return Object.assign(own, {
    book,
    keeper,
    source,
    store,
    reachability,
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await folder[Symbol.asyncDispose]();
    },
  });
}

const uses = (store: LeaseStore) =>
  Object.fromEntries([...store.all().values()].map(({ ip, use }) => [ip.split('.').at(-1), use]));
/** What a look at Docker that saw nobody on it does. */
const clearAll = (store: LeaseStore) =>
  store.apply([...store.all().values()].filter(({ use }) => use === 'resting').map((one) => cleared(one)));

test('a pool is filled, given from, filled again, and what is released comes back to the server', async () => {
  await using it = await rig();
  await it.keeper.flush(1000);
  expect(uses(it.store)).toEqual({ 2: 'probing', 3: 'probing' });
  const { ip } = await it.book.request(pool, null, nobody);
  await it.keeper.flush(1000);
  expect(uses(it.store)).toEqual({ 2: 'used', 3: 'probing', 4: 'probing' });
  await it.book.release(pool, ip);
  await it.keeper.flush(1000);
  expect(it.source.returned).toEqual([]);
  await clearAll(it.store);
  await it.keeper.flush(1000);
  expect(it.source.returned).toMatchObject([{ ip, reason: 'released' }]);
  expect(uses(it.store)).toEqual({ 3: 'probing', 4: 'probing' });
});

test('no address is given twice, however many ask at once, and each gets one while there is one', async () => {
  await using it = await rig();
  await it.keeper.flush(1000);
  const all = await Promise.allSettled(Array.from({ length: 15 }, () => it.book.request(pool, null, nobody)));
  const given = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value.ip] : []));
  expect(given).toHaveLength(13);
  expect(new Set(given).size).toBe(13);
  expect(all.filter((one) => one.status === 'rejected').map(({ reason }) => String(reason))).toEqual(
    Array.from({ length: 2 }, () => expect.stringContaining('172.16.100.0/28 is full')),
  );
});

test('a gateway that nobody named is of its own subnet, while a container takes one of any', async () => {
  const second: Pool = { ...pool, subnet: '172.16.101.0/29' };
  await using it = await rig([pool.subnet, second.subnet]);
  await it.keeper.flush(1000);
  expect(await it.book.request(second, null, namelessGateway)).toMatchObject({
    ip: '172.16.101.2',
    subnet: second.subnet,
  });
  const mac = '02:42:ac:10:64:0c';
  expect(await it.book.request(second, null, { mac, name: null })).toMatchObject({ subnet: pool.subnet });
  // What there is of the first does not help the second once that is full.
  for (let n = 0; n < 4; n += 1) await it.book.request(second, null, namelessGateway);
  await expect(it.book.request(second, null, namelessGateway)).rejects.toThrow('172.16.101.0/29 is full');
});

test('those who wait at the same time share a call', async () => {
  await using it = await rig();
  it.reachability.answered();
  const before = it.source.calls;
  await Promise.all(Array.from({ length: 6 }, () => it.book.request(pool, null, nobody)));
  expect(it.source.calls - before).toBeLessThanOrEqual(2);
});

test('a release of what is not used changes nothing', async () => {
  await using it = await rig();
  await it.keeper.flush(1000);
  const before = uses(it.store);
  await it.book.release(pool, '172.16.100.2');
  await it.book.release(pool, '172.16.100.1');
  await it.book.release(pool, '172.16.100.14');
  expect(uses(it.store)).toEqual(before);
});

test('what was given and not heard of is taken back, unless it was given anew', async () => {
  await using it = await rig();
  await it.keeper.flush(1000);
  const first = await it.book.request(pool, '172.16.100.2', { mac: '02:42:00:00:00:01', name: null });
  await first.takeBack?.();
  expect(uses(it.store)[2]).toBe('resting');
  await it.book.request(pool, '172.16.100.2', { mac: '02:42:00:00:00:02', name: null });
  await first.takeBack?.();
  expect(uses(it.store)[2]).toBe('used');
  const told = await it.book.request(pool, '172.16.100.2', nobody);
  expect(told.takeBack).toBeNull();
});

test('an address on its way back is claimed only when that has an end', async () => {
  await using it = await rig();
  await it.keeper.flush(1000);
  await it.book.request(pool, '172.16.100.9', nobody);
  await it.book.release(pool, '172.16.100.9');
  await clearAll(it.store);
  const before = it.store.get(`${id(1)}/172.16.100.9`)?.generation ?? 0;
  it.source.mode = 'cut';
  await it.keeper.flush(1000);
  expect(uses(it.store)[9]).toBe('returning');
  it.source.mode = 'well';
  const { ip } = await it.book.request(pool, '172.16.100.9', nobody);
  expect(ip).toBe('172.16.100.9');
  expect(it.store.get(`${id(1)}/${ip}`)?.generation).toBeGreaterThan(before);
});

test('a return that never left stays at hand while the server is away', async () => {
  await using it = await rig();
  await it.keeper.flush(1000);
  const one = await it.book.request(pool, null, nobody);
  const two = await it.book.request(pool, null, nobody);
  await it.book.release(pool, one.ip);
  await clearAll(it.store);
  it.source.mode = 'away';
  await it.keeper.flush(1000);
  expect(uses(it.store)).toEqual({ 2: 'resting', 3: 'used' });
  expect((await it.book.request(pool, null, nobody)).ip).toBe(one.ip);
  await expect(it.book.request(pool, null, nobody)).rejects.toThrow('no address is left on this host');
  expect(two.ip).not.toBe(one.ip);
});

test('what is called back goes back at once, but for what containers have', async () => {
  await using it = await rig();
  await it.keeper.flush(1000);
  await it.book.request(pool, null, nobody);
  it.document = { ...it.document, recalls: [{ networkId: id(1), family: 'ipv4' }] };
  await it.keeper.flush(1000);
  expect(uses(it.store)).toEqual({ 2: 'used' });
  expect(it.source.returned).toMatchObject([{ ip: '172.16.100.3', reason: 'unused' }]);
});

test('a compare takes what nobody listed for suspect, and forgets what is not ours', async () => {
  await using it = await rig();
  await it.keeper.flush(1000);
  await it.store.apply([...it.store.all().values()].map((one) => admitted(one, 5)));
  await it.source.claimLease({ networkId: id(1), family: 'ipv4', ip: '172.16.100.9', mac: null, name: null });
  it.source.held.delete(`${id(1)}/172.16.100.2`);
  it.keeper.compare();
  await it.keeper.flush(1000);
  await turns();
  expect(uses(it.store)).toMatchObject({ 3: 'free', 9: 'suspect' });
  expect(uses(it.store)[2]).not.toBe('free');
});
