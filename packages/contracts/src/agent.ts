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
  Revision,
  Timestamp,
} from './common.ts';
import { maxInt32 } from './bounds.ts';
import { ConnectivityResult } from './checks/connectivity-result.ts';
import { DiagnosisTask, DiagnosisTaskResult } from './checks/diagnosis-result.ts';
import { MatrixTask, MatrixTaskResult } from './checks/matrix-result.ts';
import { WireTask, WireTaskResult } from './checks/wire-result.ts';
import { containerSettings, ContainerState } from './containers.ts';
import { HostFacts } from './hosts.ts';
import { Recall, Revocation } from './leases.ts';
import { Frames } from './limits.ts';
import { Aliases } from './names.ts';
import { networkSettings } from './network-settings.ts';
import { AddressConflict, PreflightFindings } from './networks.ts';
import { Closed, Described, Nullable, Shaped, Words } from './schema.ts';
import { propertiesForAgents } from './settings.ts';
import { SharedBy } from './stacks.ts';

/** Version of the protocol between agent and server. The server refuses older ones with `agent_too_old`. */
export const agentProtocolVersion = 1;

/** Random at every start of the agent and signed with every request. The server detects two live agents with one identity by it. */
export const instanceHeader = 'trunkline-instance';

/** What an agent's signature must cover (RFC 9421 section 2; Content-Digest is RFC 9530). */
export const signedComponents = ['@method', '@path', '@query', 'content-digest', instanceHeader] as const;

/** Maximum difference between the clocks of agent and server, in seconds. */
export const signatureLifetimeSeconds = 60;

export const JoinRequest = Closed(
  {
    protocol: Type.Integer({
      minimum: 1,
      maximum: maxInt32,
      description: 'Version of the agent protocol.',
      examples: [1],
    }),
    token: Type.String({
      minLength: 8,
      maxLength: 128,
      description: 'Join token, with or without the part behind the dot.',
      examples: ['tlj_7hQ2mX0vJk3pR9sTtB4wYz6nLc8dEfGa'],
    }),
    name: HostName,
    publicKey: Shaped('^[A-Za-z0-9_-]{43}$', '43 characters of base64url', {
      minLength: 43,
      maxLength: 43,
      description: 'Raw Ed25519 public key, base64url.',
      examples: ['11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'],
    }),
    facts: HostFacts,
  },
  { description: 'A host asks to join.' },
);
export type JoinRequest = Static<typeof JoinRequest>;

export const JoinAnswer = Closed(
  {
    hostId: Id,
    name: HostName,
    heartbeatSeconds: Type.Integer({
      minimum: 1,
      maximum: 600,
      description: 'Maximum time between two reports, in seconds.',
      examples: [10],
    }),
  },
  { description: 'The identity of the host: requests are signed with keyid = hostId.' },
);
export type JoinAnswer = Static<typeof JoinAnswer>;

const dead = {
  description: '`absent`: remove it from this host. What is not listed is left alone.',
  examples: ['present'],
};

export const DesiredNetwork = Closed(
  {
    id: Id,
    name: NetworkName,
    generation: Type.Integer({
      minimum: 0,
      maximum: maxInt32,
      description: 'Generation of the network.',
      examples: [1],
    }),
    state: Words(['present', 'absent'], dead),
    force: Type.Boolean({
      description:
        'Replace the Docker network where that is needed, although containers are attached: disconnect them, replace it, and connect them again with the same addresses.',
      examples: [false],
    }),
    ...propertiesForAgents(networkSettings),
  },
  { description: 'A network as it should be on this host.' },
);
export type DesiredNetwork = Static<typeof DesiredNetwork>;

export const DesiredContainer = Closed(
  {
    id: Id,
    name: ContainerName,
    generation: Type.Integer({
      minimum: 0,
      maximum: maxInt32,
      description: 'Generation of the container.',
      examples: [1],
    }),
    sameAs: Type.Optional(
      Type.Array(Type.Integer({ minimum: 0, maximum: maxInt32 }), {
        maxItems: 1000,
        description:
          'Earlier generations that are the same container: what was changed since can be changed in place, or a backup was restored, which raised the number and changed nothing. Left out: none.',
        examples: [[1]],
      }),
    ),
    state: Words(['present', 'absent'], dead),
    ...propertiesForAgents(containerSettings),
    labels: Labels,
    networkMode: Nullable(Type.String({ maxLength: 128 }), {
      description: '`container:<name>` or null.',
      examples: [null],
    }),
    attachments: Type.Array(
      Closed(
        {
          networkId: Id,
          network: NetworkName,
          address: Nullable(IpAddress),
          address6: Nullable(IpAddress),
          mac: Nullable(MacAddress),
          withdrawn: Type.Optional(
            Type.Array(IpAddress, {
              maxItems: 2,
              description:
                'Those of its addresses that were revoked from the container, or that are in conflict. The agent does not give them out because of this document. Left out: none.',
            }),
          ),
        },
        { description: 'An attachment to a network.' },
      ),
      { maxItems: 16, description: 'Attachments to networks.' },
    ),
  },
  { description: 'A container as it should be on this host.' },
);
export type DesiredContainer = Static<typeof DesiredContainer>;

const expiresAt = Described(Timestamp, { description: 'The check is not run after this time.' });

export const DesiredConnectivityCheck = Closed(
  {
    id: Id,
    kind: Words(['connectivity'], { description: 'Kind of check.' }),
    fromContainer: ContainerName,
    toContainer: ContainerName,
    toAddresses: Type.Array(IpAddress, { maxItems: 32, description: 'Addresses of the other container.' }),
    count: Type.Integer({
      minimum: 1,
      maximum: 20,
      description: 'Echo requests per address.',
      examples: [5],
    }),
    expiresAt,
  },
  { description: 'Tests whether one container reaches another.' },
);
export type DesiredConnectivityCheck = Static<typeof DesiredConnectivityCheck>;

export const DesiredPreflightCheck = Closed(
  {
    id: Id,
    kind: Words(['preflight'], { description: 'Kind of check.' }),
    network: DesiredNetwork,
    expiresAt,
  },
  { description: 'Asks what the agent would do for this network. Nothing is changed.' },
);
export type DesiredPreflightCheck = Static<typeof DesiredPreflightCheck>;

export const DesiredWireCheck = Closed(
  { id: Id, kind: Words(['wire'], { description: 'Kind of check.' }), ...WireTask.properties, expiresAt },
  {
    description:
      'Puts a probe on a network for some seconds, and tries the probes of other hosts from there.',
  },
);
export type DesiredWireCheck = Static<typeof DesiredWireCheck>;

export const DesiredDiagnosisCheck = Closed(
  {
    id: Id,
    kind: Words(['diagnose'], { description: 'Kind of check.' }),
    ...DiagnosisTask.properties,
    expiresAt,
  },
  { description: 'Looks at this host for what may keep containers from reaching each other.' },
);
export type DesiredDiagnosisCheck = Static<typeof DesiredDiagnosisCheck>;

export const DesiredMatrixCheck = Closed(
  {
    id: Id,
    kind: Words(['matrix'], { description: 'Kind of check.' }),
    ...MatrixTask.properties,
    expiresAt,
  },
  { description: 'Tries addresses, ports and names from containers of this host, or from the host itself.' },
);
export type DesiredMatrixCheck = Static<typeof DesiredMatrixCheck>;

export const DesiredCheck = Type.Union(
  [
    DesiredConnectivityCheck,
    DesiredPreflightCheck,
    DesiredWireCheck,
    DesiredDiagnosisCheck,
    DesiredMatrixCheck,
  ],
  { description: 'A check to run once.' },
);
export type DesiredCheck = Static<typeof DesiredCheck>;

export const DesiredDocument = Closed(
  {
    hostId: Id,
    revision: Revision,
    heartbeatSeconds: Type.Integer({
      minimum: 1,
      maximum: 600,
      description: 'Maximum time between two reports, in seconds.',
      examples: [10],
    }),
    networks: Type.Array(DesiredNetwork, { maxItems: 4096, description: 'Networks on this host.' }),
    containers: Type.Array(DesiredContainer, { maxItems: 65_536, description: 'Containers on this host.' }),
    recalls: Type.Array(Recall, {
      maxItems: 4096,
      description: 'Networks with an address shortage.',
    }),
    revocations: Type.Optional(
      Type.Array(Revocation, {
        maxItems: 65_536,
        description:
          'Leases of this host that the server has revoked and that the host has not confirmed yet; left out: none.',
        examples: [[]],
      }),
    ),
    checks: Type.Array(DesiredCheck, { maxItems: 256, description: 'Checks not yet answered.' }),
    incarnation: Type.Optional(
      Described(Id, {
        description:
          'Identifies the history of the database since it last may have gone back in time. The agent sends it with its next poll.',
      }),
    ),
    recovering: Type.Optional(
      Nullable(Id, {
        description:
          'The recovery of the database under way; null: none. During a recovery the agent gives out no address because of this document.',
        examples: [null],
      }),
    ),
    compare: Type.Optional(
      Nullable(Id, {
        description:
          'Set: the database went back in time, and this host has not compared its addresses for this recovery yet. It does so at once, and gives out no address before.',
        examples: [null],
      }),
    ),
  },
  { description: 'The desired state of one host.' },
);
export type DesiredDocument = Static<typeof DesiredDocument>;

export const DesiredQuery = Closed({
  after: Type.Optional(Revision),
  heard: Type.Optional(Described(Id, { description: '`incarnation` of the document that the agent has.' })),
  generation: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 2 ** 48,
      description: 'The highest generation among the leases that the agent holds.',
      examples: [17],
    }),
  ),
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

export const PlacementReport = Closed(
  {
    networkId: Id,
    generation: Type.Integer({
      minimum: 0,
      maximum: maxInt32,
      description: 'Generation that was applied; never above the one that the server sent.',
      examples: [1],
    }),
    removed: Type.Boolean({
      description: 'The agent looked, and nothing of the network is left on this host.',
      examples: [false],
    }),
    dockerNetworkId: Nullable(Type.String({ maxLength: 128 }), {
      description: "Docker's id.",
      examples: ['7c1b8a…'],
    }),
    link: Nullable(Type.String({ maxLength: 15 }), {
      description: 'Interface that the Docker network uses.',
      examples: ['ens33'],
    }),
    lastAction: Nullable(Type.String({ maxLength: 1024 }), {
      description: 'The last action of the agent for it.',
      examples: [null],
    }),
    conditions: Conditions,
    conflicts: Type.Optional(
      Type.Array(AddressConflict, {
        maxItems: 256,
        description:
          'Addresses of running containers that a foreign station answers for as well; left out: they were not probed.',
        examples: [[]],
      }),
    ),
    frames: Type.Optional(
      Type.Union([Frames, Type.Null()], {
        description:
          'Broadcast and multicast frames that the host sees there; null or left out: the network has no interface there.',
        examples: [null],
      }),
    ),
  },
  { description: 'A network as it is on this host.' },
);
export type PlacementReport = Static<typeof PlacementReport>;

export const ContainerReport = Closed(
  {
    containerId: Id,
    generation: Type.Integer({
      minimum: 0,
      maximum: maxInt32,
      description: 'Generation that was applied; never above the one that the server sent.',
      examples: [1],
    }),
    state: ContainerState,
    dockerId: Nullable(Type.String({ maxLength: 128 }), { description: "Docker's id." }),
    startedAt: Nullable(Timestamp),
    exitCode: Nullable(Type.Integer({ minimum: -maxInt32, maximum: maxInt32 })),
    endpoints: Type.Array(
      Closed(
        {
          network: Type.String({ maxLength: 128 }),
          ipv4: Nullable(IpAddress),
          ipv6: Nullable(IpAddress),
          mac: Nullable(MacAddress),
        },
        { description: 'An interface as seen.' },
      ),
      { maxItems: 32, description: 'Its interfaces.' },
    ),
    sharedBy: Type.Optional(SharedBy),
    conditions: Conditions,
  },
  { description: 'A container as it is on this host.' },
);
export type ContainerReport = Static<typeof ContainerReport>;

export const InventoryItem = Closed(
  {
    dockerId: Type.String({ maxLength: 128, description: "Docker's id." }),
    name: Type.String({ maxLength: 255, description: 'Name on the host.' }),
    state: ContainerState,
    networkId: Id,
    ipv4: Nullable(IpAddress, {
      description:
        'Address while it runs; of a stopped container the address that it was created with (`--ip`), if any.',
      examples: ['172.16.100.10'],
    }),
    ipv6: Nullable(IpAddress, { description: 'As `ipv4`.', examples: [null] }),
    mac: Nullable(MacAddress),
    aliases: Type.Optional(
      Described(Aliases, {
        description:
          'Names that the container has on this network beside its own. Left out: the agent did not look, and what was reported before stays.',
        examples: [['web']],
      }),
    ),
    sharedBy: Type.Optional(SharedBy),
  },
  { description: 'A container seen on a managed network, whatever started it.' },
);
export type InventoryItem = Static<typeof InventoryItem>;

export const Report = Closed(
  {
    observedAt: Described(Timestamp, { description: 'When the agent began to look, by its own clock.' }),
    observedRevision: Described(Revision, {
      description: 'Revision of the desired document that was applied.',
    }),
    facts: HostFacts,
    conditions: Conditions,
    placements: Type.Array(PlacementReport, { maxItems: 4096, description: 'Networks here.' }),
    containers: Type.Array(ContainerReport, {
      maxItems: 65_536,
      description: 'Containers that Trunkline runs here.',
    }),
    inventory: Type.Array(InventoryItem, {
      maxItems: 65_536,
      description: 'Every container seen on managed networks.',
    }),
  },
  { description: 'The observed state of one host.' },
);
export type Report = Static<typeof Report>;

export const ReportAnswer = Closed(
  {
    revision: Revision,
    heartbeatSeconds: Type.Integer({
      minimum: 1,
      maximum: 600,
      description: 'Maximum time between two reports, in seconds.',
      examples: [10],
    }),
  },
  { description: 'The report was accepted. `revision` is the one that the host should apply.' },
);
export type ReportAnswer = Static<typeof ReportAnswer>;

export const PreflightResult = Closed(
  {
    observedAt: Described(Timestamp, { description: 'When the agent looked.' }),
    ...PreflightFindings,
  },
  { description: 'The actions that the agent would take.' },
);
export type PreflightResult = Static<typeof PreflightResult>;

export const CheckReport = Closed(
  {
    state: Words(['running', 'done', 'failed'], { description: 'Where it stands.' }),
    result: Type.Union(
      [
        ConnectivityResult,
        PreflightResult,
        WireTaskResult,
        DiagnosisTaskResult,
        MatrixTaskResult,
        Type.Null(),
      ],
      {
        description: 'What it found, when done.',
      },
    ),
    error: Nullable(Type.String({ maxLength: 4096 }), { description: 'Why it could not run.' }),
  },
  { description: 'The result of a check.' },
);
export type CheckReport = Static<typeof CheckReport>;
