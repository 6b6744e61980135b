import { Type, type Static } from 'typebox';
import { ContainerName, HostName, Id, IpAddress, MacAddress, Timestamp } from '../common.ts';
import { Closed, Described, Nullable, Words } from '../schema.ts';
import { diagnosisAreas, diagnosisAreaTable, diagnosisCodes, diagnosisTable } from './diagnosis-table.ts';
import { Ping } from './connectivity-result.ts';
import { WireTask, WireTaskResult } from './wire-result.ts';

const Area = Words(diagnosisAreas, {
  description: diagnosisAreas.map((area) => `\`${area}\`: ${diagnosisAreaTable[area]}`).join(' '),
  examples: ['firewall'],
});
const Code = Words(diagnosisCodes, {
  description: diagnosisCodes.map((code) => `\`${code}\`: ${diagnosisTable[code].means}`).join(' '),
  examples: ['packets-dropped'],
});

const found = {
  subject: Type.String({
    maxLength: 512,
    description: 'What it is about, on that host.',
    examples: ['nftables chain bridge filter forward'],
  }),
  message: Type.String({
    maxLength: 4096,
    description: 'What is wrong, in one sentence.',
    examples: ['a rule on docker02 dropped 12 packets of this diagnosis'],
  }),
  evidence: Type.Array(Type.String({ maxLength: 2048 }), {
    maxItems: 32,
    description:
      'What it rests on: a rule with its counters, a file with its line, a setting, a frame that did not come.',
    examples: [['netdev filter in: ether type arp drop, 3 packets before, 15 after']],
  }),
  remedy: Type.String({
    maxLength: 4096,
    description: 'What to do.',
    examples: ['remove the rule: nft delete rule netdev filter in handle 4'],
  }),
};

/** What one host found by itself. */
export const HostFinding = Closed(
  {
    code: Code,
    ...found,
    mac: Type.Optional(
      Described(MacAddress, {
        description: 'MAC of the station that it is about, which the server may know by name.',
        examples: ['02:00:00:00:66:66'],
      }),
    ),
  },
  { description: 'Something that a host found.' },
);
export type HostFinding = Static<typeof HostFinding>;

const looked = {
  area: Area,
  outcome: Words(['clear', 'found', 'not-looked'], {
    description: '`clear`: looked at, nothing found. `found`: see the findings. `not-looked`: see `detail`.',
    examples: ['clear'],
  }),
  detail: Type.String({
    maxLength: 2048,
    description: 'What was looked at, or why it was not.',
    examples: ['48 rules of nftables, 0 of iptables-legacy; none dropped a packet'],
  }),
};

/** An area as one host looked at it. */
export const HostLooked = Closed(looked, { description: 'An area that was looked at.' });
export type HostLooked = Static<typeof HostLooked>;

export const DiagnosisFinding = Closed(
  {
    code: Code,
    severity: Words(['error', 'warning'], {
      description:
        '`error`: what was asked about does not work because of it. `warning`: it works now, or it may be the cause.',
      examples: ['error'],
    }),
    host: Nullable(HostName, {
      description: 'The host; null: several, which the message names.',
      examples: ['docker02'],
    }),
    ...found,
  },
  { description: 'Something that is wrong.' },
);
export type DiagnosisFinding = Static<typeof DiagnosisFinding>;

export const DiagnosisResult = Closed(
  {
    diagnosis: Type.Literal(true, {
      description: 'Tells this result from those of other kinds.',
      examples: [true],
    }),
    ok: Type.Boolean({
      description: 'Every host looked at everything, and nothing was found.',
      examples: [true],
    }),
    findings: Type.Array(DiagnosisFinding, {
      maxItems: 1000,
      description: 'What is wrong, the most likely cause first; empty: nothing.',
    }),
    looked: Type.Array(
      Closed(
        {
          host: Nullable(HostName, { description: 'The host; null: the server.', examples: ['docker01'] }),
          ...looked,
        },
        { description: 'An area that was looked at.' },
      ),
      { maxItems: 10_000, description: 'What was looked at, by host.' },
    ),
    message: Type.String({
      maxLength: 4096,
      description: 'The result in one sentence.',
      examples: ['nothing is wrong with mac_net1 on 2 hosts'],
    }),
  },
  { description: 'Why something does not work.' },
);
export type DiagnosisResult = Static<typeof DiagnosisResult>;

/** What an agent is asked to do for a diagnosis. */
export const DiagnosisTask = Closed(
  {
    networkIds: Type.Array(Id, { maxItems: 64, description: 'Networks to look at.' }),
    containers: Type.Array(
      Described(ContainerName, { description: 'A container of this host.', examples: ['box1'] }),
      {
        maxItems: 64,
        description: 'Containers of this host to look at.',
      },
    ),
    pings: Type.Array(
      Closed(
        {
          from: Described(ContainerName, { description: 'The container that sends.', examples: ['box1'] }),
          to: Described(ContainerName, {
            description: 'The container that should answer.',
            examples: ['box2'],
          }),
          address: Described(IpAddress, { description: 'Its address.', examples: ['172.16.100.20'] }),
        },
        { description: 'Echo requests from inside a container of this host.' },
      ),
      { maxItems: 64, description: 'What to try between containers.' },
    ),
    wire: Type.Union([WireTask, Type.Null()], {
      description: 'The probe to put on the network; null: none.',
    }),
  },
  { description: 'What one host does for a diagnosis.' },
);
export type DiagnosisTask = Static<typeof DiagnosisTask>;

export const DiagnosisTaskResult = Closed(
  {
    at: Described(Timestamp, { description: 'When it was written, by the clock of the host.' }),
    findings: Type.Array(HostFinding, { maxItems: 256, description: 'What the host found by itself.' }),
    looked: Type.Array(HostLooked, { maxItems: 64, description: 'What the host looked at.' }),
    machine: Nullable(Type.String({ maxLength: 256 }), {
      description: 'The hypervisor that this host runs on, as its firmware says; null: none is seen.',
      examples: ['VMware, Inc. VMware Virtual Platform'],
    }),
    links: Type.Array(
      Closed(
        {
          networkId: Id,
          name: Type.String({ maxLength: 15, description: 'Name of the interface.', examples: ['ens33'] }),
          mac: Nullable(Type.String({ maxLength: 64 }), {
            description: 'Its MAC.',
            examples: ['00:0c:29:00:00:01'],
          }),
          mtu: Type.Integer({
            minimum: 0,
            maximum: 65_535,
            description: 'Its MTU in bytes.',
            examples: [1500],
          }),
        },
        { description: 'The interface of a network.' },
      ),
      { maxItems: 64, description: 'Interfaces of the networks, to be compared between hosts.' },
    ),
    pings: Type.Array(
      Closed(
        {
          from: Described(ContainerName, { description: 'The container that sent.', examples: ['box1'] }),
          to: Described(ContainerName, {
            description: 'The container that should answer.',
            examples: ['box2'],
          }),
          ...Ping.properties,
        },
        { description: 'Echo requests from inside a container.' },
      ),
      { maxItems: 64, description: 'What was tried between containers.' },
    ),
    wire: Type.Union(
      [
        WireTaskResult,
        Closed(
          { failed: Type.String({ maxLength: 4096, description: 'Why there was no probe.' }) },
          { description: 'There was none.' },
        ),
        Type.Null(),
      ],
      { description: 'What its probe found; null: there was to be none.' },
    ),
  },
  { description: 'What one host found for a diagnosis.' },
);
export type DiagnosisTaskResult = Static<typeof DiagnosisTaskResult>;
