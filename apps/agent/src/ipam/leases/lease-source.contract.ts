import { ApiError } from '@trunkline/client';
import type { ErrorCode, Lease, LeaseClaim, LeaseReturn, LeaseSync } from '@trunkline/contracts';
import { afterEach, describe, expect, it } from 'vitest';
import type { LeaseSource } from './lease-source.ts';

/** One host, and a network of its own with a /29: its gateway is .1, so that the five from .2 to .6 may be given. */
export interface LeaseSourceSubject {
  /** As that host asks. */
  readonly source: LeaseSource;
  readonly networkId: string;
  readonly subnet: string;
  /** Address of the subnet by its place in it. */
  readonly ip: (place: number) => string;
  /** A container of another host runs on the address. */
  readonly useElsewhere: (ip: string) => Promise<void>;
  /** Reserves the address for a key; `mac`: and for that Ethernet address alone. */
  readonly reserve: (reservation: {
    readonly ip: string;
    readonly owner: string;
    readonly mac: string | null;
  }) => Promise<void>;
  readonly dispose: () => Promise<void>;
}

/** What every `LeaseSource` promises, the real server or the fake. */
export function describeLeaseSourceContract(
  name: string,
  create: (network: { readonly quarantineSeconds: 0 | 300 }) => Promise<LeaseSourceSubject>,
): void {
  describe(`lease source contract: ${name}`, () => {
    let subject: LeaseSourceSubject | undefined;
    afterEach(async () => {
      await subject?.dispose();
      subject = undefined;
    });
    async function begin(quarantineSeconds: 0 | 300 = 300): Promise<Calls> {
      subject = await create({ quarantineSeconds });
      return callsOf(subject);
    }

    it('gives as many as are wanted, each once, for anybody, in a generation of its own', async () => {
      const { networkId, subnet, take } = await begin();
      const first = await take(2);
      expect(first.shortages).toEqual([]);
      expect(first.granted).toHaveLength(2);
      for (const lease of first.granted)
        expect(lease).toMatchObject({ networkId, subnet, owner: null, mac: null, bound: false });
      const all = [...first.granted, ...(await take(2)).granted];
      expect(new Set(all.map(({ ip }) => ip)).size).toBe(4);
      expect(new Set(all.map(({ generation }) => generation)).size).toBe(4);
    });

    it('gives what there is and says how many are missing and why, also to a container that waits', async () => {
      const { networkId, subnet, take } = await begin();
      const missing = { networkId, family: 'ipv4', detail: expect.stringContaining(`${subnet} is full`) };
      const most = await take(7);
      expect(most.granted).toHaveLength(5);
      expect(most.shortages).toEqual([{ ...missing, missing: 2 }]);
      expect(await take(1, true)).toMatchObject({ granted: [], shortages: [{ ...missing, missing: 1 }] });
    });

    it('gives of one subnet alone where that is asked for', async () => {
      const { networkId, subnet, sync } = await begin();
      const want = { networkId, family: 'ipv4', count: 1, onDemand: true } as const;
      const { granted, shortages } = await sync({
        wants: [
          { ...want, subnet },
          { ...want, subnet: '192.0.2.0/24' },
        ],
      });
      expect(granted).toMatchObject([{ subnet }]);
      expect(shortages).toEqual([
        { networkId, family: 'ipv4', missing: 1, detail: expect.stringContaining('192.0.2.0/24') },
      ]);
    });

    it('gives a claimed address that is free, and to nobody else then', async () => {
      const { claim, take, ip } = await begin();
      const lease = await claim({ ip: ip(3) });
      expect(lease).toMatchObject({ ip: ip(3), owner: null, mac: null, bound: false });
      const { granted } = await take(5);
      expect(granted.map((one) => one.ip).toSorted()).toEqual([ip(2), ip(4), ip(5), ip(6)]);
    });

    it('gives what the host holds already in a new generation, and a return of before frees nothing', async () => {
      const { claim, give, sync, ip } = await begin(0);
      const before = await claim({ ip: ip(3) });
      const now = await claim({ ip: ip(3) });
      expect(now.generation).toBeGreaterThan(before.generation);
      await give([before, { ...now, generation: now.generation + 1000 }], 'released');
      expect((await sync({ held: [] })).unlisted).toEqual([now]);
      await give([now], 'released');
      expect((await sync({ held: [] })).unlisted).toEqual([]);
    });

    it('tells of what the host holds all the same when a return was passed over', async () => {
      const { claim, give, ip } = await begin(0);
      const before = await claim({ ip: ip(3) });
      const now = await claim({ ip: ip(3) });
      expect((await give([before], 'released')).unlisted).toEqual([now]);
      expect((await give([now], 'released')).unlisted).toEqual([]);
    });

    it.each([
      ['that a container of another host uses', 4, 'address_taken'],
      ['of the subnet itself', 0, 'address_not_allocatable'],
      ['of the gateway', 1, 'address_not_allocatable'],
      ['of broadcasts', 7, 'address_not_allocatable'],
      ['outside', 9, 'address_not_allocatable'],
    ] as const)('refuses a claim of the address %s, and names it', async (_, place, code) => {
      const { claim, take, useElsewhere, ip } = await begin();
      await useElsewhere(ip(4));
      await refused(claim({ ip: ip(place) }), code, ip(place));
      const { granted } = await take(5);
      expect(granted.map((one) => one.ip).toSorted()).toEqual([ip(2), ip(3), ip(5), ip(6)]);
    });

    it('gives what is reserved for a MAC to that MAC alone, and keeps it for it', async () => {
      const { claim, claimAny, give, reserve, take, ip } = await begin();
      const mac = '02:42:ac:10:64:0b';
      await reserve({ ip: ip(3), owner: 'printer', mac });
      expect(await claimAny({ mac: '02:42:ac:10:64:0c' })).toBeNull();
      await refused(claim({ ip: ip(3), mac: '02:42:ac:10:64:0c' }), 'address_taken', ip(3));
      await refused(claim({ ip: ip(3) }), 'address_taken', ip(3));
      const lease = await claim({ mac });
      expect(lease).toMatchObject({ ip: ip(3), mac, owner: expect.any(String) });
      await give([lease], 'released');
      expect((await take(5)).granted).toHaveLength(4);
      expect(await claim({ ip: ip(3), mac })).toMatchObject({ ip: ip(3), mac, owner: lease.owner });
    });

    it('gives what is reserved for a name to that name, also by its address', async () => {
      const { claim, claimAny, give, reserve, ip } = await begin();
      await reserve({ ip: ip(3), owner: 'web', mac: null });
      expect(await claimAny({ name: 'other' })).toBeNull();
      const lease = await claim({ name: 'web', mac: '02:42:ac:10:64:0c' });
      expect(lease).toMatchObject({ ip: ip(3), mac: null, owner: 'web' });
      await give([lease], 'released');
      expect(await claim({ ip: ip(3), name: 'web' })).toMatchObject({ ip: ip(3), owner: 'web' });
    });

    it('frees at once what comes back unused', async () => {
      const { give, take } = await begin();
      await give((await take(5)).granted.slice(0, 2), 'unused');
      expect((await take(5)).granted).toHaveLength(2);
    });

    it('has what was released rest: for a container that waits when nothing else is left, and for the host that had it', async () => {
      const { claim, give, take } = await begin();
      const [a, b, ...others] = (await take(5)).granted as [Lease, Lease, ...Lease[]];
      await give([a, b], 'released');
      await give(others, 'unused');
      const ahead = await take(5);
      expect(ahead.granted.map(({ ip }) => ip).toSorted()).toEqual(others.map(({ ip }) => ip).toSorted());
      expect(await claim({ ip: a.ip })).toMatchObject({ ip: a.ip });
      expect((await take(1, true)).granted.map(({ ip }) => ip)).toEqual([b.ip]);
    });

    it('frees at once what was released where nothing is quarantined', async () => {
      const { give, take } = await begin(0);
      await give((await take(5)).granted.slice(0, 2), 'released');
      expect((await take(5)).granted).toHaveLength(2);
    });

    it('keeps apart what something foreign answers for', async () => {
      const { claim, give, take } = await begin(0);
      const [lease] = (await take(5)).granted as [Lease];
      await give([lease], 'conflicted', '00:0c:29:00:00:01');
      expect((await take(1, true)).granted).toEqual([]);
      await refused(claim({ ip: lease.ip }), 'address_taken', lease.ip);
    });

    it('compares: what it gave and the host does not list, and what the host lists and does not hold', async () => {
      const { networkId, sync, take, ip } = await begin();
      const [a, b] = (await take(2)).granted as [Lease, Lease];
      const stale = { ...said(b), generation: b.generation + 1000 };
      const answer = await sync({
        held: [said(a), stale, { networkId, ip: ip(6), generation: 1 }],
        wants: [{ networkId, family: 'ipv4', count: 1, onDemand: false }],
      });
      expect(answer.granted).toHaveLength(1);
      expect(answer.unlisted).toEqual([b]);
      expect(answer.unknown).toHaveLength(2);
      expect(answer.unknown).toEqual(
        expect.arrayContaining([b.ip, ip(6)].map((one) => ({ networkId, ip: one }))),
      );
    });

    it('answers a want of a network that is not there with why, and the others as ever', async () => {
      const { networkId, sync } = await begin();
      const want = { networkId, family: 'ipv4', count: 1, onDemand: false } as const;
      const nowhere = '0198c0de-0000-7000-8000-000000000000';
      const { granted, shortages } = await sync({
        wants: [{ ...want, networkId: nowhere }, want, { ...want, family: 'ipv6' }],
      });
      expect(granted).toHaveLength(1);
      expect(shortages).toEqual(
        expect.arrayContaining([
          { networkId: nowhere, family: 'ipv4', missing: 1, detail: expect.any(String) },
          { networkId, family: 'ipv6', missing: 1, detail: expect.any(String) },
        ]),
      );
    });
  });
}

const said = ({ networkId, ip, generation }: Lease) => ({ networkId, ip, generation });

type Calls = ReturnType<typeof callsOf>;

/** What the tests ask of a subject; what they leave out is empty. */
function callsOf(subject: LeaseSourceSubject) {
  const { source, networkId } = subject;
  const sync = async (change: Partial<LeaseSync>) => {
    const answer = await source.syncLeases({ held: null, returns: [], wants: [], ...change });
    // A host holds addresses of other networks too.
    return { ...answer, unlisted: answer.unlisted.filter((lease) => lease.networkId === networkId) };
  };
  const claimAny = async (change: Partial<LeaseClaim>): Promise<Lease | null> => {
    const nothing = { networkId, family: 'ipv4', ip: null, mac: null, name: null } as const;
    return (await source.claimLease({ ...nothing, ...change })).lease;
  };
  return {
    ...subject,
    sync,
    take: (count: number, onDemand = false) =>
      sync({ wants: [{ networkId, family: 'ipv4', count, onDemand }] }),
    give: (leases: readonly Lease[], reason: LeaseReturn['reason'], mac: string | null = null) =>
      sync({ returns: leases.map((lease) => ({ ...said(lease), reason, mac })) }),
    claimAny,
    /** Fails where nothing is reserved. */
    claim: async (change: Partial<LeaseClaim>): Promise<Lease> => {
      const lease = await claimAny(change);
      if (lease === null) throw new Error('nothing is reserved');
      return lease;
    },
  };
}

async function refused(claim: Promise<unknown>, code: ErrorCode, ip: string): Promise<void> {
  const error = await claim.then(
    () => null,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ code, problem: { code, detail: expect.stringContaining(ip) } });
}
