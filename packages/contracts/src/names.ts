import { Type, type Static } from 'typebox';
import { HostName, Id, IpAddress, NetworkName, Timestamp } from './common.ts';
import { Closed, Described, Nullable, Shaped } from './schema.ts';

/**
 * Names by which containers of a network with `names: true` reach each other. They are observed, not desired: they have a
 * channel of their own (`GET /agent/v1/names`) and raise no revision.
 */

const form = '^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,252}$';
const formOfName = new RegExp(form);
/** hosts(5) and inet_aton(3) read these as addresses, and a line of the file begins with one. */
const addressLike = /^[0-9.]+$|^0x/i;

/** Maximum length of a name in a hosts file (RFC 1035 section 2.3.4, without the final dot). */
export const maxNameLength = 253;

/** Aliases of one container on one network that are taken; Docker itself has no bound. */
export const maxAliases = 16;

/**
 * Whether a text may be written to a hosts file as a name. Names come from users of other hosts: no white space, no line
 * break and no `#` gets through, nothing that reads as an address, and not the name of the loopback.
 */
export function isHostsName(text: string): boolean {
  return formOfName.test(text) && !addressLike.test(text) && !/^(ip6-.*|localhost(\..*)?)$/i.test(text);
}

export const HostsFileName = Shaped(
  form,
  '1 to 253 letters, digits, `_`, `.` or `-`, the first a letter or digit',
  {
    maxLength: maxNameLength,
    description:
      'A name for hosts files: 1 to 253 letters, digits, `_`, `.` or `-`, the first a letter or digit.',
    examples: ['web'],
  },
);

/** Aliases as agents report and get them. */
export const Aliases = Type.Array(HostsFileName, {
  maxItems: maxAliases,
  description:
    'Names that the container has on this network beside its own, such as those of `--network-alias` and of compose services.',
  examples: [['web']],
});

export const NamedContainer = Closed(
  {
    host: HostName,
    name: HostsFileName,
    aliases: Aliases,
    ipv4: Nullable(IpAddress, { description: 'Its address on the network.', examples: ['172.16.100.20'] }),
    ipv6: Nullable(IpAddress, { description: 'As `ipv4`.', examples: [null] }),
    since: Described(Timestamp, {
      description: 'When its host first saw it run with these addresses.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
  },
  { description: 'A container that runs on another host.' },
);
export type NamedContainer = Static<typeof NamedContainer>;

/** Containers of one network in one answer; more are cut, and `truncated` says so. */
export const maxNamedContainers = 4096;

export const NamesOfNetwork = Closed(
  {
    networkId: Id,
    network: NetworkName,
    truncated: Type.Boolean({
      description:
        'More containers run on the network than one answer takes; those that run longest are in it.',
      examples: [false],
    }),
    containers: Type.Array(NamedContainer, {
      maxItems: maxNamedContainers,
      description: 'Containers of all other hosts that run on the network.',
    }),
  },
  { description: 'The names of one network.' },
);
export type NamesOfNetwork = Static<typeof NamesOfNetwork>;

const version = Shaped('^[A-Za-z0-9_-]{1,64}$', '1 to 64 characters of base64url', {
  maxLength: 64,
  description: 'Changes when the answer does. The agent sends it with its next poll.',
  examples: ['3q2-7wABAgMEBQYHCAkKCw'],
});

export const FleetNames = Closed(
  {
    version,
    networks: Type.Array(NamesOfNetwork, {
      maxItems: 4096,
      description: 'The networks with `names: true` that this host has, and no other.',
    }),
  },
  { description: "The names of a host's networks, as the other hosts last reported them." },
);
export type FleetNames = Static<typeof FleetNames>;

export const NamesQuery = Closed({
  version: Type.Optional(Described(version, { description: '`version` of the names that the agent has.' })),
  wait: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 60,
      default: 0,
      description: 'How long to wait for a change before answering, in seconds.',
      examples: [25],
    }),
  ),
});
