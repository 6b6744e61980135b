/** What is done about addresses of containers that Docker may be starting. */
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { createManualTime } from '../../lib/manual-time.fake.ts';
import { temporaryFolder } from '../../lib/temporary-folder.fixture.ts';
import type { Observed } from '../../observation/observed.ts';
import { id } from '../../reconcile/subjects.fixture.ts';
import { createFakeLeaseSource } from '../leases/lease-source.fake.ts';
import { arrived, given } from '../leases/lease-record.ts';
import { openLeaseStore } from '../leases/lease-store.ts';
import { createReachability } from '../leases/reachability.ts';
import { createBindings } from './bindings.ts';

const log = pino({ level: 'silent' });
const subnet = '172.16.100.0/28';
const endpoint = { mac: '02:42:ac:10:64:02', name: null };
const graceMs = 45_000;

test('promise 1: a container that takes minutes to start keeps its address, and its MAC is claimed again every minute', async () => {
  await using folder = await temporaryFolder();
  const time = createManualTime();
  const source = createFakeLeaseSource([{ networkId: id(1), subnet }]);
  const { lease } = await source.claimLease(
    { networkId: id(1), family: 'ipv4', ip: '172.16.100.2', mac: endpoint.mac, name: null },
    { timeoutMs: 1000, signal: AbortSignal.timeout(1000) },
  );
  const store = await openLeaseStore(folder.path, log, time.now);
  if (lease === null) throw new Error('nothing was given');
  await store.apply([given(arrived(lease, 'probing', time.now()), endpoint, time.now())]);
  let starting: readonly string[] = ['slow'];
  const claimedAt: number[] = [];
  const reachability = createReachability('nobody asked yet', time.now, () => {});
  reachability.answered();
  const docker = { reachable: true, containers: [] } as unknown as Observed['docker'];
  const nothing = {
    live: [],
    kernel: new Set(),
    asked: new Map(),
    own: new Set(),
    undescribed: new Map(),
    vague: new Set(),
  };
  const bindings = createBindings({
    store,
    live: { onObservation: async ({ at }) => ({ ...nothing, at }) as never },
    starts: { among: async () => starting },
    source: () => ({
      ...source,
      claimLease: (...asking) => {
        claimedAt.push(time.now());
        return source.claimLease(...asking);
      },
    }),
    reachability,
    look: () => bindings.onObservation({ at: time.now(), docker }),
    onChange: () => {},
    graceMs,
    timing: time,
    log,
  });
  const stop = new AbortController();
  const running = bindings.run(stop.signal);
  const key = `${id(1)}/172.16.100.2`;
  try {
    await time.advance(1);
    await bindings.onObservation({ at: time.now(), docker });
    const go = async (isSo: () => void) =>
      vi.waitFor(
        async () => {
          await time.advance(1000);
          isSo();
        },
        { timeout: 20_000, interval: 1 },
      );
    await go(() => expect(claimedAt).toHaveLength(3));
    const [first = 0, second = 0, third = 0] = claimedAt;
    expect([second - first >= 60_000, third - second >= 60_000]).toEqual([true, true]);
    expect(store.get(key)).toMatchObject({ use: 'used', seen: false });
    starting = [];
    await go(() => expect(store.get(key)?.use).toBe('returning'));
  } finally {
    stop.abort();
    await running;
    await store.close();
  }
});
