import type { MatrixDirection, MatrixResult, MatrixTaskResult, MatrixVerdict } from '@trunkline/contracts';
import { listed } from '@trunkline/log';
import { asksName, hostTasks, nameKey, type MatrixPlan, type MatrixTry } from './matrix-plan.ts';

/** What became of the part of one host: its result, or why there is none. */
export type MatrixPart = MatrixTaskResult | { failed: string };

type Answer = MatrixTaskResult['tries'][number];
type Name = NonNullable<MatrixDirection['name']>;

/** Who tried what, in words. */
interface Words {
  from: string;
  to: string;
}

const maxMessage = 1024;

/** Whether nothing is wrong with it. */
export const isFine = ({ verdict }: MatrixDirection): boolean =>
  verdict === 'ok' || verdict === 'known-limit';

/** What all parts together say, by host id. Pure. */
export function matrixResult(plan: MatrixPlan, parts: ReadonlyMap<string, MatrixPart>): MatrixResult {
  const answers = new Map<number, Answer>();
  const names = new Map<string, MatrixTaskResult['resolved'][number]>();
  const tasks = hostTasks(plan);
  for (const [place, { id, name }] of plan.hosts.entries()) {
    const [part, asked] = [parts.get(id), tasks[place]];
    if (part === undefined || asked === undefined || 'failed' in part) continue;
    for (const [at, index] of asked.tries.entries()) {
      const answer = part.tries[at];
      // What an agent answers to something else is no answer to this.
      if (answer?.address === plan.tries[index]?.address && answer !== undefined) answers.set(index, answer);
    }
    for (const [at, key] of asked.names.entries()) {
      const found = part.resolved[at];
      if (found !== undefined) names.set(`${name} ${key}`, found);
    }
  }
  const directions = plan.tries.map((one, index) => {
    const host = plan.hosts[one.host];
    const resolved = names.get(`${host?.name ?? ''} ${nameKey(one.container, one.target)}`);
    return directionOf(plan, one, answers.get(index), lookupOf(plan, one, resolved), parts);
  });
  return {
    ok: directions.length > 0 && directions.every(isFine),
    directions,
    sampled: plan.sample !== null,
    message: summary(
      plan,
      directions,
      directions.filter((one) => !isFine(one)),
    ).slice(0, 4096),
  };
}

/** What became of the name of a target. */
interface Lookup {
  /** Null: it was not looked up. */
  name: Name | null;
  /** Why it was not looked up, or does not resolve; null: neither, or nobody asked. */
  error: string | null;
}

function lookupOf(
  plan: MatrixPlan,
  one: MatrixTry,
  found: MatrixTaskResult['resolved'][number] | undefined,
): Lookup {
  const target = plan.targets[one.target];
  if (target === undefined || target.container === null || !asksName(plan, one))
    return { name: null, error: null };
  if (found?.tried !== true) return { name: null, error: found?.error ?? 'it gave no answer' };
  const { addresses, error } = found;
  const matches = addresses.length > 0 && addresses.every((address) => target.addresses.includes(address));
  return { name: { name: target.container, resolved: [...addresses], matches }, error };
}

function directionOf(
  plan: MatrixPlan,
  one: MatrixTry,
  answer: Answer | undefined,
  lookup: Lookup,
  parts: ReadonlyMap<string, MatrixPart>,
): MatrixDirection {
  const host = plan.hosts[one.host];
  const target = plan.targets[one.target];
  const words = { from: one.container ?? host?.name ?? '', to: wordsOf(target, one.address) };
  const { verdict, message } = verdictOf(one, answer, lookup, words, whyNot(host, parts));
  const { sent = 0, received = 0, lossPercent = 100, rttMs = null, mac = null, tcp = null } = answer ?? {};
  return {
    from: { host: host?.name ?? '', container: one.container },
    to: {
      container: target?.container ?? null,
      host: target?.host ?? null,
      gateway: target?.gateway ?? null,
      address: one.address,
    },
    sent,
    received,
    lossPercent,
    rttMs,
    mac,
    tcp: tcp === null || one.port === null ? null : { port: one.port, ...tcp },
    name: lookup.name,
    verdict,
    message: message.slice(0, maxMessage),
  };
}

function wordsOf(target: MatrixPlan['targets'][number] | undefined, address: string | null): string {
  const what =
    target?.container ??
    target?.host ??
    (target?.gateway === null || target === undefined ? null : `the gateway of ${target.gateway}`);
  if (what === null) return address ?? '';
  return address === null ? what : `${what} at ${address}`;
}

function whyNot(
  host: MatrixPlan['hosts'][number] | undefined,
  parts: ReadonlyMap<string, MatrixPart>,
): string {
  const part = parts.get(host?.id ?? '');
  const failed = part !== undefined && 'failed' in part ? part.failed : 'it gave no answer';
  return `${host?.name ?? ''} did not try: ${host?.left ?? failed}`;
}

interface Verdict {
  verdict: MatrixVerdict;
  message: string;
}

function verdictOf(
  one: MatrixTry,
  answer: Answer | undefined,
  lookup: Lookup,
  { from, to }: Words,
  why: string,
): Verdict {
  if (one.address === null)
    return { verdict: 'no-address', message: `${to} has no address that ${from} could try` };
  if (answer === undefined) return { verdict: 'not-tried', message: `${from} to ${to}: ${why}` };
  if (!answer.tried || (one.port !== null && answer.tcp === null))
    return {
      verdict: 'not-tried',
      message: `${from} did not try ${to}: ${answer.error ?? 'it gave no reason'}`,
    };
  return (
    trafficVerdict(one, answer, { from, to }) ??
    nameVerdict(lookup, { from, to }) ??
    reached(one, answer, { from, to })
  );
}

/** Null: the address is reached, as far as was asked. */
function trafficVerdict(
  one: MatrixTry,
  { received, sent, lossPercent, mac, error, tcp }: Answer,
  { from, to }: Words,
): Verdict | null {
  const isSilent = received === 0;
  if (tcp?.outcome === 'open') return null;
  if (tcp?.outcome === 'refused')
    return {
      verdict: 'port-refused',
      message: `${from} reaches ${to}, and TCP port ${one.port ?? ''} is refused: nothing listens there`,
    };
  if (isSilent && one.limit !== null)
    return {
      verdict: 'known-limit',
      message: `${from} does not reach ${to}, which is no fault: ${one.limit}`,
    };
  if (isSilent) {
    const port = tcp === null ? '' : `, nor TCP on port ${one.port ?? ''}`;
    const heard = mac === null ? '' : `; the next station to it, ${mac}, answers ARP or neighbour discovery`;
    const reason = tcp?.error ?? error;
    return {
      verdict: 'no-answer',
      message: `${from} does not reach ${to}: it does not answer ping${port}${reason === null ? '' : ` (${reason})`}${heard}`,
    };
  }
  if (tcp !== null) {
    const reason = tcp.error === null ? '' : ` (${tcp.error})`;
    return {
      verdict: 'port-silent',
      message: `${from} reaches ${to}, and nothing comes back from TCP port ${one.port ?? ''}${reason}: look for a firewall that drops it`,
    };
  }
  if (received < sent)
    return {
      verdict: 'packets-lost',
      message: `${from} reaches ${to} with loss: ${received} of ${sent} answered, ${lossPercent} % lost`,
    };
  return null;
}

function nameVerdict({ name, error }: Lookup, { from, to }: Words): Verdict | null {
  if (name === null && error !== null)
    return { verdict: 'not-tried', message: `${from} reaches ${to}, and did not look up its name: ${error}` };
  if (name === null || name.matches) return null;
  if (name.resolved.length === 0)
    return {
      verdict: 'name-unknown',
      message: `${from} reaches ${to}, and ${name.name} does not resolve there (${error ?? 'no address'})`,
    };
  return {
    verdict: 'name-elsewhere',
    message: `${from} reaches ${to}, and ${name.name} leads to ${listed(name.resolved)} there`,
  };
}

function reached(one: MatrixTry, { received, sent, rttMs, tcp }: Answer, { from, to }: Words): Verdict {
  const time = rttMs === null ? '' : `, ${rttMs.avg} ms`;
  const port = tcp === null ? '' : `, TCP port ${one.port ?? ''} is open`;
  const ping = received === 0 && tcp !== null ? 'it does not answer ping' : `${received} of ${sent}${time}`;
  return { verdict: 'ok', message: `${from} reaches ${to}: ${ping}${port}` };
}

function summary(
  plan: MatrixPlan,
  directions: readonly MatrixDirection[],
  bad: readonly MatrixDirection[],
): string {
  const where = plan.network === null ? '' : ` on ${plan.network}`;
  if (directions.length === 0)
    return `nothing was tried: ${plan.network ?? 'the network'} has fewer than two running containers`;
  const limits = directions.filter(({ verdict }) => verdict === 'known-limit').length;
  const good = directions.length - bad.length - limits;
  const parts = [
    good === directions.length
      ? good === 1
        ? `the one direction${where} works`
        : `all ${good} directions${where} work`
      : `${good} of ${directions.length} directions${where} work`,
    ...(limits === 0 ? [] : [`${limits} cannot, which is no fault`]),
    ...(bad[0] === undefined ? [] : [bad[0].message]),
    ...(plan.sample === null ? [] : [plan.sample]),
  ];
  return parts.join('; ');
}
