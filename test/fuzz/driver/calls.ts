import fc from 'fast-check';
import { oddJson, oddText } from '../odd-values.ts';
import { spoiled } from '../schema-arbitrary.ts';

/** A call of Docker before it is sent. */
export interface DriverCall {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
  /** The caller goes away when it has sent so many of these milliseconds ago; undefined: it waits for the answer. */
  leaveMs: number | undefined;
}

/** What a call is made from: networks of the host, with subnets, and addresses that are granted. */
export interface DriverSubjects {
  networks: readonly { id: string; name: string; subnets: readonly string[] }[];
  /** Networks of others, and such as there are none. */
  strangers: readonly string[];
}

const prefix = '/IpamDriver.';
const macs = ['02:42:0a:3d:00:01', '02:42:0a:3d:00:02', '02:42:0A:3D:00:03', '02-42-0a-3d-00-04'];

/** One address in the forms in which it could be written, right and wrong. */
const written = (ip: string, n: number): readonly string[] => [
  ip,
  `${ip}/32`,
  `${ip}/24`,
  `::ffff:${ip}`,
  `::FFFF:0a3d:${n.toString(16).padStart(4, '0')}`,
  `${ip}%eth0`,
  ` ${ip}`,
  `${ip} `,
  `${ip}\n`,
  `[${ip}]`,
  ip.replace(/\d+$/, (last) => last.padStart(3, '0')),
  ip.replace(/\d+$/, (last) => `0x${Number(last).toString(16)}`),
  `${ip}.`,
  `${ip}:80`,
  ip.replaceAll(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
];

const address = (subnets: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 5, arbitrary: fc.constant('') },
    {
      weight: 5,
      arbitrary: fc.tuple(fc.constantFrom(...subnets), fc.integer({ min: 0, max: 17 })).map(([subnet, n]) => {
        const [base = ''] = subnet.split('/');
        return base.includes(':') ? `${base}${n.toString(16)}` : base.replace(/\d+$/, String(n));
      }),
    },
    {
      weight: 3,
      arbitrary: fc.integer({ min: 2, max: 14 }).chain((n) => fc.constantFrom(...written(`10.61.0.${n}`, n))),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'fd61::0:5',
        'FD61::5',
        'fd61::5%lo',
        'fd61:0:0:0:0:0:0:5',
        'fd61::10.0.0.5',
        '255.255.255.255',
        '0.0.0.0',
        '::',
      ),
    },
    { weight: 1, arbitrary: oddText },
  );

function poolIdOf({ networks, strangers }: DriverSubjects): fc.Arbitrary<string> {
  const own = networks.flatMap(({ id, subnets }) => subnets.map((subnet) => `${id}/${subnet}`));
  return fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...own) },
    { weight: 1, arbitrary: fc.constantFrom(...own).map((one) => one.toUpperCase()) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(...strangers).chain((id) => fc.constantFrom(`${id}/10.61.0.0/28`, id)),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(
          fc.constantFrom(...networks),
          fc.constantFrom('0.0.0.0/0', '10.61.0.0/8', '10.61.0.0/31', '::/0', '10.61.0.3/28', ''),
        )
        .map(([{ id }, cidr]) => `${id}/${cidr}`),
    },
    { weight: 1, arbitrary: oddText },
  );
}

const name = fc.oneof(
  fc.constantFrom('web', 'db', 'box1', 'Box1', 'container:box1', 'x'.repeat(200), 'x'.repeat(60_000)),
  oddText,
);
const options = fc.record(
  {
    'com.docker.network.endpoint.macaddress': fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...macs) },
      { weight: 1, arbitrary: oddText },
    ),
    'com.docker.network.endpoint.name': name,
    RequestAddressType: fc.oneof(
      { weight: 1, arbitrary: fc.constant('com.docker.network.gateway') },
      { weight: 3, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: oddText },
    ),
  },
  { requiredKeys: ['com.docker.network.endpoint.macaddress'] },
);

function bodies(subjects: DriverSubjects): Record<string, fc.Arbitrary<unknown>> {
  const subnets = subjects.networks.flatMap((network) => network.subnets);
  const poolId = poolIdOf(subjects);
  const named = subjects.networks.flatMap((network) => [network.id, network.name]);
  return {
    RequestPool: fc.record({
      AddressSpace: fc.constantFrom('trunkline-local', 'trunkline-global', ''),
      Pool: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom('', ...subnets) },
        { weight: 1, arbitrary: oddText },
      ),
      SubPool: fc.oneof({ weight: 6, arbitrary: fc.constant('') }, { weight: 1, arbitrary: oddText }),
      Options: fc.oneof(
        {
          weight: 6,
          arbitrary: fc.record({
            network: fc.constantFrom(...named, ...subjects.strangers),
          }),
        },
        { weight: 1, arbitrary: fc.dictionary(oddText, oddText, { maxKeys: 3 }) },
        { weight: 1, arbitrary: fc.constant(null) },
      ),
      V6: fc.boolean(),
    }),
    ReleasePool: fc.record({ PoolID: poolId }),
    RequestAddress: fc.record({ PoolID: poolId, Address: address(subnets), Options: options }),
    ReleaseAddress: fc.record({ PoolID: poolId, Address: address(subnets) }),
  };
}

/** A key that is there twice: the last one counts for JSON, and for nobody the first. */
const twice = (text: string): string =>
  text.replace(/"Address":("[^"]*")/, '"Address":"10.61.0.2","Address":$1');

const nested = (depth: number): string => `${'{"Options":'.repeat(depth)}1${'}'.repeat(depth)}`;

function textOf(valid: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  const whole = valid.map((value) => JSON.stringify(value));
  return fc.oneof(
    { weight: 24, arbitrary: whole },
    { weight: 8, arbitrary: spoiled(valid).map((value) => JSON.stringify(value) ?? '') },
    { weight: 1, arbitrary: whole.map(twice) },
    {
      weight: 1,
      arbitrary: fc.tuple(whole, fc.nat()).map(([text, n]) => text.slice(0, n % text.length)),
    },
    { weight: 1, arbitrary: oddJson.map((value) => JSON.stringify(value) ?? '') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        '{',
        'nul',
        '\ufeff{}',
        '{"__proto__":{"PoolID":"x"}}',
        '['.repeat(60_000),
        nested(5_000),
        `[${'{},'.repeat(20_000)}{}]`,
        `{"PoolID":"${'x'.repeat(60_000)}"}`,
        `{"PoolID":"${'x'.repeat(3_000_000)}"}`,
      ),
    },
  );
}

/** Calls of Docker's IPAM protocol, most of them right, many spoiled. */
export function callOf(subjects: DriverSubjects): fc.Arbitrary<DriverCall> {
  const ofBody = Object.entries(bodies(subjects)).map(([method, body]) => {
    const weight = { RequestAddress: 10, ReleaseAddress: 6 }[method] ?? 2;
    return { weight, arbitrary: fc.tuple(fc.constant(`${prefix}${method}`), textOf(body)) };
  });
  const plain = fc.constantFrom<[string, string]>(
    ['/Plugin.Activate', ''],
    ['/IpamDriver.GetCapabilities', ''],
    ['/IpamDriver.GetDefaultAddressSpaces', '{}'],
  );
  const unknown = fc.tuple(
    fc.oneof(
      fc.constantFrom(
        '/',
        '/IpamDriver.',
        '/IpamDriver.requestAddress',
        '/NetworkDriver.Join',
        '//x',
        '/%00',
      ),
      oddText.map((text) => `/${encodeURIComponent(text.toWellFormed()).slice(0, 8_000)}`),
    ),
    fc.constantFrom('', '{}'),
  );
  const [first, ...rest] = ofBody;
  if (first === undefined) throw new Error('there are no calls');
  return fc
    .tuple(
      fc.oneof(first, ...rest, { weight: 1, arbitrary: plain }, { weight: 1, arbitrary: unknown }),
      fc.oneof(
        { weight: 40, arbitrary: fc.constant('POST') },
        { weight: 1, arbitrary: fc.constantFrom('GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH') },
      ),
      fc.oneof(
        { weight: 20, arbitrary: fc.constant<Record<string, string>>({}) },
        {
          weight: 1,
          arbitrary: fc.constantFrom<Record<string, string>>(
            { 'content-type': 'text/plain' },
            { 'content-encoding': 'gzip' },
            { connection: 'keep-alive' },
            { expect: '100-continue' },
          ),
        },
      ),
      fc.oneof(
        { weight: 30, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.constantFrom(0, 1, 5, 20) },
      ),
    )
    .map(([[path, body], method, headers, leaveMs]) => {
      // Docker would show the network that got its gateway without an answer that it heard, or release it.
      const stays = body.includes('com.docker.network.gateway');
      return { method, path, headers, body, leaveMs: stays ? undefined : leaveMs };
    });
}
