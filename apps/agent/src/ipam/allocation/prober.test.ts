/** An address enters a warm pool once the wire was asked for it (A8). */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createManualTime, turns } from '../../lib/manual-time.fake.ts';
import { temporaryFolder } from '../../lib/temporary-folder.fixture.ts';
import type { ProbeAnswer } from '../../wire/address-probe.ts';
import { arrived, keyOf } from '../leases/lease-record.ts';
import { openLeaseStore } from '../leases/lease-store.ts';
import { createProber } from './prober.ts';

const log = pino({ level: 'silent' });
const ips = ['172.16.100.17', '172.16.100.18'];
const foreign = '02:00:00:aa:00:01';
const clear: ProbeAnswer = { answer: 'clear' };
const deaf: ProbeAnswer = { answer: 'unknown', reason: 'interface ens33 has no carrier' };

/** Two addresses of each network that arrived, and a wire that says what it is asked to. */
async function setUp(networkIds: readonly string[], answer: (networkId: string, ip: string) => ProbeAnswer) {
  const folder = await temporaryFolder();
  const timing = createManualTime();
  const store = await openLeaseStore(folder.path, log, timing.now);
  const leases = networkIds.flatMap((networkId) =>
    ips.map((ip) => ({
      networkId,
      ip,
      subnet: '172.16.100.0/24',
      generation: 7,
      owner: null,
      mac: null,
      bound: false,
    })),
  );
  await store.apply(leases.map((lease) => arrived(lease, 'probing', timing.now())));
  const own = { answer };
  const asked: { readonly networkId: string; readonly at: number }[] = [];
  const began = timing.now();
  const prober = createProber({
    store,
    wire: {
      ask: async (_, { networkId, ip }) => {
        asked.push({ networkId, at: timing.now() - began });
        return own.answer(networkId, ip);
      },
    },
    onChange: () => {},
    timing,
    log,
  });
  const ended = new AbortController();
  const running = prober.run(ended.signal);
  return Object.assign(own, {
    asked,
    uses: (networkId: string) => ips.map((ip) => store.get(keyOf({ networkId, ip }))?.use),
    /** Lets some time go by, and what was begun then end. */
    pass: async (ms: number) => {
      await timing.advance(ms);
      await turns();
    },
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await running;
      await store.close();
      await folder[Symbol.asyncDispose]();
    },
  });
}

test('a wire that cannot be asked admits nothing, and is asked again when it can be', async () => {
  await using it = await setUp(['n1'], () => deaf);
  await it.pass(500);
  await expect.poll(() => it.asked.length).toBe(2);
  expect(it.uses('n1')).toEqual(['probing', 'probing']);
  // The carrier comes, with a station on one of them.
  it.answer = (_, ip) => (ip === ips[0] ? { answer: 'taken', mac: foreign } : clear);
  await it.pass(1000);
  await expect.poll(() => it.uses('n1')).toEqual(['returning', 'free']);
});

test('it is asked again later and later, and never more than a few times in a minute', async () => {
  await using it = await setUp(['n1'], () => deaf);
  for (let second = 0; second < 600; second += 1) await it.pass(1000);
  const times = [...new Set(it.asked.map(({ at }) => Math.floor(at / 1000)))];
  expect(times.slice(0, 7)).toEqual([0, 1, 3, 7, 15, 31, 63]);
  expect(times.length).toBeLessThan(18);
});

test('another network does not wait for it', async () => {
  await using it = await setUp(['deaf', 'n2'], (networkId) => (networkId === 'deaf' ? deaf : clear));
  await it.pass(0);
  await expect.poll(() => it.uses('n2')).toEqual(['free', 'free']);
  expect(it.uses('deaf')).toEqual(['probing', 'probing']);
});
