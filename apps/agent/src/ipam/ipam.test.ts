/** The driver serves before the rest of the agent is there: what it does not know yet it does not guess. */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from '@trunkline/client';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { document, id, network } from '../reconcile/subjects.fixture.ts';
import { heedingNotJoined } from '../lib/failure.ts';
import { temporaryFolder } from '../lib/temporary-folder.fixture.ts';
import type { Timing } from '../lib/timing.ts';
import { noProbe, type AddressProbe } from '../wire/address-probe.ts';
import { createFakeLeaseSource } from './leases/lease-source.fake.ts';
import { createFakeDockerEngine } from '../host/docker-engine.fake.ts';
import type { IpamHost } from './host-view.ts';
import { openIpam, type Ipam } from './ipam.ts';
import { arrived } from './leases/lease-record.ts';
import { openLeaseStore } from './leases/lease-store.ts';

const log = pino({ level: 'silent' });
const networkId = id(1);
const subnet = '172.16.100.0/24';
const passthru = network({ mode: 'passthru' });
const cleanup: (() => PromiseLike<unknown>)[] = [];
afterEach(async () => {
  for (const one of cleanup.splice(0).toReversed()) await one();
});

/** As real time has it; `early` waits end at once. */
const timingOf = (isEarly: (ms: number) => boolean): Timing => ({
  now: Date.now,
  random: () => 0.5,
  delay: (ms, signal) =>
    isEarly(ms) ? Promise.resolve() : delay(ms, undefined, { signal }).then(undefined, () => {}),
});

/** An address book that holds a free lease on its disk and serves; the rest of the agent has not started. */
async function serving(
  timing: Timing,
  { use = 'free', probe = noProbe }: { use?: 'free' | 'kept'; probe?: AddressProbe } = {},
): Promise<{ call: Call; join: Join; ipam: Ipam }> {
  const folder = await temporaryFolder();
  cleanup.push(() => folder[Symbol.asyncDispose]());
  const before = await openLeaseStore(folder.path, log, Date.now);
  const lease = {
    networkId,
    ip: '172.16.100.7',
    subnet,
    generation: 3,
    owner: null,
    mac: null,
    bound: false,
  };
  await before.apply([{ ...arrived(lease, 'probing', 0), use, cleared: true, pinned: use === 'kept' }]);
  await before.close();

  const path = join(folder.path, 'trunkline.sock');
  const ipam = await openIpam({
    stateFolder: folder.path,
    socket: { path, descriptor: null },
    graceMs: 10_000,
    probe,
    sandboxes: {
      look: () => Promise.resolve({ known: true, having: new Map() }),
      seekStrays: () => {},
      macvlanWith: () => Promise.resolve(null),
    },
    docker: createFakeDockerEngine(),
    timing,
    log,
  });
  const ended = new AbortController();
  const parts = [ipam.serve(ended.signal)];
  cleanup.push(async () => {
    ended.abort();
    await Promise.all(parts);
    await ipam.close();
  });
  await expect.poll(() => ipam.notServing()).toBeNull();
  return {
    call: (method, body) => callDriver(path, method, body),
    join: (host) => void parts.push(ipam.run(host, ended.signal)),
    ipam,
  };
}

/** The rest of the agent is there. */
type Join = (host: IpamHost) => void;
type Call = (method: string, body: object) => Promise<Readonly<Record<string, unknown>>>;

async function callDriver(socketPath: string, method: string, body: object): ReturnType<Call> {
  const asked = request({ socketPath, path: `/IpamDriver.${method}`, method: 'POST' });
  asked.end(JSON.stringify(body));
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of answer as AsyncIterable<Buffer>) text += part.toString();
  return JSON.parse(text) as Record<string, unknown>;
}

const hostOf = (harm: string | null): IpamHost => ({
  source: createFakeLeaseSource([{ networkId, subnet }]),
  desired: () => document([passthru]),
  linkOf: () => 'ens33',
  look: () => Promise.resolve(null),
  whyHarmful: () => Promise.resolve(harm),
  notStarted: () => [],
  onNews: () => {},
});

/** As `docker run` on a network that Docker has: the agent was only restarted. */
const askForBox = (call: Call): ReturnType<Call> =>
  call('RequestAddress', {
    PoolID: `${networkId}/${subnet}`,
    Options: { 'com.docker.network.endpoint.macaddress': '02:42:ac:10:64:07' },
  });

test.each([
  [
    'is refused where the network would take the NIC of this host',
    'this host needs ens33',
    { Error: /needs ens33/ },
  ],
  ['gets an address where it would not', null, { Address: /^172\.16\.100\.\d+\/24$/ }],
])('a container that starts before the agent knows its networks %s', async (_, harm, expected) => {
  const { call, join: joinHost } = await serving(timingOf(() => false));
  const answer = askForBox(call);
  // The driver has heard it when it answers what came later.
  await call('ReleaseAddress', { PoolID: `${networkId}/${subnet}`, Address: '172.16.100.9' });
  joinHost(hostOf(harm));
  const [[key, text]] = Object.entries(expected) as [[string, RegExp]];
  expect((await answer)[key]).toMatch(text);
});

test('a container does not wait for ever for an agent that does not come to know its networks', async () => {
  const { call } = await serving(timingOf((ms) => ms === 4000));
  expect((await askForBox(call))['Error']).toMatch(/still starting: try again/);
});

test('what the server took away is given to nobody by an agent that starts, though no server answers it (A5)', async () => {
  const { call, join: joinHost } = await serving(timingOf(() => false));
  const host = hostOf(null);
  const source = createFakeLeaseSource([{ networkId, subnet }]);
  source.mode = 'away';
  // Its document is on disk: the agent was killed before it carried that out.
  const revoked = {
    ...document([passthru]),
    revocations: [{ networkId, ip: '172.16.100.7', generation: 3 }],
  };
  joinHost({ ...host, source, desired: () => revoked });
  expect((await askForBox(call))['Error']).toContain('no address is left on this host');
});

/** Any call of an agent whose host was retired. */
const gone = () =>
  Promise.reject(
    new ApiError({
      method: 'POST',
      path: '/agent/v1/leases',
      status: 401,
      problem: {
        type: '/docs/errors#host_not_joined',
        title: 'No such host has joined',
        status: 401,
        code: 'host_not_joined',
        detail: 'no host docker02 has joined this server: it was retired',
        instance: '/agent/v1/leases',
        requestId: 'r',
        retryable: false,
      },
      retryAfter: null,
      text: '',
    }),
  );

test('promise 1: an agent whose host the server knows no more gives nothing of what it held, by whatever call it heard so', async () => {
  const { call, join: joinHost, ipam } = await serving(timingOf(() => false));
  const client = heedingNotJoined(
    {
      desired: gone,
      names: gone,
      report: gone,
      checkResult: gone,
      syncLeases: gone,
      claimLease: gone,
      compareLeases: gone,
      close: () => Promise.resolve(),
    },
    ipam.disowned,
  );
  joinHost({ ...hostOf(null), source: client });
  await expect(client.desired()).rejects.toThrow('host_not_joined');
  expect((await askForBox(call))['Error']).toMatch(/does not know this host.*it was retired/);
  expect(ipam.hostCondition()).toMatchObject({ type: 'AddressDriver', status: 'False' });
});

test('promise 1: an address is not given where the server knows this host no more once the wire was asked', async () => {
  const asked = Promise.withResolvers<void>();
  const silent = Promise.withResolvers<void>();
  const ask: AddressProbe['ask'] = async () => {
    asked.resolve();
    await silent.promise;
    return { answer: 'clear' };
  };
  const {
    call,
    join: joinHost,
    ipam,
  } = await serving(
    timingOf(() => false),
    {
      use: 'kept',
      probe: { ...noProbe, ask },
    },
  );
  const source = createFakeLeaseSource([{ networkId, subnet }]);
  source.mode = 'away';
  joinHost({ ...hostOf(null), source, desired: () => document([network()]) });
  const answer = call('RequestAddress', {
    PoolID: `${networkId}/${subnet}`,
    Address: '172.16.100.7',
    Options: { 'com.docker.network.endpoint.macaddress': '02:42:ac:10:64:07' },
  });
  await asked.promise;
  ipam.disowned('it was retired');
  silent.resolve();
  expect((await answer)['Error']).toMatch(/does not know this host.*it was retired/);
});
