import { listed } from '@trunkline/log';
import type { ConditionDraft } from '../plan/conditions.ts';
import type { SharedName } from './names-plan.ts';

/** How it stands with the names of a network on this host. */
export interface NamesStanding {
  /** Containers of this host that have the names. */
  readonly files: number;
  /** Hosts files that could not be read or written, with the error. */
  readonly failures: readonly string[];
  /** Lines that did not fit into a file. */
  readonly cut: number;
  /** The server itself has more than it sends. */
  readonly truncated: boolean;
  /** The server has sent the names of other hosts, in this run of the agent or an earlier one. */
  readonly isHeard: boolean;
  readonly shared: readonly SharedName[];
}

/** The conditions of a network with names. Pure. */
export function namesConditions(standing: NamesStanding): readonly ConditionDraft[] {
  return [readiness(standing), uniqueness(standing)];
}

function readiness({ files, failures, cut, truncated, isHeard }: NamesStanding): ConditionDraft {
  const type = 'NamesReady';
  if (failures.length > 0)
    return {
      type,
      status: 'False',
      reason: 'NamesNotWritten',
      message: `${listed(failures)}; the agent tries again`,
      weight: 'advisory',
    };
  if (cut > 0 || truncated)
    return {
      type,
      status: 'False',
      reason: 'NamesCut',
      message: `${cut > 0 ? `${cut} lines do not fit into a hosts file` : 'the fleet has more names than the server sends'}; the containers of this host and those that run longest are in it: split the network, or use a name server`,
      weight: 'advisory',
    };
  if (!isHeard)
    return {
      type,
      status: 'Unknown',
      reason: 'NamesNotHeard',
      message: 'the server has not sent the names of other hosts yet; those of this host are in place',
      weight: 'advisory',
    };
  return {
    type,
    status: 'True',
    reason: 'NamesInPlace',
    message: `the names are in the hosts files of ${files} container${files === 1 ? '' : 's'} of this host`,
    weight: 'advisory',
  };
}

function uniqueness({ shared }: NamesStanding): ConditionDraft {
  const type = 'NamesUnique';
  if (shared.length === 0)
    return {
      type,
      status: 'True',
      reason: 'NamesUnique',
      message: 'each name is one container',
      weight: 'advisory',
    };
  const each = shared.map(({ name, containers: [taken, ...others] }) => {
    const rest = others.map(({ host, name: other }) => `${other} on ${host}`);
    return `${name} is ${taken?.name} on ${taken?.host} here, and also ${listed(rest)}`;
  });
  return {
    type,
    status: 'False',
    reason: 'NameTwice',
    message: `${listed(each, { joint: '; ' })}; rename one of them`,
    weight: 'advisory',
  };
}
