import type { DiagnosisFinding } from '@trunkline/contracts';
import type { DiagnosisEvidence } from './diagnosis-merge.ts';
import { findingOf } from './diagnosis-words.ts';

type Evidence = Pick<DiagnosisEvidence, 'plan' | 'answers'>;
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

/**
 * Who does not reach whom. Of a network and of a pair each way counts, since both ends were looked into. Of a host or a container it
 * counts where nobody answered: one that was silent may be so for reasons of its own.
 */
export function pingFindings(evidence: Evidence, gone: ReadonlySet<string>): DiagnosisFinding[] {
  const { plan, answers } = evidence;
  const hostOf = new Map(
    plan.hosts.flatMap(({ name, containers }) => containers.map((one) => [one, name] as const)),
  );
  const isGone = (container: string, host: string): boolean => gone.has(`container ${container} on ${host}`);
  const tried = answers
    .flatMap(({ host, result }): Tried[] => result.pings.map((ping) => ({ ...ping, host })))
    .filter(({ from, to, host }) => !isGone(from, host) && !isGone(to, hostOf.get(to) ?? ''));
  const lost = tried.filter(({ received }) => received === 0);
  if (plan.target.network !== null || plan.target.from !== null) return lost.map(silent);
  const asked = new Set(plan.hosts.flatMap(({ name, isAsked }) => (isAsked ? [name] : [])));
  const hasAnswer = new Set(
    tried.filter(({ received }) => received > 0).map(({ from, host }) => `${from} on ${host}`),
  );
  return lost.filter(({ from, host }) => asked.has(host) && !hasAnswer.has(`${from} on ${host}`)).map(silent);
}

function silent({ from, to, address, sent, mac, error, host }: Tried): DiagnosisFinding {
  return findingOf('no-answer', {
    host,
    subject: `container ${from}`,
    message: `${from} on ${host} does not reach ${to} at ${address}`,
    evidence: [
      error ?? `ping ${address} from ${from}: 0 of ${sent} answered`,
      mac === null
        ? `nobody answered ARP or neighbour discovery for ${address}`
        : `${mac} answered for ${address}`,
    ],
  });
}
