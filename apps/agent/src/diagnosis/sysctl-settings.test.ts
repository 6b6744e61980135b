import { describe, expect, it } from 'vitest';
import { isAnsweredFor, parseSettings, settingFiles, tcpExtCounter } from './sysctl-settings.ts';

describe('settings of the kernel', () => {
  it('are read as grep prints them; what is not there is off', () => {
    expect(settingFiles(['eth0'])).toContain('/proc/sys/net/ipv4/conf/eth0/arp_ignore');
    const { interfaces, echoIgnored } = parseSettings(
      `/proc/sys/net/ipv4/icmp_echo_ignore_all:1
/proc/sys/net/ipv6/icmp/echo_ignore_all:0
/proc/sys/net/ipv4/conf/all/rp_filter:0
/proc/sys/net/ipv4/conf/eth0.10/rp_filter:1
/proc/sys/net/ipv4/conf/eth0.10/arp_ignore:8
`,
      ['eth0.10', 'eth1'],
    );
    expect(echoIgnored).toMatchObject([{ name: 'net.ipv4.icmp_echo_ignore_all', family: 4 }]);
    expect(Object.fromEntries(interfaces)).toEqual({
      all: { rpFilter: 0, arpIgnore: 0, arpFilter: 0, disableIpv6: 0 },
      'eth0.10': { rpFilter: 1, arpIgnore: 8, arpFilter: 0, disableIpv6: 0 },
      eth1: { rpFilter: 0, arpIgnore: 0, arpFilter: 0, disableIpv6: 0 },
    });
  });

  it('have counters by name', () => {
    const netstat = `TcpExt: SyncookiesSent ArpFilter TW IPReversePathFilter
TcpExt: 0 4 7 12
IpExt: InNoRoutes ArpFilter
IpExt: 1 99
`;
    expect(
      ['ArpFilter', 'IPReversePathFilter', 'NoSuch'].map((name) => tcpExtCounter(netstat, name)),
    ).toEqual([4, 12, 0]);
    expect(tcpExtCounter('', 'ArpFilter')).toBe(0);
  });
});

const has = (address: string, prefixLength = 24, scope = 'global') => ({
  addresses: [{ address, prefixLength, scope }],
});

describe('arp_ignore', () => {
  const asked = { address: '172.16.100.10', prefixLength: 24 };
  it.each([
    [0, 'an address elsewhere', has('172.16.100.99'), true],
    [1, 'its address', has('172.16.100.10'), true],
    [1, 'an address elsewhere', has('172.16.100.99'), false],
    [2, 'its address', has('172.16.100.10'), true],
    [2, 'its address without the subnet', has('172.16.100.10', 32), false],
    [3, 'its address', has('172.16.100.10'), true],
    [3, 'its address for the host alone', has('172.16.100.10', 32, 'host'), false],
    [4, 'its address', has('172.16.100.10'), true],
    [8, 'its address', has('172.16.100.10'), false],
  ])('%i with %s', (value, _, link, answers) => {
    expect(isAnsweredFor(value, link, asked)).toBe(answers);
  });
});
