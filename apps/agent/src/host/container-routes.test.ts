import { expect, test } from 'vitest';
import type { RunCommand } from './command.ts';
import { containerRoutes, removeDefaultRoute, setDefaultRoute } from './container-routes.ts';

const ipv4 = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth1	00000000	010A10AC	0003	0	0	0	00000000	0	0	0
tun0	00000000	010110AC	0003	0	0	50	00000000	0	0	0
eth0	006410AC	00000000	0001	0	0	0	00FFFFFF	0	0	0
`;
const zero = '0'.repeat(32);
const ipv6 = `20010db8000000000000000000000000 40 ${zero} 00 ${zero} 00000100 00000001 00000000 00000001     eth0
${zero} 00 ${zero} 00 20010db8000000000000000000000001 00000400 00000001 00000000 00000003     eth0
${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo
`;
const filesOf = (files: Readonly<Record<string, string>>) => async (path: string) => {
  const text = files[path];
  if (text === undefined) throw new Error(`no ${path}`);
  return text;
};

test('the default routes of a container are read from its process, the best of each family', async () => {
  const readFile = filesOf({ '/proc/7/net/route': ipv4, '/proc/7/net/ipv6_route': ipv6 });
  expect(await containerRoutes(7, readFile)).toEqual([
    { family: 4, gateway: '172.16.10.1', link: 'eth1' },
    { family: 6, gateway: '2001:0db8:0000:0000:0000:0000:0000:0001', link: 'eth0' },
  ]);
});

test.each([
  ['a process that is gone', {}, null],
  [
    'a kernel without IPv6',
    { '/proc/7/net/route': ipv4 },
    [{ family: 4, gateway: '172.16.10.1', link: 'eth1' }],
  ],
  ['no default route', { '/proc/7/net/route': 'Iface\n', '/proc/7/net/ipv6_route': '' }, []],
  [
    'a route into a tunnel without a gateway',
    { '/proc/7/net/route': 'Iface\ntun0 00000000 00000000 1 0 0 0 00000000\n' },
    [],
  ],
])('%s', async (_, files, expected) => {
  expect(await containerRoutes(7, filesOf(files))).toEqual(expected);
});

test('the route is set and removed inside, by a program of the host', async () => {
  const ran: string[] = [];
  const run: RunCommand = async (file, argv) => {
    ran.push([file, ...argv].join(' '));
    return { stdout: '', stderr: '', code: 0 };
  };
  await setDefaultRoute(run, 7, 4, '172.16.100.1');
  await setDefaultRoute(run, 7, 6, '2001:db8::1');
  await removeDefaultRoute(run, 7, { family: 4, gateway: '127.0.0.1', link: 'lo' });
  expect(ran).toEqual([
    'nsenter --net=/proc/7/ns/net -- ip -4 route replace default via 172.16.100.1',
    'nsenter --net=/proc/7/ns/net -- ip -6 route replace default via 2001:db8::1',
    'nsenter --net=/proc/7/ns/net -- ip -4 route del default via 127.0.0.1 dev lo',
  ]);
});
