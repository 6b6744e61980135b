import { Type, type Static } from 'typebox';
import {
  IpAddress,
  MacAddress,
  CidrText,
  Conditions,
  Count,
  HostName,
  Id,
  InterfaceName,
  LabelKey,
  Labels,
  LabelValue,
  NetworkName,
  SpaceName,
  Timestamp,
} from './common.ts';
import { maxInt32 } from './bounds.ts';
import { Closed, Described, Keyed, Nullable, Words } from './schema.ts';

export const MacvlanMode = Words(['bridge', 'private', 'vepa', 'passthru'], {
  description:
    'How containers of one host reach each other (ip-link(8)): `bridge` directly, `private` never, `vepa` through the switch. `passthru` allows one container per NIC, and the host itself must not use that NIC.',
  examples: ['bridge'],
});

export const RangeText = Type.String({
  minLength: 2,
  maxLength: 91,
  description: 'Addresses, both ends included: `first-last`, a CIDR, or a single address.',
  examples: ['172.16.100.50-172.16.100.99'],
});

const gateway = {
  description:
    'The router of the subnet, never given out; null for a subnet without a router. It must lie inside the subnet. ' +
    'Engines before 29 require a gateway in any case: they get one that is no address of the subnet, and the agent removes the route over it.',
  examples: ['172.16.100.1'],
};

export const SubnetInput = Closed(
  {
    cidr: CidrText,
    gateway: Type.Optional(Nullable(IpAddress, gateway)),
    ranges: Type.Optional(
      Type.Array(RangeText, {
        maxItems: 64,
        description:
          'Ranges from which addresses are given out; empty: the whole subnet. To share a subnet with a DHCP server, give each its own range.',
        examples: [['172.16.100.50-172.16.100.99']],
      }),
    ),
    exclude: Type.Optional(
      Type.Array(RangeText, {
        maxItems: 256,
        description: 'Addresses that are never given out, such as those of printers.',
        examples: [['172.16.100.60']],
      }),
    ),
  },
  {
    description: 'One subnet of a network.',
    examples: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
  },
);
export type SubnetInput = Static<typeof SubnetInput>;

export const HostSelector = Closed(
  {
    all: Type.Optional(
      Type.Boolean({ description: 'Every host, also those that join later.', examples: [true] }),
    ),
    names: Type.Optional(
      Type.Array(HostName, {
        maxItems: 1000,
        uniqueItems: true,
        description: 'Hosts by name. They may join later.',
        examples: [['docker01']],
      }),
    ),
    labels: Type.Optional(
      Described(Labels, { description: 'Hosts that carry all of these labels.', examples: [{ rack: 'a3' }] }),
    ),
  },
  {
    minProperties: 1,
    description: 'Which hosts the network should be on: exactly one of `all`, `names`, `labels`.',
    examples: [{ all: true }],
  },
);
export type HostSelector = Static<typeof HostSelector>;

const Parents = Keyed(HostName, InterfaceName, {
  maxProperties: 1000,
  description: 'Another parent on some hosts, by host name.',
  examples: [{ docker07: 'eno1' }],
});

const parent = {
  description:
    "The NIC or bond that carries the network on each host, a name of 1 to 15 letters, digits, `_`, `.` or `-` that does not start with `-`; null: the interface of the host's default route.",
  examples: ['ens33'],
};
const vlan = Type.Integer({ minimum: 1, maximum: 4094 });
const vlanText = { description: 'VLAN id, 1 to 4094 (IEEE 802.1Q); null: untagged.', examples: [null] };
const warm = Type.Integer({
  minimum: 0,
  maximum: 256,
  description:
    'How many unused addresses each host keeps in its warm pool, per IP version. `docker run` then works at once, also while the server cannot be reached. Unused addresses are recalled before any request is refused.',
  examples: [4],
});
const quarantineSeconds = Type.Integer({
  minimum: 0,
  maximum: 86_400,
  description:
    'How long a freed address stays quarantined before another owner may get it, in seconds, so that neighbours forget the old MAC.',
  examples: [300],
});
const promiscuous = Type.Boolean({
  description: 'Put the parent into promiscuous mode on each host (a virtual switch may need to allow it).',
  examples: [true],
});
const internal = Type.Boolean({ description: 'No default route in the containers.', examples: [false] });
const mtu = Type.Integer({ minimum: 68, maximum: 65_535 });
const mtuText = {
  description:
    "Largest packet of the network, in bytes (68 to 65535; IPv6 needs 1280, RFC 8200 section 5); null: the parent's. It is set on the VLAN sub-interface and never above the parent's: the agent does not change the MTU of a NIC. An untagged network has the MTU of its parent.",
  examples: [null],
};
const forwarding = Type.Boolean({
  description:
    'Turn on IPv4 forwarding (`net.ipv4.ip_forward`) on each host, for hosts that route between networks. It is never turned off again: others may rely on it. IPv6 forwarding is left to you, because it stops a host from accepting addresses and routes from router advertisements (kernel ip-sysctl, `accept_ra`).',
  examples: [false],
});
const restartBroken = Type.Boolean({
  description:
    'Restart a container that lost its interface because the link below it vanished. Docker shows such a container as running, and nothing else brings the interface back. False: it is only reported, as condition `NetworkAttached` of the container.',
  examples: [false],
});
const subnets = Type.Array(SubnetInput, {
  minItems: 1,
  maxItems: 16,
  description: 'Subnets of the network, IPv4 and IPv6.',
});

export const NetworkCreate = Closed(
  {
    name: NetworkName,
    parent: Type.Optional(Nullable(InterfaceName, parent)),
    parents: Type.Optional(Parents),
    vlan: Type.Optional(Nullable(vlan, vlanText)),
    mode: Type.Optional({ ...MacvlanMode, default: 'bridge' }),
    promiscuous: Type.Optional({ ...promiscuous, default: true }),
    internal: Type.Optional({ ...internal, default: false }),
    mtu: Type.Optional(Nullable(mtu, mtuText)),
    forwarding: Type.Optional({ ...forwarding, default: false }),
    restartBroken: Type.Optional({ ...restartBroken, default: false }),
    space: Type.Optional({ ...SpaceName, default: 'default' }),
    hosts: Type.Optional(HostSelector),
    subnets,
    warm: Type.Optional({ ...warm, default: 4 }),
    quarantineSeconds: Type.Optional({ ...quarantineSeconds, default: 300 }),
    labels: Type.Optional(Labels),
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

export const NetworkPatch = Closed(
  {
    parent: Type.Optional(Nullable(InterfaceName, parent)),
    parents: Type.Optional(
      Nullable(Keyed(HostName, Nullable(InterfaceName), { maxProperties: 1000 }), {
        description:
          'Merged into `parents` (RFC 7396): a null value removes an entry, null itself removes all.',
        examples: [{ docker07: 'eno2' }],
      }),
    ),
    vlan: Type.Optional(Nullable(vlan, vlanText)),
    mode: Type.Optional(MacvlanMode),
    promiscuous: Type.Optional(promiscuous),
    internal: Type.Optional(internal),
    mtu: Type.Optional(Nullable(mtu, mtuText)),
    forwarding: Type.Optional(forwarding),
    restartBroken: Type.Optional(restartBroken),
    hosts: Type.Optional(
      Described(HostSelector, {
        description: 'Replaces the selection of hosts as a whole.',
        examples: [{ all: true }],
      }),
    ),
    subnets: Type.Optional(
      Described(subnets, {
        description:
          'Replaces the list of subnets (RFC 7396: arrays are replaced whole). A subnet with addresses in use cannot be removed.',
      }),
    ),
    warm: Type.Optional(warm),
    quarantineSeconds: Type.Optional(quarantineSeconds),
    labels: Type.Optional(
      Nullable(Keyed(LabelKey, Nullable(LabelValue), { maxProperties: 64 }), {
        description:
          'Merged into the labels (RFC 7396): a null value removes a label, null itself removes all.',
        examples: [{ team: 'core' }],
      }),
    ),
  },
  {
    $id: 'NetworkPatch',
    minProperties: 1,
    description: 'Changes to a network (JSON merge patch, RFC 7396). `name` and `space` never change.',
    examples: [{ quarantineSeconds: 600, labels: { team: 'core' } }],
  },
);
export type NetworkPatch = Static<typeof NetworkPatch>;

export const NetworkPut = Closed(
  { ...NetworkCreate.properties },
  {
    $id: 'NetworkPut',
    description:
      'The whole network as it should be: a field that is left out takes its default. `name` must be the one in the path.',
    examples: [
      { name: 'mac_net1', parent: 'ens33', subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }] },
    ],
  },
);
export type NetworkPut = Static<typeof NetworkPut>;

export const Subnet = Closed(
  {
    id: Id,
    cidr: CidrText,
    gateway: Nullable(IpAddress, gateway),
    ranges: Type.Array(RangeText, {
      maxItems: 64,
      description: 'As requested; empty: the whole subnet.',
      examples: [[]],
    }),
    exclude: Type.Array(RangeText, { maxItems: 256, description: 'As requested.', examples: [[]] }),
    allocatable: Described(Count, {
      description: 'Total number of addresses that may be given out.',
      examples: ['253'],
    }),
    free: Described(Count, {
      description: 'How many of them are free: nobody holds them, and they are not quarantined.',
      examples: ['251'],
    }),
  },
  { description: 'One subnet of a network.' },
);
export type Subnet = Static<typeof Subnet>;

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
      { description: 'Numbers of addresses. Each address in use is one more station on the LAN.' },
    ),
    conditions: Conditions,
  },
  { description: 'What is.' },
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
    parent: Nullable(InterfaceName, parent),
    parents: Parents,
    vlan: Nullable(vlan, vlanText),
    mode: MacvlanMode,
    promiscuous,
    internal,
    mtu: Nullable(mtu, mtuText),
    forwarding,
    restartBroken,
    hosts: HostSelector,
    subnets: Type.Array(Subnet, { maxItems: 16, description: 'Subnets of the network.' }),
    warm,
    quarantineSeconds,
    labels: Labels,
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
    conditions: Conditions,
  },
  { $id: 'Placement', description: 'A network on one host: its desired and its observed state.' },
);
export type Placement = Static<typeof Placement>;
