/** What the doctor finds, and what is bad enough to be an error. */
import { expect, test } from 'vitest';
import { examineHost, findingLines, type DoctorDeps } from './doctor.ts';

const modules = { macvlan: 'ready', '8021q': 'loadable' } as const;
const well: DoctorDeps = {
  docker: async () => ({ version: '27.3.1' }),
  versionOf: async (program) => `${program} 1.0`,
  kernel: async () => ({
    release: '6.1',
    modules,
    forwarding: { ipv4: false, ipv6: false },
    routes: [],
    defaultRoutes: [],
  }),
  clockAheadOfServer: async () => 0,
  server: 'https://s:7400',
};
const failing = (why: string) => () => Promise.reject(new Error(why));

const found = async (change: Partial<DoctorDeps>) =>
  Object.fromEntries(
    (await examineHost({ ...well, ...change })).map(({ what, state, detail }) => [
      what,
      `${state}: ${detail}`,
    ]),
  );

test('on a host that is well all of it is', async () => {
  const findings = await examineHost(well);
  expect(findings.map(({ state }) => state)).toEqual(findings.map(() => 'ok'));
  expect(findings.map(({ what }) => what)).toEqual([
    'Docker',
    'ip',
    'nft',
    'ping',
    'kernel module macvlan',
    'kernel module 8021q',
    'server',
    'clock',
  ]);
});

test.each<[string, Partial<DoctorDeps>, string, RegExp]>([
  ['no Docker', { docker: failing('no socket') }, 'Docker', /^missing: no socket: start it/],
  ['an old Docker', { docker: async () => ({ version: '19.03.1' }) }, 'Docker', /^missing: .* too old/],
  ['no ip', { versionOf: failing('not installed') }, 'ip', /^missing: not installed: install iproute2/],
  ['no nft', { versionOf: failing('not installed') }, 'nft', /^lacking: not installed: install nftables/],
  [
    'a clock ahead',
    { clockAheadOfServer: async () => 90 },
    'clock',
    /^missing: 90 s ahead of the server: set both by NTP/,
  ],
  ['a clock behind', { clockAheadOfServer: async () => -61 }, 'clock', /^missing: 61 s behind the server/],
  ['a clock that is nearly right', { clockAheadOfServer: async () => -20 }, 'clock', /^ok: 20 s behind/],
  [
    'a server that is not reached',
    { clockAheadOfServer: failing('nobody listens') },
    'server',
    /^missing: nobody listens$/,
  ],
  ['no server', { server: null }, 'server', /^missing: none is named: trunkline-agent join/],
])('%s', async (_, change, what, expected) => {
  expect((await found(change))[what]).toMatch(expected);
});

const kernel = async () => ({
  ...(await well.kernel()),
  modules: { macvlan: 'missing', '8021q': 'missing' } as const,
});

test('a kernel without VLANs is worse, and one without macvlan is of no use', async () => {
  expect(await found({ kernel })).toMatchObject({
    'kernel module macvlan': expect.stringMatching(/^missing: the kernel has none/),
    'kernel module 8021q': expect.stringMatching(/^lacking: the kernel has none/),
  });
});

test('each is a line for a person', async () => {
  const lines = findingLines(await examineHost({ ...well, docker: failing('no socket') }));
  expect(lines).toContain('missing  Docker                 no socket: start it');
});
