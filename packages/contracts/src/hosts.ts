import { Type, type Static } from 'typebox';
import { Conditions, HostName, Id, LabelKey, Labels, LabelValue, MacAddress, Timestamp } from './common.ts';
import { maxInt32 } from './bounds.ts';
import { Closed, Described, Keyed, Nullable, Words } from './schema.ts';

export const InterfaceFacts = Closed(
  {
    name: Type.String({ maxLength: 64, description: 'Name of the interface.', examples: ['ens33'] }),
    mac: Nullable(MacAddress, {
      description: 'Its Ethernet address; null where it has none.',
      examples: ['00:0c:29:3a:5b:01'],
    }),
    mtu: Type.Integer({
      minimum: 0,
      maximum: 4_294_967_295,
      description: 'Largest packet, in bytes.',
      examples: [1500],
    }),
    up: Type.Boolean({ description: 'Administratively up (`ip link set up`).', examples: [true] }),
    carrier: Type.Boolean({
      description: 'The link has a carrier: a cable, or its virtual counterpart, is connected.',
      examples: [true],
    }),
    promiscuous: Type.Boolean({
      description: 'Promiscuous: receives frames for every MAC, which macvlan needs behind some switches.',
      examples: [true],
    }),
    speedMbps: Nullable(Type.Integer({ minimum: 0, maximum: 4_294_967_295 }), {
      description: 'Speed of the link, in Mbit/s; null where the driver does not report it.',
      examples: [1000],
    }),
    kind: Nullable(Type.String({ maxLength: 64 }), {
      description: 'Kind of virtual interface (vlan, bond, bridge, …); null for a NIC.',
      examples: [null],
    }),
    vlan: Nullable(Type.Integer({ minimum: 0, maximum: 4095 }), {
      description: 'VLAN id of a VLAN sub-interface.',
      examples: [null],
    }),
    parent: Nullable(Type.String({ maxLength: 64 }), {
      description: 'The interface below it.',
      examples: [null],
    }),
    addresses: Type.Array(Type.String({ maxLength: 64 }), {
      maxItems: 256,
      description: 'Its addresses with prefix length, at most 256.',
      examples: [['172.16.1.30/24']],
    }),
  },
  { description: 'A network interface as the agent saw it.' },
);
export type InterfaceFacts = Static<typeof InterfaceFacts>;

export const HostFacts = Closed(
  {
    hostname: Type.String({
      maxLength: 255,
      description: 'Host name of the machine.',
      examples: ['docker01'],
    }),
    bootId: Type.String({
      maxLength: 64,
      description: 'Changes with every boot (/proc/sys/kernel/random/boot_id).',
      examples: ['6f0c3f3e-4b0e-4a86-9d55-5d5cb2a4e0a1'],
    }),
    os: Type.String({
      maxLength: 255,
      description: 'Distribution (os-release PRETTY_NAME).',
      examples: ['Debian GNU/Linux 12 (bookworm)'],
    }),
    kernel: Type.String({
      maxLength: 255,
      description: 'Kernel release; macvlan needs 3.9 or later.',
      examples: ['6.1.0-18-amd64'],
    }),
    architecture: Type.String({ maxLength: 64, description: 'Processor architecture.', examples: ['x64'] }),
    cpus: Type.Integer({ minimum: 0, maximum: 65_536, description: 'Processors.', examples: [4] }),
    memoryBytes: Type.String({ maxLength: 20, description: 'Memory, in bytes.', examples: ['8327454720'] }),
    agentVersion: Type.String({ maxLength: 64, description: 'Version of the agent.', examples: ['0.1.0'] }),
    modules: Closed(
      {
        macvlan: Type.Boolean({
          description: 'The kernel can make macvlan interfaces (loaded, built in, or to be loaded).',
          examples: [true],
        }),
        vlan: Type.Boolean({
          description: 'The kernel can make VLAN sub-interfaces (`8021q`).',
          examples: [true],
        }),
      },
      { description: 'Kernel features that Trunkline needs.' },
    ),
    forwarding: Closed(
      {
        ipv4: Type.Boolean({ description: '`net.ipv4.ip_forward`.', examples: [false] }),
        ipv6: Type.Boolean({ description: '`net.ipv6.conf.all.forwarding`.', examples: [false] }),
      },
      { description: 'Whether the host forwards packets.' },
    ),
    docker: Closed(
      {
        reachable: Type.Boolean({ description: 'Whether the Docker Engine answered.', examples: [true] }),
        version: Nullable(Type.String({ maxLength: 128 }), {
          description: 'Version of the Docker Engine.',
          examples: ['20.10.24'],
        }),
        apiVersion: Nullable(Type.String({ maxLength: 32 }), {
          description: 'API version that agent and Engine use.',
          examples: ['1.41'],
        }),
      },
      { description: 'The Docker Engine of the host.' },
    ),
    interfaces: Type.Array(InterfaceFacts, { maxItems: 512, description: 'Network interfaces of the host.' }),
  },
  { description: 'The machine as the agent saw it.' },
);
export type HostFacts = Static<typeof HostFacts>;

export const Host = Closed(
  {
    id: Id,
    name: HostName,
    labels: Labels,
    online: Type.Boolean({
      description:
        'Whether the server heard from the agent within three heartbeats. Silence frees nothing and deletes nothing.',
      examples: [true],
    }),
    lastSeenAt: Nullable(Timestamp, { description: 'When the server last heard from the agent.' }),
    observedAt: Nullable(Timestamp, {
      description: 'When the agent observed what `facts` and `conditions` state.',
    }),
    facts: Nullable(HostFacts, {
      description: 'The machine as the agent saw it; null until the first report.',
    }),
    conditions: Conditions,
    desiredRevision: Type.String({
      maxLength: 20,
      description: 'Revision of the last change that concerns this host.',
      examples: ['1042'],
    }),
    observedRevision: Type.String({
      maxLength: 20,
      description: 'Revision that the agent has carried out.',
      examples: ['1042'],
    }),
    version: Type.Integer({
      minimum: 0,
      maximum: maxInt32,
      description: 'Raised by every change that an operator makes; the `ETag`.',
      examples: [1],
    }),
    createdAt: Described(Timestamp, {
      description: 'When it joined.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
  },
  { $id: 'Host', description: 'A machine with a Docker Engine and one agent.' },
);
export type Host = Static<typeof Host>;

export const HostPatch = Closed(
  {
    labels: Type.Optional(
      Nullable(Keyed(LabelKey, Nullable(LabelValue), { maxProperties: 64 }), {
        description:
          'Merged into the labels (RFC 7396): a null value removes a label, null itself removes all.',
        examples: [{ rack: 'a3', old: null }],
      }),
    ),
  },
  {
    $id: 'HostPatch',
    description: 'Changes to a host (JSON merge patch).',
    examples: [{ labels: { rack: 'a3' } }],
  },
);
export type HostPatch = Static<typeof HostPatch>;

export const JoinTokenCreate = Closed(
  {
    host: Type.Optional(
      Nullable(HostName, {
        description: 'Only a host with this name may use the token; null: any single host.',
        examples: ['docker01'],
      }),
    ),
    expiresInSeconds: Type.Optional(
      Type.Integer({
        minimum: 60,
        maximum: 3600,
        default: 3600,
        description: 'How long it can be used, in seconds; at most an hour.',
        examples: [3600],
      }),
    ),
  },
  { $id: 'JoinTokenCreate', description: 'A join token to create.', examples: [{ host: 'docker01' }] },
);
export type JoinTokenCreate = Static<typeof JoinTokenCreate>;

export const JoinTokenState = Words(['unused', 'used', 'expired', 'revoked'], {
  description: 'Only an unused token lets a host join, and only once.',
  examples: ['unused'],
});

const joinTokenFields = {
  id: Id,
  host: Nullable(HostName, {
    description: 'The only host name that may use it; null: any.',
    examples: ['docker01'],
  }),
  state: JoinTokenState,
  expiresAt: Described(Timestamp, {
    description: 'When it can no longer be used.',
    examples: ['2026-11-24T10:30:00.000Z'],
  }),
  usedAt: Nullable(Timestamp, { description: 'When a host joined with it.' }),
  usedBy: Nullable(HostName, { description: 'The host that joined with it.' }),
  createdAt: Described(Timestamp, {
    description: 'When it was created.',
    examples: ['2026-11-24T09:30:00.000Z'],
  }),
};

export const JoinToken = Closed(joinTokenFields, {
  $id: 'JoinToken',
  description: 'Lets one host join, once, within an hour. Its secret is kept only as a hash.',
});
export type JoinToken = Static<typeof JoinToken>;

export const JoinTokenCreated = Closed(
  {
    ...joinTokenFields,
    secret: Type.String({
      maxLength: 128,
      description:
        'The token itself. It is shown only once. Behind a dot it has the SHA-256 of the public key of the certificate authority that proves this server, where machines do not know that by themselves: the agent trusts it then, and no file has to be copied.',
      examples: [
        'tlj_7hQ2mX0vJk3pR9sTtB4wYz6nLc8dEfGaUe5oKi1xSyA.uTBoUwdwFzVO8kF2GyTD-AlWNCIoW3_H2S6BqPR0lbo',
      ],
    }),
    command: Type.String({
      maxLength: 2048,
      description:
        'The line to run as root on the host. It has the token in it. The URL is that of `TRUNKLINE_PUBLIC_URL`, or else the one that this request was sent to.',
      examples: [
        'trunkline-agent join https://trunkline.example.net:7400 tlj_7hQ2mX0vJk3pR9sTtB4wYz6nLc8dEfGaUe5oKi1xSyA.uTBoUwdwFzVO8kF2GyTD-AlWNCIoW3_H2S6BqPR0lbo --name docker01',
      ],
    }),
  },
  {
    $id: 'JoinTokenCreated',
    description: 'A join token with its secret, and the line that lets a host join.',
  },
);
export type JoinTokenCreated = Static<typeof JoinTokenCreated>;
