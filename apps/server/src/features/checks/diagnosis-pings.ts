import type { DiagnosisFinding } from '@trunkline/contracts';
import type { DiagnosisEvidence } from './diagnosis-merge.ts';
import { findingOf } from './diagnosis-words.ts';

type Evidence = Pick<DiagnosisEvidence, 'plan' | 'answers' | 'macs'>;
type Tried = Evidence['answers'][number]['result']['pings'][number] & { host: string };

/** What a container that ended meanwhile shows. */
const goneCodes: ReadonlySet<string> = new Set([
  'container-missing',
  'container-stopped',
  'container-not-attached',
]);

/**
 * Containers that nobody asked about and that ended after the diagnosis was planned, each as `container box1 on docker01`: that is
 * nothing wrong.
 */
export function goneContainers({ plan, answers }: Evidence): ReadonlySet<string> {
  const trying = new Set(
    plan.hosts.flatMap(({ name, trying: names }) => names.map((one) => `container ${one} on ${name}`)),
  );
  const seen = answers.flatMap(({ host, result }) =>
    result.findings.filter(({ code }) => goneCodes.has(code)).map(({ subject }) => `${subject} on ${host}`),
  );
  return new Set(seen.filter((one) => trying.has(one)));
}

/** What was tried between containers that did not end meanwhile. */
function triedOf({ plan, answers }: Evidence, gone: ReadonlySet<string>): Tried[] {
  const hostOf = new Map(
    plan.hosts.flatMap(({ name, containers }) => containers.map((one) => [one, name] as const)),
  );
  const isGone = (container: string, host: string): boolean => gone.has(`container ${container} on ${host}`);
  return answers
    .flatMap(({ host, result }): Tried[] => result.pings.map((ping) => ({ ...ping, host })))
    .filter(({ from, to, host }) => !isGone(from, host) && !isGone(to, hostOf.get(to) ?? ''));
}

/**
 * Containers that send what is for another one to a MAC that it has not: somebody else answers for its address. One whose MAC was changed inside answers
 * itself, and was found to have it.
 */
export function strangerFindings(evidence: Evidence, gone: ReadonlySet<string>): DiagnosisFinding[] {
  const owners = new Map([...evidence.macs].map(([ip, mac]) => [mac, ip]));
  const changed = evidence.answers.flatMap(({ result }) =>
    result.findings.filter(({ code }) => code === 'address-differs'),
  );
  const isOwn = (container: string, mac: string): boolean =>
    changed.some(
      ({ subject, evidence: shown }) =>
        subject.startsWith(`container ${container}, `) && shown.some((line) => line.includes(mac)),
    );
  return triedOf(evidence, gone).flatMap(({ from, to, address, mac, host }) => {
    const own = evidence.macs.get(address);
    if (own === undefined || mac === null || mac === own || isOwn(to, mac)) return [];
    const other = owners.get(mac);
    return [
      findingOf('address-foreign', {
        host,
        subject: `container ${from}, address ${address}`,
        message: `${from} on ${host} sends what is for ${to} at ${address} to ${mac}, and ${to} has the MAC ${own}`,
        evidence: [
          `the neighbour table of ${from} has ${mac} for ${address}`,
          `${to} has ${address} with the MAC ${own}`,
          ...(other === undefined ? [] : [`${mac} is the MAC of the container with ${other}`]),
        ],
        remedy:
          'find what answers ARP for the address with that MAC: another machine, or a router with proxy ARP; a MAC that a container had before goes by itself within a minute',
      }),
    ];
  });
}

/**
 * Who does not reach whom. Of a network and of a pair each way counts, since both ends were looked into. Of a host or a container it
 * counts where nobody answered: one that was silent may be so for reasons of its own.
 */
export function pingFindings(evidence: Evidence, gone: ReadonlySet<string>): DiagnosisFinding[] {
  const { plan } = evidence;
  const tried = triedOf(evidence, gone);
  const lost = tried.filter(({ received }) => received === 0);
  if (plan.target.network !== null || plan.target.from !== null) return lost.map(silent);
  const asked = new Set(plan.hosts.flatMap(({ name, isAsked }) => (isAsked ? [name] : [])));
  const hasAnswer = new Set(
    tried.filter(({ received }) => received > 0).map(({ from, host }) => `${from} on ${host}`),
  );
  return lost.filter(({ from, host }) => asked.has(host) && !hasAnswer.has(`${from} on ${host}`)).map(silent);
}

/**
 * The same findings, where none of them says why: then what is between the hosts is left to be looked at. What a host sends is seen on it, and what a
 * switch does with it is not.
 */
export function withoutCause(findings: readonly DiagnosisFinding[]): readonly DiagnosisFinding[] {
  return findings.every(({ code }) => code === 'no-answer')
    ? findings.map((finding) => ({ ...finding, remedy: lookBetween }))
    : findings;
}

const lookBetween =
  'Nothing that was looked at on these hosts explains it. Look at what is between them: a switch port that filters broadcasts (ARP), unknown unicast or MACs, a MAC that a switch has on another port, private VLANs. tcpdump -eni with the interface of the network, on both hosts, shows how far packets come.';

function silent({ from, to, address, sent, mac, error, host }: Tried): DiagnosisFinding {
  return findingOf('no-answer', {
    host,
    subject: `container ${from}`,
    message: `${from} on ${host} does not reach ${to} at ${address}`,
    evidence: [
      error ?? `ping ${address} from ${from}: 0 of ${sent} answered`,
      mac === null
        ? `${from} has no answer to ARP or neighbour discovery for ${address}`
        : `the neighbour table of ${from} has ${mac} for ${address}`,
    ],
  });
}
