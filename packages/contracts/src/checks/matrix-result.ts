import { Type, type Static } from 'typebox';
import { maxInt32 } from '../bounds.ts';
import { HostName, IpAddress, NetworkName } from '../common.ts';
import { Closed, Described, Nullable, Words } from '../schema.ts';
import { Ping } from './connectivity-result.ts';

/** Bounds of a connectivity matrix. */
export const matrixBounds = {
  /** Pairs in a request. */
  pairs: 512,
  /** Addresses that are tried for one pair. */
  addressesOfPair: 8,
  /** Directions and addresses in all. */
  tries: 4096,
  /** The same from one host, which has to try them within the time of the check. */
  triesOfHost: 512,
} as const;

/** What may become of one direction to one address. Programs may depend on the words. */
export const matrixVerdictTable = {
  ok: 'Everything that was tried works.',
  'known-limit':
    'It does not answer, and cannot: a host and its own macvlan containers do not reach each other without `hostAccess`, and containers of a network in mode `private` do not reach each other on one host. This is no fault.',
  'no-answer': 'The address answers neither ping nor, where a port was asked for, TCP.',
  'packets-lost': 'Some echo requests have no reply.',
  'port-refused': 'The address is reached and refuses the TCP connection: nothing listens on the port.',
  'port-silent': 'The address answers ping, and not TCP on the port: a firewall drops it.',
  'name-unknown': 'The address answers, and the name does not resolve.',
  'name-elsewhere': 'The address answers, and the name leads to another one.',
  'no-address': 'The target has no address that could be tried.',
  'not-tried': 'The source could not try it.',
} as const satisfies Record<string, string>;
export type MatrixVerdict = keyof typeof matrixVerdictTable;
const verdicts = Object.keys(matrixVerdictTable) as MatrixVerdict[];

const Name = Type.String({ maxLength: 255, description: 'Name of a container.', examples: ['box1'] });

/** How a TCP connection began. */
export const TcpTry = Closed(
  {
    outcome: Words(['open', 'refused', 'no-answer'], {
      description:
        '`open`: the connection was made, and closed again at once. `refused`: the address answers that nothing listens there. `no-answer`: nothing came back.',
      examples: ['open'],
    }),
    ms: Nullable(Type.Number({ minimum: 0, maximum: maxInt32 }), {
      description: 'Time until it was open or refused, in milliseconds; null: no answer.',
      examples: [0.4],
    }),
    error: Nullable(Type.String({ maxLength: 256 }), {
      description: 'What the kernel said, where it said something.',
      examples: [null],
    }),
  },
  { description: 'An attempt to open a TCP connection.' },
);
export type TcpTry = Static<typeof TcpTry>;

const Source = Closed(
  {
    host: HostName,
    container: Nullable(Name, {
      description: 'The container on it; null: the host itself.',
      examples: ['box1'],
    }),
  },
  { description: 'Where it was tried from.' },
);

const Target = Closed(
  {
    container: Nullable(Name, { description: 'The container; null: none.', examples: ['box2'] }),
    host: Nullable(HostName, {
      description: 'The host of the container, or the host itself; null: neither.',
      examples: ['docker02'],
    }),
    gateway: Nullable(NetworkName, {
      description: 'The network whose gateway it is; null: it was not asked for as a gateway.',
      examples: [null],
    }),
    address: Nullable(IpAddress, {
      description: 'The address that was tried; null: the target has none.',
      examples: ['172.16.100.20'],
    }),
  },
  { description: 'What was tried.' },
);

export const MatrixDirection = Closed(
  {
    from: Source,
    to: Target,
    sent: Ping.properties.sent,
    received: Ping.properties.received,
    lossPercent: Ping.properties.lossPercent,
    rttMs: Ping.properties.rttMs,
    mac: Ping.properties.mac,
    tcp: Type.Union(
      [
        Closed(
          {
            port: Type.Integer({
              minimum: 1,
              maximum: 65_535,
              description: 'The port.',
              examples: [80],
            }),
            ...TcpTry.properties,
          },
          { description: 'A TCP connection to a port.' },
        ),
        Type.Null(),
      ],
      { description: 'The attempt to connect to the port; null: none was asked for, or it was not tried.' },
    ),
    name: Type.Union(
      [
        Closed(
          {
            name: Type.String({
              maxLength: 255,
              description: 'The name that was looked up.',
              examples: ['box2'],
            }),
            resolved: Type.Array(Type.String({ maxLength: 64 }), {
              maxItems: 64,
              description:
                'Addresses that the hosts file and the resolver of the container that tried it returned; empty: none.',
              examples: [['172.16.100.20']],
            }),
            matches: Type.Boolean({
              description: 'It resolves, and to addresses of the target alone.',
              examples: [true],
            }),
          },
          { description: 'A name as it was resolved where it was tried from.' },
        ),
        Type.Null(),
      ],
      {
        description: 'The name of the target; null: not asked for, or not from a container to a container.',
      },
    ),
    verdict: Words(verdicts, {
      description: verdicts.map((one) => `\`${one}\`: ${matrixVerdictTable[one]}`).join(' '),
      examples: ['ok'],
    }),
    message: Type.String({
      maxLength: 1024,
      description: 'The verdict in one sentence.',
      examples: ['box1 reaches box2 at 172.16.100.20: 3 of 3, 0.07 ms'],
    }),
  },
  { description: 'One direction, to one address.' },
);
export type MatrixDirection = Static<typeof MatrixDirection>;

export const MatrixResult = Closed(
  {
    ok: Type.Boolean({
      description: 'Something was tried, and every verdict is `ok` or `known-limit`.',
      examples: [true],
    }),
    directions: Type.Array(MatrixDirection, {
      maxItems: matrixBounds.tries,
      description: 'What was found, one entry for each direction and address.',
    }),
    sampled: Type.Boolean({
      description: `Not every pair was tried: there are more than ${matrixBounds.tries} directions in all, or more than ${matrixBounds.triesOfHost} from one host. Each container then tries some others, chosen so that each is tried as often.`,
      examples: [false],
    }),
    message: Type.String({
      maxLength: 4096,
      description: 'The result in a few words: how many reach their target, and the first that does not.',
      examples: ['all 6 directions on mac_net1 work'],
    }),
  },
  { description: 'Who reaches whom.' },
);
export type MatrixResult = Static<typeof MatrixResult>;

const from = Type.Integer({
  minimum: 0,
  maximum: matrixBounds.triesOfHost,
  description: 'Where from: place in `sources`, from 0.',
  examples: [0],
});

/** What one host is asked to do for a connectivity matrix. */
export const MatrixTask = Closed(
  {
    sources: Type.Array(
      Nullable(Name, { description: 'A container; null: the host itself.', examples: ['box1'] }),
      { maxItems: matrixBounds.triesOfHost, description: 'Where it is tried from.' },
    ),
    tries: Type.Array(
      Closed(
        {
          from,
          address: Described(IpAddress, {
            description: 'The address to ping.',
            examples: ['172.16.100.20'],
          }),
          port: Nullable(Type.Integer({ minimum: 1, maximum: 65_535 }), {
            description: 'The TCP port to connect to; null: none.',
            examples: [null],
          }),
        },
        { description: 'One direction to one address.' },
      ),
      { maxItems: matrixBounds.triesOfHost, description: 'What is tried.' },
    ),
    names: Type.Array(
      Closed(
        {
          from,
          name: Type.String({ maxLength: 255, description: 'The name to look up.', examples: ['box2'] }),
        },
        { description: 'A name to resolve as a container does.' },
      ),
      { maxItems: matrixBounds.triesOfHost, description: 'Names to resolve.' },
    ),
    count: Type.Integer({
      minimum: 1,
      maximum: 20,
      description: 'Echo requests to each address.',
      examples: [3],
    }),
    seconds: Type.Integer({
      minimum: 1,
      maximum: 120,
      description: 'Nothing is begun later than this, in seconds.',
      examples: [27],
    }),
  },
  { description: 'What one host tries for a connectivity matrix.' },
);
export type MatrixTask = Static<typeof MatrixTask>;

export const MatrixTaskResult = Closed(
  {
    tries: Type.Array(
      Closed(
        {
          ...Ping.properties,
          tcp: Type.Union([TcpTry, Type.Null()], {
            description: 'The attempt to connect; null: no port was asked for, or it was not tried.',
          }),
          tried: Type.Boolean({
            description: 'All that was asked for was tried; false: `error` says why not.',
            examples: [true],
          }),
        },
        { description: 'One direction to one address.' },
      ),
      { maxItems: matrixBounds.triesOfHost, description: 'One entry for each of `tries`, in its order.' },
    ),
    resolved: Type.Array(
      Closed(
        {
          addresses: Type.Array(Type.String({ maxLength: 64 }), {
            maxItems: 64,
            description: 'What the name resolves to; empty: it does not.',
            examples: [['172.16.100.20']],
          }),
          error: Nullable(Type.String({ maxLength: 256 }), {
            description: 'Why it does not resolve, or was not looked up; null: it resolves.',
            examples: ['NXDOMAIN'],
          }),
          tried: Type.Boolean({
            description: 'It was looked up; false: `error` says why not.',
            examples: [true],
          }),
        },
        { description: 'A name as the container resolves it.' },
      ),
      { maxItems: matrixBounds.triesOfHost, description: 'One entry for each of `names`, in its order.' },
    ),
  },
  { description: 'What one host found for a connectivity matrix.' },
);
export type MatrixTaskResult = Static<typeof MatrixTaskResult>;
