import { Type, type Static } from 'typebox';
import { HostName, InterfaceName, LabelKey, Labels, LabelValue } from './common.ts';
import { Closed, Described, Keyed, Nullable, Words } from './schema.ts';
import { setting, type Settings } from './settings.ts';
import { DesiredSubnet, Subnet, SubnetInput } from './subnets.ts';

export const MacvlanMode = Words(['bridge', 'private', 'vepa', 'passthru'], {
  description:
    'How containers of one host reach each other (ip-link(8)): `bridge` directly, `private` never, `vepa` through the switch. `passthru` allows one container per NIC, and the host itself must not use that NIC.',
  examples: ['bridge'],
});

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

const subnets = Type.Array(SubnetInput, {
  minItems: 1,
  maxItems: 16,
  description: 'Subnets of the network, IPv4 and IPv6.',
});

/** All that operators set of a network: what is added here is in requests, answers and agents' documents. */
export const networkSettings = {
  parent: {
    ...setting(
      Nullable(InterfaceName, {
        description:
          "The NIC or bond that carries the network on each host, a name of 1 to 15 letters, digits, `_`, `.` or `-` that does not start with `-`; null: the interface of the host's default route.",
        examples: ['ens33'],
      }),
      null,
    ),
    document: Nullable(InterfaceName, {
      description: 'Parent on this host; null: the interface of the default route.',
      examples: ['ens33'],
    }),
  },
  parents: {
    create: Type.Optional(Parents),
    patch: Type.Optional(
      Nullable(Keyed(HostName, Nullable(InterfaceName), { maxProperties: 1000 }), {
        description:
          'Merged into `parents` (RFC 7396): a null value removes an entry, null itself removes all.',
        examples: [{ docker07: 'eno2' }],
      }),
    ),
    shown: Parents,
    document: null,
    whenAbsent: {},
    merged: true,
  },
  vlan: setting(
    Nullable(Type.Integer({ minimum: 1, maximum: 4094 }), {
      description: 'VLAN id, 1 to 4094 (IEEE 802.1Q); null: untagged.',
      examples: [null],
    }),
    null,
  ),
  mode: setting(MacvlanMode, 'bridge'),
  promiscuous: setting(
    Type.Boolean({
      description:
        'Put the parent into promiscuous mode on each host (a virtual switch may need to allow it).',
      examples: [true],
    }),
    true,
  ),
  internal: setting(
    Type.Boolean({ description: 'No default route in the containers.', examples: [false] }),
    false,
  ),
  mtu: setting(
    Nullable(Type.Integer({ minimum: 68, maximum: 65_535 }), {
      description:
        "Largest packet of the network, in bytes (68 to 65535; IPv6 needs 1280, RFC 8200 section 5); null: the parent's. It is set on the VLAN sub-interface and never above the parent's: the agent does not change the MTU of a NIC. An untagged network has the MTU of its parent.",
      examples: [null],
    }),
    null,
  ),
  forwarding: setting(
    Type.Boolean({
      description:
        'Turn on IPv4 forwarding (`net.ipv4.ip_forward`) on each host, for hosts that route between networks. It is never turned off again: others may rely on it. IPv6 forwarding is left to you, because it stops a host from accepting addresses and routes from router advertisements (kernel ip-sysctl, `accept_ra`).',
      examples: [false],
    }),
    false,
  ),
  restartBroken: setting(
    Type.Boolean({
      description:
        'Restart a container that lost its interface because the link below it vanished. Docker shows such a container as running, and nothing else brings the interface back. False: it is only reported, as condition `NetworkAttached` of the container.',
      examples: [false],
    }),
    false,
  ),
  hostAccess: setting(
    Type.Boolean({
      description:
        'Each host and its own containers on the network reach each other; the kernel keeps a macvlan and its parent apart. It costs no address and puts no new MAC on the LAN. Only with mode `bridge`. Condition `HostAccess` of a placement shows how far it is.',
      examples: [true],
    }),
    false,
  ),
  names: setting(
    Type.Boolean({
      description:
        'Containers of this network reach each other by name, over all hosts: by container name, by `<name>.<network>` and by network alias (`--network-alias`, compose services). Each agent keeps the names in a marked block of the hosts file that Docker binds into the container, and goes on without the server. Of two containers with one name, a host prefers its own, else the one that runs longest; condition `NamesUnique` names both. False: the block is removed.',
      examples: [true],
    }),
    false,
  ),
  verify: {
    ...setting(
      Type.Boolean({
        description:
          'Try the wire by itself whenever the network becomes ready on a host: as `POST /v1/checks` with kind `wire` does, with an address of the network for each host for some seconds. Condition `WireVerified` has the result. Not with mode `passthru`.',
        examples: [true],
      }),
      false,
    ),
    document: null,
  },
  hosts: {
    create: Type.Optional(HostSelector),
    patch: Type.Optional(
      Described(HostSelector, {
        description: 'Replaces the selection of hosts as a whole.',
        examples: [{ all: true }],
      }),
    ),
    shown: HostSelector,
    document: null,
    whenAbsent: { all: true },
    merged: false,
  },
  subnets: {
    create: subnets,
    patch: Type.Optional(
      Described(subnets, {
        description:
          'Replaces the list of subnets (RFC 7396: arrays are replaced whole). A subnet with addresses in use cannot be removed.',
      }),
    ),
    shown: Type.Array(Subnet, { maxItems: 16, description: 'Subnets of the network.' }),
    document: Type.Array(DesiredSubnet, { maxItems: 16, description: 'Subnets.' }),
    whenAbsent: undefined,
    merged: false,
  },
  warm: setting(
    Type.Integer({
      minimum: 0,
      maximum: 256,
      description:
        'How many unused addresses each host keeps in its warm pool, per IP version. `docker run` then works at once, also while the server cannot be reached. Unused addresses are recalled before any request is refused.',
      examples: [4],
    }),
    4,
  ),
  quarantineSeconds: setting(
    Type.Integer({
      minimum: 0,
      maximum: 86_400,
      description:
        'How long a freed address stays quarantined before another owner may get it, in seconds, so that neighbours forget the old MAC. While the server cannot be reached, the host itself observes this, unless it has no other address.',
      examples: [300],
    }),
    300,
  ),
  labels: {
    create: Type.Optional(Labels),
    patch: Type.Optional(
      Nullable(Keyed(LabelKey, Nullable(LabelValue), { maxProperties: 64 }), {
        description:
          'Merged into the labels (RFC 7396): a null value removes a label, null itself removes all.',
        examples: [{ team: 'core' }],
      }),
    ),
    shown: Labels,
    document: null,
    whenAbsent: {},
    merged: true,
  },
} satisfies Settings;
