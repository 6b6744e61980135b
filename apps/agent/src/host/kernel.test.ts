import { expect, test } from 'vitest';
import { CommandFailed, type RunCommand } from './command.ts';
import {
  createKernel,
  isKernelNewEnough,
  parseDefaultRoutes,
  parseDefaultRoutes6,
  parseRoutes,
} from './kernel.ts';

const table = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
ens33	00000000	010110AC	0003	0	0	0	00000000	0	0	0
ens33	000110AC	00000000	0001	0	0	0	00FFFFFF	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
`;

test("the host's routes are read, default routes left out", () => {
  expect(parseRoutes(table)).toEqual([
    { cidr: '172.16.1.0/24', link: 'ens33' },
    { cidr: '172.17.0.0/16', link: 'docker0' },
  ]);
  expect(parseRoutes('')).toEqual([]);
  expect(parseRoutes('Iface\nens33 zz\n')).toEqual([]);
});

test('default routes are read, the lowest metric first, those that refuse left out', () => {
  const more = (...lines: string[]): string => `${table}${lines.join('\n')}\n`;
  expect(parseDefaultRoutes(table)).toEqual(['ens33']);
  expect(parseDefaultRoutes('')).toEqual([]);
  expect(parseDefaultRoutes('Iface\nens33 zz\n')).toEqual([]);
  const wlan = 'wlan0	00000000	010210AC	0003	0	0	600	00000000	0	0	0';
  const first = 'ens34	00000000	010210AC	0003	0	0	0	00000000	0	0	0';
  expect(parseDefaultRoutes(more(wlan, first))).toEqual(['ens33', 'ens34', 'wlan0']);
  expect(parseDefaultRoutes(more('*	00000000	00000000	0201	0	0	0	00000000	0	0	0'))).toEqual(['ens33']);
  // Half of the address space each way is no default route, and a route all the same.
  expect(parseDefaultRoutes('Iface\nens33	00000000	010110AC	0003	0	0	0	00000080	0	0	0\n')).toEqual([]);
});

test('default routes of IPv6 are read the same way', () => {
  const zero = '0'.repeat(32);
  const line = (prefix: string, metric: string, flags: string, link: string): string =>
    `${zero} ${prefix} ${zero} 00 ${zero} ${metric} 00000001 00000000 ${flags} ${link}`;
  const reject = line('00', 'ffffffff', '00200200', 'lo');
  expect(
    parseDefaultRoutes6([line('00', '00000400', '00000003', '   ens33'), reject, ''].join('\n')),
  ).toEqual(['ens33']);
  expect(
    parseDefaultRoutes6(
      [line('00', '00000800', '3', 'ens34'), line('00', '00000400', '3', 'ens33')].join('\n'),
    ),
  ).toEqual(['ens33', 'ens34']);
  expect(parseDefaultRoutes6(line('40', '00000100', '00000001', 'ens33'))).toEqual([]);
  expect(parseDefaultRoutes6('')).toEqual([]);
});

test.each([
  ['3.8.13', false],
  ['3.9.0', true],
  ['3.19.8-ckt', true],
  ['2.6.32-754.el6', false],
  ['6.1.0-18-amd64', true],
  ['strange', true],
])('kernel %s is new enough for macvlan: %s', (release, is) => {
  expect(isKernelNewEnough(release)).toBe(is);
});

function createSubject(files: Record<string, string>, loadable: string[] = []) {
  const ran: string[] = [];
  let clock = 0;
  const run: RunCommand = async (file, argv) => {
    ran.push([file, ...argv].join(' '));
    if (loadable.includes(argv.at(-1)!)) return { stdout: '', stderr: '', code: 0 };
    throw new CommandFailed({
      kind: 'exit',
      argv: [file, ...argv],
      code: 1,
      reason: '',
      stdout: '',
      stderr: '',
    });
  };
  const kernel = createKernel({
    run,
    readFile: async (path) => {
      const text = files[path];
      if (text === undefined) throw new Error(`no ${path}`);
      return text;
    },
    writeFile: async (path, text) => {
      files[path] = text;
    },
    release: () => '6.1.0',
    now: () => clock,
  });
  return { kernel, ran, files, pass: (ms: number) => (clock += ms) };
}

test('a part that is built in is found by its symbols, one that can be loaded by modprobe, others are missing', async () => {
  const { kernel } = createSubject({ '/proc/kallsyms': '0000 T macvlan_common_setup\n' }, ['8021q']);
  expect((await kernel.observe()).modules).toEqual({ macvlan: 'ready', '8021q': 'loadable' });
  const none = createSubject({});
  expect((await none.kernel.observe()).modules).toEqual({ macvlan: 'missing', '8021q': 'missing' });
  const loaded = createSubject({ '/proc/modules': '8021q 45056 0 - Live 0x0\n' });
  expect((await loaded.kernel.observe()).modules).toEqual({ macvlan: 'missing', '8021q': 'ready' });
});

test('a module that is missing is not looked for at every look, but again after a while', async () => {
  const { kernel, ran, pass } = createSubject({});
  await kernel.observe();
  const first = ran.length;
  await kernel.observe();
  expect(ran).toHaveLength(first);
  pass(60_000);
  await kernel.observe();
  expect(ran.length).toBeGreaterThan(first);
});

test('forwarding is read, and turned on when asked', async () => {
  const { kernel, files } = createSubject({ '/proc/sys/net/ipv4/ip_forward': '0\n' });
  expect((await kernel.observe()).forwarding).toEqual({ ipv4: false, ipv6: false });
  await kernel.enableForwarding();
  expect(files['/proc/sys/net/ipv4/ip_forward']).toBe('1\n');
  expect((await kernel.observe()).forwarding).toEqual({ ipv4: true, ipv6: false });
});

test('a shim takes no IPv6 address by itself and filters by its routes; nothing else is written', async () => {
  const ipv6 = '/proc/sys/net/ipv6/conf/tlh-ens33.10';
  const { kernel, files } = createSubject({ [`${ipv6}/addr_gen_mode`]: '0\n' });
  await kernel.settleShim('tlh-ens33.10');
  expect(files).toEqual({
    '/proc/sys/net/ipv4/conf/tlh-ens33.10/rp_filter': '1\n',
    [`${ipv6}/addr_gen_mode`]: '1\n',
    [`${ipv6}/accept_ra`]: '0\n',
    [`${ipv6}/autoconf`]: '0\n',
    [`${ipv6}/disable_ipv6`]: '0\n',
  });
  const without = createSubject({});
  await without.kernel.settleShim('tlh-ens33');
  expect(Object.keys(without.files)).toEqual(['/proc/sys/net/ipv4/conf/tlh-ens33/rp_filter']);
  await expect(without.kernel.settleShim('../all')).rejects.toThrow('is not an interface name');
});
