import {
  diagnosisCodes,
  diagnosisTable,
  type AddressFinding,
  type DiagnosisCode,
  type DiagnosisFinding,
  type DiagnosisResult,
  type DiagnosisTaskResult,
  type WireResult,
  type WireVerdict,
} from '@trunkline/contracts';
import { listed } from '@trunkline/log';
import type { ReportedConditions } from './diagnoses.store.ts';
import { conditionFindings } from './diagnosis-conditions.ts';
import { withoutEnded } from './diagnosis-conflicts.ts';
import { withDoubts } from './diagnosis-losses.ts';
import { linkFindings } from './diagnosis-links.ts';
import { goneContainers, pingFindings, strangerFindings, withoutCause } from './diagnosis-pings.ts';
import { targetWords, type DiagnosisPlan } from './diagnosis-plan.ts';
import { findingOf } from './diagnosis-words.ts';

/** What one host answered. */
export interface HostAnswer {
  host: string;
  isAsked: boolean;
  /** When the answer came, by the clock of the server. */
  cameAt: Date;
  result: DiagnosisTaskResult;
}

/** All that a diagnosis rests on. */
export interface DiagnosisEvidence {
  plan: DiagnosisPlan;
  answers: readonly HostAnswer[];
  /** Hosts that did not answer, with why. */
  failed: readonly { host: string; why: string; isSilent: boolean }[];
  conditions: readonly ReportedConditions[];
  /** What the comparison of addresses found about what was asked. */
  addresses: readonly AddressFinding[];
  /** MACs that running containers of the networks have, as hosts last reported them, by address. */
  macs: ReadonlyMap<string, string>;
  /** Running containers by the MACs that hosts found, each in words: `container box1 on docker01`. */
  stations: ReadonlyMap<string, string>;
  /** Null: there was no probe. */
  wire: WireResult | null;
}

/** How far clocks may differ, in milliseconds: an answer may be that late. */
const clockMs = 5000;
const maxFindings = 1000;

/** One ordered list of what is wrong, the most likely cause first. Pure. */
export function mergeDiagnosis(evidence: DiagnosisEvidence): DiagnosisResult {
  const { plan } = evidence;
  const reported = withoutEnded(evidence);
  const gone = goneContainers(evidence);
  const own = withDoubts(
    evidence.answers.flatMap((answer) => ownFindings(answer, evidence.stations)),
    evidence,
  ).filter(({ host, subject }) => !gone.has(`${subject} on ${host ?? ''}`));
  const found = [
    ...offlineFindings(evidence),
    ...own,
    ...reported.conditions.flatMap(conditionFindings),
    ...reported.addresses.flatMap(addressFinding),
    ...evidence.answers.flatMap(clockFinding),
    ...linkFindings(evidence),
    ...wireFindings(evidence, own),
    ...strangerFindings(evidence, gone),
    ...pingFindings(evidence, gone),
  ];
  const ordered = withoutRepeats(found)
    .toSorted((a, b) => diagnosisCodes.indexOf(a.code) - diagnosisCodes.indexOf(b.code))
    .slice(0, maxFindings);
  const findings = [...withoutCause(ordered)];
  const looked = lookedAt(evidence, findings);
  const gaps = looked.filter(({ outcome }) => outcome === 'not-looked');
  return {
    diagnosis: true,
    ok: findings.length === 0 && gaps.length === 0,
    findings,
    looked,
    message: summary(plan, evidence.answers.length, findings, gaps),
  };
}

function ownFindings(
  { host, isAsked, result }: HostAnswer,
  stations: DiagnosisEvidence['stations'],
): DiagnosisFinding[] {
  if (!isAsked) return [];
  return result.findings.map(({ code, mac, ...rest }) => {
    const message = rest.message.replace(/\bthis host\b/g, host);
    const station = mac === undefined ? undefined : stations.get(mac);
    if (station === undefined) return findingOf(code, { ...rest, host, message });
    const remedy = `take the address away inside ${station}, or restart that container; then look for what sets it`;
    return findingOf(code, { ...rest, host, message: `${message}; that is the MAC of ${station}`, remedy });
  });
}

function offlineFindings({ plan, failed }: DiagnosisEvidence): DiagnosisFinding[] {
  return [
    ...plan.left.map(({ host, why }) =>
      findingOf('host-offline', {
        host,
        subject: `host ${host}`,
        message: `${host} could not be looked at: ${why}`,
        evidence: [why],
      }),
    ),
    ...failed.map(({ host, why, isSilent }) =>
      findingOf(isSilent ? 'host-offline' : 'not-tried', {
        host,
        subject: `host ${host}`,
        message: `${host} did not answer the diagnosis: ${why}`,
        evidence: [why],
        remedy: isSilent
          ? `see whether ${host} is up, its uplink is connected and its agent runs (GET /v1/hosts/${host}), then run the diagnosis again; a slow host needs more timeoutSeconds`
          : `mend that on ${host}, then run the diagnosis again`,
      }),
    ),
  ];
}

const ofAddress: Readonly<Partial<Record<AddressFinding['kind'], DiagnosisCode>>> = {
  'two-holders': 'address-on-two',
  'two-macs': 'address-on-two',
  conflicted: 'address-foreign',
  'seen-not-bound': 'address-unbooked',
  outside: 'address-unbooked',
};

function addressFinding({ kind, network, ip, mac, holders, message }: AddressFinding): DiagnosisFinding[] {
  const code = ofAddress[kind];
  // An address in conflict that no container has harms nobody.
  if (code === undefined || (kind === 'conflicted' && holders.length === 0)) return [];
  const hosts = [...new Set(holders.map(({ host }) => host))];
  return [
    findingOf(code, {
      host: hosts.length === 1 ? (hosts[0] ?? null) : null,
      subject: `address ${ip} of network ${network}`,
      message,
      evidence: [
        ...holders.map(
          ({ host, container, mac: own }) =>
            `${container === null ? `host ${host} itself` : `${container} on ${host}`}, MAC ${own ?? 'unknown'}`,
        ),
        ...(mac === null ? [] : [`seen on the wire: ${mac}`]),
      ],
    }),
  ];
}

function clockFinding({ host, isAsked, cameAt, result }: HostAnswer): DiagnosisFinding[] {
  const offMs = Date.parse(result.at) - cameAt.getTime();
  if (!isAsked || Math.abs(offMs) < clockMs) return [];
  const off = `${Math.round(Math.abs(offMs) / 1000)} s ${offMs > 0 ? 'ahead of' : 'behind'}`;
  return [
    findingOf('clock-off', {
      host,
      subject: `clock of ${host}`,
      message: `the clock of ${host} is ${off} that of the server`,
      evidence: [`${host} wrote ${result.at}, and the server got it at ${cameAt.toISOString()}`],
    }),
  ];
}

/** What hides frames as a hypervisor does, and is found on the host itself. */
const hidesFrames: ReadonlySet<string> = new Set(['link', 'firewall', 'sysctl', 'docker']);

function wireFindings(
  { wire, answers }: DiagnosisEvidence,
  own: readonly DiagnosisFinding[],
): DiagnosisFinding[] {
  if (wire === null) return [];
  const machines = new Map(answers.map(({ host, result }) => [host, result.machine]));
  const explained = new Set(
    own.filter(({ code }) => hidesFrames.has(diagnosisTable[code].area)).map(({ host }) => host),
  );
  const offline = new Set(answers.map(({ host }) => host));
  return wire.verdicts.flatMap((verdict) => {
    // Who does not answer at all is found by itself.
    if (verdict.code === 'not-tried' && verdict.hosts.every((host) => !offline.has(host))) return [];
    const finding = findingOf(verdict.code, {
      host: verdict.hosts.length === 1 ? (verdict.hosts[0] ?? null) : null,
      subject: listed(verdict.hosts.slice(0, 8).map((host) => `host ${host}`)),
      message: verdict.message,
      evidence: wireEvidence(verdict, wire),
      remedy: verdict.remedy,
    });
    const guests = suspects(verdict, wire).filter(
      (host) => machines.get(host) != null && !verdict.hosts.some((one) => explained.has(one)),
    );
    return [
      ...guests.map((host) =>
        findingOf('hypervisor-filters', {
          host,
          subject: `virtual machine ${host}`,
          message: `${host} is a virtual machine, and frames with MACs other than that of its NIC do not pass: the hypervisor below it filters them`,
          evidence: [
            `the machine is ${machines.get(host) ?? ''}`,
            verdict.message,
            ...wireEvidence(verdict, wire),
          ],
        }),
      ),
      finding,
    ];
  });
}

/** Hosts whose hypervisor would show as this: it stops what goes out, or what comes in. */
function suspects({ code, hosts }: WireVerdict, { pairs }: WireResult): string[] {
  if (code === 'frames-not-sent' || code === 'frames-not-received') return hosts;
  if (code !== 'one-way') return [];
  return [
    ...new Set(
      pairs.filter(({ heard, from }) => heard === false && hosts.includes(from)).map(({ from }) => from),
    ),
  ];
}

/** What was tried between the hosts of a verdict. */
function wireEvidence({ hosts }: WireVerdict, wire: WireResult): string[] {
  const concerned = new Set(hosts);
  const pairs = wire.pairs
    .filter(({ from, to }) => concerned.has(from) && (concerned.size === 1 || concerned.has(to)))
    .map(({ from, to, heard, pings }) => {
      const frames = heard === null ? 'nobody could listen' : heard ? 'frames arrive' : 'no frame arrives';
      const answers = pings.map(
        ({ address, received, sent, packetBytes }) =>
          `ping ${address} ${received} of ${sent}${packetBytes === null ? '' : `, up to ${packetBytes} bytes`}`,
      );
      return `${from} to ${to}: ${[frames, ...answers].join('; ')}`;
    });
  const gateways = wire.gateways
    .filter(({ from }) => concerned.has(from))
    .map(
      ({ from, ping }) =>
        `${from} to gateway ${ping.address}: ${ping.received} of ${ping.sent}, MAC ${ping.mac ?? 'none'}`,
    );
  return [...pairs.slice(0, 16), ...gateways.slice(0, 8)];
}

/** One thing is said once: a host that looked says more than the conditions that it reported before. */
function withoutRepeats(findings: readonly DiagnosisFinding[]): DiagnosisFinding[] {
  const kept: DiagnosisFinding[] = [];
  // Who answers there is known by name.
  const ofKnown = new Set(
    findings.flatMap(({ code, subject }) => (code === 'address-on-two' ? [subject] : [])),
  );
  for (const one of findings) {
    const isRepeat = kept.some(
      (before) =>
        before.code === one.code &&
        before.host === one.host &&
        (before.subject === one.subject || one.evidence.some((line) => line.startsWith('condition '))),
    );
    if (one.code === 'address-foreign' && ofKnown.has(one.subject)) continue;
    if (!isRepeat) kept.push(one);
  }
  return kept;
}

function lookedAt(
  { plan, answers, failed, wire }: DiagnosisEvidence,
  findings: readonly DiagnosisFinding[],
): DiagnosisResult['looked'] {
  const hasFound = (area: string): boolean => findings.some(({ code }) => diagnosisTable[code].area === area);
  const ofServer: DiagnosisResult['looked'] = [
    {
      host: null,
      area: 'state',
      outcome: hasFound('state') ? 'found' : 'clear',
      detail: 'the last reports of these hosts, and the address book',
    },
  ];
  if (plan.wire !== null)
    ofServer.push({
      host: null,
      area: 'wire',
      outcome: wire === null ? 'not-looked' : wire.verdicts.length > 0 ? 'found' : 'clear',
      detail: wire?.message ?? 'no probe could be put on the network',
    });
  if (plan.pings.length > 0)
    ofServer.push({
      host: null,
      area: 'traffic',
      outcome: hasFound('traffic') ? 'found' : 'clear',
      detail: `${answers.reduce((sum, { result }) => sum + result.pings.length, 0)} addresses tried`,
    });
  return [
    ...ofServer,
    ...answers
      .filter(({ isAsked }) => isAsked)
      .flatMap(({ host, result }) => result.looked.map((looked) => ({ host, ...looked }))),
    ...[...failed, ...plan.left].map(({ host, why }) => ({
      host,
      area: 'state' as const,
      outcome: 'not-looked' as const,
      detail: why.slice(0, 2048),
    })),
  ].slice(0, 10_000);
}

function summary(
  plan: DiagnosisPlan,
  count: number,
  findings: readonly DiagnosisFinding[],
  gaps: DiagnosisResult['looked'],
): string {
  const [first] = findings;
  if (first !== undefined) return first.message;
  const about = targetWords(plan.target);
  const hosts = `${count} ${count === 1 ? 'host' : 'hosts'}`;
  if (gaps.length === 0) return `nothing is wrong with ${about}, looked at on ${hosts}`;
  const missing = gaps
    .slice(0, 8)
    .map(({ host, area, detail }) => `${area} of ${host ?? 'the server'} (${detail})`);
  return `nothing was found wrong with ${about} on ${hosts}, but not everything could be looked at: ${missing.join('; ')}`.slice(
    0,
    4096,
  );
}
