/** The boot stage on links and a kernel in memory: what comes back, what is waited for, and what is never touched. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DesiredDocument } from '@trunkline/contracts';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { maxBootMs, parentWaitMs, runBoot } from './boot.ts';
import { boot, desiredOnDisk } from './boot-main.ts';
import { openTrialStore } from './confirm/trial-store.ts';
import { createFakeKernel } from './host/kernel.fake.ts';
import { createFakeLinks } from './host/links.fake.ts';
import { everything, type Permissions } from './observation/permissions.ts';
import { document, id, network } from './reconcile/subjects.fixture.ts';
import { openDesiredCache } from './sync/desired-cache.ts';
import { loadIdentity, saveHostId } from './machine/identity.ts';
import { createManualTime, turns } from './lib/manual-time.fake.ts';
import { temporaryFolder } from './lib/temporary-folder.fixture.ts';

const log = pino({ level: 'silent' });
const ends: AbortController[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end.abort();
});

const nothing = () => {};

/** A host right after its start: hardware is there and down, nothing of ours is. */
function host(
  links: Parameters<typeof createFakeLinks>[0] = [{ name: 'ens33' }],
  permitted: Permissions = everything,
) {
  const fakeLinks = createFakeLinks(links);
  const kernel = createFakeKernel();
  const time = createManualTime();
  const end = new AbortController();
  ends.push(end);
  let changed: () => void = nothing;
  const start = (desired: DesiredDocument | null) =>
    runBoot(
      {
        desired,
        links: fakeLinks,
        kernel,
        permitted,
        watch: async (onChange) => {
          changed = onChange;
          onChange();
        },
        timing: time,
        log,
      },
      end.signal,
    );
  return {
    links: fakeLinks,
    kernel,
    time,
    end,
    start,
    linkChanged: () => changed(),
    changes: () => [...fakeLinks.calls, ...kernel.calls].map(({ method }) => method),
  };
}
const vlan10 = network({ id: id(10), name: 'mac_net10', vlan: 10, mtu: 1400, forwarding: true });

test('promise 5: parent, promiscuous mode, sub-interface with alias and MTU, module and forwarding come back', async () => {
  const { links, kernel, start } = host();
  kernel.set({ modules: { macvlan: 'ready', '8021q': 'loadable' } });
  expect(await start(document([network(), vlan10]))).toEqual({
    ready: ['mac_net1', 'mac_net10'],
    failed: [],
  });
  expect(await links.get('ens33')).toMatchObject({ up: true, promiscuous: true });
  expect(await links.get('ens33.10')).toMatchObject({
    up: true,
    mtu: 1400,
    vlanId: 10,
    parent: 'ens33',
    alias: `trunkline:${id(10)}`,
  });
  expect(kernel.calls.map(({ method }) => method)).toEqual(['loadModule', 'enableForwarding']);
});

test('promise 5: the shim of a network with host access is there before Docker, whole and up', async () => {
  const { links, kernel, start } = host();
  const open = { ...vlan10, forwarding: false, hostAccess: true };
  expect(await start(document([open]))).toEqual({ ready: ['mac_net10'], failed: [] });
  expect(await links.get('tlh-ens33.10')).toMatchObject({
    kind: 'macvlan',
    macvlanMode: 'bridge',
    parent: 'ens33.10',
    up: true,
    mtu: 1400,
    alias: `trunkline:${id(10)}`,
  });
  expect(kernel.calls).toEqual([{ method: 'settleShim', args: ['tlh-ens33.10'] }]);
});

test('what is there already is left as it is', async () => {
  const { links, start, changes, kernel } = host();
  await start(document([vlan10]));
  links.calls.splice(0);
  kernel.calls.splice(0);
  expect(await start(document([vlan10]))).toMatchObject({ ready: ['mac_net10'] });
  expect(changes()).toEqual([]);
});

const untouched: [string, DesiredDocument | null, Parameters<typeof createFakeLinks>[0]][] = [
  [
    'no document, and links of ours from before',
    null,
    [{ name: 'ens33.10', alias: `trunkline:${id(10)}`, kind: 'vlan', vlanId: 10, parent: 'ens33' }],
  ],
  ['a document that lists nothing', document([]), [{ name: 'ens33.10', alias: `trunkline:${id(10)}` }]],
  [
    'a network that should be absent, with its link still there',
    document([{ ...vlan10, state: 'absent' }]),
    [{ name: 'ens33' }, { name: 'ens33.10', kind: 'vlan', alias: `trunkline:${id(10)}` }],
  ],
];
test.each(untouched)('promise 6: nothing is touched for %s', async (_, desired, links) => {
  const { start, changes } = host(links);
  expect(await start(desired)).toEqual({ ready: [], failed: [] });
  expect(changes()).toEqual([]);
});

test('promise 6: a foreign link of the wanted name keeps all it has, and only its network fails', async () => {
  const foreign = { name: 'ens33.10', kind: 'bridge', alias: 'mine', mtu: 9000, addresses: [] };
  const { links, start } = host([{ name: 'ens33' }, foreign, { name: 'wlan0' }]);
  const before = [await links.get('ens33.10'), await links.get('wlan0')];
  const result = await start(document([vlan10, network()]));
  expect(result.ready).toEqual(['mac_net1']);
  expect(result.failed).toMatchObject([{ network: 'mac_net10', reason: 'LinkConflict' }]);
  expect([await links.get('ens33.10'), await links.get('wlan0')]).toEqual(before);
  expect(links.calls.filter(({ method }) => method === 'remove')).toEqual([]);
});

test('promise 6: a sub-interface that somebody else made is used without our mark, and its MTU stays', async () => {
  const foreign = { name: 'ens33.10', kind: 'vlan', vlanId: 10, parent: 'ens33', up: true };
  const { links, start } = host([{ name: 'ens33' }, foreign]);
  expect(await start(document([vlan10]))).toMatchObject({ ready: ['mac_net10'] });
  expect(await links.get('ens33.10')).toMatchObject({ alias: null, mtu: 1500 });
});

test('one bad network never blocks the others: no VLANs in the kernel, a port of a bridge, a step that fails', async () => {
  const { links, kernel, time, start } = host([
    { name: 'ens33' },
    { name: 'ens34', master: 'br0' },
    { name: 'ens35' },
  ]);
  kernel.set({ modules: { macvlan: 'ready', '8021q': 'missing' } });
  links.failNext('setPromiscuous', new Error('EPERM'), 3);
  const ens35 = network({ id: id(3), name: 'stubborn', parent: 'ens35' });
  const running = start(
    document([
      ens35,
      { ...vlan10, promiscuous: false },
      network({ id: id(2), name: 'port', parent: 'ens34' }),
      network({ promiscuous: false }),
    ]),
  );
  await turns();
  await time.advance(2000);
  const { ready, failed } = await running;
  expect(ready).toEqual(['mac_net1']);
  expect(failed.map((one) => `${one.network} ${one.reason}`).sort()).toEqual([
    'mac_net10 VlanUnsupported',
    'port ParentUnusable',
    'stubborn StepFailed',
  ]);
  expect(failed.find((one) => one.network === 'stubborn')?.message).toMatch(/set-promiscuous: EPERM/);
});

test('a step that fails once is tried again', async () => {
  const { links, time, start } = host();
  links.failNext('setUp', new Error('EBUSY'));
  const running = start(document([network()]));
  await turns();
  await time.advance(500);
  expect(await running).toMatchObject({ ready: ['mac_net1'], failed: [] });
});

test('a parent that comes up late is noticed at once, and the others do not wait for it', async () => {
  const { links, time, start, linkChanged } = host();
  const late = network({ id: id(2), name: 'late', parent: 'ens34' });
  const running = start(document([late, network()]));
  await turns();
  expect((await links.get('ens33')).promiscuous).toBe(true);
  await time.advance(9000);
  links.put({ name: 'ens34' });
  const at = time.now();
  linkChanged();
  expect(await running).toEqual({ ready: ['mac_net1', 'late'], failed: [] });
  expect(time.now()).toBe(at);
  expect(await links.get('ens34')).toMatchObject({ up: true, promiscuous: true });
});

test('a parent that does not come is waited for a bounded time, and named with what is there', async () => {
  const { time, start } = host();
  const running = start(document([network({ parent: 'ens34' })]));
  await turns();
  const began = time.now();
  await time.advance(parentWaitMs + 1000);
  const { failed } = await running;
  expect(failed).toEqual([{ network: 'mac_net1', reason: 'ParentMissing', message: expect.any(String) }]);
  expect(failed[0]?.message).toMatch(/ens34 does not exist.*ens33/);
  expect(time.now() - began).toBeLessThanOrEqual(parentWaitMs + 1000);
});

test('a parent taken from the default route is waited for as well', async () => {
  const { kernel, time, start } = host();
  const running = start(document([network({ parent: null })]));
  await turns();
  kernel.setDefaultRoute('ens33');
  await time.advance(500);
  expect(await running).toMatchObject({ ready: ['mac_net1'] });
});

test('the whole stage is bounded, also when a program hangs', async () => {
  const { links, time, start } = host();
  links.setUp = () => new Promise(() => {});
  const running = start(document([network(), network({ id: id(2), name: 'other', parent: 'ens34' })]));
  await turns();
  await time.advance(maxBootMs);
  expect((await running).failed.map((one) => one.network)).toEqual(['mac_net1', 'other']);
});

test('it ends when it is aborted', async () => {
  const { end, start } = host();
  const running = start(document([network({ parent: 'ens34' })]));
  await turns();
  end.abort();
  expect((await running).failed).toHaveLength(1);
});

test('links that cannot be listed are reported for every network', async () => {
  const { links, time, start } = host();
  links.failNext('list', new Error('ip: not found'), 3);
  const running = start(document([network()]));
  await turns();
  await time.advance(1000);
  expect((await running).failed).toMatchObject([{ reason: 'LookFailed', message: 'ip: not found' }]);
});

test('the program ends well where it has nothing to go by: not joined, no document, an unreadable one', async () => {
  await using folder = await temporaryFolder();
  const env = { TRUNKLINE_STATE_DIR: folder.path, TRUNKLINE_LOG_LEVEL: 'fatal' };
  const { signal } = new AbortController();
  expect(await boot({ ...env, TRUNKLINE_STATE_DIR: join(folder.path, 'none') }, signal)).toBe(0);
  expect(await boot(env, signal)).toBe(0);
  await writeFile(join(folder.path, 'identity.json'), 'torn');
  expect(await boot(env, signal)).toBe(0);
  await writeFile(join(folder.path, 'desired.json'), 'torn');
  await rm(join(folder.path, 'identity.json'));
  await saveHostId(folder.path, await loadIdentity(folder.path), id(999));
  expect(await boot(env, signal)).toBe(0);
});

test('a change that was undone before the host went down is not put in place again', async () => {
  await using folder = await temporaryFolder();
  await saveHostId(folder.path, await loadIdentity(folder.path), id(999));
  const cache = await openDesiredCache({ stateFolder: folder.path, hostId: id(999), log });
  const moved = document([network({ parent: 'ens34', generation: 2 })]);
  await cache.accept(moved);
  expect(await desiredOnDisk(folder.path, log)).toEqual(moved);
  const trials = await openTrialStore(folder.path, log);
  const trial = {
    generation: 2,
    deadline: Date.now() + 60_000,
    windowMs: 60_000,
    rolledBackAt: null,
    setUp: [],
  };
  await trials.change(() => ({ [id(1)]: { confirmed: network(), trial } }));
  expect(await desiredOnDisk(folder.path, log)).toEqual(moved);
  await trials.change(() => ({ [id(1)]: { confirmed: network(), trial: { ...trial, deadline: 1 } } }));
  expect((await desiredOnDisk(folder.path, log))?.networks).toMatchObject([
    { parent: 'ens33', generation: 2 },
  ]);
});

test('a parent that this host does not allow is left as it is, and the boot stage says why', async () => {
  const at = host([{ name: 'ens33' }], { ...everything, parents: ['ens34'] });
  const { ready, failed } = await at.start(document([network()]));
  expect(ready).toEqual([]);
  expect(failed).toMatchObject([{ network: 'mac_net1', reason: 'ParentNotAllowed' }]);
  expect(await at.links.get('ens33')).toMatchObject({ up: false, promiscuous: false });
});
