/** Settings of the kernel for one interface. */
export interface InterfaceSettings {
  readonly rpFilter: number;
  readonly arpIgnore: number;
  readonly arpFilter: number;
  readonly disableIpv6: number;
}

/** Settings of the kernel in one network namespace, as of one look. */
export interface SysctlSettings {
  /** By name of the interface; also those of `all`. */
  readonly interfaces: ReadonlyMap<string, InterfaceSettings>;
  /** Names of settings under `net` by which no ping is answered, with their IP version. */
  readonly echoIgnored: readonly { readonly name: string; readonly family: 4 | 6 }[];
}

const root = '/proc/sys/net';
const echo = [
  { path: 'ipv4/icmp_echo_ignore_all', name: 'net.ipv4.icmp_echo_ignore_all', family: 4 },
  { path: 'ipv6/icmp/echo_ignore_all', name: 'net.ipv6.icmp.echo_ignore_all', family: 6 },
] as const;

/** The files to be read for these interfaces (kernel ip-sysctl). */
export const settingFiles = (interfaces: readonly string[]): readonly string[] => [
  ...echo.map(({ path }) => `${root}/${path}`),
  ...['all', ...interfaces].flatMap((name) => [
    ...['rp_filter', 'arp_ignore', 'arp_filter'].map((setting) => `${root}/ipv4/conf/${name}/${setting}`),
    `${root}/ipv6/conf/${name}/disable_ipv6`,
  ]),
];

/** Reads `grep -Hs .` of such files. What is not there (IPv6, in some kernels) counts as off. */
export function parseSettings(stdout: string, interfaces: readonly string[]): SysctlSettings {
  const values = new Map(
    stdout.split('\n').flatMap((line) => {
      const [, path, value] = /^(\/.*):(-?\d+)$/.exec(line) ?? [];
      return path === undefined ? [] : [[path, Number(value)] as const];
    }),
  );
  const valueOf = (path: string): number => values.get(`${root}/${path}`) ?? 0;
  return {
    interfaces: new Map(
      ['all', ...interfaces].map((name) => [
        name,
        {
          rpFilter: valueOf(`ipv4/conf/${name}/rp_filter`),
          arpIgnore: valueOf(`ipv4/conf/${name}/arp_ignore`),
          arpFilter: valueOf(`ipv4/conf/${name}/arp_filter`),
          disableIpv6: valueOf(`ipv6/conf/${name}/disable_ipv6`),
        },
      ]),
    ),
    echoIgnored: echo.filter(({ path }) => valueOf(path) === 1),
  };
}

/** A counter of TcpExt in /proc/net/netstat (proc_pid_net(5)): a line of names, then one of values. 0: there is none. */
export function tcpExtCounter(netstat: string, name: string): number {
  const [names, values] = netstat
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(/\s+/));
  const at = names?.indexOf(name) ?? -1;
  return at === -1 ? 0 : Number(values?.[at] ?? 0);
}

/** An interface that has an address, as ARP sees it. */
export interface AnsweringInterface {
  readonly addresses: readonly {
    readonly address: string;
    readonly prefixLength: number;
    readonly scope: string;
  }[];
}

/** Whether an interface answers for an address that neighbours of a subnet ask for (kernel ip-sysctl, `arp_ignore`). */
export function isAnsweredFor(
  arpIgnore: number,
  { addresses }: AnsweringInterface,
  asked: { readonly address: string; readonly prefixLength: number },
): boolean {
  const own = addresses.find(({ address }) => address === asked.address);
  switch (arpIgnore) {
    case 1:
      return own !== undefined;
    case 2:
      // Whoever asks has to be in the subnet of the address, as this interface has it.
      return own !== undefined && own.prefixLength <= asked.prefixLength;
    case 3:
      return own?.scope !== 'host';
    case 8:
      return false;
    default:
      return true;
  }
}
