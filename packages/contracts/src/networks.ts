import { Type, type Static } from 'typebox';
import {
  IpAddress,
  MacAddress,
  Conditions,
  Count,
  HostName,
  Id,
  InterfaceName,
  NetworkName,
  SpaceName,
  Timestamp,
} from './common.ts';
import { maxInt32 } from './bounds.ts';
import { Frames, Stations } from './limits.ts';
import { networkSettings } from './network-settings.ts';
import { Closed, Described, Nullable } from './schema.ts';
import { repeatable, type ServerField } from './server-fields.ts';
import { propertiesFor } from './settings.ts';
import { SubnetPut } from './subnets.ts';

export const NetworkCreate = Closed(
  {
    name: NetworkName,
    space: Type.Optional({ ...SpaceName, default: 'default' }),
    ...propertiesFor(networkSettings, 'create'),
  },
  {
    $id: 'NetworkCreate',
    description: 'A network to create. Only `name` and `subnets` are required.',
    examples: [
      {
        name: 'mac_net1',
        parent: 'ens33',
        hosts: { all: true },
        subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
      },
    ],
  },
);
export type NetworkCreate = Static<typeof NetworkCreate>;

export const NetworkPatch = Closed(propertiesFor(networkSettings, 'patch'), {
  $id: 'NetworkPatch',
  minProperties: 1,
  description: 'Changes to a network (JSON merge patch, RFC 7396). `name` and `space` never change.',
  examples: [{ quarantineSeconds: 600, labels: { team: 'core' } }],
});
export type NetworkPatch = Static<typeof NetworkPatch>;

export const NetworkStatus = Closed(
  {
    ready: Type.Boolean({
      description: 'The network is in place on every host that it should be on.',
      examples: [true],
    }),
    hosts: Closed(
      {
        total: Type.Integer({
          minimum: 0,
          maximum: maxInt32,
          description: 'Hosts that it should be on.',
          examples: [2],
        }),
        ready: Type.Integer({
          minimum: 0,
          maximum: maxInt32,
          description: 'Hosts that it is on.',
          examples: [2],
        }),
        notReady: Type.Integer({
          minimum: 0,
          maximum: maxInt32,
          description: 'Hosts where something prevents it.',
          examples: [0],
        }),
        unknown: Type.Integer({
          minimum: 0,
          maximum: maxInt32,
          description: 'Hosts that are silent or have not looked yet.',
          examples: [0],
        }),
      },
      { description: 'Numbers of hosts, by the state of their placement.' },
    ),
    addresses: Closed(
      {
        allocatable: Described(Count, {
          description: 'Addresses that may be given out, over all subnets.',
          examples: ['253'],
        }),
        free: Described(Count, { description: 'Of those, free.', examples: ['251'] }),
      },
      {
        description:
          'Numbers of addresses. Each address in use is one more station on the LAN. `GET …/limits` has how long they last.',
      },
    ),
    stations: Stations,
    conditions: Conditions,
  },
  { description: 'The observed state.' },
);
export type NetworkStatus = Static<typeof NetworkStatus>;

export const PreflightFindings = {
  actions: Type.Array(Type.String({ maxLength: 1024 }), {
    maxItems: 256,
    description: 'What the agent would do, in order; empty: nothing.',
    examples: [['make VLAN 10 on ens33 as ens33.10', 'create Docker network mac_net10 on ens33.10']],
  }),
  conditions: Described(Conditions, {
    description:
      'The conditions that the placement would have now: what is in place, and what prevents the rest. `Ready` summarizes them: `True` when nothing is to be done, `False` with reason `Preflight` when the actions would make it ready, another reason when they would not.',
  }),
};

export const HostPreflight = Closed(
  {
    host: HostName,
    answered: Type.Boolean({
      description: 'Whether the agent looked. False: it did not answer, and nothing is known of this host.',
      examples: [true],
    }),
    observedAt: Nullable(Timestamp, { description: 'When the agent looked; null: it did not.' }),
    ...PreflightFindings,
  },
  { description: 'The effect that a change would have on one host. Nothing was changed.' },
);
export type HostPreflight = Static<typeof HostPreflight>;

export const Network = Closed(
  {
    id: Id,
    name: NetworkName,
    space: SpaceName,
    ...propertiesFor(networkSettings, 'shown'),
    generation: Type.Integer({
      minimum: 0,
      maximum: maxInt32,
      description: 'Raised by every change of the desired state; the `ETag`.',
      examples: [1],
    }),
    deletingSince: Nullable(Timestamp, {
      description: 'Since when it is being removed; null: it is not.',
      examples: [null],
    }),
    createdAt: Described(Timestamp, {
      description: 'When it was created.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
    updatedAt: Described(Timestamp, {
      description: 'When an operator last changed it.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
    status: NetworkStatus,
    preflight: Type.Optional(
      Type.Array(HostPreflight, {
        maxItems: 1000,
        description: 'Only in the answer to `?dryRun=true`: what would be done on each host.',
      }),
    ),
  },
  { $id: 'Network', description: 'One layer-2 network for containers, on the hosts that it should be on.' },
);
export type Network = Static<typeof Network>;

/** What only the server writes of a network. */
export const networkServerFields = {
  id: 'kept',
  generation: 'kept',
  deletingSince: 'kept',
  createdAt: 'kept',
  updatedAt: 'kept',
  status: 'observed',
  preflight: 'observed',
} as const satisfies Record<Exclude<keyof Network, keyof NetworkCreate>, ServerField>;

export const NetworkPut = Closed(
  {
    ...NetworkCreate.properties,
    subnets: Type.Array(SubnetPut, {
      minItems: 1,
      maxItems: 16,
      description: 'Subnets of the network, IPv4 and IPv6.',
    }),
    ...repeatable(Network.properties, networkServerFields),
  },
  {
    $id: 'NetworkPut',
    description:
      'The whole network as it should be: a field that is left out takes its default. `name` must be the one in the path. What GET answers may be sent as it is.',
    examples: [
      { name: 'mac_net1', parent: 'ens33', subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }] },
    ],
  },
);
export type NetworkPut = Static<typeof NetworkPut>;

export const AddressConflict = Closed(
  {
    ip: IpAddress,
    container: Type.String({
      maxLength: 255,
      description: 'The container of this host that has the address, and keeps it.',
      examples: ['box1'],
    }),
    mac: MacAddress,
  },
  {
    description:
      'An address of a running container that a foreign station answers for as well; `mac` is that of the foreign station.',
  },
);
export type AddressConflict = Static<typeof AddressConflict>;

export const Placement = Closed(
  {
    network: NetworkName,
    host: HostName,
    parent: Nullable(InterfaceName, {
      description: 'The parent requested on this host; null: that of the default route.',
      examples: ['ens33'],
    }),
    generation: Type.Integer({
      minimum: 0,
      maximum: maxInt32,
      description: 'Generation of the network that this host should apply.',
      examples: [1],
    }),
    observedGeneration: Type.Integer({
      minimum: 0,
      maximum: maxInt32,
      description: 'Generation that the agent applied; 0: none yet.',
      examples: [1],
    }),
    removing: Type.Boolean({
      description: 'The network is being removed from this host.',
      examples: [false],
    }),
    dockerNetworkId: Nullable(Type.String({ maxLength: 128 }), {
      description: 'Id of the Docker network on this host.',
      examples: ['7c1b8a…'],
    }),
    link: Nullable(Type.String({ maxLength: 15 }), {
      description: 'The interface that the Docker network uses.',
      examples: ['ens33'],
    }),
    lastAction: Nullable(Type.String({ maxLength: 1024 }), {
      description: 'The last action of the agent for it.',
      examples: ['created Docker network mac_net1 on ens33'],
    }),
    observedAt: Nullable(Timestamp, {
      description: 'When the agent looked. The observed values are never newer than this.',
    }),
    conflicts: Type.Array(AddressConflict, {
      maxItems: 4096,
      description:
        'Addresses of running containers on this host that a foreign station answers for on the wire. Hosts probe the addresses in use in turn, 64 every half minute.',
      examples: [[]],
    }),
    stations: Stations,
    frames: Type.Union([Frames, Type.Null()], {
      description:
        'Broadcast and multicast frames that the host sees there, as of `observedAt`; null: it reported none.',
      examples: [null],
    }),
    conditions: Conditions,
  },
  { $id: 'Placement', description: 'A network on one host: its desired and its observed state.' },
);
export type Placement = Static<typeof Placement>;
