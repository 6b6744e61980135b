import { Type, type Static } from 'typebox';
import { maxInt32 } from '../bounds.ts';
import { HostName, Id, IpAddress, MacAddress } from '../common.ts';
import { Closed, Described, Nullable, Words } from '../schema.ts';
import { Ping } from './connectivity-result.ts';

/**
 * What a check of the wire may conclude, once, the most telling first: where one holds, those after it are its consequence.
 * Programs may depend on the words.
 */
export const wireVerdictTable = {
  'vlan-missing':
    'A VLAN does not pass between hosts that reach each other on another network of the same parent: a switch port in between lacks it.',
  'frames-not-sent':
    'Nobody hears what a host sends with the MAC of its probe, and it hears the others: the port, or the hypervisor below the host, drops frames from MACs that it does not know.',
  'frames-not-received':
    'A host hears nobody, and the others hear it: its NIC or the hypervisor below it does not deliver frames for further MACs.',
  'no-path': 'Two hosts do not hear each other in either direction.',
  'one-way': 'Of two hosts one hears the other, and not the other way round.',
  'not-answered':
    'Two hosts hear each other, but what one sends to the MAC of the other alone is not answered.',
  'packets-lost': 'Some echo requests between two hosts have no reply.',
  'packets-cut': 'Two hosts reach each other, but not with packets as large as the MTU of the network.',
  'gateway-silent': 'The gateway of a subnet answers no host.',
  'gateway-partly-silent': 'The gateway of a subnet answers some of the hosts.',
  'gateway-two-macs': 'Hosts hear different MACs for the gateway of a subnet.',
  'address-taken': 'A foreign station answers for the address that a probe was given.',
  'not-tried': 'A host could not take part.',
} as const satisfies Record<string, string>;
export type WireVerdictCode = keyof typeof wireVerdictTable;

/** Every verdict, the most telling first. */
export const wireVerdictCodes = Object.keys(wireVerdictTable) as WireVerdictCode[];

/** A ping between two stations, with the largest packet that passed. */
export const WirePing = Closed(
  {
    ...Ping.properties,
    packetBytes: Nullable(Type.Integer({ minimum: 0, maximum: 65_535 }), {
      description:
        'Size of the largest IP packet that was answered without being fragmented, in bytes: at most the MTU of the probe; null: not measured, since nothing was answered.',
      examples: [1500],
    }),
  },
  { description: 'Echo requests from the probe of a host to one address (RFC 792, RFC 4443).' },
);
export type WirePing = Static<typeof WirePing>;

export const WireHost = Closed(
  {
    host: HostName,
    mac: Nullable(MacAddress, {
      description: 'MAC of its probe; null: it had none.',
      examples: ['d6:4c:1f:00:00:01'],
    }),
    addresses: Type.Array(IpAddress, {
      maxItems: 2,
      description: 'Addresses of its probe, taken from the network for the time of the check.',
      examples: [['172.16.100.3']],
    }),
    mtu: Nullable(Type.Integer({ minimum: 0, maximum: maxInt32 }), {
      description: 'MTU of the probe, which is that of its parent, in bytes; null: it had none.',
      examples: [1500],
    }),
    error: Nullable(Type.String({ maxLength: 4096 }), {
      description: 'Why it could not take part; null: it did.',
      examples: [null],
    }),
  },
  { description: 'A host that takes part.' },
);
export type WireHost = Static<typeof WireHost>;

export const WireResult = Closed(
  {
    ok: Type.Boolean({
      description: 'Every host took part, and nothing is wrong with what was tried.',
      examples: [true],
    }),
    hosts: Type.Array(WireHost, { maxItems: 1000, description: 'The hosts, by name.' }),
    pairs: Type.Array(
      Closed(
        {
          from: Described(HostName, { description: 'The host that sent.', examples: ['docker01'] }),
          to: Described(HostName, { description: 'The host that was to receive.', examples: ['docker02'] }),
          heard: Nullable(Type.Boolean(), {
            description:
              'Whether frames of the one arrived at the other, which needs this direction alone; null: the other could not listen.',
            examples: [true],
          }),
          pings: Type.Array(WirePing, {
            maxItems: 2,
            description: 'One entry for each IP version; needs both directions.',
          }),
        },
        { description: 'One direction between two hosts.' },
      ),
      { maxItems: 4096, description: 'What was tried, by host.' },
    ),
    gateways: Type.Array(
      Closed(
        {
          from: Described(HostName, { description: 'The host that sent.', examples: ['docker01'] }),
          ping: WirePing,
        },
        { description: 'A gateway as one host sees it.' },
      ),
      { maxItems: 2000, description: 'Gateways of the subnets of the probes, by host.' },
    ),
    sampled: Type.Boolean({
      description:
        'Not every pair was tried: with more than 17 hosts each tries 16 others, chosen so that each is tried as often.',
      examples: [false],
    }),
    verdicts: Type.Array(
      Closed(
        {
          code: Words(wireVerdictCodes, {
            description: wireVerdictCodes.map((code) => `\`${code}\`: ${wireVerdictTable[code]}`).join(' '),
            examples: ['vlan-missing'],
          }),
          hosts: Type.Array(HostName, {
            maxItems: 1000,
            description: 'The hosts concerned.',
            examples: [['docker01', 'docker02']],
          }),
          message: Type.String({
            maxLength: 4096,
            description: 'What is wrong, in one sentence.',
            examples: [
              'VLAN 20 does not pass between docker01 and docker02, VLAN 10 does: one of the switch ports of docker01, docker02 lacks VLAN 20',
            ],
          }),
          remedy: Type.String({
            maxLength: 4096,
            description: 'What to do.',
            examples: [
              'allow VLAN 20 on one of the switch ports of docker01, docker02, and on the switches between them',
            ],
          }),
        },
        { description: 'Something that is wrong.' },
      ),
      { maxItems: 1000, description: 'What is wrong, the most telling first; empty: nothing.' },
    ),
    message: Type.String({
      maxLength: 4096,
      description: 'The result in one sentence.',
      examples: ['2 hosts reach each other on mac_net1, with packets of 1500 bytes'],
    }),
  },
  { description: 'Whether frames of stations behind the hosts pass between them, and how.' },
);
export type WireResult = Static<typeof WireResult>;
export type WireVerdict = WireResult['verdicts'][number];
export type WirePair = WireResult['pairs'][number];

/** One probe as its agent is given it, and as the others are. */
const station = {
  mac: Described(MacAddress, { description: 'MAC of the probe.', examples: ['d6:4c:1f:00:00:01'] }),
  addresses: Type.Array(
    Closed(
      {
        ip: IpAddress,
        prefix: Type.Integer({
          minimum: 0,
          maximum: 128,
          description: 'Prefix length of its subnet.',
          examples: [24],
        }),
      },
      { description: 'An address of the probe.' },
    ),
    { maxItems: 2, description: 'Its addresses: at most one for each IP version.' },
  ),
};

/** What an agent is asked to do for a check of the wire: put one probe on the network, and try the others. */
export const WireTask = Closed(
  {
    networkId: Described(Id, {
      description: 'The network.',
      examples: ['0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11'],
    }),
    ...station,
    targets: Type.Array(IpAddress, {
      maxItems: 64,
      description: 'Addresses to try: probes of other hosts, and gateways.',
    }),
    listenFor: Type.Array(MacAddress, { maxItems: 1000, description: 'MACs of the other probes.' }),
    reference: Type.Union(
      [
        Closed(
          {
            networkId: Described(Id, {
              description: 'The other network.',
              examples: ['0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b12'],
            }),
            mac: Described(MacAddress, {
              description: 'MAC of the probe there.',
              examples: ['d6:4c:1f:00:01:01'],
            }),
            listenFor: Type.Array(MacAddress, {
              maxItems: 1000,
              description: 'MACs of the other probes there.',
            }),
          },
          {
            description:
              'A probe without an address on another network of the same parent, which is only heard.',
          },
        ),
        Type.Null(),
      ],
      {
        description:
          'To tell a VLAN that is missing from a path that is missing; null: there is no such network.',
      },
    ),
    seconds: Type.Integer({
      minimum: 1,
      maximum: 60,
      description:
        'How long the others are waited for, in seconds. The probe stays as long again, so that late ones are answered.',
      examples: [5],
    }),
  },
  { description: 'What one host does for a check of the wire.' },
);
export type WireTask = Static<typeof WireTask>;

export const WireTaskResult = Closed(
  {
    mtu: Type.Integer({
      minimum: 0,
      maximum: maxInt32,
      description: 'MTU of the probe, in bytes.',
      examples: [1500],
    }),
    taken: Type.Array(
      Closed(
        { ip: IpAddress, mac: MacAddress },
        { description: 'A foreign station that answers for an address of the probe.' },
      ),
      { maxItems: 2, description: 'Addresses of the probe that somebody else has. They were not used.' },
    ),
    heard: Nullable(Type.Array(MacAddress, { maxItems: 1000, description: 'Those that were heard.' }), {
      description: 'MACs of `listenFor` from which frames arrived; null: this host cannot listen.',
    }),
    pings: Type.Array(WirePing, { maxItems: 64, description: 'One entry for each of `targets`.' }),
    referenceHeard: Nullable(
      Type.Array(MacAddress, { maxItems: 1000, description: 'Those that were heard.' }),
      {
        description:
          'As `heard`, on the network of `reference`; null: there is none, or it could not be listened on.',
      },
    ),
  },
  { description: 'What one host found for a check of the wire.' },
);
export type WireTaskResult = Static<typeof WireTaskResult>;
