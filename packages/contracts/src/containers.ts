import { Type, type Static } from 'typebox';
import {
  IpAddress,
  Conditions,
  ContainerName,
  HostName,
  Id,
  Labels,
  MacAddress,
  NetworkName,
  Timestamp,
} from './common.ts';
import { maxInt32 } from './bounds.ts';
import { Closed, Described, Keyed, Nullable, Shaped, Words } from './schema.ts';
import { repeatable, type ServerField } from './server-fields.ts';
import { propertiesFor, setting, type Settings } from './settings.ts';
import { SharedBy } from './stacks.ts';

const address = {
  description: 'IPv4 address (IPv6 on a network that has no IPv4 subnet); left out: the next free one.',
  examples: ['172.16.100.10'],
};
const address6 = {
  description:
    'IPv6 address on a network that has both; left out: the next free one. On a network with IPv6 only the same as `address`.',
  examples: ['fd00:16:100::10'],
};
const mac = {
  description:
    'Ethernet address; left out: one derived from the IP address (`02:42:` and its four octets), the same at every start. Engines before 25 accept one for a single network of a container, and choose those of its other networks themselves.',
  examples: ['02:42:ac:10:64:0a'],
};

export const AttachmentInput = Closed(
  {
    network: NetworkName,
    address: Type.Optional(Described(IpAddress, address)),
    address6: Type.Optional(Described(IpAddress, address6)),
    mac: Type.Optional(Described(MacAddress, mac)),
  },
  {
    description: 'An attachment to one network.',
    examples: [{ network: 'mac_net1', address: '172.16.100.10' }],
  },
);
export type AttachmentInput = Static<typeof AttachmentInput>;

export const Attachment = Closed(
  {
    network: NetworkName,
    address: Nullable(IpAddress, {
      description: 'IPv4 address reserved for it.',
      examples: ['172.16.100.10'],
    }),
    address6: Nullable(IpAddress, { description: 'IPv6 address reserved for it.', examples: [null] }),
    mac: Nullable(MacAddress, {
      description: 'Requested Ethernet address; null: one derived from the IP address.',
      examples: [null],
    }),
    observedMac: Nullable(MacAddress, {
      description: 'Ethernet address seen on the running container.',
      examples: ['02:42:ac:10:64:0a'],
    }),
  },
  { description: 'An attachment to one network: what was reserved and what was seen.' },
);
export type Attachment = Static<typeof Attachment>;

export const RestartPolicy = Words(['no', 'on-failure', 'always', 'unless-stopped'], {
  description: 'What Docker does when the container ends, as in `docker run --restart`.',
  examples: ['unless-stopped'],
});
export const PullPolicy = Words(['missing', 'always', 'never'], {
  description: 'When the host pulls the image.',
  examples: ['missing'],
});
const NetworkMode = Shaped(
  '^container:[a-zA-Z0-9][a-zA-Z0-9_.-]{1,62}$',
  '`container:` and the name of a container, such as `container:box1`',
  {
    description:
      '`container:<name>` shares the network stack of another Trunkline container on the same host (scenario S3). Excludes `attachments`.',
    examples: ['container:box1'],
  },
);
const EnvironmentName = Shaped('^[^=\\u0000]{1,255}$', '1 to 255 characters, none of them `=` or NUL', {
  description: 'Name of an environment variable.',
});
const Environment = Keyed(EnvironmentName, Type.String({ maxLength: 32_768 }), {
  maxProperties: 256,
  description:
    'Environment variables: up to 256. Names are 1 to 255 characters, none of them `=` or NUL; values are up to 32768 characters.',
  examples: [{ TZ: 'UTC' }],
});
const argv = {
  maxItems: 256,
  description: 'Arguments in place of those of the image, one per item. No shell reads them.',
  examples: [['sleep', 'infinity']],
};

const image = Shaped(
  '^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$',
  '1 to 512 letters, digits, `.`, `_`, `/`, `:`, `@` or `-`, the first a letter or digit',
  {
    minLength: 1,
    maxLength: 512,
    description:
      'Image reference: 1 to 512 letters, digits, `.`, `_`, `/`, `:`, `@` or `-`, the first a letter or digit.',
    examples: ['busybox'],
  },
);
const command = Type.Array(Type.String({ maxLength: 32_768 }), argv);
const hostname = Shaped(
  '^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,61}[a-zA-Z0-9])?$',
  '1 to 63 letters, digits, `.` or `-`, the first and the last a letter or digit',
  {
    description:
      'Host name inside the container, 1 to 63 letters, digits, `.` or `-`, the first and the last a letter or digit; left out: its name.',
    examples: ['box1'],
  },
);

/** What a container is made from, apart from its networks: what is added here is in requests, answers and agents' documents. */
export const containerSettings = {
  image: {
    create: image,
    patch: image,
    shown: image,
    document: image,
    whenAbsent: undefined,
    merged: false,
  },
  command: { ...setting(Nullable(command), null), create: Type.Optional(command) },
  env: { ...setting(Environment, {}), create: Type.Optional(Environment) },
  tty: setting(Type.Boolean({ description: 'Give it a terminal (`-t`).', examples: [true] }), false),
  stdinOpen: setting(Type.Boolean({ description: 'Keep its input open (`-i`).', examples: [true] }), false),
  restart: setting(RestartPolicy, 'unless-stopped'),
  pull: setting(PullPolicy, 'missing'),
  hostname: { ...setting(Nullable(hostname), null), create: Type.Optional(hostname) },
} satisfies Settings;

export const ContainerCreate = Closed(
  {
    name: ContainerName,
    host: Described(HostName, { description: 'The host it runs on.', examples: ['docker01'] }),
    ...propertiesFor(containerSettings, 'create'),
    labels: Type.Optional(Labels),
    attachments: Type.Optional(
      Type.Array(AttachmentInput, {
        maxItems: 16,
        description: 'Its attachments to networks; the first carries the default route.',
      }),
    ),
    networkMode: Type.Optional(NetworkMode),
  },
  {
    $id: 'ContainerCreate',
    description: 'A container to run, with `attachments` or with `networkMode`.',
    examples: [
      {
        name: 'box1',
        host: 'docker01',
        image: 'busybox',
        tty: true,
        stdinOpen: true,
        attachments: [{ network: 'mac_net1', address: '172.16.100.10' }],
      },
    ],
  },
);
export type ContainerCreate = Static<typeof ContainerCreate>;

/** The states that Docker reports of a container (`docker inspect`, State.Status), and `absent`. */
export const ContainerState = Words(
  ['absent', 'created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'],
  {
    description: 'The state that Docker reports; `absent`: there is no such container on the host.',
    examples: ['running'],
  },
);
export type ContainerState = Static<typeof ContainerState>;

export const ContainerObserved = Closed(
  {
    state: ContainerState,
    dockerId: Nullable(Type.String({ maxLength: 128 }), { description: "Docker's id.", examples: ['8e2f…'] }),
    startedAt: Nullable(Timestamp, { description: 'When it was last started.' }),
    exitCode: Nullable(Type.Integer({ minimum: -maxInt32, maximum: maxInt32 }), {
      description: 'Exit code, when it has ended.',
      examples: [null],
    }),
    sharedBy: SharedBy,
    observedAt: Described(Timestamp, {
      description: 'When the agent looked.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
  },
  { description: 'The container as the agent saw it.' },
);

/** How a change of a container reaches its host. */
export const ContainerChangeKind = Words(['create', 'none', 'inPlace', 'replace'], {
  description:
    '`create`: it is run. `none`: nothing changes. `inPlace`: it goes on running. `replace`: it is stopped and removed, and another is created with the same name and addresses; its file system starts from the image.',
  examples: ['replace'],
});
export type ContainerChangeKind = Static<typeof ContainerChangeKind>;

const ContainerChange = Closed(
  {
    how: ContainerChangeKind,
    fields: Type.Array(Type.String({ maxLength: 64 }), {
      maxItems: 32,
      description: 'The fields that change.',
      examples: [['image']],
    }),
  },
  { description: 'Only in the answer to `?dryRun=true` of a PUT: what it would do to the container.' },
);

export const Container = Closed(
  {
    id: Id,
    name: ContainerName,
    host: HostName,
    ...propertiesFor(containerSettings, 'shown'),
    labels: Labels,
    attachments: Type.Array(Attachment, { maxItems: 16, description: 'Its attachments to networks.' }),
    networkMode: Nullable(NetworkMode, { examples: [null] }),
    generation: Type.Integer({
      minimum: 0,
      maximum: maxInt32,
      description: 'Raised by every change; the `ETag`.',
      examples: [1],
    }),
    deletingSince: Nullable(Timestamp, {
      description: 'Since when it is being removed; null: it is not.',
      examples: [null],
    }),
    createdAt: Described(Timestamp, {
      description: 'When it was requested.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
    running: Type.Boolean({
      description: 'The container was seen running with the addresses that are reserved for it.',
      examples: [true],
    }),
    observed: Type.Union([ContainerObserved, Type.Null()], {
      description: 'The container as the agent saw it; null: the agent has not looked yet.',
    }),
    conditions: Conditions,
    change: Type.Optional(ContainerChange),
  },
  { $id: 'Container', description: 'A container that Trunkline runs on request.' },
);
export type Container = Static<typeof Container>;

/** What only the server writes of a container. */
export const containerServerFields = {
  id: 'kept',
  generation: 'kept',
  deletingSince: 'kept',
  createdAt: 'kept',
  running: 'observed',
  observed: 'observed',
  conditions: 'observed',
  change: 'observed',
} as const satisfies Record<Exclude<keyof Container, keyof ContainerCreate>, ServerField>;

const AttachmentPut = Closed(
  {
    network: NetworkName,
    address: Type.Optional(Nullable(IpAddress, address)),
    address6: Type.Optional(Nullable(IpAddress, address6)),
    mac: Type.Optional(Nullable(MacAddress, mac)),
    observedMac: Type.Optional(Attachment.properties.observedMac),
  },
  {
    description:
      'An attachment to one network. Null for an address or the MAC is the same as leaving it out.',
    examples: [{ network: 'mac_net1', address: '172.16.100.10' }],
  },
);

export const ContainerPut = Closed(
  {
    name: ContainerName,
    host: Described(HostName, { description: 'The host it runs on.', examples: ['docker01'] }),
    ...propertiesFor(containerSettings, 'create'),
    command: Type.Optional(containerSettings.command.shown),
    hostname: Type.Optional(containerSettings.hostname.shown),
    labels: Type.Optional(Labels),
    attachments: Type.Optional(
      Type.Array(AttachmentPut, {
        maxItems: 16,
        description:
          'Its attachments to networks; the first carries the default route. A container keeps them: they may be left out, or repeated.',
      }),
    ),
    networkMode: Type.Optional(Nullable(NetworkMode)),
    ...repeatable(Container.properties, containerServerFields),
  },
  {
    $id: 'ContainerPut',
    description:
      'The whole container as it should be: a field that is left out takes its default, but `attachments` and `networkMode` are kept. `name` must be the one in the path. What GET answers may be sent as it is.',
    examples: [
      {
        name: 'box1',
        host: 'docker01',
        image: 'busybox',
        tty: true,
        stdinOpen: true,
        env: { TZ: 'UTC' },
        attachments: [{ network: 'mac_net1', address: '172.16.100.10' }],
      },
    ],
  },
);
export type ContainerPut = Static<typeof ContainerPut>;
