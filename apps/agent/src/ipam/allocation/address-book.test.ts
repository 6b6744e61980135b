/** Requests against a server in memory: what is given, what is asked, and what is bounded. */
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { ApiError, ServerUnreachable } from '@trunkline/client';
import type { DesiredDocument, ErrorCode, Lease } from '@trunkline/contracts';
import { container, id, network } from '../../reconcile/subjects.fixture.ts';
import { temporaryFolder } from '../../lib/temporary-folder.fixture.ts';
import { createManualTime, turns } from '../../lib/manual-time.fake.ts';
import { createAddressBook, type AddressBook } from './address-book.ts';
import { createFakeLeaseSource, type FakeLeaseSource } from '../leases/lease-source.fake.ts';
import { createLeaseSync, type LeaseSync } from '../leases/lease-sync.ts';
import type { Evidence } from '../bindings/live-addresses.ts';
import { admitted, cleared, namelessGateway, unkept } from '../leases/lease-record.ts';
import type { LeaseSource } from '../leases/lease-source.ts';
import { openLeaseStore, type LeaseStore } from '../leases/lease-store.ts';
import type { Pool } from './pools.ts';
import { createReachability, type Reachability } from '../leases/reachability.ts';
import { createOnDemandRequests } from './on-demand.ts';

const log = pino({ level: 'silent' });
const pool: Pool = { networkId: id(1), subnet: '172.16.100.0/28', family: 'ipv4' };
const nobody = { mac: null, name: null };
const small = network({ warm: 2, subnets: [{ cidr: pool.subnet, gateway: '172.16.100.1' }] });

type Rig = {
  readonly book: AddressBook;
  readonly leaseSync: LeaseSync;
  readonly source: FakeLeaseSource;
  readonly store: LeaseStore;
  readonly reachability: Reachability;
  document: DesiredDocument;
  /** What the answers to claims and on-demand requests wait for on their way here. */
  heldBack: Promise<void>;
  /** What containers of the host have, by address. */
  readonly evidence: Map<string, Evidence>;
} & AsyncDisposable;

async function rig(subnets: readonly string[] = [pool.subnet]): Promise<Rig> {
  const folder = await temporaryFolder();
  const timing = createManualTime();
  const store = await openLeaseStore(folder.path, log, timing.now);
  const source = createFakeLeaseSource(subnets.map((subnet) => ({ networkId: id(1), subnet })));
  const reachability = createReachability('nobody asked yet', timing.now, () => {});
  const own: { document: DesiredDocument; heldBack: Promise<void> } = {
    heldBack: Promise.resolve(),
    document: {
      hostId: id(999),
      revision: '1',
      heartbeatSeconds: 10,
      networks: [
        {
          ...small,
          subnets: subnets.map(
            (cidr) => small.subnets.find((one) => one.cidr === cidr) ?? { cidr, gateway: null },
          ),
        },
      ],
      containers: [],
      recalls: [],
      checks: [],
    },
  };
  const late: LeaseSource = {
    claimLease: async (...asked) => {
      const answer = await source.claimLease(...asked);
      await own.heldBack;
      return answer;
    },
    syncLeases: async (...asked) => {
      const answer = await source.syncLeases(...asked);
      if (asked[0].wants.some(({ onDemand }) => onDemand)) await own.heldBack;
      return answer;
    },
  };
  const common = {
    store,
    desired: () => own.document,
    isPlaced: () => true,
    source: () => late,
    reachability,
    onChange: () => {},
    timing,
    log,
  };
  const leaseSync = createLeaseSync(common);
  const onDemand = createOnDemandRequests({ ...common, onSpare: (leases) => void leaseSync.take(leases) });
  const evidence = new Map<string, Evidence>();
  const book = createAddressBook({
    ...common,
    onDemand,
    live: { of: async ({ ip }) => evidence.get(ip) ?? { kernel: null, docker: null } },
    flushReturns: leaseSync.flush,
    probe: leaseSync.probe,
    now: timing.now,
  });
  return Object.assign(own, {
    book,
    leaseSync,
    source,
    store,
    reachability,
    evidence,
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await folder[Symbol.asyncDispose]();
    },
  });
}

const uses = (store: LeaseStore) =>
  Object.fromEntries([...store.all().values()].map(({ ip, use }) => [ip.split('.').at(-1), use]));
/** What a look does that saw nobody on what was released, and no container that asks for it. */
const clearAll = (store: LeaseStore) =>
  store.apply(
    [...store.all().values()].flatMap((one) => {
      if (one.use === 'kept') return [unkept(one, one.since)];
      return one.use === 'released' ? [cleared(one)] : [];
    }),
  );

test('a pool is filled, given from, filled again, and what is released comes back to the server', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  expect(uses(it.store)).toEqual({ 2: 'probing', 3: 'probing' });
  const { ip } = await it.book.request(pool, null, nobody);
  await it.leaseSync.flush(1000);
  expect(uses(it.store)).toEqual({ 2: 'used', 3: 'probing', 4: 'probing' });
  await it.book.release(pool, ip);
  await it.leaseSync.flush(1000);
  expect(it.source.returned).toEqual([]);
  await clearAll(it.store);
  await it.leaseSync.flush(1000);
  expect(it.source.returned).toMatchObject([{ ip, reason: 'released' }]);
  expect(uses(it.store)).toEqual({ 3: 'probing', 4: 'probing' });
});

test('no address is given twice, however many ask at once, and each gets one while there is one', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
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
  await it.leaseSync.flush(1000);
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
  await it.leaseSync.flush(1000);
  const before = uses(it.store);
  await it.book.release(pool, '172.16.100.2');
  await it.book.release(pool, '172.16.100.1');
  await it.book.release(pool, '172.16.100.14');
  expect(uses(it.store)).toEqual(before);
});

test('what was given and not heard of is taken back, unless it was granted again', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  const first = await it.book.request(pool, '172.16.100.2', { mac: '02:42:00:00:00:01', name: null });
  await first.rollback();
  expect(uses(it.store)[2]).toBe('kept');
  await it.book.request(pool, '172.16.100.2', { mac: '02:42:00:00:00:02', name: null });
  await first.rollback();
  expect(uses(it.store)[2]).toBe('used');
});

const on = (name: string): Evidence => ({ kernel: { name, mac: null }, docker: null });
const macs = [1, 2, 3, 4].map((n) => ({ mac: `02:42:00:00:00:0${n}`, name: null }));

test.each([
  ['held', '172.16.100.2'],
  ['not held yet', '172.16.100.9'],
])('one of all that ask for an address at the same time gets it: %s', async (_, ip) => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  const second: Pool = { ...pool };
  const all = await Promise.allSettled(
    macs.map((endpoint, n) => it.book.request(n % 2 === 0 ? pool : second, ip, endpoint)),
  );
  expect(all.map(({ status }) => status).toSorted()).toEqual([
    'fulfilled',
    'rejected',
    'rejected',
    'rejected',
  ]);
  const [refused] = all.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
  expect(refused).toContain(
    `${ip} was granted 0 s ago to a container of this host (Ethernet address 02:42:00:`,
  );
});

test('what is granted is refused to all, also to who says the same again, until it is released', async () => {
  await using it = await rig();
  const [one, other] = macs;
  await it.book.request(pool, '172.16.100.9', one ?? nobody);
  for (const endpoint of [one, other, nobody]) {
    await expect(it.book.request(pool, '172.16.100.9', endpoint ?? nobody)).rejects.toThrow(
      'has not appeared yet',
    );
  }
  await it.book.release(pool, '172.16.100.9');
  expect(await it.book.request(pool, '172.16.100.9', other ?? nobody)).toMatchObject({ ip: '172.16.100.9' });
});

test('a release takes one grant off, and frees nothing that a container has', async () => {
  await using it = await rig();
  const ip = '172.16.100.9';
  await it.book.request(pool, ip, nobody);
  const record = it.store.get(`${id(1)}/${ip}`);
  if (record === undefined) throw new Error('not held');
  // Its container was seen and ended while nobody heard the release.
  await it.store.apply([{ ...record, seen: true }]);
  await it.book.request(pool, ip, nobody);
  await it.book.release(pool, ip);
  expect(uses(it.store)[9]).toBe('used');
  await expect(it.book.request(pool, ip, nobody)).rejects.toThrow('has not appeared yet');
  it.evidence.set(ip, on('a1'));
  await it.book.release(pool, ip);
  expect(uses(it.store)[9]).toBe('kept');
  await expect(it.book.request(pool, ip, nobody)).rejects.toThrow(`${ip} is on container a1`);
});

test('no address that a container has is given to one that names none, whatever this disk says of it', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  const ips = Array.from({ length: 12 }, (_, n) => `172.16.100.${n + 2}`);
  for (const ip of ips) it.evidence.set(ip, on('somebody'));
  const free = '172.16.100.14';
  expect(await it.book.request(pool, null, nobody)).toMatchObject({ ip: free });
  await expect(it.book.request(pool, null, nobody)).rejects.toThrow('172.16.100.0/28 is full');
  it.evidence.clear();
  await it.book.release(pool, free);
  expect(await it.book.request(pool, null, nobody)).toMatchObject({ ip: free });
});

test('an Ethernet address that another container has is refused, also without an address that is asked for', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  const detail = '02:42:00:00:00:01 is on box1 of docker02';
  Object.assign(it.source, { claimLease: () => Promise.reject(apiError('mac_in_use', detail)) });
  // Whether this host holds the address (A10) or not.
  for (const ip of [null, '172.16.100.2', '172.16.100.9'])
    await expect(it.book.request(pool, ip, macs[0] ?? nobody)).rejects.toThrow(detail);
  // Another refusal of the question says nothing against an address that this host holds.
  Object.assign(it.source, { claimLease: () => Promise.reject(apiError('limit_reached', 'too many')) });
  expect(await it.book.request(pool, null, macs[0] ?? nobody)).toMatchObject({ ip: '172.16.100.2' });
  expect(await it.book.request(pool, '172.16.100.3', macs[1] ?? nobody)).toMatchObject({});
});

test('an Ethernet address is granted once, whichever Docker networks two containers start on at once', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  const [first] = macs;
  const started = await Promise.allSettled([
    it.book.request(pool, null, first!),
    it.book.request(pool, null, first!),
    it.book.request(pool, '172.16.100.9', first!),
  ]);
  expect(started.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected', 'rejected']);
  await expect(it.book.request(pool, null, first!)).rejects.toThrow(
    `the Ethernet address ${first!.mac} was granted 0 s ago with 172.16.100.2 to a container of this host that has not appeared yet`,
  );
  // The grant was for that very container, as far as Docker names containers.
  const named = { mac: '02:42:00:00:00:77', name: 'box7' };
  await it.book.request(pool, null, named);
  await expect(it.book.request(pool, null, { ...named, name: 'box8' })).rejects.toThrow(
    'has not appeared yet',
  );
  expect(await it.book.request(pool, null, named)).toMatchObject({ subnet: pool.subnet });
});

test('an address that this host holds, and the server gives to others by now, is refused', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  const detail = '172.16.100.2 was revoked from docker01';
  const claimLease = it.source.claimLease;
  Object.assign(it.source, { claimLease: () => Promise.reject(apiError('address_taken', detail)) });
  await expect(it.book.request(pool, '172.16.100.2', macs[0] ?? nobody)).rejects.toThrow(detail);
  Object.assign(it.source, { claimLease });
  await it.book.request(pool, '172.16.100.3', macs[0] ?? nobody);
  const record = it.store.get(`${id(1)}/172.16.100.3`);
  expect(record).toMatchObject({ use: 'used', pinned: true });
  // The claim made a new hold of it.
  expect(record?.generation).toBe(it.source.held.get(`${id(1)}/172.16.100.3`)?.generation);
});

function apiError(code: string, detail: string): ApiError {
  const problem = {
    type: `/docs/errors#${code}`,
    title: code,
    status: 409,
    code: code as ErrorCode,
    detail,
    instance: '/agent/v1/leases/claim',
    requestId: 'req-1',
    retryable: false,
  };
  return new ApiError({ method: 'POST', path: '/', status: 409, problem, retryAfter: null, text: '' });
}

test('an address on its way back is claimed only when that has an end', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  await it.book.request(pool, '172.16.100.9', nobody);
  await it.book.release(pool, '172.16.100.9');
  await clearAll(it.store);
  const before = it.store.get(`${id(1)}/172.16.100.9`)?.generation ?? 0;
  it.source.mode = 'cut';
  await it.leaseSync.flush(1000);
  expect(uses(it.store)[9]).toBe('returning');
  it.source.mode = 'well';
  const { ip } = await it.book.request(pool, '172.16.100.9', nobody);
  expect(ip).toBe('172.16.100.9');
  expect(it.store.get(`${id(1)}/${ip}`)?.generation).toBeGreaterThan(before);
});

test('a return that never left stays at hand while the server is away', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  const one = await it.book.request(pool, null, nobody);
  const two = await it.book.request(pool, null, nobody);
  await it.book.release(pool, one.ip);
  await clearAll(it.store);
  it.source.mode = 'away';
  await it.leaseSync.flush(1000);
  expect(uses(it.store)).toEqual({ 2: 'released', 3: 'used' });
  expect((await it.book.request(pool, null, nobody)).ip).toBe(one.ip);
  await expect(it.book.request(pool, null, nobody)).rejects.toThrow('no address is left on this host');
  expect(two.ip).not.toBe(one.ip);
});

const timed = async <T>(work: Promise<T>): Promise<{ readonly came: T; readonly ms: number }> => {
  const began = performance.now();
  return { came: await work, ms: performance.now() - began };
};
const refusal = (work: Promise<unknown>): Promise<string> => work.then(String, String);

describe('a server that takes what it is sent and never answers', () => {
  test('costs one container a second, and the next ones nothing: they have the leases of the host', async () => {
    await using it = await rig();
    await it.leaseSync.flush(1000);
    it.source.mode = 'silent';
    const first = await timed(it.book.request(pool, null, macs[0]!));
    expect(first.ms).toBeLessThan(2000);
    const { claims } = it.source;
    await it.book.request(pool, null, macs[1]!);
    expect(it.source.claims).toBe(claims);
    expect(uses(it.store)).toEqual({ 2: 'used', 3: 'used' });
    expect(it.reachability.away()).toMatchObject({ why: 'the server did not answer in time' });
    // Nothing is left: it is the server that is missed, and not the agent.
    const none = refusal(it.book.request(pool, null, macs[2]!));
    expect(await none).toMatch(/no address is left on this host .* the server did not answer in time/);
  });

  test.each([
    ['not known to be away', false],
    ['known to be away', true],
  ])('is found out by a claim of an address that is not held, and named: %s', async (_, isKnown) => {
    await using it = await rig();
    await it.leaseSync.flush(1000);
    it.source.mode = 'silent';
    if (isKnown) it.reachability.failed(new DOMException('too late', 'TimeoutError'));
    const { came, ms } = await timed(refusal(it.book.request(pool, '172.16.100.9', macs[0]!)));
    expect(came).toContain('172.16.100.9 cannot be proven free, the server did not answer in time');
    expect(ms).toBeLessThan(4000);
  });

  test('is found out by a claim that waits for a return of its address', async () => {
    await using it = await rig();
    await it.leaseSync.flush(1000);
    await it.book.request(pool, '172.16.100.9', nobody);
    await it.book.release(pool, '172.16.100.9');
    await clearAll(it.store);
    it.source.mode = 'cut';
    await it.leaseSync.flush(1000);
    expect(uses(it.store)[9]).toBe('returning');
    it.reachability.answered();
    it.source.mode = 'silent';
    const { came, ms } = await timed(refusal(it.book.request(pool, '172.16.100.9', macs[0]!)));
    expect(came).toContain('172.16.100.9 was freed a moment ago and the server has not confirmed it');
    expect(ms).toBeLessThan(4000);
  });

  test('is known as away after a failed call of another part of the agent, and not when it still answers this one', async () => {
    await using it = await rig();
    await it.leaseSync.flush(1000);
    const { calls } = it.source;
    it.leaseSync.serverFails();
    await expect.poll(() => it.source.calls).toBe(calls + 1);
    await it.leaseSync.probe();
    expect(it.reachability.away()).toBeNull();
    it.source.mode = 'away';
    it.leaseSync.serverFails();
    await expect.poll(() => it.reachability.away()).not.toBeNull();
    const { calls: once } = it.source;
    it.leaseSync.serverFails();
    await turns();
    expect(it.source.calls).toBe(once);
  });
});

test('a claim that a server holds which still answers other calls is waited for', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  const { promise, resolve } = Promise.withResolvers<void>();
  it.heldBack = promise;
  const { calls } = it.source;
  const claiming = it.book.request(pool, '172.16.100.9', macs[0]!);
  // The claim, and the question whether the server still answers.
  await expect.poll(() => it.source.calls, { timeout: 5000 }).toBe(calls + 2);
  await turns();
  resolve();
  expect(await claiming).toMatchObject({ ip: '172.16.100.9' });
  expect(it.reachability.away()).toBeNull();
});

test('what is called back goes back at once, but for what containers have', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  await it.book.request(pool, null, nobody);
  it.document = { ...it.document, recalls: [{ networkId: id(1), family: 'ipv4' }] };
  await it.leaseSync.flush(1000);
  expect(uses(it.store)).toEqual({ 2: 'used' });
  expect(it.source.returned).toMatchObject([{ ip: '172.16.100.3', reason: 'unused' }]);
});

test('a compare takes what nobody listed for suspect, and forgets what is not ours', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  await it.store.apply([...it.store.all().values()].map((one) => admitted(one, 5)));
  await it.source.claimLease({ networkId: id(1), family: 'ipv4', ip: '172.16.100.9', mac: null, name: null });
  it.source.held.delete(`${id(1)}/172.16.100.2`);
  it.leaseSync.compare();
  await it.leaseSync.flush(1000);
  await turns();
  expect(uses(it.store)).toMatchObject({ 3: 'free', 9: 'suspect' });
  expect(uses(it.store)[2]).not.toBe('free');
});

describe('what a container may have is granted to no other by an answer of the server about it (A4)', () => {
  const mac = '02:00:5e:00:00:07';
  const ip = '172.16.100.2';
  const tryFor = async (it: Rig, named: string | null = null): Promise<string> =>
    await it.book.request(pool, named, { mac, name: null }).then(
      (grant) => grant.ip,
      (error: Error) => error.message,
    );
  const promised = container({
    attachments: container().attachments.map((one) => ({ ...one, networkId: id(1), address: ip })),
  });

  test('granted and not seen yet, and reserved for the MAC of all who ask', async () => {
    await using it = await rig();
    await it.leaseSync.flush(1000);
    it.source.reserved.set(mac, '172.16.100.9');
    const got = [await tryFor(it), ...(await Promise.all([tryFor(it), tryFor(it)])), await tryFor(it)];
    expect(got[0]).toBe('172.16.100.9');
    expect(got.slice(1)).not.toContain('172.16.100.9');
  });

  test.each(['claimed for a MAC', 'asked for at once', 'come for the warm pool'])(
    "granted on the document's word, and %s",
    async (how) => {
      await using it = await rig();
      it.document = { ...it.document, networks: [{ ...small, warm: 0 }], containers: [promised] };
      it.source.mode = 'away';
      it.reachability.failed(new ServerUnreachable('http://fake', 'ECONNREFUSED', null));
      expect(await tryFor(it, ip)).toBe(ip);
      it.source.mode = 'well';
      it.reachability.answered();
      if (how === 'claimed for a MAC') it.source.reserved.set(mac, ip);
      if (how === 'come for the warm pool') {
        it.document = { ...it.document, networks: [small] };
        await it.leaseSync.flush(1000);
      }
      expect(await tryFor(it)).not.toBe(ip);
      expect(it.store.get(`${id(1)}/${ip}`)).toMatchObject({ use: 'used', seen: false, pinned: true });
    },
  );

  test("given on the document's word, and its container starts again with a MAC of another host (A10)", async () => {
    await using it = await rig();
    it.document = { ...it.document, networks: [{ ...small, warm: 0 }], containers: [promised] };
    it.source.mode = 'away';
    it.reachability.failed(new ServerUnreachable('http://fake', 'ECONNREFUSED', null));
    expect(await tryFor(it, ip)).toBe(ip);
    await it.book.release(pool, ip);
    it.source.mode = 'well';
    it.reachability.answered();
    it.source.stations.set(mac, 'docker02');
    expect(await tryFor(it, ip)).toBe(`${mac} is on docker02`);
    it.source.stations.clear();
    expect(await tryFor(it, ip)).toBe(ip);
    expect(it.store.get(`${id(1)}/${ip}`)).toMatchObject({ use: 'used', generation: 1, pinned: true });
  });

  test('seen on a container by Docker before it was held, the kernel not to be asked', async () => {
    await using it = await rig();
    await it.leaseSync.flush(1000);
    it.source.reserved.set(mac, '172.16.100.9');
    const docker = { holder: { name: 'box7', mac }, at: 0 };
    it.evidence.set('172.16.100.9', { kernel: 'unknown', docker });
    const got = [await tryFor(it, '172.16.100.9'), await tryFor(it)];
    expect(got).not.toContain('172.16.100.9');
    expect(got[0]).toContain('172.16.100.9 is on container box7');
  });
});

/** A container asks, the server grants, and takes it away again before its answer is here. */
async function overtaken(it: Rig, ip: string | null): Promise<{ given: Promise<string>; taken: string }> {
  await it.leaseSync.flush(1000);
  it.reachability.answered();
  const answer = Promise.withResolvers<void>();
  it.heldBack = answer.promise;
  const given = it.book.request(pool, ip, nobody).then(
    (grant) => grant.ip,
    (error: unknown) => String(error),
  );
  await expect.poll(() => it.source.held.size).toBe(1);
  const [[key, lease]] = [...it.source.held] as [[string, Lease]];
  const revocations = [{ networkId: id(1), ip: lease.ip, generation: lease.generation }];
  it.document = { ...it.document, revision: '2', revocations };
  await it.leaseSync.flush(1000);
  // It is confirmed, so another host has it, and the document speaks of it no more.
  it.source.held.delete(key);
  it.source.taken.set(lease.ip, 'docker02');
  it.document = { ...it.document, revision: '3', revocations: [] };
  it.heldBack = Promise.resolve();
  answer.resolve();
  return { given, taken: lease.ip };
}
const none = { networks: [{ ...small, warm: 0 }] };

describe('promise 1: an answer that comes after this host confirmed that its hold is over', () => {
  test('gives a container that named the address nothing', async () => {
    await using it = await rig();
    it.document = { ...it.document, ...none };
    const { given } = await overtaken(it, '172.16.100.9');
    expect(await given).toContain('172.16.100.9 was revoked from this host a moment ago');
    expect([...it.store.all()]).toEqual([]);
  });

  test('gives one that named none another', async () => {
    await using it = await rig();
    it.document = { ...it.document, ...none };
    const { given, taken } = await overtaken(it, null);
    const ip = await given;
    expect(ip).toMatch(/^172\.16\.100\.\d+$/);
    expect(ip).not.toBe(taken);
    expect([...it.store.all().values()].map((one) => one.ip)).toEqual([ip]);
  });
});

test('promise 1: an address that is taken away while its grant is written is not given', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  const { store } = it;
  const [first] = [...store.all().values()];
  const given = it.book.request(pool, first!.ip, nobody);
  await expect.poll(() => store.get(`${id(1)}/${first!.ip}`)?.use).toBe('used');
  await store.revoke([{ networkId: id(1), ip: first!.ip, generation: first!.generation }]);
  await expect(given).rejects.toThrow('was revoked from this host a moment ago');
  expect(store.get(`${id(1)}/${first!.ip}`)).toMatchObject({ use: 'kept', generation: 0 });
});

test('promise 1: a grant is not held any more once the server took it away; its rollback leaves it known', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  const { store } = it;
  const key = `${id(1)}/172.16.100.2`;
  const grant = await it.book.request(pool, '172.16.100.2', nobody);
  expect(grant.isHeld()).toBe(true);
  await store.revoke([{ networkId: id(1), ip: grant.ip, generation: store.get(key)!.generation }]);
  expect(grant.isHeld()).toBe(false);
  await grant.rollback();
  expect(store.get(key)).toMatchObject({ use: 'kept', generation: 0 });
});

test('promise 1: a grant on the word of the document is held for as long as the document says so', async () => {
  await using it = await rig();
  it.source.mode = 'away';
  const attachment = {
    networkId: id(1),
    network: 'mac_net1',
    address: '172.16.100.9',
    address6: null,
    mac: null,
  };
  const box = (withdrawn: string[]) => container({ attachments: [{ ...attachment, withdrawn }] });
  it.document = { ...it.document, containers: [box([])] };
  const grant = await it.book.request(pool, '172.16.100.9', nobody);
  expect(grant.isHeld()).toBe(true);
  it.document = { ...it.document, containers: [box(['172.16.100.9'])] };
  expect(grant.isHeld()).toBe(false);
});

test('an Ethernet address is on one container of a host, also where NICs of their own carry the network (A10)', async () => {
  await using it = await rig();
  await it.leaseSync.flush(1000);
  const [first, second] = macs;
  await it.book.request(pool, '172.16.100.2', first!);
  await it.book.release(pool, '172.16.100.2');
  const retried = await it.book.request(pool, '172.16.100.3', first!);
  // The start of the first has failed, and Docker gave its address back.
  expect(retried.ip).toBe('172.16.100.3');
  it.evidence.set('172.16.100.3', { kernel: { name: 'box1', mac: first!.mac }, docker: null });
  for (const ip of [null, '172.16.100.9'])
    await expect(it.book.request(pool, ip, first!)).rejects.toThrow(
      `the Ethernet address ${first!.mac} is on container box1 of this host, with 172.16.100.3: stop that one, or choose another --mac-address`,
    );
  expect(await it.book.request(pool, null, second!)).toMatchObject({ subnet: pool.subnet });
});
