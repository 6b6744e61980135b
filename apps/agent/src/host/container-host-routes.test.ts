import { expect, test } from 'vitest';
import { readContainerHostAccess } from './container-host-routes.ts';

/** As kernel 6.18 shows a container on two networks that reaches its host at 172.16.1.30, fd00:1::30 and 172.16.200.2. */
const files: Readonly<Record<string, string>> = {
  '/proc/7/net/route': `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	016410AC	0003	0	0	0	00000000	0	0	0
eth0	1E0110AC	00000000	0005	0	0	7400	FFFFFFFF	0	0	0
eth1	02C810AC	00000000	0005	0	0	7400	FFFFFFFF	0	0	0
eth1	07C810AC	00000000	0005	0	0	0	FFFFFFFF	0	0	0
eth0	006410AC	00000000	0001	0	0	0	00FFFFFF	0	0	0
eth1	00C810AC	00000000	0001	0	0	0	00FFFFFF	0	0	0
`,
  '/proc/7/net/arp': `IP address       HW type     Flags       HW address            Mask     Device
172.16.1.30      0x1         0x6         D6:54:00:00:00:01     *        eth0
172.16.200.2     0x1         0x2         d6:54:00:00:00:02     *        eth1
192.0.0.8        0x1         0x6         d6:54:00:00:00:01     *        eth0
`,
  '/proc/7/net/ipv6_route': `fd000001000000000000000000000030 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00001ce8 00000003 00000000 00000001     eth0
fd000001000000000000000000000031 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00001ce8 00000003 00000000 00000001     eth1
fd000100000000000000000000000010 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000005 00000000 80200001     eth0
fd000100000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000003 00000000 00000001     eth0
`,
  '/proc/7/net/if_inet6': `fd000100000000000000000000000010 04 40 00 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
`,
};
const readFile = (of: Readonly<Record<string, string>>) => async (path: string) => {
  const text = of[path];
  if (text === undefined) throw new Error(`no ${path}`);
  return text;
};

test('the routes that bear our metric are ours, each with its permanent neighbour; all others are somebody else’s', async () => {
  expect((await readContainerHostAccess(7, readFile(files)))?.routes).toEqual([
    { ip: '172.16.1.30', link: 'eth0', mac: 'd6:54:00:00:00:01' },
    // One that was learned is not the one that was set.
    { ip: '172.16.200.2', link: 'eth1', mac: null },
    { ip: 'fd00:1::30', link: 'eth0', mac: 'd6:54:00:00:00:01' },
    // The witness of its interface is missing: it has lost its neighbours.
    { ip: 'fd00:1::31', link: 'eth1', mac: null },
  ]);
});

test.each([
  ['172.16.100.10', 'eth0'],
  ['172.16.200.60', 'eth1'],
  ['10.0.0.1', null],
  ['fd00:100::10', 'eth0'],
  ['fd00:100::11', null],
  ['nonsense', null],
])('the interface of %s is %s', async (ip, link) => {
  expect((await readContainerHostAccess(7, readFile(files)))?.linkOf(ip)).toBe(link);
});

test('a process that is gone has nothing, and a kernel without IPv6 has IPv4', async () => {
  expect(await readContainerHostAccess(8, readFile(files))).toBeNull();
  const { '/proc/7/net/ipv6_route': _, '/proc/7/net/if_inet6': __, ...ipv4 } = files;
  const seen = await readContainerHostAccess(7, readFile(ipv4));
  expect(seen?.routes.map(({ ip }) => ip)).toEqual(['172.16.1.30', '172.16.200.2']);
  expect(seen?.linkOf('fd00:100::10')).toBeNull();
});
