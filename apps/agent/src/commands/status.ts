import { isGood, type Host } from '@trunkline/contracts';

/** What is known of this host and its server. */
export interface HostStatus {
  readonly server: string;
  readonly reached: boolean;
  /** Why the server was not reached, or does not know this host; null where it answered. */
  readonly problem: string | null;
  /** What the server says about this host; null where it said nothing. */
  readonly host: Host | null;
}

/** Whether there is nothing to mend. Pure. */
export function isWell({ host }: HostStatus): boolean {
  return host !== null && host.online && host.conditions.every(isGood);
}

/** As a person reads it. Pure. */
export function statusLines({ server, reached, problem, host }: HostStatus, nowMs: number): string {
  const lines = [`server      ${server}, ${reached ? 'reached' : 'not reached'}`];
  if (problem !== null) lines.push(`problem     ${problem}`);
  if (host !== null) {
    const labels = Object.entries(host.labels).map(([key, value]) => `${key}=${value}`);
    lines.push(`host        ${host.name}`);
    if (labels.length > 0) lines.push(`labels      ${labels.join(', ')}`);
    lines.push(`online      ${host.online ? 'yes' : 'no'}, heard ${ago(host.lastSeenAt, nowMs)}`);
    lines.push(
      `revision    ${host.observedRevision === host.desiredRevision ? `${host.desiredRevision}, carried out` : `${host.observedRevision} of ${host.desiredRevision} carried out`}`,
    );
    for (const condition of host.conditions) {
      const { type, status, reason, message } = condition;
      lines.push(`condition   ${type} is ${status}${isGood(condition) ? '' : ` (${reason}): ${message}`}`);
    }
  }
  return lines.map((line) => `${line}\n`).join('');
}

function ago(time: string | null, nowMs: number): string {
  if (time === null) return 'never';
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(time)) / 1000));
  return seconds < 120 ? `${seconds} s ago` : `at ${time}`;
}
