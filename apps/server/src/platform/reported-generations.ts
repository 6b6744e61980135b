import type { Condition } from '@trunkline/contracts';
import { invalidFields } from './errors.ts';

/** What an agent reports of something that has generations. */
export interface Reported {
  generation: number;
  conditions: readonly Pick<Condition, 'observedGeneration'>[];
}

/** Something reported on, as the database has it. */
export interface ReportedOn<T extends Reported> {
  /** For people: `network lan`. */
  name: string;
  /** The highest generation that there was. */
  generation: number;
  report: T;
}

/**
 * Whether a report may be believed: an agent carries out what it was given, so a generation that there was not yet is made up.
 * Where the database was restored (`mayBeAhead`) it is of a change that is lost, has nothing to do with what is here now, and is passed
 * over until the host has compared. Throws invalid_request. Answers what is left. Pure.
 */
export function notAhead<K extends ReportedOn<Reported>>(
  pointer: string,
  reported: readonly K[],
  mayBeAhead: boolean,
): K[] {
  const isAhead = ({ generation, report }: K): boolean =>
    Math.max(report.generation, ...report.conditions.map((one) => one.observedGeneration)) > generation;
  const ahead = mayBeAhead ? undefined : reported.find(isAhead);
  if (ahead === undefined) return mayBeAhead ? reported.filter((one) => !isAhead(one)) : [...reported];
  const { name, generation, report } = ahead;
  const highest = Math.max(report.generation, ...report.conditions.map((one) => one.observedGeneration));
  throw invalidFields([
    { pointer, message: `names generation ${highest} of ${name}, which is at ${generation}` },
  ]);
}
