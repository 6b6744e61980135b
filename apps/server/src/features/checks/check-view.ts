import type { Check } from '@trunkline/contracts';
import type { CheckRow } from './checks.store.ts';

/** What a check is made with where the request does not say. */
export const defaults = { count: 5, timeoutSeconds: 30 };

/** Of a check that its host did not answer in time. */
export const expiredError =
  'the host did not answer in time: see whether it is online (GET /v1/hosts), then run the check again';

/** A check as the API shows it: one whose time is up has expired, whether or not a sweep has seen it. */
export function present(row: CheckRow, now: Date): Check {
  const ofKind = fieldsOf(row);
  // One on several hosts ends with its parts.
  const overdue =
    row.kind !== 'wire' &&
    row.kind !== 'diagnose' &&
    row.kind !== 'matrix' &&
    (row.state === 'pending' || row.state === 'running') &&
    row.expiresAt <= now;
  return {
    id: row.id,
    kind: row.kind,
    ...ofKind,
    host: row.kind === 'diagnose' ? row.spec.target.host : row.host,
    state: overdue ? 'expired' : row.state,
    result: row.result,
    error: overdue ? expiredError : row.error,
    createdAt: row.createdAt.toISOString(),
    finishedAt: (overdue ? row.expiresAt : row.finishedAt)?.toISOString() ?? null,
  };
}

function fieldsOf(
  row: CheckRow,
): Pick<
  Check,
  'from' | 'to' | 'network' | 'container' | 'pairs' | 'port' | 'names' | 'count' | 'timeoutSeconds'
> {
  const none = {
    from: null,
    to: null,
    network: null,
    container: null,
    pairs: null,
    port: null,
    names: false,
    count: defaults.count,
  };
  switch (row.kind) {
    case 'connectivity': {
      const { from, to, count, timeoutSeconds } = row.spec;
      return { ...none, from: { container: from }, to: { container: to }, count, timeoutSeconds };
    }
    case 'addresses':
      return { ...none, network: row.spec.network, ...defaults };
    case 'wire': {
      const { network, timeoutSeconds } = row.spec;
      return { ...none, network, timeoutSeconds };
    }
    case 'matrix': {
      const { network, pairs, port, names, count, timeoutSeconds } = row.spec;
      return { ...none, network, pairs, port, names, count, timeoutSeconds };
    }
    case 'diagnose': {
      const { target, timeoutSeconds } = row.spec;
      return {
        ...none,
        from: target.from === null ? null : { container: target.from },
        to: target.to === null ? null : { container: target.to },
        network: target.network,
        container: target.container,
        timeoutSeconds,
      };
    }
  }
}
