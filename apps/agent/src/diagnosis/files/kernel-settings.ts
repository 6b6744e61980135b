import { isLike, type HostFile, type Place, type Undoing, type Wanted } from './undoing.ts';

/**
 * What a setting of the kernel does to our networks (kernel ip-sysctl). A container gets `all` and `default` of IPv4 from the host when it
 * starts (net/ipv4/devinet.c, devinet_init_net), so these count as much as those of a parent.
 */
const rules: readonly {
  readonly key: RegExp;
  readonly value: string;
  /** Only where it is another one now: so many hosts have it from their distribution that it is nothing by itself. */
  readonly onlyIfChanged: boolean;
  /** Only for what containers get; a parent may have it. */
  readonly onlyInherited: boolean;
  readonly matters: (wanted: Wanted) => boolean;
  readonly so: string;
}[] = [
  {
    key: /^net\/ipv4\/conf\/([^/]+)\/arp_ignore$/,
    value: '8',
    onlyIfChanged: false,
    onlyInherited: false,
    matters: () => true,
    so: 'ARP requests are not answered',
  },
  {
    key: /^net\/ipv4\/conf\/([^/]+)\/arp_filter$/,
    value: '1',
    onlyIfChanged: true,
    onlyInherited: true,
    matters: () => true,
    so: 'ARP requests are not answered where the answer would leave by another interface',
  },
  {
    key: /^net\/ipv4\/conf\/([^/]+)\/rp_filter$/,
    value: '1',
    onlyIfChanged: true,
    onlyInherited: true,
    matters: () => true,
    so: 'packets are dropped where the answer would leave by another interface',
  },
  {
    key: /^net\/ipv6\/conf\/([^/]+)\/disable_ipv6$/,
    value: '1',
    onlyIfChanged: true,
    onlyInherited: false,
    matters: ({ ipv6 }) => ipv6,
    so: 'IPv6 is off',
  },
  {
    key: /^net\/ipv4\/(?:ip_forward|conf\/all\/forwarding)$/,
    value: '0',
    onlyIfChanged: false,
    onlyInherited: false,
    matters: ({ forwarding }) => forwarding,
    so: 'this host does not forward IPv4',
  },
];

/** Settings whose value now has to be known, by the names of the interfaces. */
export const settingsToKnow = (names: readonly string[]): readonly string[] =>
  ['all', 'default', ...names].flatMap((name) => [
    ...(['all', 'default'].includes(name)
      ? [`net/ipv4/conf/${name}/arp_filter`, `net/ipv4/conf/${name}/rp_filter`]
      : []),
    `net/ipv6/conf/${name}/disable_ipv6`,
  ]);

/** A key with slashes: by the first separator, the other one is part of a name (sysctl.d(5)). */
export function settingKey(key: string): string {
  return /^[^./]*\./.test(key) ? key.replaceAll(/[./]/g, (sign) => (sign === '.' ? '/' : '.')) : key;
}

/** `net.ipv4.conf.ens33/10.rp_filter`, as sysctl(8) writes it. */
export const settingSubject = (key: string): string =>
  key.replaceAll(/[./]/g, (sign) => (sign === '/' ? '.' : '/'));

/**
 * What the value of a setting does after "it will"; null: no harm. `key` has slashes; `except`: what its pattern does not set, because a
 * line of its own does.
 */
export function harmOfSetting(
  key: string,
  value: string,
  wanted: Wanted,
  except: readonly string[] = [],
): string | null {
  const rule = rules.find((one) => one.key.test(key));
  if (rule === undefined || value !== rule.value || !rule.matters(wanted)) return null;
  const [, name] = rule.key.exec(key) ?? [];
  const names = ['all', 'default', ...(rule.onlyInherited ? [] : wanted.links.map((link) => link.name))];
  const concerned =
    name === undefined ? [key] : names.filter((one) => isLike(name, one)).map(keyOf(key, name));
  const isHarmed = concerned.some((one) => {
    const now = wanted.settings.get(one);
    return !except.includes(one) && (!rule.onlyIfChanged || (now !== undefined && now !== value));
  });
  return isHarmed ? `be ${value}, so that ${rule.so}` : null;
}

const keyOf =
  (key: string, name: string) =>
  (one: string): string =>
    key.replace(`/conf/${name}/`, `/conf/${one}/`);

/**
 * Files of sysctl.d(5), in the order in which they are read: of two that set one key the later one counts, and one with a pattern sets
 * only what none sets by its name.
 */
export function undoneBySysctl(files: readonly HostFile[], wanted: Wanted): readonly Undoing[] {
  const last = new Map<string, Place & { readonly value: string }>();
  for (const { path, text } of files) {
    for (const [at, whole] of text.split('\n').entries()) {
      const [, key, value] = /^\s*-?([^\s=#;][^\s=]*)\s*=\s*(\S+)\s*$/.exec(whole) ?? [];
      if (key === undefined || value === undefined) continue;
      last.set(settingKey(key), { path, line: at + 1, text: whole.trim(), value });
    }
  }
  const keys = [...last.keys()];
  return [...last].flatMap(([key, { path, line, text, value }]): Undoing[] => {
    const what = harmOfSetting(key, value, wanted, key.includes('*') ? keys : []);
    return what === null ? [] : [{ path, line, text, subject: settingSubject(key), does: what }];
  });
}
