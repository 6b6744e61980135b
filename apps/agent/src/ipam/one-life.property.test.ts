/**
 * Random histories of one host against ADRs 0022 and 0028: no address is granted while a container has it, or was granted it
 * and may still come up; none that the server has taken away, or that is excluded, once this host has heard it; none to a MAC
 * that the server can say is on another host. And what nobody has can be granted again after a rest.
 */
import fc from 'fast-check';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { DesiredDocument, Lease, Revocation } from '@trunkline/contracts';
import type { DockerContainer, DockerNetwork } from '../host/docker-engine.ts';
import type { Sandboxes } from '../host/sandboxes.ts';
import type { Observed } from '../observation/observed.ts';
import { standsFor } from '../observation/stands-for.ts';
import { id, network } from '../reconcile/subjects.fixture.ts';
import { createManualTime } from '../lib/manual-time.fake.ts';
import { temporaryFolder } from '../lib/temporary-folder.fixture.ts';
import { createAddressBook, type AddressBook } from './allocation/address-book.ts';
import { createBindings, type Bindings } from './bindings/bindings.ts';
import type { StartsUnderWay } from './bindings/starts-under-way.ts';
import { createFakeLeaseSource } from './leases/lease-source.fake.ts';
import { createLeaseSync, type LeaseSync } from './leases/lease-sync.ts';
import { auxiliary, type Endpoint } from './leases/lease-record.ts';
import { openLeaseStore, type LeaseStore } from './leases/lease-store.ts';
import { createLiveAddresses } from './bindings/live-addresses.ts';
import type { Pool } from './allocation/pools.ts';
import { createReachability, type Reachability } from './leases/reachability.ts';
import { DriverRefusal } from './allocation/refusal.ts';
import { createOnDemandRequests } from './allocation/on-demand.ts';

const log = pino({ level: 'silent' });
const pool: Pool = { networkId: id(1), subnet: '172.16.100.0/29', family: 'ipv4' };
const ips = [2, 3, 4, 5, 6].map((n) => `172.16.100.${n}`);
const macs = ['02:42:00:00:00:01', '02:42:00:00:00:02'];
const graceMs = 10_000;

/** Something that was granted an address. */
interface Owner {
  readonly ip: string;
  readonly mac: string | null;
  readonly number: number;
  /** It asked for the address by name, and does so as long as it exists. */
  readonly asked: boolean;
  /** `starting`: granted. `live`: the kernel shows it. `over`: it does not. `gone`: removed. A network is never in the kernel. */
  state: 'starting' | 'live' | 'over' | 'gone';
  /** Docker's list shows it with its address, which may be late both ways. */
  listed: boolean;
}

type Host = ReturnType<typeof hostWith> extends Promise<infer T> ? T : never;

async function hostWith(folder: string) {
  const timing = createManualTime();
  const source = createFakeLeaseSource([{ networkId: pool.networkId, subnet: pool.subnet }]);
  const owners: Owner[] = [];
  const documentOf = (revocations: readonly Revocation[]): DesiredDocument => {
    const subnet = { cidr: pool.subnet, gateway: '172.16.100.1', exclude: [...source.excluded] };
    return {
      hostId: id(999),
      revision: '1',
      heartbeatSeconds: 10,
      networks: [network({ warm: 1, subnets: [subnet] })],
      containers: [],
      recalls: [],
      revocations: [...revocations],
      checks: [],
    };
  };
  /** What the server has taken away, by address. */
  const revoked = new Map<string, Revocation>();
  let desired = documentOf([]);
  const sandboxes: Sandboxes = {
    look: async () => {
      const having = new Map<string, { file: string; inode: number }[]>();
      for (const { ip, mac, state, number } of owners) {
        if (state !== 'live' || mac === null) continue;
        having.set(ip, [...(having.get(ip) ?? []), { file: `/netns/${number}`, inode: number }]);
      }
      return { known: true, having };
    },
    seekStrays: () => {},
    macvlanWith: async ({ inode }) => ({ mac: owners.find(({ number }) => number === inode)?.mac ?? null }),
  };
  const starts: StartsUnderWay = {
    // Docker answers no inspection of a container that it is starting, however long that takes.
    among: async () =>
      owners.flatMap(({ state, mac, number }) =>
        state === 'starting' && mac !== null ? [`box${number}`] : [],
      ),
  };
  const containerOf = ({ number, ip, mac, asked, state, listed }: Owner): DockerContainer => ({
    id: `c${number}`,
    name: `box${number}`,
    image: 'busybox',
    status: listed ? 'running' : state === 'starting' ? 'created' : 'exited',
    labels: {},
    networkMode: 'mac_net1',
    endpoints: [
      {
        networkId: 'n1',
        networkName: 'mac_net1',
        endpointId: null,
        // Also of what does not run, as 20.10 and 29 do.
        ipv4: ip,
        ipv4PrefixLength: 29,
        ipv6: null,
        ipv6PrefixLength: null,
        mac,
        gateway: null,
        requestedIpv4: asked ? ip : null,
        requestedIpv6: null,
        aliases: [],
      },
    ],
  });
  const dockerNetwork = (name: string, aux: Readonly<Record<string, string>>): DockerNetwork => ({
    id: name,
    name,
    driver: 'macvlan',
    options: { parent: 'ens33' },
    labels: {},
    ipamDriver: 'trunkline',
    ipamOptions: { network: pool.networkId },
    subnets: [{ cidr: pool.subnet, gateway: '172.16.100.1', ipRange: null, aux }],
    internal: false,
    attachable: false,
    enableIPv6: false,
    created: null,
  });
  const observed = (): Pick<Observed, 'at' | 'docker'> => {
    const there = owners.filter(({ state }) => state !== 'gone');
    const aux = there.filter(({ mac }) => mac === null).map(({ ip }) => [ip, ip]);
    return {
      at: timing.now(),
      docker: {
        reachable: true,
        version: {
          version: '20.10.24',
          apiVersion: '1.41',
          daemonApiVersion: '1.41',
          os: 'linux',
          arch: 'amd64',
          kernel: '6',
        },
        networks: [dockerNetwork('n1', {}), dockerNetwork('n2', Object.fromEntries(aux))],
        containers: there.filter(({ mac }) => mac !== null).map(containerOf),
        details: new Map(),
        failedStarts: [],
        interfaces: new Map(),
        routes: new Map(),
        images: new Set(),
        outage: null,
      },
    };
  };
  interface Agent {
    book: AddressBook;
    bindings: Bindings;
    leaseSync: LeaseSync;
    store: LeaseStore;
    reachability: Reachability;
  }
  async function start(): Promise<Agent> {
    const store = await openLeaseStore(folder, log, timing.now);
    const reachability = createReachability('nobody asked yet', timing.now, () => {});
    const common = {
      store,
      desired: () => desired,
      isPlaced: () => true,
      source: () => source,
      reachability,
      onChange: () => {},
      timing,
      log,
    };
    const leaseSync = createLeaseSync(common);
    const live = createLiveAddresses({
      sandboxes,
      standsFor: (one) => standsFor(one, { networks: desired.networks, held: store.all().values() }),
      log,
    });
    const bindings = createBindings({ ...common, live, starts, look: async () => {}, graceMs });
    const onDemand = createOnDemandRequests({ ...common, onSpare: (leases) => void leaseSync.take(leases) });
    const book = createAddressBook({
      ...common,
      onDemand,
      live,
      flushReturns: leaseSync.flush,
      probe: leaseSync.probe,
      now: timing.now,
    });
    await leaseSync.revoke();
    return { book, bindings, leaseSync, store, reachability };
  }
  let agent = await start();
  return {
    owners,
    source,
    timing,
    revoked,
    /** Another document arrives. */
    hear: async () => {
      desired = documentOf([...revoked.values()]);
      await agent.leaseSync.revoke();
    },
    /** Why nobody is granted an address, as far as this host has heard. */
    forbidden: (ip: string): string | undefined => {
      if (desired.revocations?.some((one) => one.ip === ip) === true) return 'it was taken away';
      return desired.networks[0]?.subnets[0]?.exclude?.includes(ip) === true ? 'it is excluded' : undefined;
    },
    agent: () => agent,
    crash: async () => {
      await agent.store.close();
      agent = await start();
    },
    look: async () => {
      // A look takes a while: what was granted in the same millisecond is not known to it.
      await timing.advance(1);
      await agent.bindings.onObservation(observed());
      await agent.leaseSync.flush(1000);
    },
  };
}

/** A request as Docker makes it; what is granted starts from here on. */
async function ask(host: Host, ip: string | null, endpoint: Endpoint): Promise<void> {
  const { mac } = endpoint;
  const isAskable = host.source.mode === 'well' && host.agent().reachability.away() === null;
  try {
    const grant = await host.agent().book.request(pool, ip, endpoint);
    const why = host.forbidden(grant.ip);
    if (why !== undefined) throw new Error(`${grant.ip} was granted, though ${why}`);
    const twin = host.owners.find(
      (one) => mac !== null && one.mac === mac && (one.state === 'live' || one.state === 'starting'),
    );
    if (twin !== undefined)
      throw new Error(`${grant.ip} was granted to ${mac}, which box${twin.number} has with ${twin.ip}`);
    if (mac !== null && isAskable && host.source.stations.has(mac))
      throw new Error(`${grant.ip} was granted to ${mac}, which another host has`);
    const holder = host.owners.find((one) => one.ip === grant.ip && ['starting', 'live'].includes(one.state));
    if (holder !== undefined) {
      throw new Error(`${grant.ip} was granted while ${JSON.stringify(holder)} has it`);
    }
    host.owners.push({
      ip: grant.ip,
      mac,
      number: host.owners.length + 1,
      asked: ip !== null && mac !== null,
      state: mac === null ? 'live' : 'starting',
      listed: false,
    });
  } catch (error) {
    if (!(error instanceof DriverRefusal)) throw error;
  }
}

const release = async (host: Host, ip: string): Promise<void> => await host.agent().book.release(pool, ip);

/** The one that is meant of those in a state. */
const pick = (host: Host, state: Owner['state'], n: number): Owner | undefined => {
  const some = host.owners.filter((one) => one.state === state && one.mac !== null);
  return some[n % Math.max(1, some.length)];
};

/** The one that is meant of the addresses that the server says this host holds. */
const heldOf = ({ source }: Host, n: number): Lease | undefined =>
  [...source.held.values()][n % Math.max(1, source.held.size)];

interface Step {
  readonly name: string;
  readonly run: (host: Host) => Promise<void>;
}
const step = (name: string, run: Step['run']): Step => ({ name, run, toString: () => name }) as Step;

const which = fc.nat({ max: 4 });
const someIp = fc.constantFrom(...ips);
const someMac = fc.constantFrom(...macs);
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.option(someIp), someMac, fc.integer({ min: 1, max: 3 })).map(([ip, mac, times]) =>
    step(`${times} ask for ${ip ?? 'any'} with ${mac}`, async (host) => {
      await Promise.all(Array.from({ length: times }, () => ask(host, ip, { mac, name: null })));
    }),
  ),
  someIp.map((ip) => step(`a network asks for ${ip}`, async (host) => await ask(host, ip, auxiliary))),
  fc.tuple(which, fc.boolean()).map(([n, listed]) =>
    step(`${n} comes up`, async (host) => {
      const one = pick(host, 'starting', n);
      if (one !== undefined) Object.assign(one, { state: 'live', listed });
    }),
  ),
  fc
    .tuple(which, fc.constantFrom<Owner['state'][]>('starting', 'live'), fc.boolean(), fc.boolean())
    .map(([n, state, isHeard, isRemoved]) =>
      step(`${n} that is ${state} ends, ${isHeard ? 'heard' : 'not heard'}`, async (host) => {
        const one = pick(host, state, n);
        if (one === undefined) return;
        one.state = isRemoved ? 'gone' : 'over';
        if (isHeard) await release(host, one.ip);
      }),
    ),
  fc.tuple(someIp, fc.boolean()).map(([ip, isHeard]) =>
    step(`the network that has ${ip} is removed`, async (host) => {
      const one = host.owners.find((own) => own.ip === ip && own.mac === null && own.state !== 'gone');
      if (one === undefined) return;
      one.state = 'gone';
      if (isHeard) await release(host, ip);
    }),
  ),
  which.map((n) =>
    step(`${n} is released though it lives`, async (host) => {
      const one = pick(host, 'live', n);
      if (one !== undefined) await release(host, one.ip);
    }),
  ),
  fc.tuple(which, fc.boolean()).map(([n, isHeard]) =>
    step(`the server takes held ${n} away, ${isHeard ? 'heard' : 'not heard'}`, async (host) => {
      const lease = heldOf(host, n);
      if (lease === undefined) return;
      const { networkId, ip, generation } = lease;
      host.source.held.delete(`${networkId}/${ip}`);
      host.source.taken.set(ip, 'docker02');
      host.revoked.set(ip, { networkId, ip, generation });
      if (isHeard) await host.hear();
    }),
  ),
  someIp.map((ip) =>
    step(`${ip} is nobody's again`, async (host) => {
      // Its revocation is over only once the host has confirmed it.
      if (host.source.mode !== 'well' || !host.revoked.has(ip)) return;
      await host.hear();
      host.source.taken.delete(ip);
      host.revoked.delete(ip);
      await host.hear();
    }),
  ),
  fc.option(which).map((n) =>
    step(`${n === null ? 'nothing' : `held ${n}`} is excluded`, async (host) => {
      host.source.excluded.clear();
      const lease = n === null ? undefined : heldOf(host, n);
      if (lease !== undefined) host.source.excluded.add(lease.ip);
      await host.hear();
    }),
  ),
  fc.tuple(someIp, fc.boolean()).map(([ip, isReserved]) =>
    step(`${ip} is ${isReserved ? '' : 'no longer '}reserved for a MAC`, async (host) => {
      const [mac = ''] = macs;
      if (isReserved) host.source.reserved.set(mac, ip);
      else if (host.source.reserved.get(mac) === ip) host.source.reserved.delete(mac);
    }),
  ),
  fc.tuple(someMac, fc.boolean()).map(([mac, isThere]) =>
    step(`${mac} ${isThere ? 'is' : 'is no longer'} on another host`, async (host) => {
      if (isThere) host.source.stations.set(mac, 'docker02');
      else host.source.stations.delete(mac);
    }),
  ),
  fc.constant(
    step('Docker notes what is', async (host) => {
      for (const one of host.owners) one.listed = one.state === 'live' && one.mac !== null;
    }),
  ),
  fc.constant(step('a look', async (host) => await host.look())),
  fc.constant(step('the agent is killed', async (host) => await host.crash())),
  fc.constantFrom<('well' | 'away')[]>('well', 'away').map((mode) =>
    step(`the server is ${mode}`, async (host) => {
      host.source.mode = mode;
    }),
  ),
  fc.integer({ min: 1, max: 2 * graceMs }).map((ms) =>
    step(`${ms} ms go by`, async (host) => {
      await host.timing.advance(ms);
    }),
  ),
);

test('no address is granted while somebody has it, and none is lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 40, size: 'max' }), async (history) => {
      await using folder = await temporaryFolder();
      const host = await hostWith(folder.path);
      try {
        for (const { run } of history) await run(host);
        // Nothing moves. What asked for nothing by name holds nothing, though it is still there.
        host.source.mode = 'well';
        const { taken, stations, excluded, reserved } = host.source;
        for (const one of [taken, stations, excluded, reserved, host.revoked]) one.clear();
        await host.hear();
        for (const one of host.owners) {
          one.state = one.state === 'gone' || one.asked || one.mac === null ? 'gone' : 'over';
          one.listed = false;
        }
        for (let n = 0; n < 5; n += 1) {
          await host.look();
          await host.timing.advance(graceMs);
        }
        for (const [n, ip] of ips.entries()) await ask(host, ip, { mac: `02:42:00:00:01:0${n}`, name: null });
        const having = host.owners.filter(({ state }) => state === 'starting').map(({ ip }) => ip);
        expect(having.toSorted()).toEqual(ips);
      } finally {
        await host.agent().store.close();
      }
    }),
    { numRuns: 100 },
  );
}, 120_000);
