import { Type, type Static } from 'typebox';
import { CidrText, Conditions, Count, InterfaceName, NetworkName, Timestamp } from './common.ts';
import { maxInt32 } from './bounds.ts';
import { Closed, Described, Nullable } from './schema.ts';
import { RangeText } from './subnets.ts';

/** Most seconds between two looks at a counter that a rate is still made of. */
export const maxRateSeconds = 600;

export const Stations = Closed(
  {
    containers: Type.Integer({
      minimum: 0,
      maximum: maxInt32,
      description:
        'Running containers with an address of the network, whatever started them. Containers that share the network stack of another one have none of their own.',
      examples: [12],
    }),
    macs: Type.Integer({
      minimum: 0,
      maximum: maxInt32,
      description:
        'Different MACs of these containers. The switch port of the host learns each of them, beside that of the host.',
      examples: [12],
    }),
  },
  { description: 'Stations that containers add to the LAN, as their hosts last reported them.' },
);
export type Stations = Static<typeof Stations>;

const perSecond = Type.Number({ minimum: 0, maximum: 1e9 });

/** Frames for everybody or for many, by counters of the kernel. */
export const Frames = Closed(
  {
    link: Described(InterfaceName, {
      description: 'The interface of the host that was counted on: the parent, or the VLAN link on it.',
      examples: ['ens33'],
    }),
    multicastPerSecond: Nullable(perSecond, {
      description:
        "Multicast frames that `link` received, per second: the kernel's counter `multicast` of the interface (`/proc/net/dev`). Most drivers leave broadcast out of it. Some count nothing there (veth, some virtual NICs), and it stays 0. null: not counted over a whole period yet.",
      examples: [2.5],
    }),
    floodedPerSecond: Nullable(perSecond, {
      description:
        'Broadcast and multicast frames together that reached `container`, per second: the counter `multicast` of its macvlan interface, which counts both. Broadcast is all of the wire; of multicast it is what passes the filter of the interface. Frames from other containers of the same parent are among them. null: no running container of the host has this network as its only one, or it was not counted over a whole period yet.',
      examples: [14.2],
    }),
    container: Nullable(Type.String({ maxLength: 255 }), {
      description: 'The container that `floodedPerSecond` was counted in; null: none.',
      examples: ['box1'],
    }),
    seconds: Type.Number({
      minimum: 0,
      maximum: maxRateSeconds,
      description: 'The period over which the frames were counted, in seconds; 0: not counted yet.',
      examples: [10],
    }),
  },
  {
    description:
      'Broadcast and multicast frames per second, counted by the kernel between two looks of the agent.',
  },
);
export type Frames = Static<typeof Frames>;

const perDay = {
  description:
    'Addresses taken per day, less those given back: the slope of a straight line through the samples (least squares). Negative: more are given back. null: there are fewer than 4 samples.',
  examples: [6.4],
};
const daysUntilFull = {
  description:
    'Days until no address is left if it goes on like that, from now. null: no statement is made, because the number of addresses taken does not rise, rises by no steady trend (the line explains less than half of the variation), or is projected further than 52 times the period of the samples.',
  examples: [23.5],
};
const days = Type.Number({ minimum: 0, maximum: 400 });
const rate = Type.Number({ minimum: -1e38, maximum: 1e38 });

const PoolTrend = Closed(
  {
    from: Nullable(Timestamp, { description: 'Time of the first sample; null: there is none yet.' }),
    to: Nullable(Timestamp, { description: 'Time of the last sample; null: there is none yet.' }),
    samples: Type.Integer({
      minimum: 0,
      maximum: 1000,
      description: 'Number of samples. The server takes one every three hours and uses those of 7 days.',
      examples: [56],
    }),
    perDay: Nullable(rate, perDay),
    daysUntilFull: Nullable(days, daysUntilFull),
  },
  {
    description:
      'How the number of addresses taken developed, by samples of the server. Samples from before the last change of ranges or exclusions do not count.',
  },
);
export type PoolTrend = Static<typeof PoolTrend>;

const left = {
  description:
    'Addresses that a container could still get: free ones, those that hosts hold for no container and nobody reserved (they are recalled on a shortage), and quarantined ones (they are used when nothing else is left).',
  examples: ['231'],
};

export const NetworkLimits = Closed(
  {
    network: NetworkName,
    stations: Stations,
    pools: Type.Array(
      Closed({
        family: Type.Integer({ minimum: 4, maximum: 6, description: 'IP version: 4 or 6.', examples: [4] }),
        allocatable: Described(Count, {
          description: 'Addresses that may be given out, over all subnets of this IP version.',
          examples: ['253'],
        }),
        left: Described(Count, left),
        perDay: Nullable(rate, {
          description:
            'Sum of `trend.perDay` of the subnets with a steady rise or fall. null: no subnet has one.',
          examples: [6.4],
        }),
        daysUntilFull: Nullable(days, {
          description:
            'Days until no address is left in any of the subnets, from now, at the rate of `perDay`. null: see `trend.daysUntilFull`.',
          examples: [23.5],
        }),
      }),
      { maxItems: 2, description: 'The subnets of each IP version together: a container gets one of any.' },
    ),
    subnets: Type.Array(
      Closed({
        cidr: CidrText,
        allocatable: Described(Count, {
          description: 'Addresses that may be given out.',
          examples: ['253'],
        }),
        free: Described(Count, { description: 'Nobody holds them.', examples: ['220'] }),
        leased: Described(Count, {
          description: 'Held by hosts for their next containers, and reserved for nobody.',
          examples: ['8'],
        }),
        quarantined: Described(Count, {
          description: 'Given back a short while ago, and not awaited from a host.',
          examples: ['3'],
        }),
        left: Described(Count, left),
        trend: PoolTrend,
        ranges: Type.Array(
          Closed({
            range: RangeText,
            allocatable: Described(Count, {
              description: 'Addresses of the range that may be given out: without gateway and exclusions.',
              examples: ['50'],
            }),
            left: Described(Count, left),
          }),
          { maxItems: 64, description: 'Each of `ranges` of the subnet; empty: it has none.' },
        ),
      }),
      { maxItems: 16, description: 'The subnets of the network, in their order.' },
    ),
    thresholds: Closed(
      {
        poolLowPercent: Type.Integer({
          minimum: 0,
          maximum: 100,
          description:
            'Percentage of `allocatable` at or below which `PoolNearlyFull` holds (`TRUNKLINE_POOL_LOW_PERCENT`); 0: only when nothing is left.',
          examples: [10],
        }),
        poolLowDays: Type.Integer({
          minimum: 0,
          maximum: 365,
          description:
            'Days until full at or below which `PoolNearlyFull` holds (`TRUNKLINE_POOL_LOW_DAYS`); 0: the trend never raises it.',
          examples: [7],
        }),
        manyStations: Type.Integer({
          minimum: 0,
          maximum: 1_000_000,
          description:
            'MACs of a network on one host from which on `ManyStations` of the placement holds (`TRUNKLINE_MANY_STATIONS`); 0: never.',
          examples: [200],
        }),
      },
      { description: 'Settings of the server.' },
    ),
    conditions: Described(Conditions, {
      description:
        'The conditions of the network that are about its limits: `PoolNearlyFull` while it holds.',
      examples: [[]],
    }),
  },
  { $id: 'NetworkLimits', description: 'What a network costs on the LAN, and how much is left.' },
);
export type NetworkLimits = Static<typeof NetworkLimits>;
