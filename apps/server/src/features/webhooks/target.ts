import { cidrContains, parseCidr, tryParseIp, type Cidr } from '@trunkline/netaddr';

/** Which addresses messages may be sent to. */
export interface TargetRules {
  /** Networks that are allowed whatever they are (`TRUNKLINE_WEBHOOK_ALLOW`). */
  allowed: readonly Cidr[];
  /** Addresses of this machine. */
  own: () => readonly string[];
}

const networks = (texts: readonly string[]): Cidr[] => texts.map((text) => parseCidr(text));

/** IANA's special-purpose registries (RFC 6890), multicast and what is reserved: nothing of it is a public server. */
const refused: readonly (readonly [what: string, cidrs: readonly Cidr[]])[] = [
  ['unspecified', networks(['0.0.0.0/8'])],
  ['a loopback address', networks(['127.0.0.0/8'])],
  ['a private address', networks(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'])],
  ['a link-local address', networks(['169.254.0.0/16'])],
  ['a multicast address', networks(['224.0.0.0/4'])],
  [
    'a special-purpose address',
    networks([
      '192.0.0.0/24',
      '192.0.2.0/24',
      '192.88.99.0/24',
      '198.18.0.0/15',
      '198.51.100.0/24',
      '203.0.113.0/24',
      '240.0.0.0/4',
    ]),
  ],
  ['a loopback address', networks(['::1/128'])],
  ['a private address', networks(['fc00::/7'])],
  ['a link-local address', networks(['fe80::/10', 'fec0::/10'])],
  ['a multicast address', networks(['ff00::/8'])],
  // Of global unicast: Teredo and the like, documentation, 6to4, which lead to addresses inside of them.
  ['a special-purpose address', networks(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'])],
];
const globalUnicast = parseCidr('2000::/3');

/** An IPv4 address that is written as IPv6 is that IPv4 address. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

/** Whether an address is one that an operator allowed. */
export function isAllowed(address: string, { allowed }: Pick<TargetRules, 'allowed'>): boolean {
  const ip = tryParseIp(plain(address));
  return ip !== undefined && allowed.some((cidr) => cidrContains(cidr, ip));
}

/** Why nothing may be sent to an address, as in "it is a private address"; undefined: it may be. Pure but for `own`. */
export function targetRefusal(address: string, rules: TargetRules): string | undefined {
  const ip = tryParseIp(plain(address));
  if (ip === undefined) return 'not an address that can be judged';
  if (isAllowed(address, rules)) return undefined;
  const what = refused.find(([, cidrs]) => cidrs.some((cidr) => cidrContains(cidr, ip)))?.[0];
  if (what !== undefined) return what;
  if (plain(address).includes(':') && !cidrContains(globalUnicast, ip)) return 'a special-purpose address';
  return rules.own().map(plain).includes(plain(address)) ? 'an address of this server' : undefined;
}

/** The URL of a webhook; a text says what is wrong with it. Its address is judged when a connection is made. */
export function readTarget(text: string): URL | string {
  if (!URL.canParse(text)) return 'must be a URL such as https://inventory.example.org/hooks';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must not have a user or a password';
  if (url.hash !== '') return 'must not have a fragment (#)';
  return url;
}
